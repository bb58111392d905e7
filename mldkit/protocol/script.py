"""Scripts: what a host does, what it hears, and what it is expected to send.

::

    host fe80::ff:fe00:2 02:00:00:00:00:02         header lines have no time
    0.0          join ff05::1                      an action at an absolute time
    +0.5         query :: max-response 1s          ... or after the action before it
    +0.008..1.1  expect IS_EX(ff05::1)             an expectation, counted from that action

These are the values that `script_parser` makes of the text, with the line each came from.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from mldkit.model.messages import Leave, LegacyReport, Report

if TYPE_CHECKING:
    from mldkit.model.addresses import Address
    from mldkit.model.datagram import Datagram
    from mldkit.model.family import Family
    from mldkit.protocol.filters import FilterMode
    from mldkit.protocol.variables import Variables


@dataclass(frozen=True, slots=True)
class Station:
    """An address with its MAC and the length of its prefix."""

    address: Address
    mac: bytes
    prefix: int


@dataclass(frozen=True, slots=True)
class SocketAct:
    """A request of a program: join, leave, block, unblock, drop, filter, close."""

    verb: str
    group: Address = b""
    sources: tuple[Address, ...] = ()
    mode: FilterMode | None = None
    socket: str = ""


@dataclass(frozen=True, slots=True)
class DeviceAct:
    """A change of the interface: address, link, carrier, forwarding, proxy, mtu."""

    verb: str
    """`address add`, `link up`, `forwarding on`, ..."""
    address: Address = b""
    number: int = 0
    """Prefix length or MTU."""


@dataclass(frozen=True, slots=True)
class SysctlAct:
    """A setting that is changed."""

    name: str
    value: str
    column: int = 1
    """Where the name stands in its line."""


@dataclass(frozen=True, slots=True)
class MessageAct:
    """A message that another node sends."""

    who: str
    """`querier` or `other`."""
    datagram: Datagram
    bad_checksum: bool = False
    length: int | None = None
    """Octets of the message when it is cut or padded."""


@dataclass(frozen=True, slots=True)
class DataAct:
    """A datagram for a group that is no membership message."""

    source: Address
    group: Address
    ttl: int


Act: TypeAlias = SocketAct | DeviceAct | SysctlAct | MessageAct | DataAct


@dataclass(frozen=True, slots=True)
class Action:
    """Something that happens at a time."""

    line: int
    text: str
    time_ns: int
    act: Act
    column: int = 1
    """Where the verb stands in its line."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """A message of the host between two times, or none."""

    line: int
    text: str
    action: int
    """Number of the action from which the range counts; -1 is the beginning."""
    from_ns: int
    until_ns: int
    message: Report | LegacyReport | Leave | None
    """None: no message may come."""
    family: Family | None = None
    """With no message: the family that keeps silent; None stands for both."""

    def equals(self, message: object) -> bool:
        """Return whether `message` is the expected one: the same records in the same order."""
        expected = self.message
        if isinstance(expected, Report):
            return isinstance(message, Report) and message.records == expected.records
        if isinstance(expected, LegacyReport) and isinstance(message, LegacyReport):
            return (message.version, message.group) == (expected.version, expected.group)
        if isinstance(expected, Leave) and isinstance(message, Leave):
            return message.group == expected.group
        return False


@dataclass(slots=True)
class Script:
    """A whole script.

    A row of data: what the lines of a script say, a field for each kind of line.
    """

    name: str
    text: str = ""
    """What it was read from."""
    hosts: list[Station] = field(default_factory=list)
    queriers: list[Station] = field(default_factory=list)
    sysctls: list[tuple[int, SysctlAct]] = field(default_factory=list)
    """Settings before the start, with their lines."""
    actions: list[Action] = field(default_factory=list)
    expectations: list[Expectation] = field(default_factory=list)
    hz: int = 250
    profile: str = "linux"
    mtu: int = 1500
    seed: int | None = None
    interface: str = "eth1"
    is_warm: bool = True
    tolerance_ns: int | None = None
    phase: float = 0.0
    jiffies: int = 0
    acting: Variables | None = None
    """What a querier that acts by itself announces; None where only lines ask."""

    @property
    def end_ns(self) -> int:
        """When the last action and the last expectation are over, seen from the script."""
        ends = [action.time_ns for action in self.actions]
        for expectation in self.expectations:
            begin = 0 if expectation.action < 0 else self.actions[expectation.action].time_ns
            ends.append(begin + expectation.until_ns)
        return max(ends, default=0)
