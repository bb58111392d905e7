"""`mldkit join`: be a real group member, with sockets of this kernel."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from typing import TYPE_CHECKING

from mldkit.cli import background
from mldkit.cli.arguments import (
    add_format,
    add_interface,
    address,
    duration,
    group_spec,
    whole_number,
)
from mldkit.cli.interrupt import end_when_told, exit_code
from mldkit.cli.rights import add_user, give_up, load
from mldkit.errors import LinkError, UsageError
from mldkit.join import JoinPlan, Member, concerns
from mldkit.model.addresses import group_mac, is_multicast, text
from mldkit.model.words import counted
from mldkit.render.join import JoinOutput
from mldkit.render.progress import waiting
from mldkit.render.streams import end_without_reader
from mldkit.render.terminal import detail, note

if TYPE_CHECKING:
    import argparse

    from mldkit.cli.background import Ready
    from mldkit.path.silence import Baseline


_LATER = ("mldkit.path.silence", "mldkit.render.path")
"""What is loaded where nothing arrives."""

EXAMPLES = """\
examples:
  mldkit join -i eth0 239.1.2.3 ff15::4321:1234
  mldkit join -i eth0 10.0.0.1,10.0.0.2@232.1.1.1 --for 60s
  mldkit join -i eth0 ff15::1+100 --for 10s
  mldkit join -i eth1 ff15::1 --background      inside a lab: until the lab is stopped
  mldkit join -i eth0 239.1.2.3 --block 10.0.0.9 --receive --port 5000

exit codes: 0 done, 2 wrong usage, 3 no such interface, no permission, or a limit
of the kernel, 130 interrupted; the groups are left, also at SIGTERM (0)
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `join`."""
    add_interface(parser)
    parser.add_argument(
        "groups",
        metavar="GROUP",
        nargs="+",
        type=group_spec,
        help="[SOURCE{,SOURCE}@]GROUP[+COUNT]; without a source: from any",
    )
    parser.add_argument(
        "--block",
        metavar="S",
        action="append",
        default=[],
        type=address,
        help="do not want this source, in the groups of its family that are joined from any source",
    )
    parser.add_argument(
        "--for",
        dest="hold_ns",
        metavar="T",
        type=duration,
        help="leave after this time (default: hold until interrupted)",
    )
    parser.add_argument(
        "--receive", action="store_true", help="print the UDP datagrams that arrive for the groups"
    )
    parser.add_argument(
        "--port",
        metavar="N",
        type=whole_number(1, 65535),
        help="receive on this port only, which needs no privilege",
    )
    parser.add_argument(
        "--background", action="store_true", help="inside a lab: until the lab is stopped"
    )
    add_user(parser)
    add_format(parser)
    parser.epilog = EXAMPLES


def run(args: argparse.Namespace) -> int:
    """Join, hold, leave; return 130 when Ctrl-C ended it."""
    _refuse_what_makes_no_sense(args)
    if args.background:
        return background.run(lambda announce: _join(args, announce))
    return _join(args, lambda: None)


def _join(args: argparse.Namespace, announce: Ready) -> int:
    """Join, tell `announce`, hold and leave."""
    # A signal to end is an interrupt too: the groups are left and the document is completed.
    end_when_told()
    end_without_reader()
    plan = JoinPlan(args.interface, args.groups, args.block, args.receive, args.port)
    output = JoinOutput(args, plan)
    load(args)
    code = 0
    failure = None
    before = _baseline(args)
    try:
        with Member(plan) as member:
            output.joined()
            announce()
            give_up(args, *(_LATER if args.receive else ()))
            sockets = counted(member.sockets, "socket")
            detail(args, f"{args.interface}: memberships held by {sockets}")
            try:
                with _patience(args):
                    look = None
                    if before is not None:
                        look = partial(_examine, args, plan, before, output)
                    for received in member.hold(args.hold_ns, output.changed, look):
                        output.received(received)
            except LinkError as error:
                failure = error
    except KeyboardInterrupt as interrupt:
        code = exit_code(interrupt)
    output.finish()
    if failure is not None:
        raise failure
    return code


def _baseline(args: argparse.Namespace) -> Baseline | None:
    """Return what is counted before the join, where somebody is going to wait for datagrams."""
    if not args.receive:
        return None
    from mldkit.path.silence import baseline

    return baseline(args.interface)


def _examine(
    args: argparse.Namespace, plan: JoinPlan, before: Baseline, output: JoinOutput
) -> None:
    """Say what may keep the datagrams away."""
    from mldkit.path.frame import PathFrame
    from mldkit.path.silence import examine

    frames = [
        PathFrame(
            text(wish.group),
            group_mac(wish.group),
            wish.group,
            wish.sources[0] if wish.sources else None,
            args.port,
        )
        for wish in plan.wishes()
    ]
    with suppress(LinkError):  # that the interface is gone is told elsewhere
        output.silent(examine(args.interface, frames, before))


def _patience(args: argparse.Namespace) -> AbstractContextManager[None]:
    """Return what shows a waiting person how long it takes, unless lines come meanwhile."""
    if args.hold_ns is None:
        if sys.stderr.isatty():
            note(args, "note: held until Ctrl-C")
    elif not args.receive:
        return waiting(args, args.hold_ns, "holding")
    return nullcontext()


def _refuse_what_makes_no_sense(args: argparse.Namespace) -> None:
    if args.background and not background.is_possible():
        raise UsageError(
            "argument --background: it works inside a lab only",
            hint="leave it away and end the command with &",
        )
    if args.background and args.receive:
        raise UsageError("argument --background: nobody would see what --receive prints")
    if args.port is not None and not args.receive:
        raise UsageError("argument --port: it needs --receive")
    for source in args.block:
        if is_multicast(source):
            raise UsageError(f"argument --block: {text(source)}: a source is a unicast address")
        if not any(concerns(source, spec) for spec in args.groups):
            raise UsageError(
                f"argument --block: {text(source)}: "
                "no group of its family is joined from any source"
            )
