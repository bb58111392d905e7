"""The deliberate defects of `query` and `report`: one flag each."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from mldkit.cli.arguments import address, mac, octets, whole_number
from mldkit.errors import UsageError
from mldkit.model.family import IGMP, MLD, Family, family_of
from mldkit.model.protocol_numbers import MAX_VLAN_TAGS
from mldkit.wire.encode import encode_frame

if TYPE_CHECKING:
    from collections.abc import Collection

    from mldkit.craft.defects import Defects
    from mldkit.model.datagram import Datagram


def _vlans(value: str) -> tuple[int, ...]:
    tags = tuple(whole_number(0, 4095)(part) for part in value.split(","))
    if len(tags) > MAX_VLAN_TAGS:
        raise argparse.ArgumentTypeError(f"{value!r} has more than {MAX_VLAN_TAGS} tags")
    return tags


def add_defects(parser: argparse.ArgumentParser) -> None:
    """Add one flag for each defect."""
    group = parser.add_argument_group(
        "deliberate defects", "to see what a device does with a message that is not right"
    )
    group.add_argument("--bad-checksum", action="store_true", help="a checksum that is wrong")
    group.add_argument(
        "--hop-limit", type=whole_number(0, 255), metavar="N", help="hop limit or TTL N"
    )
    alert = group.add_mutually_exclusive_group()
    alert.add_argument("--no-router-alert", action="store_true", help="no Router Alert option")
    alert.add_argument(
        "--router-alert", type=whole_number(0, 65535), metavar="N", help="Router Alert of value N"
    )
    group.add_argument("--destination", type=address, metavar="ADDR", help="another IP destination")
    group.add_argument(
        "--link-destination", type=mac, metavar="MAC", help="another destination MAC"
    )
    group.add_argument(
        "--vlan", type=_vlans, default=(), metavar="N[,N]", help="VLAN tags, outer one first"
    )
    group.add_argument(
        "--trailing", type=octets, default=b"", metavar="HEX", help="octets after the last field"
    )
    group.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        metavar="LAYER.FIELD=VALUE",
        help="any field of any layer; decode --frame prints the names",
    )


# How the class names of the layers begin that only one family has.
_FAMILY_LAYERS = (
    (MLD, ("IPv6", "MLD", "RouterAlert", "PadN", "Pad1")),
    (IGMP, ("IP", "IGMP")),
)


def setting_family(setting: str) -> Family | None:
    """Return the family whose layer `LAYER.FIELD=VALUE` names, None for layers of both."""
    for family, beginnings in _FAMILY_LAYERS:
        if setting.startswith(beginnings):
            return family
    return None


def setting_families(args: argparse.Namespace) -> set[Family]:
    """Return the families that the settings speak of."""
    return {family for family in map(setting_family, args.settings) if family is not None}


def _defects(args: argparse.Namespace, family: Family, others: Collection[Family]) -> Defects:
    """Return the defects for messages of `family`, which are sent with those of `others`."""
    from mldkit.craft.defects import Defects

    elsewhere = set(others) - {family}
    return Defects(
        bad_checksum=args.bad_checksum,
        hop_limit=args.hop_limit,
        no_router_alert=args.no_router_alert,
        router_alert=args.router_alert,
        destination=args.destination,
        link_destination=args.link_destination,
        vlan=args.vlan,
        trailing=args.trailing,
        settings=tuple(one for one in args.settings if setting_family(one) not in elsewhere),
    )


def frame_with_defects(
    args: argparse.Namespace, datagram: Datagram, others: Collection[Family] = ()
) -> bytes:
    """Return the octets of one frame as the options want it, wrong in what they name.

    Scapy is loaded for defects only: a right frame is the encoder's.
    """
    if not _has_defects(args):
        return encode_frame(datagram)
    from mldkit.craft.build import build, frame_bytes
    from mldkit.craft.defects import apply
    from mldkit.craft.settings import SettingError

    defects = _defects(args, family_of(datagram.destination), others)
    try:
        return frame_bytes(apply(build(datagram), defects))
    except SettingError as error:
        raise UsageError(f"argument --set: {error.message}", hint=error.hint) from error


def _has_defects(args: argparse.Namespace) -> bool:
    given = (args.hop_limit, args.router_alert, args.destination, args.link_destination)
    return (
        any(value is not None for value in given)
        or args.bad_checksum
        or args.no_router_alert
        or bool(args.vlan or args.trailing or args.settings)
    )


def unicast_needs_mac(args: argparse.Namespace) -> bool:
    """Return whether an IP destination was given that says nothing about the MAC."""
    from mldkit.model.addresses import is_multicast

    given = args.destination is not None and not is_multicast(args.destination)
    return given and args.link_destination is None
