"""Target `machines`: what hosts and queriers take in, with time passing in between.

Frames of anybody reach a host of Linux, one of the RFCs, a querier of both families, and the rule
that pairs reports with queries. A machine that was polled has nothing left that is due; it sends
what can be encoded and is read as it was; it does not send more than timers of one millisecond
would; two machines with the same chance send the same.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Protocol

from mldkit.model.addresses import parse
from mldkit.model.datagram import Decoded, Frame
from mldkit.model.family import IGMP, MLD
from mldkit.model.messages import Query
from mldkit.model.units import SECOND
from mldkit.protocol.exchange import Exchanges
from mldkit.protocol.host import Host, HostOptions
from mldkit.protocol.querier import Querier
from mldkit.protocol.querier_settings import QuerierSettings
from mldkit.protocol.timer import Draws, Grid
from mldkit.wire.decode import decode
from mldkit.wire.encode import encode_frame
from mldkit.wire.split import split_report
from tests.fuzz import analysis, corpus, decoder
from tests.fuzz.target import Target, hold, same

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mldkit.model.datagram import Datagram

_LONGEST_STEP_NS = 300 * SECOND
_MOST_POLLS = 5_000


class _Machine(Protocol):
    @property
    def deadline_ns(self) -> int | None: ...

    def receive(self, decoded: Decoded, now_ns: int) -> None: ...

    def poll(self, now_ns: int) -> list[Datagram]: ...


def _host(profile: str) -> Host:
    options = HostOptions(bytes(5) + b"\2", profile, Grid(250, 4096))
    host = Host(options, Draws(Random(5)), split_report)
    host.link_up(0)
    host.add_address(parse("fe80::2"), 64, 0)
    host.add_address(parse("10.9.0.2"), 24, 0)
    for number, group in enumerate(("239.1.1.1", "239.4.5.6", "ff05::1", "ff15::4321:1234")):
        host.sockets.join(parse(group), (), 0, socket=str(number))
    for group, source in (("232.1.1.1", "10.9.0.9"), ("ff3e::8000:1", "2001:db8::1")):
        host.sockets.join(parse(group), (parse(source),), 0, socket=group)
    return host


def _querier() -> Querier:
    sides = {
        parse("10.9.0.5"): QuerierSettings(IGMP, 3),
        parse("fe80::5"): QuerierSettings(MLD, 2),
    }
    querier = Querier(bytes(5) + b"\5", sides)
    querier.start(0)
    return querier


_MACHINES: tuple[Callable[[], _Machine], ...] = (
    lambda: _host("linux"),
    lambda: _host("rfc"),
    _querier,
)


def one_input(data: bytes) -> int:
    """Hold the invariant against the frames of an input; its first octet chooses the machine."""
    if not data:
        return 0
    frames = analysis.frames_of(data[1:])
    make = _MACHINES[data[0] % len(_MACHINES)]
    same(_sent(make(), frames), _sent(make(), frames), "machines of the same chance send the same")
    _pair(frames)
    return len(frames)


def _sent(machine: _Machine, frames: list[Frame]) -> list[tuple[int, bytes]]:
    sent: list[tuple[int, bytes]] = []
    now_ns = 0
    before_ns = next((frame.time_ns for frame in frames if frame.time_ns is not None), 0)
    for frame in frames:
        if frame.time_ns is not None:
            step_ns = min(max(0, frame.time_ns - before_ns), _LONGEST_STEP_NS)
            before_ns = frame.time_ns
            sent += _run(machine, now_ns, now_ns + step_ns)
            now_ns += step_ns
        found = decode(frame)
        if isinstance(found, Decoded):
            machine.receive(found, now_ns)
            sent += _polled(machine, now_ns)
    sent += _run(machine, now_ns, now_ns + 30 * SECOND)
    return sent


def _run(machine: _Machine, from_ns: int, until_ns: int) -> Iterator[tuple[int, bytes]]:
    """Let time pass."""
    for _ in range(_MOST_POLLS):
        deadline_ns = machine.deadline_ns
        if deadline_ns is None or deadline_ns > until_ns:
            return
        yield from _polled(machine, max(from_ns, deadline_ns))
    hold(condition=False, statement="a machine rests between its deadlines")


def _polled(machine: _Machine, now_ns: int) -> Iterator[tuple[int, bytes]]:
    for datagram in machine.poll(now_ns):
        octets = encode_frame(datagram)
        again = decode(Frame(octets))
        hold(isinstance(again, Decoded) and again.malformed is None, "what is sent is read")
        if isinstance(again, Decoded):
            same(again.datagram.message, datagram.message, "what is sent is read as it was")
        yield now_ns, octets
    deadline_ns = machine.deadline_ns
    hold(deadline_ns is None or deadline_ns > now_ns, "after a poll nothing is due")


def _pair(frames: list[Frame]) -> None:
    """What `query` does with answers."""
    exchanges = Exchanges()
    asked = 0
    for frame in sorted(frames, key=lambda each: each.time_ns or 0):
        found = decode(frame)
        if not isinstance(found, Decoded) or found.malformed is not None:
            continue
        message = found.datagram.message
        if isinstance(message, Query):
            exchanges.ask(message, frame.time_ns or 0)
            asked += 1
        else:
            pairing = exchanges.answer(found.datagram.source, message, frame.time_ns or 0)
            hold(pairing is None or 0 <= pairing.query < asked, "an answer is one to a query")
            hold(pairing is None or pairing.delay_ns >= 0, "no answer comes before its query")


def seeds() -> Iterator[bytes]:
    """Give the seeds of `analysis` to each machine."""
    for number, data in enumerate(analysis.seeds()):
        yield bytes((number % len(_MACHINES),)) + data
    queries = [frame for frames in corpus.recorded() for frame in frames if len(frame.data) < 100]
    for number in range(3):
        yield bytes((number, 7)) + decoder.piece_of(1, queries[number].data)


TARGET = Target("machines", one_input, seeds, decoder.TARGET.dictionary, "frames")
