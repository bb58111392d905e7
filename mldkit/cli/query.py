"""`mldkit query`: ask a link who listens to what and list the answers."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from mldkit.cli.arguments import (
    add_format,
    add_interface,
    add_source,
    duration,
    group_spec,
    whole_number,
)
from mldkit.cli.defect_options import (
    add_defects,
    frame_with_defects,
    setting_families,
    unicast_needs_mac,
)
from mldkit.cli.interrupt import INTERRUPTED, end_in_order
from mldkit.cli.rights import add_user, settle
from mldkit.cli.version_options import add_versions, versions_given
from mldkit.errors import UsageError
from mldkit.model.addresses import mac_text, parse_mac, text
from mldkit.model.notation import parse_group_spec
from mldkit.model.units import SECOND
from mldkit.model.words import counted
from mldkit.origin import families_for, find_origin, given_sources, only_family
from mldkit.protocol.query_fields import QueryFields, UnsayableError
from mldkit.render.effects import query_effects, rounding_lines
from mldkit.render.message_text import duration_text
from mldkit.render.terminal import detail, note, print_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from mldkit.link.account import Account
    from mldkit.link.device import PacketSocket
    from mldkit.model.addresses import Address
    from mldkit.model.family import Family
    from mldkit.model.messages import Query
    from mldkit.origin import Origin
    from mldkit.query import Answer, Asker, ExpectedMember, QueryResult, Schedule

EPILOG = """\
examples:
  sudo mldkit query -i eth0                      all groups of both families
  sudo mldkit query -i eth0 ff05::1:3            who listens to one group
  sudo mldkit query -i eth0 10.0.0.1@232.1.1.1   ... to one source of a group
  sudo mldkit query -i eth0 --expect 239.1.2.3@02:00:00:00:00:02
  sudo mldkit query -i eth0 --set MLDv2Query.qrv=7
  mldkit query -i eth0 --dry-run --bad-checksum  what would be sent

A query from this machine looks like that of a querier. Routers and snooping
switches whose address is higher may stay silent for the other-querier-present
time (255 s by default). The own machine does not hear its own query.

General Queries of one family are a second apart at least, whatever --every says:
every host of the link answers every one of them. --flood lifts that.

exit codes: 0 done, 1 an expected answer is missing, 2 wrong usage,
3 no permission or no such interface, 130 interrupted
"""


def _expectation(value: str) -> ExpectedMember:
    """Return `[SOURCE@]GROUP[@MAC]`; six colon-separated pairs after the last @ are a MAC."""
    from mldkit.query import ExpectedMember

    rest, mac = value, None
    head, at, tail = value.rpartition("@")
    if at and tail.count(":") == 5 and all(len(part) == 2 for part in tail.split(":")):
        try:
            rest, mac = head, parse_mac(tail)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error
    try:
        spec = parse_group_spec(rest)
    except UsageError as error:
        raise argparse.ArgumentTypeError(error.message) from error
    if len(spec.groups) > 1 or len(spec.sources) > 1:
        raise argparse.ArgumentTypeError(f"{value!r}: one group and at most one source")
    return ExpectedMember(value, spec.groups[0], spec.sources[0] if spec.sources else None, mac)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `query`."""
    parser.epilog = EPILOG
    add_interface(parser)
    parser.add_argument(
        "group",
        nargs="?",
        type=group_spec,
        metavar="GROUP",
        help="[SOURCE{,SOURCE}@]GROUP[+COUNT]; without it a General Query of both families",
    )
    add_versions(parser)
    parser.add_argument(
        "--max-response",
        type=duration,
        metavar="TIME",
        default=10 * SECOND,
        help="time that hosts have to answer (default: 10s)",
    )
    parser.add_argument(
        "--robustness", type=whole_number(0, 7), default=2, metavar="N", help="QRV (default: 2)"
    )
    parser.add_argument(
        "--interval",
        type=duration,
        metavar="TIME",
        default=125 * SECOND,
        help="query interval that is announced (default: 125s)",
    )
    parser.add_argument("--suppress", action="store_true", help="set the S flag")
    add_source(parser)
    parser.add_argument(
        "--count", type=whole_number(1, 100000), default=1, metavar="N", help="ask N times"
    )
    parser.add_argument(
        "--every", type=duration, metavar="TIME", help="time between (default: --max-response)"
    )
    parser.add_argument(
        "--flood",
        action="store_true",
        help="no least time between General Queries: all hosts answer each of them, so this can"
        " overload hosts, switches and routers of the link",
    )
    parser.add_argument(
        "--wait",
        type=duration,
        metavar="TIME",
        help="listen so long after the last query (default: until every answer would be late)",
    )
    parser.add_argument(
        "--expect",
        type=_expectation,
        action="append",
        default=[],
        metavar="[SOURCE@]GROUP[@MAC]",
        help="exit 1 unless this is answered",
    )
    parser.add_argument("--dry-run", action="store_true", help="print the frames, send nothing")
    parser.add_argument("-w", dest="write", metavar="FILE", help="write what is seen as pcapng")
    add_user(parser)
    add_format(parser)
    add_defects(parser)


