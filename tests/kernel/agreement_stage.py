"""Many links at once, on which queries are asked and answers are timed.

::

    namespace of the querier          namespace of the hosts
    q0  ---------- veth ----------  h0     the kernel, one host an interface
    q1  ---------- veth ----------  h1
    ..
    q40 ---------- veth ----------  h40    in a namespace of its own: the responder, many hosts

A round asks each link once a family, for everything or for one group, at a moment that has nothing
to do with the ticks of the kernel, and lasts until everybody has answered. Stamps are the kernel's,
taken at the querier's end: the query when it leaves, the answer when it comes.
"""

from __future__ import annotations

import socket
import struct
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from mldkit.link import clock
from mldkit.link.device import PacketSocket
from mldkit.model.addresses import parse
from mldkit.model.datagram import Datagram, Decoded, Frame
from mldkit.model.family import IGMP, MLD, Family
from mldkit.model.messages import Query, RecordType, Report
from mldkit.model.units import MILLISECOND, SECOND
from mldkit.wire.decode import decode
from mldkit.wire.encode import encode_frame

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from tests.conftest import Namespace

LINKS = 40
GROUPS = {IGMP: "239.1.1.1", MLD: "ff15::1"}
KINDS = ("general", "group")
MAXIMUM_NS = SECOND
_QUERIER_MAC = bytes.fromhex("020000000001")
_SPREAD_NS = 80 * MILLISECOND
"""The queries of a round leave within this time: some steps of the timer wheel."""
_PATIENCE_NS = 20 * SECOND
_STATE = (RecordType.IS_IN, RecordType.IS_EX)


@dataclass(frozen=True)
class Answer:
    """A query and an answer to it, both in monotonic time."""

    query_ns: int
    answer_ns: int

    @property
    def delay_ns(self) -> int:
        """The time between the two."""
        return self.answer_ns - self.query_ns


@dataclass
class QuerierEnd:
    """The querier's end of one link, and what was heard there in the current round."""

    name: str
    hosts: int
    """How many hosts answer on it."""
    device: PacketSocket
    asked_ns: dict[Family, int] = field(default_factory=dict)
    answers: dict[Family, dict[bytes, Answer]] = field(default_factory=lambda: {IGMP: {}, MLD: {}})
    """By the MAC of the host."""

    def ask(self, family: Family, kind: str) -> None:
        """Send a query and await one answer from each host."""
        self.asked_ns.pop(family, None)
        self.answers[family].clear()
        self.device.send(query_frame(family, kind))

    def listen(self) -> None:
        """Take in what has arrived."""
        while (frame := self.device.take()) is not None:
            decoded = decode(frame)
            if isinstance(decoded, Decoded) and frame.time_ns is not None:
                self._take_in(frame, decoded, clock.from_wall(frame.time_ns))

    def _take_in(self, frame: Frame, decoded: Decoded, now_ns: int) -> None:
        message, family = decoded.datagram.message, decoded.family
        if frame.outgoing:
            if isinstance(message, Query):
                self.asked_ns[family] = now_ns
        elif isinstance(message, Report) and family in self.asked_ns:
            if not all(record.type in _STATE for record in message.records):
                return
            answer = Answer(self.asked_ns[family], now_ns)
            assert frame.data[6:12] not in self.answers[family], "two answers to one query"
            self.answers[family][frame.data[6:12]] = answer

    @property
    def is_done(self) -> bool:
        """Whether every host has answered both queries."""
        return all(len(answers) == self.hosts for answers in self.answers.values())


def query_frame(family: Family, kind: str) -> bytes:
    """Return a `general` or `group` query with a maximum response time of 1 s."""
    code = MAXIMUM_NS // family.response_unit_ns
    group = family.unspecified if kind == "general" else parse(GROUPS[family])
    query = Query(family.current_version, group, code, robustness=2, interval_code=125)
    source = parse("10.0.0.1" if family is IGMP else "fe80::ff:fe00:1")
    return encode_frame(
        Datagram(
            source,
            family.all_hosts if kind == "general" else group,
            query,
            traffic_class=family.traffic_class,
            link_source=_QUERIER_MAC,
        )
    )


