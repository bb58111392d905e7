"""A host, a sender, and the proof of a predicted way: real frames, and what became of them.

::

    far  eth1 10.9.0.1 --- veth --- eth1 10.9.0.2  host: programs with sockets

Five frames are sent, then a control datagram of its own until it arrives: one queue of one
processor takes them all, so what has not come by then does not come.
"""

from __future__ import annotations

import os
import socket
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from mldkit.link import group_sockets, network_counters
from mldkit.link.device import PacketSocket
from mldkit.link.interfaces import find
from mldkit.macfilter.probes import PORT, Probe, Sender, number_of
from mldkit.macfilter.receive_filter import Passage
from mldkit.model.addresses import group_mac, parse, parse_mac, text
from mldkit.path.frame import PathFrame
from mldkit.path.reading import take
from mldkit.path.stage import Stage
from mldkit.path.walk import Walker

if TYPE_CHECKING:
    from collections.abc import Callable

    from mldkit.macfilter.devices import Device
    from mldkit.model.addresses import Address
    from mldkit.path.stage import StageResult
    from mldkit.path.walk import Walk
    from tests.conftest import Link

FRAMES = 5
GROUP4, GROUP6 = parse("239.1.2.3"), parse("ff15::4321:1234")
FAR_MAC, HOST_MAC = parse_mac("02:00:00:00:00:01"), parse_mac("02:00:00:00:00:02")
FAR4, FAR6, HOST4 = parse("10.9.0.1"), parse("fe80::ff:fe00:1"), parse("10.9.0.2")
_CONTROL_PORT = 20301
_SECONDS = 10
_MULTICAST_ALL = {socket.AF_INET: (socket.IPPROTO_IP, 49), socket.AF_INET6: (41, 29)}


@dataclass
class Program:
    """A socket of this process in the namespace of the host."""

    held: socket.socket
    index: int

    def join(self, group: Address, *sources: str) -> Self:
        """Join a group, from any source or from the given ones."""
        _, level = group_sockets.family_and_level(group)
        for source in sources:
            request = group_sockets.group_request(self.index, group, parse(source))
            self.held.setsockopt(level, group_sockets.JOIN_SOURCE_GROUP, request)
        if not sources:
            request = group_sockets.group_request(self.index, group)
            self.held.setsockopt(level, group_sockets.JOIN_GROUP, request)
        return self

    def block(self, group: Address, source: str) -> Self:
        """Shut one source out."""
        _, level = group_sockets.family_and_level(group)
        request = group_sockets.group_request(self.index, group, parse(source))
        self.held.setsockopt(level, group_sockets.BLOCK_SOURCE, request)
        return self

    early: set[int | None] = field(default_factory=set)

    def wait_for(self, count: int) -> None:
        """Wait for so many datagrams, where the kernel hands them over later."""
        self.held.settimeout(_SECONDS)
        while len(self.early) < count:
            self.early.add(number_of(self.held.recv(2048)))
        self.held.setblocking(True)

    def numbers(self) -> set[int | None]:
        """Return the numbers of all datagrams that have come."""
        found, self.early = self.early, set()
        while True:
            try:
                found.add(number_of(self.held.recv(2048, socket.MSG_DONTWAIT)))
            except BlockingIOError:
                return found


@dataclass
class Seen:
    """A prediction, and what became of the frames."""

    walk: Walk
    at_tap: int
    """How many frames a packet socket saw on the card."""
    arrived: dict[int, int]
    """How many frames each program got, by descriptor."""
    rose: dict[str, int]
    """What counters rose by meanwhile."""

    def result(self, stage: Stage) -> StageResult:
        """Return what was predicted of a stage."""
        return next(result for result in self.walk.results if result.stage is stage)

    def assert_dropped(self, stage: Stage, *, counter: str | None = None) -> None:
        """Hold the prediction that this very stage drops the frame against what came."""
        end = self.walk.end
        assert end is not None, self.walk.results
        assert end.stage is stage, end
        assert set(self.arrived.values()) <= {0}, self.arrived
        before_tap = stage in (Stage.CARD, Stage.XDP)
        assert self.at_tap == (0 if before_tap else FRAMES)
        if counter is not None:
            assert end.counter is not None
            assert end.counter.name == counter
            assert self.rose[counter] == FRAMES

    def assert_passes(self) -> None:
        """Hold the prediction that it arrives against what came."""
        assert self.walk.verdict is Passage.PASSES, self.walk.results
        assert self.at_tap == FRAMES
        assert FRAMES in self.arrived.values()