def run(args: argparse.Namespace) -> int:
    """Ask, listen and print; return 1 when an expected answer is missing."""
    _refuse_what_makes_no_sense(args)
    given = given_sources(args.sources)
    versions, left_out = _chosen_versions(args, given)
    asked = {family: _fields(args, family, version) for family, version in versions.items()}
    for fields in asked.values():
        for line in _notes(args, fields):
            note(args, f"note: {line}")
    origin = find_origin(args.interface, tuple(versions), given)
    for line in (*left_out, *origin.notes):
        note(args, f"note: {line}")
    queries = [query for family in origin.sources for query in _queries(args, asked[family])]
    frames = [_frame(args, origin, query) for query in queries]
    if args.dry_run:
        from mldkit.render.sent import print_frames

        return print_frames(args, "query", frames)
    result, account = _ask(args, origin, frames, queries)
    from mldkit.render.query import print_result

    print_result(args, result, account)
    hosts = result.hosts()
    missing = [expected.text for expected in args.expect if not expected.is_met(hosts)]
    for name in missing:
        note(args, f"missing: nobody answered {name}")
    if result.failure is not None:
        raise result.failure
    if result.interrupted:
        return INTERRUPTED
    return 1 if missing else 0


def _refuse_what_makes_no_sense(args: argparse.Namespace) -> None:
    if args.write == "-":
        raise UsageError("argument -w: standard output carries the answers", hint="name a file")
    if args.every is not None and args.count == 1:
        raise UsageError("argument --every: it needs --count", hint="add --count 2 or more")
    if args.dry_run:
        listening = {"--expect": args.expect, "--wait": args.wait is not None, "-w": args.write}
        for name, is_given in listening.items():
            if is_given:
                raise UsageError(f"argument {name}: with --dry-run nothing is sent or heard")


def _chosen_versions(
    args: argparse.Namespace, sources: Mapping[Family, Address]
) -> tuple[dict[Family, int], list[str]]:
    """Return the families, each with its version, and a line that names one that is left out."""
    versions = versions_given(args.versions)
    given = {} if args.destination is None else {"--destination": args.destination}
    if args.group is not None:
        given["GROUP"] = args.group.groups[0]
    families = families_for(given, sources=sources, ipv4=args.ipv4, ipv6=args.ipv6)
    if given or args.ipv4 or args.ipv6 or sources:
        if versions and not set(versions) & set(families):
            raise UsageError("argument --version: it belongs to the other family")
        option = "--source"
    elif versions:
        families, option = tuple(one for one in families if one in versions), "--version"
    else:
        families = tuple(one for one in families if one in setting_families(args)) or families
        option = "--set"
    is_named = given or args.ipv4 or args.ipv6
    left_out = [] if is_named else only_family(families, option)
    chosen = {family: versions.get(family, family.current_version) for family in families}
    return chosen, left_out


def _fields(args: argparse.Namespace, family: Family, version: int) -> QueryFields:
    """Return what the queries of one family say; raises UsageError that names the argument."""
    fields = QueryFields(
        family, version, args.max_response, args.robustness, args.interval, args.suppress
    )
    try:
        fields.check(args.group.sources if args.group is not None else ())
    except UnsayableError as error:
        name = "--max-response" if error.field == "response_ns" else "--version"
        raise UsageError(f"argument {name}: {error.message}") from error
    return fields


