"""`mldkit report`: send reports with any records, or older reports and leaves."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from mldkit.cli.arguments import add_format, add_interface, add_source
from mldkit.cli.defect_options import add_defects, frame_with_defects, unicast_needs_mac
from mldkit.cli.interrupt import INTERRUPTED, end_in_order
from mldkit.cli.rights import add_user, give_up
from mldkit.errors import UsageError
from mldkit.model.addresses import Address, text
from mldkit.model.family import IGMP, MLD, Family, family_of
from mldkit.model.messages import (
    GroupRecord,
    Leave,
    LegacyReport,
    Message,
    Report,
    record_type_name,
)
from mldkit.model.notation import parse_group_spec, parse_record
from mldkit.model.words import counted
from mldkit.origin import find_origin, given_sources
from mldkit.render.terminal import note
from mldkit.wire.split import split_report

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from mldkit.origin import Origin

EPILOG = """\
examples:
  sudo mldkit report -i eth0 'TO_EX(239.1.2.3)'
  sudo mldkit report -i eth0 'ALLOW(232.1.1.1,{10.0.0.1})' 'IS_EX(239.1.1.1)'
  sudo mldkit report -i eth0 'IS_IN(ff3e::8000:1,{2001:db8::1})'
  sudo mldkit report -i eth0 --version igmp2 239.1.2.3 --leave
  mldkit report -i eth0 'TO_IN(ff05::1:3)' --hop-limit 64 --dry-run

Records of one call go into one report a family, and into more where they do not
fit the MTU. Quote them: the shell would read the brackets.

Packets leave at 1,000 a second, the first 100 of them at once. --flood lifts that.

exit codes: 0 done, 2 wrong usage, 3 no permission or no such interface,
130 interrupted (what was sent until then is printed)
"""

T = TypeVar("T")
PER_SECOND, AT_ONCE = 1_000, 100
"""Packets: what a switch whose processor looks into them may bear from one sender."""

_OLDER: dict[str, tuple[Family, int]] = {"igmp1": (IGMP, 1), "igmp2": (IGMP, 2), "mld1": (MLD, 1)}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `report`."""
    parser.epilog = EPILOG
    add_interface(parser)
    parser.add_argument(
        "records",
        nargs="+",
        metavar="RECORD",
        help="TYPE(GROUP[,{S,S}]) with TYPE one of IS_IN IS_EX TO_IN TO_EX ALLOW BLOCK; "
        "plain groups with --version",
    )
    parser.add_argument("--version", choices=sorted(_OLDER), help="send older reports instead")
    parser.add_argument("--leave", action="store_true", help="leave the groups (with --version)")
    add_source(parser)
    parser.add_argument(
        "--flood",
        action="store_true",
        help="as fast as the interface takes them: this can overload the switches of the link",
    )
    parser.add_argument("--dry-run", action="store_true", help="print the frames, send nothing")
    add_user(parser)
    add_format(parser)
    add_defects(parser)


def run(args: argparse.Namespace) -> int:
    """Send the reports and print them."""
    if unicast_needs_mac(args):
        raise UsageError(
            f"argument --destination: the MAC of {text(args.destination)} is not known",
            hint="add --link-destination MAC",
        )
    records: list[GroupRecord] = []
    groups: list[Address] = []
    if args.version is None:
        if args.leave:
            raise UsageError(
                "argument --leave: it belongs to --version igmp2 or mld1",
                hint="the current versions leave with 'TO_IN(GROUP)'",
            )
        records = [_named(parse_record, value) for value in args.records]
        families = {family_of(record.group) for record in records}
    else:
        groups = _plain_groups(args)
        families = {family_of(group) for group in groups}
    ordered = tuple(sorted(families, key=lambda family: family.ip_version))
    given = given_sources(args.sources)
    if not set(given) <= families:
        raise UsageError("argument --source: it is of another family than the records")
    if args.destination is not None and {family_of(args.destination)} != families:
        raise UsageError("argument --destination: it is of another family than the records")
    origin = find_origin(args.interface, ordered, given)
    for line in origin.notes:
        note(args, f"note: {line}")
    messages = _older_messages(args, groups) if groups else _reports(records, origin)
    for line in _left_out(records, messages):
        note(args, f"note: {line}")
    frames = [
        frame_with_defects(args, origin.envelope(message, to), origin.sources)
        for message, to in messages
    ]
    from mldkit.render.sent import print_frames

    if args.dry_run:
        return print_frames(args, "report", frames)
    sent = _send(args, frames)
    code = print_frames(args, "report", sent)
    count = counted(len(sent), "packet")
    if len(sent) < len(frames):
        note(args, f"note: interrupted: sent {count} of {len(frames):,} on {args.interface}")
        return INTERRUPTED
    note(args, f"note: sent {count} on {args.interface}")
    return code