@dataclass
class PathScene:
    """The host with its programs, and the sender."""

    link: Link
    named: str = "eth1"
    """The interface that `explain -i` is asked about."""
    held: ExitStack = field(default_factory=ExitStack)
    programs: list[Program] = field(default_factory=list)
    carry: Callable[[], None] = lambda: None
    """What has to happen after each frame that is sent."""
    sender: PacketSocket | None = None
    device: Device | None = None
    serial: int = 0

    def __enter__(self) -> Self:
        """Let the host listen for control datagrams."""
        self.far, self.host = self.link.near, self.link.far
        with self.host.entered():
            control = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            control.bind(("", _CONTROL_PORT))
        self.control = self.held.enter_context(control)
        return self

    def __exit__(self, *_: object) -> None:
        """End the programs."""
        self.held.close()

    def program(
        self,
        family: socket.AddressFamily = socket.AF_INET,
        *,
        takes_all: bool = False,
        bound_to: str = "",
        port: int = PORT,
        device: str = "",
        on: str | None = None,
    ) -> Program:
        """Start a program with a socket that is bound to the port of the frames."""
        with self.host.entered():
            held = socket.socket(family, socket.SOCK_DGRAM)
            self.held.enter_context(held)
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            held.setsockopt(*_MULTICAST_ALL[family], int(takes_all))
            if device:
                held.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
            if port:
                held.bind((bound_to, port))
            program = Program(held, find(on or self.named).index)
        self.programs.append(program)
        return program

    def send(
        self,
        group: Address = GROUP4,
        source: str | None = None,
        *,
        mac: bytes | None = None,
        before_control: Callable[[], object] = lambda: None,
    ) -> Seen:
        """Predict the way of a frame, send five of them, and see what becomes of each."""
        origin = parse(source) if source else (FAR4 if len(group) == 4 else FAR6)
        frame = PathFrame(text(group), mac or group_mac(group), group, origin, PORT)
        with self.host.entered():
            walked = Walker(take(self.named, [frame]), self.device).walk(frame)
            before = network_counters.read()
            observer = PacketSocket(self.named, everything=True, all_multicast=False)
        numbers = self._send(frame, origin)
        before_control()
        self._control()
        with observer:
            at_tap = 0
            while (seen := observer.receive(time.monotonic_ns())) is not None:
                at_tap += not seen.outgoing and number_of(seen.data) in numbers
        with self.host.entered():
            after = network_counters.read()
        arrived = {
            program.held.fileno(): len(numbers & program.numbers()) for program in self.programs
        }
        rose = {name: value - before.get(name, 0) for name, value in after.items()}
        return Seen(walked, at_tap, arrived, rose)

    def _send(self, frame: PathFrame, origin: Address) -> set[int | None]:
        is_ipv4 = len(origin) == 4
        sender = Sender(FAR_MAC, origin if is_ipv4 else FAR4, FAR6 if is_ipv4 else origin)
        numbers: set[int | None] = set()
        probe = Probe("joined", frame.mac, frame.group or b"")
        cable = self.sender or self._far_end()
        for _ in range(FRAMES):
            self.serial += 1
            numbers.add(self.serial)
            cable.send(sender.frame(probe, self.serial))
            self.carry()
        return numbers

    def _far_end(self) -> PacketSocket:
        with self.far.entered():
            self.sender = self.held.enter_context(PacketSocket("eth1", all_multicast=False))
        return self.sender

    def _control(self) -> None:
        """Send a datagram to the host's own address until one arrives."""
        until = time.monotonic() + _SECONDS
        with self.far.entered():
            asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with asking:
            while True:
                asking.sendto(os.urandom(8), (text(HOST4), _CONTROL_PORT))
                try:
                    self.control.settimeout(0.2)
                    self.control.recv(64)
                except TimeoutError:
                    assert time.monotonic() < until, "the control datagram does not arrive"
                else:
                    return