def _notes(args: argparse.Namespace, fields: QueryFields) -> Iterator[str]:
    """Give what is sent otherwise than it was asked for."""
    if not fields.has_response_time and args.group is not None:
        yield "IGMPv1 asks for no group: hosts answer for all of theirs"
    yield from rounding_lines(fields)


def _queries(args: argparse.Namespace, fields: QueryFields) -> list[Query]:
    """Return the queries of one family: one a group, or a single General Query."""
    if args.group is None:
        return [fields.query()]
    return [fields.query(group, args.group.sources) for group in args.group.groups]


def _frame(args: argparse.Namespace, origin: Origin, query: Query) -> bytes:
    if unicast_needs_mac(args):
        raise UsageError(
            f"argument --destination: the MAC of {text(args.destination)} is not known",
            hint="add --link-destination MAC",
        )
    return frame_with_defects(args, origin.query(query), origin.sources)


def _ask(
    args: argparse.Namespace, origin: Origin, frames: Sequence[bytes], queries: Sequence[Query]
) -> tuple[QueryResult, Account]:
    """Send and listen; return the result and what became of all frames."""
    from contextlib import ExitStack

    from mldkit.link import clock
    from mldkit.link.account import close_account
    from mldkit.link.device import PacketSocket
    from mldkit.query import Asker

    schedule = schedule_of(args, frames, queries)
    end_in_order()
    with ExitStack() as stack:
        device = stack.enter_context(PacketSocket(args.interface))
        asker = Asker(device, clock.now_ns, _streamer(args))
        asker.on_frame = settle(args, stack, "mldkit.render.query")
        for line in query_effects(origin.sources, queries):
            note(args, f"note: {line}")
        # What is too small for a burst of answers shows as drops, which are told at the end.
        for line in device.notes:
            detail(args, f"note: {line}")
        detail(args, _what_is_sent(args, device, frames, schedule.wait_ns))
        result = _run_with_progress(args, asker, frames, schedule)
        if result.failure is not None:
            result.failure = device.ended_by(result.failure)
        account = close_account(device)
        detail(args, str(account))
        return result, account


def schedule_of(
    args: argparse.Namespace, frames: Sequence[bytes], queries: Sequence[Query]
) -> Schedule:
    """Return when to ask; General Queries are kept apart unless --flood lets them."""
    from mldkit.query import GENERAL_SPACING_NS, Schedule, default_wait_ns, has_general_query

    wait_ns = default_wait_ns(queries) if args.wait is None else args.wait
    every_ns = args.max_response if args.every is None else args.every
    if args.flood or args.count == 1 or not has_general_query(frames):
        return Schedule(args.count, every_ns, wait_ns)
    if every_ns < GENERAL_SPACING_NS:
        apart = duration_text(GENERAL_SPACING_NS)
        note(args, f"note: General Queries are {apart} apart, not {duration_text(every_ns)}")
        note(args, "note: all hosts answer each of them; --flood sends them as fast as was asked")
    every_ns = max(every_ns, GENERAL_SPACING_NS)
    return Schedule(args.count, every_ns, wait_ns, GENERAL_SPACING_NS)


def _what_is_sent(
    args: argparse.Namespace, device: PacketSocket, frames: Sequence[bytes], wait_ns: int
) -> str:
    interface = device.interface
    times = counted(args.count, "time")
    return (
        f"{interface.name} {mac_text(interface.mac)}, MTU {interface.mtu}: "
        f"{counted(len(frames), 'query', 'queries')} {times}, then {duration_text(wait_ns)}"
    )


def _streamer(args: argparse.Namespace) -> Callable[[Answer], None] | None:
    """Return what prints each answer at once in ndjson, None otherwise."""
    if args.format != "ndjson":
        return None
    from mldkit.render.query import answer_json

    return lambda answer: print_json(answer_json(answer))


def _run_with_progress(
    args: argparse.Namespace, asker: Asker, frames: Sequence[bytes], schedule: Schedule
) -> QueryResult:
    from mldkit.render.progress import waiting

    total_ns = schedule.every_ns * (schedule.count - 1) + schedule.wait_ns
    with waiting(args, total_ns, "listening"):
        return asker.run(frames, schedule)
