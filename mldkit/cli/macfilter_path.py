"""`mldkit macfilter explain -i`: the way of a frame through this machine, stage by stage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.cli.arguments import address, duration, mac, whole_number
from mldkit.cli.interrupt import INTERRUPTED, end_in_order
from mldkit.errors import LinkError, UsageError
from mldkit.model.addresses import is_multicast, text
from mldkit.render.macfilter import SCHEMA
from mldkit.render.terminal import note, print_json

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from mldkit.macfilter.subject import FilterSubject
    from mldkit.path.frame import PathFrame
    from mldkit.path.reading import Reading
    from mldkit.render.message_json import Json

_MOST_FRAMES = 1024
EXAMPLES = """\
  mldkit macfilter explain -i eth0 239.1.2.3 --from 192.0.2.7
  mldkit macfilter explain -i br0 ff15::4321:1234 --watch
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that belong to `-i`."""
    group = parser.add_argument_group("the way through this machine")
    group.add_argument(
        "-i", "--interface", metavar="IF", help="follow a frame that comes in by this interface"
    )
    group.add_argument(
        "--from", dest="source", metavar="SOURCE", type=address, help="who sent the datagram"
    )
    group.add_argument(
        "--link-destination", metavar="MAC", type=mac, help="where the frame goes on the link"
    )
    group.add_argument(
        "--port", metavar="N", type=whole_number(1, 65535), help="UDP port that it goes to"
    )
    group.add_argument(
        "--vlan", metavar="N", type=whole_number(0, 4094),
        help="VLAN tag that it carries, 0 for none (default: the one of the interface)",
    )  # fmt: skip
    group.add_argument(
        "--watch", action="store_true", help="then print the counters that rise, until interrupted"
    )
    group.add_argument(
        "--duration", dest="duration_ns", metavar="T", type=duration, help="watch for this time"
    )


def refuse_without_interface(args: argparse.Namespace) -> None:
    """Raise `UsageError` for what only makes sense on a real interface."""
    for given, name in (
        (args.source is not None, "--from"),
        (args.link_destination is not None, "--link-destination"),
        (args.port is not None, "--port"),
        (args.vlan is not None, "--vlan"),
        (args.watch, "--watch"),
        (args.duration_ns is not None, "--duration"),
    ):
        if given:
            raise UsageError(f"argument {name}: it needs -i, the interface of this machine")


def run(args: argparse.Namespace, subjects: Sequence[FilterSubject]) -> int:
    """Read this machine and print the way of each frame."""
    # Whoever asks about a card that is not here should not wait for all of this to be loaded.
    from mldkit.path.reading import take
    from mldkit.path.walk import Walker
    from mldkit.render.path import path_json, print_path, reading_json

    _refuse_what_makes_no_sense(args, subjects)
    frames = [_frame(args, subject) for subject in subjects]
    reading = take(args.interface, frames)
    walker = Walker(reading)
    nic = walker.model.id if walker.model else None
    if not reading.is_root:
        note(args, "note: without root some stages cannot be looked at; sudo shows all of them")
    elif reading.hides_registers and reading.card.is_running:
        name = reading.card.name
        note(args, f"note: {name} does not show its registers (ethtool -d), so whether they hold "
             "what the list says is unknown")  # fmt: skip
    entries = []
    for frame in frames:
        walked = walker.walk(frame)
        if args.format == "text":
            print_path(walker, walked)
            continue
        entry = path_json(walker, walked)
        if args.format == "ndjson":
            print_json({"nic": nic, **entry})
        entries.append(entry)
    events: list[Json] = []
    code, failure = 0, None
    try:
        code = _watch(args, reading, frames, events) if args.watch else 0
    except LinkError as error:
        failure = error
    if args.format == "json":
        document = {"schema": SCHEMA, "nic": nic, **reading_json(walker)}
        watched = {"events": events} if args.watch else {}
        print_json({**document, "frames": entries, **watched})
    if failure is not None:
        raise failure
    return code


def _watch(
    args: argparse.Namespace, reading: Reading, frames: Sequence[PathFrame], events: list[Json]
) -> int:
    """Print what rises, or keep it in `events`, until the time is over or somebody ends it."""
    from mldkit.link import clock
    from mldkit.path.rising import changes
    from mldkit.render.path import print_rises, rises_json

    end_in_order()
    start_ns = clock.wall_ns()
    if args.duration_ns is None:
        note(args, "note: counters that rise, once a second, until Ctrl-C; now send the frame")
    try:
        for rises in changes(reading, frames, duration_ns=args.duration_ns):
            now_ns = clock.wall_ns()
            if args.format == "text":
                print_rises(rises, now_ns - start_ns)
            elif args.format == "ndjson":
                print_json(rises_json(rises, now_ns))
            else:
                events.append(rises_json(rises, now_ns))
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


def _frame(args: argparse.Namespace, subject: FilterSubject) -> PathFrame:
    from mldkit.path.frame import PathFrame

    group = subject.group
    of_family = group is not None and args.source is not None and len(group) == len(args.source)
    return PathFrame(
        given=subject.given,
        mac=args.link_destination or subject.mac,
        group=group,
        source=args.source if of_family else None,
        port=args.port,
        vlan=args.vlan,
    )


def _refuse_what_makes_no_sense(
    args: argparse.Namespace, subjects: Sequence[FilterSubject]
) -> None:
    for given, name in (
        (args.nic is not None, "--nic"),
        (bool(args.joined), "--joined"),
        (bool(args.unicast), "--unicast"),
        (args.promisc, "--promisc"),
        (args.allmulti, "--allmulti"),
        (bool(args.collide), "--collide"),
    ):
        if given:
            raise UsageError(
                f"argument {name}: -i reads that from the interface",
                hint=f"leave -i away, or {name}",
            )
    if len(subjects) > _MOST_FRAMES:
        raise UsageError(f"at most {_MOST_FRAMES:,} frames with -i")
    if args.duration_ns is not None and not args.watch:
        raise UsageError("argument --duration: it needs --watch")
    source = args.source
    if source is None:
        return
    if is_multicast(source):
        raise UsageError(f"argument --from: {text(source)}: a source is a unicast address")
    if not any(one.group is not None and len(one.group) == len(source) for one in subjects):
        raise UsageError(f"argument --from: {text(source)}: no group of its family is named")
