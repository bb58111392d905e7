"""`mldkit macfilter check`: predictions held against what the kernel lets through."""

from __future__ import annotations

import argparse
import os
from collections import Counter
from typing import TYPE_CHECKING, Any

from mldkit.cli.arguments import add_format, group_spec, whole_number
from mldkit.errors import UnsupportedError, UsageError
from mldkit.macfilter.check import (
    DEFAULT_GROUPS,
    DEFAULT_VEHICLES,
    VEHICLES,
    count_known,
    count_wrong,
    run_vehicle,
)
from mldkit.macfilter.devices import find_device
from mldkit.model.addresses import is_reportable, parse, text
from mldkit.model.units import SECOND
from mldkit.render.progress import waiting
from mldkit.render.terminal import note, print_json, print_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mldkit.model.addresses import Address

SCHEMA = "mldkit.macfilter/1"
_MOST_GROUPS = 64
_SHOWN = 10
_SKIPPED = 4
_USUAL_NS = 2 * SECOND
_GUEST_NS = 15 * SECOND

EXAMPLES = """\
examples:
  mldkit macfilter check
  mldkit macfilter check --on tap --group 239.1.2.3+10 --json
  mldkit macfilter check -i eth1 --peer other/eth1
  MLDKIT_KERNEL=linux-image-6.1.0-56-amd64.deb mldkit macfilter check --on qemu
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
    parser.add_argument("--nic", metavar="NIC", help="with -i: predict as for this driver")
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
                    reports[name] = run_vehicle(name, groups, seed)
            except UnsupportedError as error:
                if len(names) == 1:
                    raise
                skipped.append(error)
                note(args, f"skipped: {error.message}" + (f" ({error.hint})" if error.hint else ""))
    if skipped and not reports:
        raise UnsupportedError("nothing could be checked on this machine", hint="mldkit doctor")
    wrong = sum(map(count_wrong, reports.values()))
    _print(args, reports, skipped, seed)
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
        raise UsageError("--nic belongs to -i: vehicles have their own filters")


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
        raise UsageError(f"--group: at most {_MOST_GROUPS} groups")
    return tuple(dict.fromkeys(groups)) or tuple(map(parse, DEFAULT_GROUPS))


def _pair(
    args: argparse.Namespace, groups: tuple[Address, ...], seed: int
) -> tuple[str, dict[str, Any]]:
    from mldkit.macfilter.pair import PairVehicle

    device = None if args.nic is None else find_device(args.nic)
    vehicle = PairVehicle(args.interface, args.peer, groups, seed, device)
    with vehicle.held:
        return vehicle.proof.vehicle, vehicle.run().document()


def _print(
    args: argparse.Namespace,
    reports: dict[str, dict[str, Any]],
    skipped: list[UnsupportedError],
    seed: int,
) -> None:
    frames = [frame for report in reports.values() for frame in report["frames"]]
    statements = [entry for report in reports.values() for entry in report["statements"]]
    notes = [line for report in reports.values() for line in report["notes"]]
    summary = {
        "wrong": sum(map(count_wrong, reports.values())),
        "known": sum(map(count_known, reports.values())),
        "statements": statements,
        "notes": notes,
        "skipped": [error.message for error in skipped],
        "seed": seed,
    }
    vehicle = ",".join(reports)
    if args.format == "json":
        print_json({"schema": SCHEMA, "vehicle": vehicle, "frames": frames, **summary})
    elif args.format == "ndjson":
        for frame in frames:
            print_json(frame)
        print_json({"event": "summary", "vehicle": vehicle, "frames": len(frames), **summary})
    else:
        _print_table(frames)
        print("\n".join(_lines(frames, statements, notes, summary)))


def _print_table(frames: list[dict[str, Any]]) -> None:
    counts: dict[tuple[str, str, str], Counter[str]] = {}
    for frame in frames:
        key = frame["vehicle"], frame["state"], frame["mode"]
        count = counts.setdefault(key, Counter())
        count["frames"] += 1
        count[frame["verdict"]] += 1
        count[f"seen {frame['observed']}"] += 1
        count["wrong"] += frame["wrong"]
    columns = ("frames", "passes", "dropped", "unknown", "seen passed", "seen dropped", "wrong")
    print_table(
        ("vehicle", "state", "mode", *columns),
        [(*key, *(str(count[column]) for column in columns)) for key, count in counts.items()],
        right=set(columns),
        merge=1,
    )


def _lines(
    frames: list[dict[str, Any]],
    statements: list[dict[str, Any]],
    notes: list[str],
    summary: dict[str, Any],
) -> Iterator[str]:
    """Yield what stands below the table."""
    for entry in statements:
        judged = "" if entry["holds"] else "WRONG: "
        yield f"{judged}{entry['vehicle']}, {entry['state']}: {entry['text']}"
    yield from notes
    wrong = [frame for frame in frames if frame["wrong"]]
    for frame in wrong[:_SHOWN]:
        unjoined = ", and a socket that had not joined got it" if frame["unjoined_socket"] else ""
        yield (
            f"WRONG: {frame['vehicle']}, {frame['state']}, {frame['mode']}: {frame['kind']} "
            f"{frame['input']} to {frame['mac']} {frame['verdict']} ({frame['reason']}), "
            f"expected at {frame['expected_layer']}, seen at {frame['layer']}{unjoined}"
        )
    yield (
        f"{len(frames)} frames, {summary['known']} of them with a verdict that can be known, "
        f"{summary['wrong']} wrong (seed {summary['seed']})"
    )
