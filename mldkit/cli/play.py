"""The verb `play`: a script, its timeline, and whether its expectations were met."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mldkit.cli.arguments import add_format, whole_number
from mldkit.cli.interrupt import INTERRUPTED
from mldkit.cli.rights import add_user, give_up
from mldkit.errors import CaptureError, LinkError, UsageError
from mldkit.render.terminal import json_text, line_printer, note, print_json

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from mldkit.play import Performance
    from mldkit.protocol.script import Script

EPILOG = """\
examples:
  mldkit play join.play                 in virtual time, without privilege
  mldkit play --explain join.play       why each timer was set and each message sent
  mldkit play --on kernel join.play     this kernel's own host side, in namespaces made for it
  mldkit play --on responder join.play  the host machine in real time, on a link made for it
  mldkit play --on eth1 ask.play        a device on a wire: only queries, reports and data lines
  mldkit play --json join.play | jq .expectations

a script:
  host fe80::ff:fe00:2 02:00:00:00:00:02
  querier fe80::ff:fe00:1 02:00:00:00:00:01
  0.0          join ff05::1
  +0.008..0.012 expect TO_EX(ff05::1)
  5.0          query :: max-response 1s
  +0.008..1.036 expect IS_EX(ff05::1) IS_EX(ff02::1:ff00:2)

set querier acting interval 8s max-response 1s: a querier that asks by itself.
A play ends with the last line, or where the last range ends if that is later.
kernel and responder need no root where user namespaces are allowed (mldkit doctor tells).
In real time an expected message may come 8 ms later than its range (set tolerance 20ms).

exit codes: 0 every expectation met, 1 one was not, 2 the script is wrong,
3 no such interface or no namespaces, 130 interrupted
"""

_MOST_OCTETS = 16 << 20
"""Of a script; a device may give octets without end."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.epilog = EPILOG
    parser.add_argument(
        "script", metavar="SCRIPT", help="file with the script, - for standard input"
    )
    parser.add_argument(
        "--on",
        metavar="TARGET",
        default="sim",
        help="sim (default): virtual time; kernel: this kernel; responder: the host machine on a "
        "real link; or an interface behind which a device answers",
    )
    parser.add_argument(
        "--profile",
        choices=("linux", "rfc"),
        help="behave like this kernel or like the RFCs, whatever the script sets",
    )
    parser.add_argument(
        "--seed", type=whole_number(0, 1 << 62), metavar="N", help="fix every random delay"
    )
    parser.add_argument(
        "--explain", action="store_true", help="say why each timer was set and each message sent"
    )
    add_user(parser)
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    """Play the script and print what happened."""
    # The help is there sooner without what only a play needs.
    from mldkit.protocol.script_parser import parse_script
    from mldkit.render import play as render

    script = parse_script(_read(args.script), args.script)
    if args.profile:
        script.profile = args.profile
    performance = _perform(args, script)
    if args.format == "json":
        print_json(render.document(performance, explain=args.explain))
    elif args.format == "ndjson":
        for event in performance.events:
            print(json_text(render.event_json(event)))
        for outcome in performance.outcomes:
            print(json_text(render.expectation_json(outcome)))
        for reason in performance.reasons if args.explain else ():
            print(json_text(render.reason_json(reason)))
    else:
        printer = line_printer()
        for line, style in render.timeline(performance, explain=args.explain):
            printer(line, style)
    note(args, render.summary(performance))
    if performance.failed and performance.stalls:
        note(args, render.stalls(performance))
    if performance.failed and performance.lost_link:
        note(args, f"{args.on} was down for a time: what failed then says nothing of the device")
    if performance.interrupted_ns is not None:
        return INTERRUPTED
    if performance.broke_off:
        raise LinkError(performance.broke_off)
    return 1 if performance.failed else 0


def _perform(args: argparse.Namespace, script: Script) -> Performance:
    from mldkit.link import clock
    from mldkit.model.units import SECOND
    from mldkit.play import sandboxed
    from mldkit.play.device_target import play_on_device
    from mldkit.play.simulation import simulate
    from mldkit.render.progress import waiting

    if args.on == "sim":
        give_up(args)
        return simulate(script, seed=args.seed)
    if args.on != "responder":
        for option in ("profile", "seed", "explain"):
            if getattr(args, option) not in (None, False):
                note(args, f"--{option} has no effect on {args.on}, which goes its own way")
    if args.on == "kernel" and clock.tick_ns() * script.hz != SECOND:
        hz = round(SECOND / clock.tick_ns())
        note(args, f"this kernel has {hz} Hz and the script says {script.hz}: ranges may not fit")
    if args.on in sandboxed.TARGETS:
        if args.user is not None:
            raise UsageError(f"argument --user: --on {args.on} makes namespaces, as who started it")
        with waiting(args, script.end_ns, "playing"):
            return sandboxed.perform([script], args.on, seed=args.seed)[0]

    @contextmanager
    def around() -> Iterator[None]:
        # Before there is a thread for the bar, which would keep its rights.
        give_up(args)
        with waiting(args, script.end_ns, "playing"):
            yield

    return play_on_device(script, args.on, around)


def _read(name: str) -> str:
    try:
        if name == "-":
            octets = sys.stdin.buffer.read(_MOST_OCTETS + 1)
        else:
            with Path(name).open("rb") as file:
                octets = file.read(_MOST_OCTETS + 1)
    except OSError as error:
        raise CaptureError(f"{name}: {(error.strerror or str(error)).lower()}") from error
    if len(octets) > _MOST_OCTETS:
        raise UsageError(f"{name}: no script: more than {_MOST_OCTETS >> 20} MiB")
    try:
        # Some editors put a mark at the beginning of what they store.
        return octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{name}: no text (octet {error.start} is not UTF-8)") from error