def _named(parse: Callable[[str], T], value: str) -> T:
    """Return what `parse` makes of one RECORD; its error names the argument."""
    try:
        return parse(value)
    except UsageError as error:
        raise UsageError(f"argument RECORD: {error.message}", hint=error.hint) from error


def _plain_groups(args: argparse.Namespace) -> list[Address]:
    """Return the groups of older reports; they can name no sources."""
    family, version = _OLDER[args.version]
    if args.leave and (family, version) == (IGMP, 1):
        raise UsageError("argument --leave: IGMPv1 has no leave message")
    groups: list[Address] = []
    for value in args.records:
        if "(" in value:
            raise UsageError(
                f"argument RECORD: {value!r}: --version {args.version} takes plain groups",
                hint="records belong to the current versions",
            )
        spec = _named(parse_group_spec, value)
        if spec.sources:
            raise UsageError(f"argument RECORD: {value!r}: {args.version} reports name no sources")
        if family_of(spec.groups[0]) is not family:
            raise UsageError(f"argument RECORD: {value!r} is no group of {args.version}")
        groups.extend(spec.groups)
    return groups


def _older_messages(
    args: argparse.Namespace, groups: list[Address]
) -> list[tuple[Message, Address]]:
    family, version = _OLDER[args.version]
    if args.leave:
        return [(Leave(version, group), family.all_routers) for group in groups]
    return [(LegacyReport(version, group), group) for group in groups]


def _reports(records: list[GroupRecord], origin: Origin) -> list[tuple[Message, Address]]:
    """Return the reports of each family, as many as the MTU asks for."""
    found: list[tuple[Message, Address]] = []
    for family in origin.sources:
        own = [record for record in records if family_of(record.group) is family]
        found += [
            (report, family.reports) for report in split_report(own, family, origin.interface.mtu)
        ]
    return found


def _left_out(records: list[GroupRecord], messages: list[tuple[Message, Address]]) -> Iterator[str]:
    """Give a line for each record that lost sources, as IS_EX and TO_EX do (RFC 9776 §4.2.16)."""
    sent: Counter[tuple[int, Address]] = Counter()
    for message, _ in messages:
        for record in message.records if isinstance(message, Report) else ():
            sent[record.type, record.group] += len(record.sources)
    given: Counter[tuple[int, Address]] = Counter()
    for record in records:
        given[record.type, record.group] += len(record.sources)
    for (kind, group), count in given.items():
        if sent[kind, group] < count:
            name = f"{record_type_name(kind)}({text(group)})"
            fit = f"{sent[kind, group]} of {count} sources fit the MTU"
            yield f"{name}: {fit}, the rest is left out"


def _send(args: argparse.Namespace, frames: list[bytes]) -> list[bytes]:
    """Send the frames at their rate; return those that left, fewer after an interrupt."""
    from mldkit.link import clock
    from mldkit.link.device import PacketSocket
    from mldkit.link.rate_limit import RateLimit, paced

    limit = RateLimit(PER_SECOND, AT_ONCE)
    left: list[bytes] = []

    def leaving() -> Iterator[bytes]:
        waiting = iter(frames) if args.flood else paced(frames, limit, clock.now_ns, clock.wait_ns)
        for frame in waiting:
            yield frame
            left.append(frame)

    end_in_order()
    with PacketSocket(args.interface) as device, suppress(KeyboardInterrupt):
        give_up(args, "mldkit.render.sent")
        if len(frames) > AT_ONCE and not args.flood:
            seconds = (len(frames) - AT_ONCE) / PER_SECOND
            rate = f"{PER_SECOND:,} a second"
            note(args, f"note: {len(frames):,} packets take {seconds:.1f} s, {rate} (or --flood)")
        device.send_many(leaving())
    return left
