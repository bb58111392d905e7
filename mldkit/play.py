"""Job: play a script and judge what the host sent.

`simulate` plays it in virtual time: the host machine, no privilege, no waiting. The order at one
instant: timers that are due, then the lines of the script in their order.

::

    script -> host machine <- frames of querier and others (encoded and decoded like real ones)
                 |
              events in time -> expectations, in the order of the file, each takes a message
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from mldkit.errors import UsageError
from mldkit.model.addresses import group_mac
from mldkit.model.datagram import Datagram, Decoded, Frame
from mldkit.model.family import IGMP, MLD, family_of
from mldkit.model.messages import Other
from mldkit.model.units import SECOND
from mldkit.protocol.host import Host, HostOptions
from mldkit.protocol.script import DeviceAct, MessageAct, SocketAct, SysctlAct
from mldkit.protocol.script_words import ScriptError
from mldkit.protocol.settings import parse_setting
from mldkit.protocol.timer import Chance, Draws, Grid
from mldkit.wire.checksum import icmpv6_checksum, internet_checksum
from mldkit.wire.decode import decode
from mldkit.wire.encode import encode_frame, encode_message
from mldkit.wire.split import split_report

if TYPE_CHECKING:
    from mldkit.protocol.events import Event
    from mldkit.protocol.filters import FilterMode
    from mldkit.protocol.script import Act, Action, Expectation, Script

ZERO_TICK_MULTIPLE = 4096
"""Time 0 is the beginning of a tick whose number is a multiple of this."""


@dataclass(frozen=True, slots=True)
class Played:
    """A message on the link."""

    time_ns: int
    """Script time."""
    who: str
    """`host`, `querier` or `other`."""
    decoded: Decoded


@dataclass(frozen=True, slots=True)
class Outcome:
    """An expectation and what became of it."""

    expectation: Expectation
    got: tuple[Played, ...]
    """The message that was taken; where it failed, what the host sent within the range."""
    passed: bool


@dataclass(slots=True)
class Performance:
    """Everything that happened."""

    script: Script
    began_ns: list[int] = field(default_factory=list)
    """When each action really happened."""
    events: list[Played] = field(default_factory=list)
    reasons: list[Event] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def failed(self) -> int:
        """How many expectations failed."""
        return sum(not outcome.passed for outcome in self.outcomes)


def simulate(
    script: Script, *, seed: int | None = None, chance: Chance | None = None
) -> Performance:
    """Play `script` in virtual time; `seed` wins over that of the script, `chance` over both.

    Raises ScriptError where the kernel would refuse a request.
    """
    number = next((known for known in (seed, script.seed) if known is not None), None)
    generator = Random(number)  # noqa: S311 (delays, not secrets)
    performance = Performance(script)
    stage = _Simulation(script, chance or Draws(generator), performance)
    for action in script.actions:
        stage.run(action.time_ns)
        performance.began_ns.append(action.time_ns)
        stage.act(action)
    stage.run(_end_ns(script, performance))
    performance.outcomes = judge(performance, script.tolerance_ns or 0)
    return performance


def _end_ns(script: Script, performance: Performance) -> int:
    ends = list(performance.began_ns)
    for expectation in script.expectations:
        ends.append(_range(expectation, performance, script.tolerance_ns or 0)[1])
    return max(ends, default=0)


def _range(
    expectation: Expectation, performance: Performance, tolerance_ns: int
) -> tuple[int, int]:
    begin = 0 if expectation.action < 0 else performance.began_ns[expectation.action]
    return begin + expectation.from_ns, begin + expectation.until_ns + tolerance_ns


def judge(performance: Performance, tolerance_ns: int) -> list[Outcome]:
    """Return what became of the expectations, in the order of the file."""
    left = [event for event in performance.events if event.who == "host"]
    outcomes = []
    for expectation in performance.script.expectations:
        low, high = _range(expectation, performance, tolerance_ns)
        inside = [event for event in left if low <= event.time_ns <= high]
        if expectation.message is None:
            wanted = expectation.family
            unwanted = [e for e in inside if wanted is None or e.decoded.family is wanted]
            outcomes.append(Outcome(expectation, tuple(unwanted), not unwanted))
            continue
        for event in inside:
            if expectation.equals(event.decoded.datagram.message):
                left.remove(event)
                outcomes.append(Outcome(expectation, (event,), passed=True))
                break
        else:
            outcomes.append(Outcome(expectation, tuple(inside), passed=False))
    return outcomes


class _Simulation:
    """The host of a script and the virtual link around it."""

    def __init__(self, script: Script, chance: Chance, performance: Performance) -> None:
        self._script = script
        self._performance = performance
        families = tuple(
            family
            for family in (IGMP, MLD)
            if any(family_of(station.address) is family for station in script.hosts)
        )
        tick_ns = SECOND / script.hz
        grid = Grid(
            script.hz,
            script.jiffies or ZERO_TICK_MULTIPLE,
            int(script.phase * tick_ns),
        )
        options = HostOptions(script.hosts[0].mac, script.profile, grid, script.mtu, families)
        self.host = Host(options, chance, split_report, performance.reasons.append)
        self._prepare()

    def _prepare(self) -> None:
        script, host = self._script, self.host
        for line, setting in script.sysctls:
            self._set(setting, line, 0)
        if script.is_warm:
            host.link_up(0)
        for station in script.hosts:
            host.add_address(station.address, station.prefix, 0)
        if script.is_warm:
            host.settle()
        self._performance.reasons.clear()

    def run(self, until_ns: int) -> None:
        """Carry out what the host does until `until_ns`, that instant included."""
        while (deadline_ns := self.host.deadline_ns) is not None and deadline_ns <= until_ns:
            self._poll(deadline_ns)

    def _poll(self, now_ns: int) -> None:
        for datagram in self.host.poll(now_ns):
            self._record(encode_frame(datagram), now_ns, "host")

    def act(self, action: Action) -> None:
        """Carry out one line, and send what the host sends at once."""
        now_ns = action.time_ns
        try:
            self._carry_out(action.act, action.line, now_ns)
        except ScriptError:
            raise
        except UsageError as error:
            raise ScriptError(f"{self._script.name}:{action.line}:1: {error.message}") from error
        if self.host.deadline_ns is not None and self.host.deadline_ns <= now_ns:
            self._poll(now_ns)

    def _carry_out(self, act: Act, line: int, now_ns: int) -> None:
        if isinstance(act, SocketAct):
            self._request(act, now_ns)
        elif isinstance(act, SysctlAct):
            self._set(act, line, now_ns)
        elif isinstance(act, DeviceAct):
            self._change(act, now_ns)
        elif isinstance(act, MessageAct):
            heard = self._record(frame_of(act), now_ns, act.who)
            if heard is not None:
                self.host.receive(heard, now_ns)

    def _record(self, frame: bytes, now_ns: int, who: str) -> Decoded | None:
        number = len(self._performance.events) + 1
        decoded = decode(Frame(frame, now_ns, number, interface=self._script.interface))
        if not isinstance(decoded, Decoded):
            return None
        self._performance.events.append(Played(now_ns, who, decoded))
        return decoded

    def _set(self, act: SysctlAct, line: int, now_ns: int) -> None:
        try:
            setting = parse_setting(act.name, act.value, self._script.interface)
            self.host.set(setting, now_ns)
        except UsageError as error:
            raise ScriptError(f"{self._script.name}:{line}:1: {error.message}") from error

    def _request(self, act: SocketAct, now_ns: int) -> None:
        sockets = self.host.sockets
        match act.verb:
            case "join":
                sockets.join(act.group, act.sources, now_ns, socket=act.socket)
            case "leave":
                sockets.leave(act.group, now_ns, socket=act.socket)
            case "block":
                sockets.block(act.group, act.sources, now_ns, socket=act.socket)
            case "unblock":
                sockets.unblock(act.group, act.sources, now_ns, socket=act.socket)
            case "drop":
                sockets.drop(act.group, act.sources, now_ns, socket=act.socket)
            case "close":
                sockets.close(now_ns, socket=act.socket)
            case _:
                mode = _mode(act)
                sockets.set_filter(act.group, mode, act.sources, now_ns, socket=act.socket)

    def _change(self, act: DeviceAct, now_ns: int) -> None:
        host = self.host
        match act.verb:
            case "address add":
                host.add_address(act.address, act.number, now_ns)
            case "address del":
                host.remove_address(act.address, now_ns)
            case "proxy add":
                host.add_proxy(act.address, now_ns)
            case "proxy del":
                host.remove_proxy(act.address, now_ns)
            case "link up":
                host.link_up(now_ns)
            case "link down":
                host.link_down(now_ns)
            case "carrier up":
                host.carrier_up(now_ns)
            case "carrier down":
                host.carrier_down()
            case "mtu":
                host.set_mtu(act.number, now_ns)
            case _:
                name = f"net.ipv6.conf.{self._script.interface}.forwarding"
                value = "1" if act.verb == "forwarding on" else "0"
                host.set(parse_setting(name, value, self._script.interface), now_ns)


def _mode(act: SocketAct) -> FilterMode:
    if act.mode is None:
        raise ValueError("a filter without mode")
    return act.mode


def frame_of(act: MessageAct) -> bytes:
    """Return the frame of a message, cut, padded or with a wrong checksum as it is asked for."""
    datagram = act.datagram
    if datagram.message is None or (act.length is None and not act.bad_checksum):
        return encode_frame(datagram)
    octets = encode_message(datagram.message, datagram.source, datagram.destination)
    if act.length is not None:
        octets = octets[: act.length].ljust(act.length, b"\0")
    if len(octets) >= 4:
        octets = octets[:2] + _checksum(octets, datagram, wrong=act.bad_checksum) + octets[4:]
    kind = octets[0] if octets else 0
    return encode_frame(_with_message(datagram, Other(kind, octets)))


def _checksum(octets: bytes, datagram: Datagram, *, wrong: bool) -> bytes:
    blank = octets[:2] + b"\0\0" + octets[4:]
    if datagram.family is IGMP:
        value = internet_checksum(blank)
    else:
        value = icmpv6_checksum(datagram.source, datagram.destination, blank)
    return (value ^ 0x5555 if wrong else value).to_bytes(2, "big")


def _with_message(datagram: Datagram, message: Other) -> Datagram:
    destination = datagram.link_destination or group_mac(datagram.destination)
    return Datagram(
        datagram.source,
        datagram.destination,
        message,
        datagram.hop_limit,
        datagram.traffic_class,
        datagram.router_alert,
        datagram.link_source,
        destination,
    )
