"""The deliberate defects of `query` and `report`: one flag each."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from mldkit.cli.arguments import address, mac, octets, whole_number

if TYPE_CHECKING:
    from mldkit.craft.defects import Defects


def _vlans(value: str) -> tuple[int, ...]:
    return tuple(whole_number(0, 4095)(part) for part in value.split(","))


def add_defects(parser: argparse.ArgumentParser) -> None:
    """Add one flag for each defect."""
    group = parser.add_argument_group(
        "deliberate defects", "to see what a device does with a message that is not right"
    )
    group.add_argument("--bad-checksum", action="store_true", help="a checksum that is wrong")
    group.add_argument(
        "--hop-limit", type=whole_number(0, 255), metavar="N", help="hop limit or TTL N"
    )
    group.add_argument("--no-router-alert", action="store_true", help="no Router Alert option")
    group.add_argument(
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


def defects_from(args: argparse.Namespace) -> Defects:
    """Return the defects that were asked for."""
    from mldkit.craft.defects import Defects

    return Defects(
        bad_checksum=args.bad_checksum,
        hop_limit=args.hop_limit,
        no_router_alert=args.no_router_alert,
        router_alert=args.router_alert,
        destination=args.destination,
        link_destination=args.link_destination,
        vlan=args.vlan,
        trailing=args.trailing,
        settings=tuple(args.settings),
    )


def unicast_needs_mac(args: argparse.Namespace) -> bool:
    """Return whether an IP destination was given that says nothing about the MAC."""
    from mldkit.model.addresses import is_multicast

    given = args.destination is not None and not is_multicast(args.destination)
    return given and args.link_destination is None
