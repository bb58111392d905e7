"""`mldkit analyze`: the doctor. Says what captures show about queriers, members and faults."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

from mldkit.analysis.choice import Choice
from mldkit.analysis.engine import Analysis, analyze, resting_collector
from mldkit.analysis.event_order import MOST_WAITING, EventOrder
from mldkit.analysis.intake import EVERYTHING, Wanted
from mldkit.analysis.limits import MOST, enlarged
from mldkit.analysis.sites import sites_of
from mldkit.analysis.vantage import AUTO, VANTAGES
from mldkit.cli.arguments import (
    TUNNELS_HELP,
    add_format,
    add_room,
    address,
    group_spec,
    whole_number,
)
from mldkit.cli.interrupt import INTERRUPTED, SignalInterrupt
from mldkit.errors import CaptureError, UsageError
from mldkit.link import clock
from mldkit.link.capture import Capture, open_capture
from mldkit.model.units import SECOND
from mldkit.protocol.variables import DEFAULT_PROFILE, PROFILES
from mldkit.render.analysis_json import event_json, print_analysis_json
from mldkit.render.analysis_text import print_analysis
from mldkit.render.damage import report_damage
from mldkit.render.left_out import left_out_text
from mldkit.render.progress import reading
from mldkit.render.streams import say
from mldkit.render.terminal import json_text, note
from mldkit.render.unread import unread_text

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from mldkit.analysis.events import Event
    from mldkit.analysis.result import AnalysisResult

EPILOG = """\
examples:
  mldkit analyze lan.pcapng                     answers in words, then the tables
  mldkit analyze --json lan.pcap                one JSON document
  mldkit analyze --format ndjson lan.pcap       one event a line: join leave change expire ...
  mldkit analyze --vlan 20 --group 239.1.1.1 a.pcap b.pcap
  mldkit analyze --html report.html lan.pcap    a page to read and to pass on
  mldkit analyze --each captures/               one row a capture, the worst first
  mldkit analyze --compare host-port.pcap router-port.pcap
  mldkit analyze --profile rfc3376 lan.pcap     memberships live 260 s instead of 270 s

