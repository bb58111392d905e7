"""`mldkit join`: be a real group member, with sockets of this kernel."""

from __future__ import annotations

import json
import select
import sys
from contextlib import AbstractContextManager, ExitStack, nullcontext
from socket import AF_INET, AF_INET6
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
from mldkit.cli.interrupt import INTERRUPTED, end_in_order
from mldkit.errors import LinkError, UsageError
from mldkit.link import clock, datagrams
from mldkit.link.interfaces import find
from mldkit.link.link_watch import LinkWatch
from mldkit.link.membership import Memberships, Wish
from mldkit.model.addresses import is_multicast, text
from mldkit.model.units import MILLISECOND, SECOND
from mldkit.model.words import counted
from mldkit.render.progress import waiting
from mldkit.render.terminal import detail, note

if TYPE_CHECKING:
    import argparse
    import socket
    from collections.abc import Callable, Iterator

    from mldkit.cli.background import Ready
    from mldkit.link.datagrams import Received
    from mldkit.model.addresses import Address
    from mldkit.model.notation import GroupSpec


_READINESS = {
    False: "is down: the memberships stay, but nothing is sent or heard until it is up",
    True: "is up again: the kernel announces the memberships",
}

EXAMPLES = """\
examples:
  mldkit join -i eth0 239.1.2.3 ff15::4321:1234
  mldkit join -i eth0 10.0.0.1,10.0.0.2@232.1.1.1 --for 60s
  mldkit join -i eth0 ff15::1+100 --for 10s
  mldkit join -i eth1 ff15::1 --background      inside a lab: until the lab is stopped
  mldkit join -i eth0 239.1.2.3 --block 10.0.0.9 --receive --port 5000

exit codes: 0 done, 2 wrong usage, 3 no such interface, no permission, or a limit
of the kernel, 130 interrupted (the groups are left)
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
    add_format(parser)
    parser.epilog = EXAMPLES


def run(args: argparse.Namespace) -> int:
    """Join, hold, leave; return 130 when a signal ended it."""
    _refuse_what_makes_no_sense(args)
    opener = None if args.port is None else datagrams.of_port(args.port)
    if args.background:
        return background.run(lambda announce: _join(args, opener, announce))
    return _join(args, opener, lambda: None)


def _join(
    args: argparse.Namespace, opener: Callable[..., socket.socket] | None, announce: Ready
) -> int:
    """Join, tell `announce`, hold and leave."""
    # A signal to end is an interrupt too: the groups are left and the document is completed.
    end_in_order()
    output = _Output(args.format, args.interface)
    code = 0
    failure = None
    try:
        with ExitStack() as opened:
            interface = find(args.interface)
            link = opened.enter_context(LinkWatch(interface))
            memberships = opened.enter_context(Memberships(interface, opener))
            for spec in args.groups:
                blocked = tuple(s for s in dict.fromkeys(args.block) if _concerns(s, spec))
                for wish in _wishes(spec, blocked):
                    memberships.join(wish)
            receivers = [opened.enter_context(r) for r in _receivers(args, memberships)]
            output.joined(args.groups, args.block)
            announce()
            sockets = counted(len(list(memberships.sockets())), "socket")
            detail(args, f"{interface.name}: memberships held by {sockets}")
            try:
                with _patience(args):
                    for received in _hold(args, receivers, link):
                        if memberships.wants(received.group, received.source):
                            output.received(received)
            except LinkError as error:
                failure = error
    except KeyboardInterrupt:
        code = INTERRUPTED
    output.finish()
    if failure is not None:
        raise failure
    return code


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
        if not any(_concerns(source, spec) for spec in args.groups):
            raise UsageError(
                f"argument --block: {text(source)}: "
                "no group of its family is joined from any source"
            )


def _concerns(blocked: Address, spec: GroupSpec) -> bool:
    return not spec.sources and len(spec.groups[0]) == len(blocked)


def _wishes(spec: GroupSpec, blocked: tuple[Address, ...]) -> Iterator[Wish]:
    sources = tuple(dict.fromkeys(spec.sources))
    return (Wish(group, sources, blocked) for group in spec.groups)


def _receivers(args: argparse.Namespace, memberships: Memberships) -> list[socket.socket]:
    """Return the sockets to read: those that joined, or one a family that gets every port."""
    if not args.receive:
        return []
    if args.port is not None:
        return list(memberships.sockets())
    families = {AF_INET if len(spec.groups[0]) == 4 else AF_INET6 for spec in args.groups}
    return [datagrams.of_every_port(family, args.interface) for family in sorted(families)]


def _hold(
    args: argparse.Namespace, receivers: list[socket.socket], link: LinkWatch
) -> Iterator[Received]:
    """Yield what arrives until the time is over; raise LinkError when the interface is gone."""
    # poll, because select takes no more than 1,024 sockets; a signal ends it too.
    descriptors = select.poll()
    by_number = {receiver.fileno(): receiver for receiver in receivers}
    for number in (*by_number, link.fileno()):
        descriptors.register(number, select.POLLIN)
    buffer = datagrams.header_buffer()
    end_ns = None if args.hold_ns is None else clock.now_ns() + args.hold_ns
    while end_ns is None or clock.now_ns() < end_ns:
        left_ms = None if end_ns is None else (end_ns - clock.now_ns()) / MILLISECOND
        for number, _ in descriptors.poll(left_ms):
            if number == link.fileno():
                for is_ready in link.changes():
                    note(args, f"note: {args.interface} {_READINESS[is_ready]}")
                continue
            received = datagrams.read(by_number[number], buffer)
            if received is not None:
                yield received


class _Output:
    """Says what happens in the format that was asked for, each line at once."""

    def __init__(self, output_format: str, interface: str) -> None:
        self._format = output_format
        self._interface = interface
        self._joined: list[dict[str, object]] = []
        self._datagrams: list[dict[str, object]] = []
        self._start_ns = 0

    def joined(self, specs: list[GroupSpec], block: list[Address]) -> None:
        self._start_ns = clock.wall_ns()
        for spec in specs:
            blocked = [text(source) for source in block if _concerns(source, spec)]
            if self._format == "text":
                print(_joined_line(spec, blocked, self._interface))
            for group in spec.groups if self._format != "text" else ():
                entry: dict[str, object] = {
                    "interface": self._interface,
                    "group": text(group),
                    "filter_mode": "INCLUDE" if spec.sources else "EXCLUDE",
                    "sources": [text(source) for source in spec.sources] or blocked,
                }
                self._joined.append(entry)
                if self._format == "ndjson":
                    print(json.dumps({"event": "joined", **entry}))
        sys.stdout.flush()

    def received(self, received: Received) -> None:
        seconds, nanoseconds = divmod(received.time_ns, SECOND)
        entry: dict[str, object] = {
            "time": f"{seconds}.{nanoseconds:09d}",
            "source": text(received.source),
            "group": text(received.group),
            "port": received.port,
            "length": received.length,
        }
        if self._format == "text":
            after = (received.time_ns - self._start_ns) / SECOND
            print(
                f"{after:10.6f} s  {entry['source']} > {entry['group']} "
                f"port {received.port}, {received.length} octets"
            )
        elif self._format == "ndjson":
            print(json.dumps({"event": "datagram", **entry}))
        else:
            self._datagrams.append(entry)
        sys.stdout.flush()

    def finish(self) -> None:
        if self._format == "json":
            document = {
                "schema": "mldkit.join/1",
                "interface": self._interface,
                "joined": self._joined,
                "datagrams": self._datagrams,
            }
            print(json.dumps(document, indent=2))


def _joined_line(spec: GroupSpec, blocked: list[str], interface: str) -> str:
    groups = text(spec.groups[0])
    if len(spec.groups) > 1:
        groups += f" to {text(spec.groups[-1])} ({len(spec.groups)} groups)"
    line = f"joined {groups} on {interface}"
    if spec.sources:
        return f"{line} from {', '.join(map(text, spec.sources))}"
    return f"{line} from any source" + (f" but {', '.join(blocked)}" if blocked else "")