class Stage:
    """The links; `answering` is where the responder runs, on the interface `RESPONDER`."""

    def __init__(self, make: Callable[[], Namespace], responders: int) -> None:
        self._open = ExitStack()
        self.querier, self.hosts, self.answering = make(), make(), make()
        for namespace in (self.querier, self.answering):
            namespace.sysctl("net.ipv6.conf.default.disable_ipv6", 1)
        for name in ("accept_dad", "router_solicitations"):
            self.hosts.sysctl(f"net.ipv6.conf.default.{name}", 0)
        self.hosts.sysctl("net.ipv4.conf.all.rp_filter", 0)
        self.hosts.sysctl("net.ipv4.conf.default.rp_filter", 0)
        self.hosts.sysctl("net.ipv4.igmp_max_memberships", 10 * LINKS)
        self._connect()
        self._join()
        with self.querier.entered():
            self.ends = [self._end(number) for number in range(LINKS)]
            self.responder_end = self._end(LINKS, responders)

    def __enter__(self) -> Self:
        """Return the stage itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the sockets; the namespaces are the fixture's."""
        self._open.close()

    def _connect(self) -> None:
        lines = []
        for number in range(LINKS + 1):
            namespace = self.hosts if number < LINKS else self.answering
            # Different numbers, or IPv6 starts late (net/core/link_watch.c).
            lines.append(
                f"link add q{number} index {1000 + number} type veth "
                f"peer name h{number} index {2000 + number} netns {namespace.name}"
            )
            lines.append(f"link set q{number} up")
        self.querier.batch(lines)
        lines = []
        for number in range(LINKS):
            address = f"10.{number + 1}.0.2/24"
            lines.append(f"link set h{number} address 02:00:00:00:01:{number:02x}")
            lines.append(f"address add {address} dev h{number}")
            lines.append(f"link set h{number} up")
        self.hosts.batch(lines)
        self.answering.ip(f"link set h{LINKS} up")
        for number in range(LINKS):
            self.hosts.wait_for_ipv6(f"h{number}")

    def _join(self) -> None:
        with self.hosts.entered():
            ipv4 = self._open.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            ipv6 = self._open.enter_context(socket.socket(socket.AF_INET6, socket.SOCK_DGRAM))
        for number in range(LINKS):
            index = 2000 + number
            request = struct.pack("=4s4si", parse(GROUPS[IGMP]), bytes(4), index)
            ipv4.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, request)
            request = struct.pack("=16si", parse(GROUPS[MLD]), index)
            ipv6.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, request)

    def _end(self, number: int, hosts: int = 1) -> QuerierEnd:
        name = f"q{number}"
        return QuerierEnd(name, hosts, self._open.enter_context(PacketSocket(name)))

    def ask_all(self, kind: str, chance: Random) -> None:
        """Ask every link once a family, spread at random, and wait for all answers."""
        everywhere = [*self.ends, self.responder_end]
        turns = [(end, family) for end in everywhere for family in (IGMP, MLD)]
        begin_ns = clock.now_ns()
        moments = sorted(chance.randrange(_SPREAD_NS) for _ in turns)
        chance.shuffle(turns)
        for (end, family), moment in zip(turns, moments, strict=True):
            clock.wait_ns(begin_ns + moment - clock.now_ns())
            end.ask(family, kind)
        until_ns = begin_ns + _PATIENCE_NS
        while not all(end.is_done for end in everywhere):
            missing = [end.name for end in everywhere if not end.is_done]
            assert clock.now_ns() < until_ns, f"no answer on {' '.join(missing)}"
            time.sleep(0.02)
            for end in everywhere:
                end.listen()
