"""`mldkit zap`: switch channels as a viewer does, and measure what that costs on this link."""

from __future__ import annotations

import random
import secrets
from contextlib import ExitStack
from typing import TYPE_CHECKING

from mldkit.cli.arguments import add_format, add_interface, duration, group_spec, whole_number
from mldkit.cli.interrupt import INTERRUPTED, end_in_order
from mldkit.errors import UsageError
from mldkit.model.addresses import is_reportable, text
from mldkit.model.units import MILLISECOND, SECOND
from mldkit.render.terminal import note

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from mldkit.link.device import PacketSocket
    from mldkit.model.addresses import Address
    from mldkit.zap.zapper import Zapper

EPILOG = """\
examples:
  sudo mldkit zap -i eth0 239.10.1.1 239.10.1.2
  sudo mldkit zap -i eth0 239.10.1.1+40 --count 200 --every 3s --random
  sudo mldkit zap -i eth0 239.10.1.1 239.10.1.2 --fast-leave 300ms; echo $?
  sudo mldkit zap -i eth0 232.1.1.1 232.1.1.2 --json -w zap.pcapng

It joins and leaves with sockets of this kernel, one channel at a time. Delays are between stamps
of the kernel: of the own report or leave going out, and of the datagrams coming in. Losses are
counted by RTP sequence numbers, or seen as jumps of MPEG-TS continuity counters. --every must
be longer than the leave delay, or the next switch comes before the old channel has ended.

exit codes: 0 done, 1 a channel went on longer than --fast-leave allows, 2 wrong usage,
3 no permission or no such interface, 130 interrupted (what was measured is printed)
"""

_MOST_CHANNELS = 10_000
_FAST_NS = 200 * MILLISECOND


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `zap`."""
    parser.epilog = EPILOG
    add_interface(parser)
    parser.add_argument(
        "groups", nargs="+", type=group_spec, metavar="GROUP", help="channels: GROUP[+COUNT]"
    )
    parser.add_argument(
        "--every",
        dest="watch_ns",
        type=duration,
        default=5 * SECOND,
        metavar="T",
        help="watch each channel for so long (default: 5s)",
    )
    parser.add_argument(
        "--count",
        type=whole_number(1, 100_000),
        default=10,
        metavar="N",
        help="switch so often (default: 10)",
    )
    parser.add_argument(
        "--random", action="store_true", help="choose the next channel by chance, not in order"
    )
    parser.add_argument(
        "--seed", type=whole_number(0, 1 << 62), metavar="N", help="repeat the choice of --random"
    )
    parser.add_argument(
        "--fast-leave",
        dest="fast_ns",
        type=duration,
        nargs="?",
        const=_FAST_NS,
        metavar="T",
        help="exit 1 where a channel goes on longer than T after its leave (default: 200ms)",
    )
    parser.add_argument("-w", dest="write", metavar="FILE", help="write what is seen as pcapng")
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    """Switch, measure, print; return 1 where --fast-leave is not met."""
    if args.write == "-":
        raise UsageError("argument -w: standard output carries the result", hint="name a file")
    groups = _channels(args)
    order = order_of(args, groups)
    from mldkit.link.device import PacketSocket
    from mldkit.render.zap import print_result

    end_in_order()
    with ExitStack() as stack:
        device = stack.enter_context(PacketSocket(args.interface, everything=True))
        zapper = _make(args, groups, device, stack)
        total = (len(order) * args.watch_ns) / SECOND
        note(args, f"note: {args.count} switches take {total:.0f} s; Ctrl-C ends it with the sums")
        zapper.run(order, args.watch_ns)
        dropped = device.statistics().dropped
    is_slow = print_result(args, zapper.switches, dropped, is_partial=zapper.is_interrupted)
    if zapper.is_interrupted:
        return INTERRUPTED
    return int(is_slow)


def _channels(args: argparse.Namespace) -> tuple[Address, ...]:
    groups = tuple(dict.fromkeys(group for spec in args.groups for group in spec.groups))
    if any(spec.sources for spec in args.groups):
        raise UsageError("argument GROUP: a channel is a group; sources are not chosen here")
    if not 2 <= len(groups) <= _MOST_CHANNELS:
        raise UsageError(f"argument GROUP: 2 to {_MOST_CHANNELS:,} channels, not {len(groups):,}")
    silent = [group for group in groups if not is_reportable(group)]
    if silent:
        raise UsageError(f"argument GROUP: no host ever reports {text(silent[0])}")
    if args.seed is not None and not args.random:
        raise UsageError("argument --seed: it needs --random")
    if args.watch_ns <= 0:
        raise UsageError("argument --every: a channel is watched for a time")
    return groups


def order_of(args: argparse.Namespace, groups: Sequence[Address]) -> list[Address]:
    """Return the channels one after the other: the first one, then as many as switches."""
    if not args.random:
        return [groups[number % len(groups)] for number in range(args.count + 1)]
    chance = random.Random(secrets.randbits(32) if args.seed is None else args.seed)  # noqa: S311
    order = [groups[0]]
    while len(order) <= args.count:
        others = [group for group in groups if group != order[-1]]
        order.append(chance.choice(others))
    return order


def _make(
    args: argparse.Namespace, groups: Sequence[Address], device: PacketSocket, stack: ExitStack
) -> Zapper:
    from mldkit.link import clock
    from mldkit.link.membership import HeldMemberships, Wish
    from mldkit.zap.zapper import Viewer, Zapper

    held: dict[Address, HeldMemberships] = {}

    def join(group: Address) -> None:
        held[group] = HeldMemberships(device.interface)
        held[group].join(Wish(group))

    def leave(group: Address) -> None:
        held.pop(group).close()

    def leave_all() -> None:
        for group in list(held):
            leave(group)

    stack.callback(leave_all)
    viewer = Viewer(join, leave, clock.now_ns, clock.wall_ns)
    zapper = Zapper(device, viewer, groups)
    zapper.on_frame = _writer(args, stack)
    return zapper


def _writer(args: argparse.Namespace, stack: ExitStack) -> Callable[..., None] | None:
    if args.write is None:
        return None
    from mldkit.link.capture_writer import CaptureWriter

    return stack.enter_context(CaptureWriter(args.write)).write
