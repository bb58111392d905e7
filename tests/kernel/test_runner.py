"""A machine in real time: the kernel's stamps on both ends of a wire say what happened when."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from mldkit.errors import LinkError
from mldkit.link import clock
from mldkit.link.device import PacketSocket
from mldkit.link.rate_limit import RateLimit
from mldkit.link.runner import Runner
from mldkit.model.units import MILLISECOND, SECOND
from mldkit.testing.envelopes import MLD_QUERY, V6
from mldkit.wire.decoder import Decoder
from mldkit.wire.encode import encode_frame

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mldkit.model.datagram import Datagram, Decoded
    from tests.conftest import Namespace

pytestmark = pytest.mark.netns

DELAY_NS = 12 * MILLISECOND


@dataclass
class Echo:
    """Sends a query back a fixed time after each message, and keeps what was called when."""

    deadlines: list[int] = field(default_factory=list)
    calls: list[tuple[str, int]] = field(default_factory=list)

    @property
    def deadline_ns(self) -> int | None:
        return self.deadlines[0] if self.deadlines else None

    def receive(self, decoded: Decoded, now_ns: int) -> None:
        assert decoded.kind == "query"
        self.calls.append(("receive", now_ns))
        self.deadlines.append(now_ns + DELAY_NS)

    def poll(self, now_ns: int) -> list[Datagram]:
        self.calls.append(("poll", now_ns))
        assert self.deadlines.pop(0) <= now_ns
        return [MLD_QUERY]


@dataclass
class Wire:
    """Both ends of a wire whose namespaces have no stack that would speak."""

    near: PacketSocket
    far: PacketSocket
    far_namespace: Namespace


@pytest.fixture
def wire(make_namespace: Callable[[], Namespace]) -> Iterator[Wire]:
    near, far = make_namespace(), make_namespace()
    near.ip(f"link add eth1 type veth peer name eth1 netns {far.name}")
    for namespace in (near, far):
        namespace.sysctl("net.ipv6.conf.eth1.disable_ipv6", 1)
        namespace.ip("link set eth1 up")
    with near.entered():
        first = PacketSocket("eth1")
    with far.entered():
        second = PacketSocket("eth1")
    with first, second:
        yield Wire(first, second, far)


def running(wire: Wire, machine: Echo, limit: RateLimit | None = None) -> Runner:
    return Runner(wire.far, machine, decode=Decoder().decode, encode=encode_frame, limit=limit)


def test_delays_on_the_wire_are_those_that_the_machine_wanted(wire: Wire) -> None:
    machine = Echo()
    with running(wire, machine) as runner:
        for _ in range(10):
            wire.near.send(V6)
            runner.run(clock.now_ns() + 2 * DELAY_NS)

    stamps: dict[bool, list[int]] = {True: [], False: []}
    while (frame := wire.near.take()) is not None:
        assert frame.time_ns is not None
        stamps[frame.outgoing].append(frame.time_ns)
    assert len(stamps[True]) == len(stamps[False]) == 10
    # The kernel stamps the query on its way out, a moment before it arrives.
    for asked_ns, answered_ns in zip(stamps[True], stamps[False], strict=True):
        assert answered_ns - asked_ns >= DELAY_NS - 100_000
    assert runner.lateness.count == 10


def test_a_timer_that_expired_before_a_message_came_runs_first(wire: Wire) -> None:
    machine = Echo([clock.now_ns() + MILLISECOND])
    clock.wait_ns(2 * MILLISECOND)
    wire.near.send(V6)
    arrived_ns = clock.now_ns()
    clock.wait_ns(5 * MILLISECOND)
    machine.deadlines.append(clock.now_ns())
    with running(wire, machine) as runner:
        runner.run(clock.now_ns() + MILLISECOND)

    assert [name for name, _ in machine.calls] == ["poll", "receive", "poll"]
    assert machine.calls[1][1] <= arrived_ns
    times = [time_ns for _, time_ns in machine.calls]
    assert times == sorted(times)


def test_time_is_over_although_messages_and_timers_never_end(wire: Wire) -> None:
    machine = Echo()
    with running(wire, machine) as runner:
        for _ in range(500):
            wire.near.send(V6)
        until_ns = runner.now_ns + DELAY_NS + SECOND
        runner.run(until_ns)

        assert clock.now_ns() >= until_ns
    assert len(machine.calls) == 1000
    assert not machine.deadlines


def test_what_is_beyond_the_limit_is_not_sent_and_delays_nothing(wire: Wire) -> None:
    machine = Echo()
    limit = RateLimit(1, at_once=20)
    with running(wire, machine, limit) as runner:
        for _ in range(50):
            wire.near.send(V6)
        runner.run(runner.now_ns + SECOND // 2)

    seen = 0
    while (frame := wire.near.take()) is not None:
        seen += not frame.outgoing
    assert (seen, runner.lateness.count, limit.refused) == (20, 20, 30)
    # The machine knows nothing of it: each of its timers ran at its time.
    heard = [time_ns for name, time_ns in machine.calls if name == "receive"]
    ran = [time_ns for name, time_ns in machine.calls if name == "poll"]
    assert [later - earlier for earlier, later in zip(heard, ran, strict=True)] == [DELAY_NS] * 50


def test_a_callback_stops_it(wire: Wire) -> None:
    machine = Echo()
    with running(wire, machine) as runner:
        runner.on_sent = lambda *_: runner.stop()
        wire.near.send(V6)
        runner.run()

    assert [name for name, _ in machine.calls] == ["receive", "poll"]


@pytest.mark.parametrize("command", ["link set eth1 down", "link delete eth1"])
def test_an_interface_that_goes_is_an_error_and_nothing_is_lost(wire: Wire, command: str) -> None:
    machine = Echo()
    with running(wire, machine) as runner:
        wire.near.send(V6)
        runner.run(runner.now_ns + 2 * DELAY_NS)
        wire.far_namespace.ip(command)
        with pytest.raises(LinkError, match="eth1: the interface"):
            runner.run(runner.now_ns + 60 * SECOND)

    assert runner.lateness.count == 1
