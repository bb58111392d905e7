"""The stage: a network, its actors, the capture at the querier's end, and the story as data.

A scenario calls the stage, and what it calls is written down as it happens::

    stage.use_pair(families)           network, then `stage.host()` joins what is there beforehand
    stage.begin()                      waits for silence; from here on frames are recorded
    stage.host().join("239.1.2.3")     {"at_s": 0.0, "do": "join 239.1.2.3"}
    stage.expect("TO_EX(239.1.2.3)")   {"expect": ["TO_EX(239.1.2.3)"]}
    stage.quiet(1.2)                   {"quiet_s": 1.2}

Contract: every message in the recording is either a query that the stage sent or one that the
scenario expects, in this order; anything else ends the recording with `Unexpected`.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from netns import NetNS

from captures.recording import network
from captures.recording.asking import ORDINARY, Asked, query_of, query_words
from captures.recording.member import INTERFACE, Member
from captures.recording.tagging import TaggingSwitch
from mldkit.errors import MldkitError
from mldkit.link import clock
from mldkit.link.capture_writer import CaptureWriter
from mldkit.link.device import PacketSocket
from mldkit.model.addresses import parse, parse_mac, text
from mldkit.model.datagram import Datagram
from mldkit.model.family import MLD, Family
from mldkit.model.units import MILLISECOND, SECOND
from mldkit.wire.decoder import Decoder
from mldkit.wire.encode import encode_frame

if TYPE_CHECKING:
    from collections.abc import Callable

    from mldkit.model.datagram import Decoded, Frame

Step = dict[str, Any]

PATIENCE_S = 5.0
"""How long a message is waited for; RFC 9776 and this kernel need little more than a second."""
_SILENCE_NS = 400 * MILLISECOND
_START_NS = 8 * SECOND
_END_S = 0.2
_DETECTION_TYPE = b"\x3a\xff"  # ICMPv6 behind the IPv6 header, hop limit 255: neighbour discovery


class Unexpected(MldkitError):  # noqa: N818 (it names what happened, the tree says error)
    """The kernel sent something else than the scenario says."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One recording: what it is about, and the function that plays it."""

    name: str
    title: str
    shows: str
    rfc: tuple[str, ...]
    play: Callable[[Stage], None]


@dataclass(frozen=True, slots=True)
class Story:
    """What was played: the network in words, the wall time of the beginning, the steps."""

    network: str
    start_ns: int
    steps: list[Step]


