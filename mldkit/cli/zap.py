"""`mldkit zap`: switch channels as a viewer does, and measure what that costs on this link."""

from __future__ import annotations

import random
import secrets
from contextlib import ExitStack
from typing import TYPE_CHECKING

from mldkit.cli.arguments import add_format, add_interface, duration, group_spec, whole_number
from mldkit.cli.interrupt import INTERRUPTED, end_in_order
from mldkit.cli.rights import add_user, settle
from mldkit.errors import UsageError
from mldkit.model.addresses import is_reportable, text
from mldkit.model.family import family_of
from mldkit.model.units import MILLISECOND, SECOND
from mldkit.model.words import counted
from mldkit.render.terminal import note

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from mldkit.link.device import PacketSocket
    from mldkit.model.addresses import Address
    from mldkit.model.datagram import Frame
    from mldkit.zap.zapper import Link, Viewer

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
_LATER = ("mldkit.render.zap", "mldkit.zap.zapper", "mldkit.link.membership")
"""Modules that are imported when nothing may be read any more."""
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
        "--members",
        type=whole_number(1, 1000),
        metavar="N",
        help="so many virtual viewers instead of this kernel, each a host with its own MAC",
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
    parser.add_argument(
        "--plot", metavar="FILE.png|.svg", help="also write a picture: the shares of the delays"
    )
    parser.add_argument("-w", dest="write", metavar="FILE", help="write what is seen as pcapng")
    add_user(parser)
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    """Switch, measure, print; return 1 where --fast-leave is not met."""
    if args.write == "-":
        raise UsageError("argument -w: standard output carries the result", hint="name a file")
    if args.plot is not None:
        from mldkit.render.pictures import paper

        paper.format_of(args.plot)
        paper.require()
    groups = _channels(args)
    seed = secrets.randbits(32) if args.seed is None else args.seed
    orders = [order_of(args, groups, seed + number) for number in range(args.members or 1)]
    from mldkit.link.device import PacketSocket
    from mldkit.render.zap import print_result
    from mldkit.zap.zapper import Zapper

    end_in_order()
    with ExitStack() as stack:
        promiscuous = args.members is not None
        device = stack.enter_context(
            PacketSocket(args.interface, everything=True, promiscuous=promiscuous)
        )
        if args.members is None:
            link, viewers = _kernel_viewer(device, orders[0], stack)
        else:
            link, viewers = _virtual_viewers(device, orders, seed, stack)
        zapper = Zapper(link, viewers, groups)
        zapper.on_frame = settle(args, stack, *_LATER)
        total = (args.count + 1) * args.watch_ns / SECOND
        switches = counted(args.count, "switch", "switches")
        note(args, f"note: {switches} take {total:.0f} s; Ctrl-C ends it with the sums")
        zapper.run(args.watch_ns)
        dropped = device.statistics().dropped
    is_slow = print_result(args, zapper.switches, dropped, is_partial=zapper.is_interrupted)
    if args.plot is not None:
        from mldkit.render.pictures import switches as picture

        picture.save(zapper.switches, args.plot)
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


def order_of(args: argparse.Namespace, groups: Sequence[Address], seed: int) -> list[Address]:
    """Return the channels one after the other: the first one, then as many as switches."""
    if not args.random:
        return [groups[number % len(groups)] for number in range(args.count + 1)]
    chance = random.Random(seed)  # noqa: S311
    order = [chance.choice(groups)]
    while len(order) <= args.count:
        others = [group for group in groups if group != order[-1]]
        order.append(chance.choice(others))
    return order


def _kernel_viewer(
    device: PacketSocket, channels: Sequence[Address], stack: ExitStack
) -> tuple[Link, list[Viewer]]:
    """Return a viewer who joins with sockets of this kernel."""
    from mldkit.link import clock
    from mldkit.link.membership import HeldMemberships, Wish
    from mldkit.zap.zapper import Link, Viewer

    held: dict[Address, HeldMemberships] = {}

    def join(group: Address) -> None:
        held[group] = HeldMemberships(device.interface)
        held[group].join(Wish(group))

    def leave(group: Address) -> None:
        held.pop(group).close()

    def leave_all() -> None:
        for group in list(held):
            leave(group)

    def listen(until_ns: int, see: Callable[[Frame], None]) -> None:
        while (frame := device.receive(until_ns)) is not None:
            see(frame)

    stack.callback(leave_all)
    link = Link(listen, clock.now_ns, clock.wall_ns)
    return link, [Viewer(device.interface.mac, join, leave, channels)]


def _virtual_viewers(
    device: PacketSocket, orders: Sequence[Sequence[Address]], seed: int, stack: ExitStack
) -> tuple[Link, list[Viewer]]:
    """Return viewers who are hosts of the responder, each with its own MAC."""
    from mldkit.link import clock
    from mldkit.link.runner import Runner
    from mldkit.responder.population import PopulationPlan, populate
    from mldkit.wire.decoder import Decoder
    from mldkit.wire.encode import encode_frame
    from mldkit.wire.split import split_report
    from mldkit.zap.zapper import Link, Viewer

    interface = device.interface
    families = tuple(sorted({family_of(g) for order in orders for g in order}, key=repr))
    # Not the interface's own MAC: that is the host which this kernel is.
    mac = b"\x02" + interface.mac[3:6] + b"\x01\x00"
    plan = PopulationPlan((), families, seed, len(orders), mac=mac)
    population = populate(plan, interface.mac, interface.mtu, split_report)
    hosts = [resident.host for resident in population.residents]
    decode = Decoder().decode
    runner = Runner(device, hosts, decode=decode, encode=encode_frame)
    stack.callback(runner.close)
    for resident in population.residents:
        resident.boot(runner.now_ns)
        resident.host.settle()

    def listen(until_ns: int, see: Callable[[Frame], None]) -> None:
        runner.on_frame = see
        runner.run(until_ns)

    def viewer(number: int) -> Viewer:
        sockets = hosts[number].sockets

        def join(group: Address) -> None:
            sockets.join(group, (), runner.now_ns, socket=text(group))
            runner.refresh((number,))

        def leave(group: Address) -> None:
            sockets.close(runner.now_ns, socket=text(group))
            runner.refresh((number,))

        return Viewer(population.residents[number].mac, join, leave, orders[number])

    return Link(listen, clock.now_ns, clock.wall_ns), list(map(viewer, range(len(hosts))))
