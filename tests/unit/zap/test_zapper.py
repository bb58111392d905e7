"""Switches on a scripted link: which stamps make which delay."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from mldkit.model.addresses import Address, parse
from mldkit.model.datagram import Datagram, Frame
from mldkit.model.messages import GroupRecord, Leave, LegacyReport, RecordType, Report
from mldkit.model.units import MILLISECOND, SECOND
from mldkit.wire.encode import encode_frame
from mldkit.zap.switch import Spread
from mldkit.zap.zapper import Link, Viewer, Zapper

if TYPE_CHECKING:
    from collections.abc import Callable

A, B = parse("239.10.1.1"), parse("239.10.1.2")
OWN = parse("10.9.0.2")
MAC = bytes.fromhex("020000000002")
STEP_NS = 10 * MILLISECOND


class Network:
    """Sends what is joined, a datagram each 10 ms, for a time after the leave."""

    def __init__(self, cut_after_ns: int, *, joins_older: bool = False) -> None:
        self.now_ns = 0
        self.cut_after_ns = cut_after_ns
        self.flows: dict[Address, int | None] = {}
        self._waiting: deque[Frame] = deque()
        self._is_older = joins_older

    def clock(self) -> int:
        return self.now_ns

    def join(self, group: Address) -> None:
        self.flows[group] = None
        self._report(LegacyReport(2, group) if self._is_older else RecordType.TO_EX, group)

    def leave(self, group: Address) -> None:
        self.flows[group] = self.now_ns + self.cut_after_ns
        self._report(Leave(2, group) if self._is_older else RecordType.TO_IN, group)

    def listen(self, until_ns: int, see: Callable[[Frame], None]) -> None:
        while (frame := self.receive(until_ns)) is not None:
            see(frame)

    def receive(self, until_ns: int) -> Frame | None:
        while not self._waiting:
            if self.now_ns >= until_ns:
                return None
            self.now_ns += STEP_NS
            for group, end_ns in self.flows.items():
                if end_ns is None or self.now_ns <= end_ns:
                    self._waiting.append(Frame(data_to(group), self.now_ns))
        return self._waiting.popleft()

    def _report(self, what: RecordType | LegacyReport | Leave, group: Address) -> None:
        if isinstance(what, RecordType):
            message: Report | LegacyReport | Leave = Report((GroupRecord(what, group),))
            to = parse("224.0.0.22")
        else:
            message, to = what, group
        octets = encode_frame(Datagram(OWN, to, message, link_source=MAC))
        self._waiting.append(Frame(octets, self.now_ns, outgoing=True))


def data_to(group: Address) -> bytes:
    header = b"\x45\0\0\x1c" + bytes(4) + b"\x04\x11\0\0" + parse("10.9.0.9") + group
    return bytes(12) + b"\x08\x00" + header + b"\0\x07\x13\x88\0\x08\0\0"


def nothing(_: Address) -> None:
    """Do it elsewhere."""


def run(network: Network, channels: list[Address], watch_ns: int) -> Zapper:
    link = Link(network.listen, network.clock, network.clock)
    zapper = Zapper(link, [Viewer(MAC, network.join, network.leave, channels)], {A, B})
    zapper.run(watch_ns)
    return zapper


def test_the_delays_are_those_of_the_network() -> None:
    for is_older in (False, True):
        zapper = run(Network(300 * MILLISECOND, joins_older=is_older), [A, B, A], 2 * SECOND)
        for switch in zapper.switches:
            assert switch.join_delay_ns == STEP_NS
            assert switch.leave_delay_ns == 300 * MILLISECOND
            assert switch.overlap_ns == 290 * MILLISECOND
            assert not switch.was_there
            assert not switch.goes_on


def test_a_channel_that_is_not_cut_goes_on_and_was_there() -> None:
    first, second = run(Network(60 * SECOND), [A, B, A], SECOND).switches
    assert (first.goes_on, first.leave_delay_ns) == (True, None)
    assert (second.was_there, second.join_delay_ns) == (True, None)


def test_of_two_viewers_of_a_channel_only_the_last_leave_is_judged() -> None:
    network = Network(300 * MILLISECOND)
    other = bytes.fromhex("020000000003")
    link = Link(network.listen, network.clock, network.clock)
    viewers = [
        Viewer(MAC, network.join, network.leave, [A, B]),
        # It stays with the first channel, which so goes on.
        Viewer(other, nothing, nothing, [A]),
    ]
    zapper = Zapper(link, viewers, {A, B})
    zapper.run(2 * SECOND)
    (switch,) = zapper.switches
    assert switch.is_shared
    assert (switch.leave_delay_ns, switch.goes_on) == (None, False)
    assert switch.join_delay_ns == STEP_NS


def test_an_interrupt_leaves_what_was_measured() -> None:
    network = Network(300 * MILLISECOND)

    def interrupted(until_ns: int) -> Frame | None:
        if network.now_ns >= 3 * SECOND:
            raise KeyboardInterrupt
        return Network.receive(network, until_ns)

    network.receive = interrupted  # type: ignore[method-assign]
    zapper = run(network, [A, B, A, B], 2 * SECOND)
    assert zapper.is_interrupted
    (switch,) = zapper.switches
    assert switch.leave_delay_ns == 300 * MILLISECOND


def test_shares_are_values_that_were_measured() -> None:
    spread = Spread.of([None, *range(100, 0, -1)])
    assert spread == Spread(1, 50, 95, 100)
    assert Spread.of([None]) is None
    assert Spread.of([7]) == Spread(7, 7, 7, 7)