exit codes: 0 no error found, 1 a finding of severity error, 3 nothing readable,
130 interrupted (what was read until then is printed)
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `analyze`."""
    parser.epilog = EPILOG
    parser.add_argument(
        "files", nargs="*", metavar="FILE", help="capture files in any order; - is standard input"
    )
    parser.add_argument(
        "--compare",
        nargs=2,
        metavar=("A", "B"),
        help="what of the capture A (host port) is missing or changed in B (router port)",
    )
    parser.add_argument(
        "--profile",
        choices=PROFILES,
        default=DEFAULT_PROFILE,
        help=f"RFC that says how long memberships live (default: {DEFAULT_PROFILE})",
    )
    parser.add_argument(
        "--vantage",
        choices=VANTAGES,
        default=AUTO,
        help="where the captures were taken: anywhere on a link without snooping (link), at a port"
        " of a snooping switch (port), between a switch and a router (router-port), on the own"
        " interface of a Linux bridge (bridge); default: what the captures show (auto)",
    )
    parser.add_argument(
        "--interface-name",
        action="append",
        metavar="IF",
        help="only this interface of a pcapng; if3 is device 3 of a cooked capture",
    )
    parser.add_argument(
        "--vlan",
        action="append",
        type=whole_number(0, 4095),
        metavar="N",
        help="only this VLAN; 0 is untagged",
    )
    parser.add_argument(
        "--group", action="append", type=group_spec, metavar="GROUP", help="only this group"
    )
    parser.add_argument(
        "--host", action="append", type=address, metavar="ADDR", help="only this host"
    )
    parser.add_argument(
        "--no-data", action="store_true", help="membership messages only, no data to groups"
    )
    parser.add_argument("--html", metavar="FILE", help="also write a page: one file, with pictures")
    parser.add_argument(
        "--plot", metavar="FILE.png|.svg", help="also write pictures: queriers, memberships, delays"
    )
    add_room(parser)
    parser.add_argument("--tunnels", action="store_true", help=TUNNELS_HELP)
    parser.add_argument(
        "--each",
        action="store_true",
        help="one row for each capture, also those in folders, the worst first",
    )
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    """Print what the captures show; return 1 when something is in error."""
    if args.compare is not None:
        from mldkit.cli import comparison

        if args.files:
            raise UsageError("argument --compare: names both captures, no FILE beside it")
        if args.compare == ["-", "-"]:
            raise UsageError("argument --compare: standard input can be read only once")
        return comparison.run(args)
    if not args.files:
        raise UsageError("argument FILE: name a capture", hint="see mldkit analyze --help")
    if args.files.count("-") > 1:
        raise UsageError("argument FILE: standard input can be read only once")
    if args.each:
        from mldkit.cli import each

        return each.run(args, _prepared(args), lambda result: _chosen(args, result))
    return _together(args)


def _together(args: argparse.Namespace) -> int:
    """Print what all captures together show."""
    if _writes_files(args):
        from mldkit.cli import analysis_files

        analysis_files.check(args)
    interrupt = SignalInterrupt()
    with interrupt.heard(), ExitStack() as stack:
        with interrupt.reading():  # opening a pipe waits for who writes
            captures = _open(args, stack)
        result = _analyze(args, captures, interrupt)
        report_damage(args, captures)
    with resting_collector():
        result = _chosen(args, result)
        if _writes_files(args):
            analysis_files.write(args, result)
        for what, count in result.unread:
            note(args, f"note: {unread_text(what, count)}")
        for item in result.left_out:
            note(args, f"note: {left_out_text(item)}")
        if args.format == "json":
            print_analysis_json(result, interrupted=interrupt.came)
        elif args.format == "text":
            print_analysis(result, clock.wall_ns(), _groups(args) or (), _hosts(args) or ())
    if interrupt.came:
        length_s = (result.ended_ns - result.begun_ns) / SECOND
        say(f"interrupted: this is what the first {length_s:,.1f} s show")
        return INTERRUPTED
    return int(any(entry.severity == "error" for entry in result.findings))


def _open(args: argparse.Namespace, stack: ExitStack) -> list[Capture]:
    """Return the captures that can be opened; one among many that cannot stops nothing."""
    captures: list[Capture] = []
    problems: list[CaptureError] = []
    for file in args.files:
        try:
            capture = open_capture(file, data=not args.no_data, apart=True)
            captures.append(stack.enter_context(capture))
        except CaptureError as error:
            problems.append(error)
    if not captures:
        raise problems[0]
    for problem in problems:
        say(f"mldkit: {problem.message}; left out")
    return captures


def _writes_files(args: argparse.Namespace) -> bool:
    return args.html is not None or args.plot is not None


def _prepared(args: argparse.Namespace) -> Analysis:
    """Return the analysis that was asked for."""
    return Analysis(
        args.profile,
        with_data=not args.no_data,
        tunnels=args.tunnels,
        wanted=_wanted(args),
        traced=_writes_files(args),
        vantage=args.vantage,
        most=enlarged(MOST, args.room),
    )


def _chosen(args: argparse.Namespace, result: AnalysisResult) -> AnalysisResult:
    """Return what is about the groups and hosts that were asked about."""
    return result.only(groups=_groups(args), hosts=_hosts(args))


def _analyze(
    args: argparse.Namespace, captures: list[Capture], interrupt: SignalInterrupt
) -> AnalysisResult:
    analysis = _prepared(args)
    order = EventOrder(_event_printer(args), 0 if "-" in args.files else MOST_WAITING)
    if args.format == "ndjson":
        analysis.listener = order.take
    largest = max(captures, key=lambda capture: capture.size_octets or 0)
    with reading(args, largest):
        sites: Sequence[tuple[int, ...]] = ()
        if len(captures) > 1:
            with interrupt.reading():
                sites = sites_of(captures)
        result = analyze(list(captures), analysis, interrupt, sites)
    order.finish()
    return result


def _wanted(args: argparse.Namespace) -> Wanted:
    if not args.interface_name and not args.vlan:
        return EVERYTHING
    return Wanted(
        frozenset(args.interface_name) if args.interface_name else None,
        frozenset(args.vlan) if args.vlan else None,
    )


def _event_printer(args: argparse.Namespace) -> Callable[[Event], None]:
    choice = Choice(_groups(args), _hosts(args))

    def print_event(event: Event) -> None:
        if choice.takes(event):
            sys.stdout.write(json_text(event_json(event)) + "\n")

    return print_event


def _groups(args: argparse.Namespace) -> frozenset[bytes] | None:
    if not args.group:
        return None
    return frozenset(group for spec in args.group for group in spec.groups)


def _hosts(args: argparse.Namespace) -> frozenset[bytes] | None:
    return frozenset(args.host) if args.host else None