class Stage:
    """Plays one scenario; use it as a context manager."""

    def __init__(self, capture_path: str) -> None:
        self._capture_path = capture_path
        self._stack = ExitStack()
        self._members: dict[str, Member] = {}
        self._times_ns: list[int | None] = []
        self._steps: list[Step] = []
        self._start_ns = 0
        self._decoder = Decoder()
        self._sent: list[bytes] = []
        self._inbox: list[Decoded] = []
        self._writer: CaptureWriter | None = None
        self._device: PacketSocket | None = None
        self._keeps_detection = False
        self._vlan: tuple[int, ...] = ()
        self._network = "querier and host"
        self._hosts: tuple[tuple[str, str], ...] = (("host", INTERFACE),)

    def __enter__(self) -> Self:
        """Return the stage itself, still empty."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close sockets and file; the namespaces go with the sandbox."""
        self._stack.close()

    # The network

    def use_pair(self, *families: Family, mtu: int = 1500, addresses: bool = True) -> None:
        """Play between querier and host, ready."""
        network.pair(families, mtu=mtu, addresses=addresses)
        self._network += "" if addresses else " without addresses"
        self._network += f", MTU {mtu}"
        self._listen_at(network.QUERIER)
        if addresses and MLD in families:
            self._await_start("host")

    def use_dark_pair(self) -> None:
        """Play between querier and host whose end is down; DAD is recorded with the messages."""
        network.pair((MLD,), up=False)
        self._network += ", the host's end down"
        network.restore("host")
        self._keeps_detection = True
        self._listen_at(network.QUERIER)

    def use_shared(self, *families: Family) -> None:
        """Play between querier and two hosts on one link."""
        network.shared(families)
        self._network = "querier and two hosts at a bridge without snooping"
        self._hosts = tuple((name, INTERFACE) for name in network.HOSTS)
        self._listen_at(network.QUERIER)
        for name in network.HOSTS if MLD in families else ():
            self._await_start(name)

    def use_trunk(self, *families: Family, vlan: tuple[int, ...]) -> None:
        """Play behind a switch that hands the host's port over with VLAN tags."""
        network.trunk(families)
        self._network += ", a switch between them that tags the querier's side"
        self._stack.enter_context(TaggingSwitch(vlan))
        self._vlan = vlan
        self._listen_at(network.QUERIER)
        self._await_start("host")

    def use_snooping_bridge(self) -> None:
        """Play between a bridge that can be querier and a host."""
        network.snooping()
        self._network = "bridge with snooping, and host"
        self._hosts += ((network.SWITCH, "br0"),)
        self._listen_at(network.SWITCH)
        self._await_start("host")

    def ip(self, command: str, told: str, *, namespace: str = "host") -> None:
        """Change the network with an `ip` command, told in the words of scripts."""
        self.tell(told)
        network.ip(command, namespace)

    def sysctl(self, name: str, value: int, *, namespace: str = "host") -> None:
        """Set a sysctl, named with dots."""
        self.tell(f"sysctl {name} {value}")
        network.setting(namespace, name.removeprefix("net.").replace(".", "/"), value)

    # The actors

    def host(self, name: str = "host") -> Member:
        """Return a host; with two of them, the story names the second one."""
        if name not in self._members:
            label = "" if name == "host" else name
            self._members[name] = Member(name, label, self.tell)
            self._stack.callback(self._members[name].close)
        return self._members[name]

    def query(self, group: str, asked: Asked = ORDINARY) -> None:
        """Send a query; `0.0.0.0` and `::` are General Queries."""
        query = query_of(group, asked)
        source = asked.source or network.QUERIER_SOURCES[query.family]
        datagram = Datagram(
            parse(source),
            query.family.all_hosts if query.is_general else query.group,
            query,
            hop_limit=asked.hop_limit,
            traffic_class=query.family.traffic_class,
            router_alert=asked.router_alert,
            link_source=parse_mac(network.QUERIER_MAC),
            vlan=self._vlan,
        )
        self.tell(query_words(group, asked), sends=str(query))
        frame = encode_frame(datagram)
        self._sent.append(frame)
        self._open_device().send(frame)

    # The story

    def tell(self, words: str, **more: str) -> None:
        """Write down what is done now."""
        self._times_ns.append(clock.wall_ns())
        self._steps.append({"at_s": 0.0, "do": words, **more})

    def begin(self) -> None:
        """Let the hosts come to rest, then record."""
        self.settle()
        for namespace, interface in self._hosts:
            network.restore(namespace, interface)
        self._record()

    def begin_at_once(self) -> None:
        """Record from now on, whatever is on its way."""
        self._record()

    def settle(self) -> None:
        """Wait until nothing more is sent."""
        device = self._open_device()
        while device.receive(clock.now_ns() + _SILENCE_NS) is not None:
            pass

    def expect(
        self,
        *messages: str,
        source: str | None = None,
        any_order: bool = False,
        patience_s: float = PATIENCE_S,
    ) -> None:
        """Wait for these messages, exactly these, all from `source` if one is named."""
        step: Step = {"expect": list(messages)}
        if source is not None:
            step["from"] = source
        if any_order:
            step["any_order"] = True
        self._write_down(step)
        deadline_ns = clock.now_ns() + round(patience_s * SECOND)
        while len(self._inbox) < len(messages) and self._hear(deadline_ns):
            pass
        got, self._inbox = self._inbox[: len(messages)], self._inbox[len(messages) :]
        words = [str(decoded.datagram.message) for decoded in got]
        agree = sorted(words) == sorted(messages) if any_order else words == list(messages)
        if not agree:
            raise Unexpected(f"expected {list(messages)}, got {words}")
        for decoded in got if source is not None else ():
            if text(decoded.datagram.source) != source:
                raise Unexpected(f"expected {source} to send, it was {decoded.datagram.source!r}")

    def quiet(self, seconds: float) -> None:
        """Listen so long; nothing may come."""
        self._write_down({"quiet_s": seconds})
        self._stay_quiet(seconds)

    def story(self) -> Story:
        """Return what was played; raise `Unexpected` when messages are left."""
        self._stay_quiet(_END_S)
        for step, time_ns in zip(self._steps, self._times_ns, strict=True):
            if time_ns is not None:
                step["at_s"] = round((time_ns - self._start_ns) / SECOND, 3)
        return Story(self._network, self._start_ns, self._steps)

    def _stay_quiet(self, seconds: float) -> None:
        deadline_ns = clock.now_ns() + round(seconds * SECOND)
        while self._hear(deadline_ns):
            pass
        if self._inbox:
            words = [str(decoded.datagram.message) for decoded in self._inbox]
            raise Unexpected(f"expected nothing, got {words}")

    def _write_down(self, step: Step) -> None:
        self._times_ns.append(None)
        self._steps.append(step)

    # The capture

    def _listen_at(self, namespace: str) -> None:
        with NetNS(nsname=namespace):
            device = PacketSocket(INTERFACE, everything=self._keeps_detection)
        self._device = self._stack.enter_context(device)

    def _open_device(self) -> PacketSocket:
        if self._device is None:
            raise ValueError("the scenario has no network yet")
        return self._device

    def _await_start(self, host: str) -> None:
        """Wait until a host has told of its own group from its link-local address."""
        mac = parse_mac(network.HOST_MACS[host])
        deadline_ns = clock.now_ns() + _START_NS
        while (frame := self._open_device().receive(deadline_ns)) is not None:
            for decoded in self._decoder.decode(frame):
                if decoded.datagram.link_source == mac and any(decoded.datagram.source):
                    return

    def _record(self) -> None:
        self._start_ns = clock.wall_ns()
        self._writer = self._stack.enter_context(CaptureWriter(self._capture_path))

    def _hear(self, deadline_ns: int) -> bool:
        """Record one frame and sort its messages; return False when the time has come."""
        frame = self._open_device().receive(deadline_ns)
        if frame is None:
            return False
        found = list(self._decoder.decode(frame))
        if self._writer is not None and (found or self._is_detection(frame)):
            self._writer.write(frame)
        if frame.data in self._sent:
            self._sent.remove(frame.data)
        else:
            self._inbox += found
        return True

    def _is_detection(self, frame: Frame) -> bool:
        return self._keeps_detection and frame.data[20:22] == _DETECTION_TYPE
