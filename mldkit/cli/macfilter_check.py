"""`mldkit macfilter check`: predictions held against what the kernel lets through."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, Any

from mldkit.cli.arguments import add_format, group_spec, whole_number
from mldkit.errors import UnsupportedError, UsageError
from mldkit.macfilter.check import (
    DEFAULT_GROUPS,
    DEFAULT_VEHICLES,
    VEHICLES,
    count_wrong,
    run_vehicle,
)
from mldkit.macfilter.devices import find_device
from mldkit.macfilter.qemu.nics import EMULATED
from mldkit.model.addresses import is_reportable, parse, text
from mldkit.model.units import SECOND
from mldkit.render.macfilter_check import print_check
from mldkit.render.progress import waiting
from mldkit.render.terminal import note

if TYPE_CHECKING:
    from mldkit.model.addresses import Address

_MOST_GROUPS = 64
_MOST_WHERE_ALL_IS_KNOWN = 1024
_ALL_IS_KNOWN = ("tap", "bridge")
"""Vehicles that have a verdict on every frame, and no card that is slow to ask."""
_SKIPPED = 4
_USUAL_NS = 2 * SECOND
_GUEST_NS = 15 * SECOND

EXAMPLES = """\
examples:
  mldkit macfilter check
  mldkit macfilter check --on tap --group 239.1.2.3+10 --json
  mldkit macfilter check -i eth1 --peer other/eth1
  MLDKIT_KERNEL=linux-image-6.1.0-56-amd64.deb mldkit macfilter check --on qemu
  MLDKIT_KERNEL=linux-image-6.1.0-56-amd64.deb mldkit macfilter check --on qemu --nic 8139cp
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `macfilter check`."""
    parser.add_argument("-i", "--interface", metavar="IF", help="a real interface under test")
    parser.add_argument(
        "--peer", metavar="NETNS/IF", help="where its frames come from: the other end of its cable"
    )
    parser.add_argument(
        "--on",
        metavar="VEHICLE[,VEHICLE]",
        type=_vehicles,
        help=f"what filters, out of {', '.join(VEHICLES)} (default: {','.join(DEFAULT_VEHICLES)})",
    )
    parser.add_argument(
        "--group",
        metavar="GROUP",
        dest="groups",
        nargs="+",
        action="extend",
        default=[],
        type=group_spec,
        help=f"groups to join (default: {' '.join(DEFAULT_GROUPS)})",
    )
    parser.add_argument(
        "--nic",
        metavar="NIC",
        help="with -i: predict as for this driver; with --on qemu: the driver under test "
        f"({', '.join(EMULATED)}; default: e1000e)",
    )
    parser.add_argument(
        "--seed", metavar="N", type=whole_number(0, 2**32 - 1), help="same frames as with this seed"
    )
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    """Run the vehicles and print what came of it."""
    _refuse_what_makes_no_sense(args)
    groups = _groups(args)
    seed = int.from_bytes(os.urandom(4), "big") if args.seed is None else args.seed
    reports: dict[str, dict[str, Any]] = {}
    skipped: list[UnsupportedError] = []
    if args.interface is not None:
        name, report = _pair(args, groups, seed)
        reports[name] = report
    else:
        names = args.on or DEFAULT_VEHICLES
        for name in names:
            try:
                with waiting(args, _GUEST_NS if name == "qemu" else _USUAL_NS, name):
                    reports[name] = run_vehicle(name, groups, seed, args.nic or "e1000e")
            except UnsupportedError as error:
                if len(names) == 1:
                    raise
                skipped.append(error)
                note(args, f"skipped: {error.message}" + (f" ({error.hint})" if error.hint else ""))
    if skipped and not reports:
        raise UnsupportedError("nothing could be checked on this machine", hint="mldkit doctor")
    wrong = sum(map(count_wrong, reports.values()))
    print_check(args, reports, skipped, seed)
    if wrong:
        return 1
    return _SKIPPED if skipped else 0


def _vehicles(value: str) -> tuple[str, ...]:
    """Type of `--on`."""
    names = tuple(dict.fromkeys(value.split(",")))
    for name in names:
        if name not in VEHICLES:
            raise argparse.ArgumentTypeError(
                f"{name!r} is no vehicle (vehicles: {', '.join(VEHICLES)})"
            )
    return names


def _refuse_what_makes_no_sense(args: argparse.Namespace) -> None:
    if (args.interface is None) != (args.peer is None):
        raise UsageError("-i and --peer go together", hint="-i eth1 --peer NETNS/eth1")
    if args.interface is not None and args.on is not None:
        raise UsageError("--on makes its own interfaces: leave -i and --peer away, or --on")
    if args.nic is not None and args.interface is None:
        if args.on != ("qemu",):
            raise UsageError(
                "--nic belongs to -i, or to --on qemu: other vehicles have their own filters"
            )
        if args.nic not in EMULATED:
            raise UsageError(
                f"--nic {args.nic}: QEMU has no such card", hint=f"NICs: {' '.join(EMULATED)}"
            )


def _groups(args: argparse.Namespace) -> tuple[Address, ...]:
    groups: list[Address] = []
    for spec in args.groups:
        if spec.sources:
            raise UsageError("--group takes no sources: a filter looks at addresses of groups")
        groups += spec.groups
    for group in groups:
        if not is_reportable(group):
            raise UsageError(f"--group {text(group)}: the kernel has it already, or never loads it")
    if len(groups) > _MOST_GROUPS:
        names = args.on or (() if args.interface else DEFAULT_VEHICLES)
        if not names or not set(names) <= set(_ALL_IS_KNOWN):
            hint = f"up to {_MOST_WHERE_ALL_IS_KNOWN:,} with --on tap,bridge"
            raise UsageError(f"--group: at most {_MOST_GROUPS} groups", hint=hint)
    if len(groups) > _MOST_WHERE_ALL_IS_KNOWN:
        raise UsageError(f"--group: at most {_MOST_WHERE_ALL_IS_KNOWN:,} groups")
    return tuple(dict.fromkeys(groups)) or tuple(map(parse, DEFAULT_GROUPS))


def _pair(
    args: argparse.Namespace, groups: tuple[Address, ...], seed: int
) -> tuple[str, dict[str, Any]]:
    from mldkit.macfilter.pair import PairVehicle

    device = None if args.nic is None else find_device(args.nic)
    vehicle = PairVehicle(args.interface, args.peer, groups, seed, device)
    with vehicle.held:
        return vehicle.proof.vehicle, vehicle.run().document()
