"""What folds are fed with: links, places, hosts, and what a receiver would have dropped.

A fold is a small machine. It is fed in order of time, it never reads a clock, and it gives
`Event`s to whoever listens: the same folds work through a capture and follow a live link.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from mldkit.model.addresses import IPV4_UNSPECIFIED, Address
from mldkit.model.datagram import LinkType
from mldkit.model.family import IGMP
from mldkit.model.units import SECOND
from mldkit.protocol.exchange import latest_ns
from mldkit.wire.rules import ERROR

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mldkit.model.datagram import Circuit, Decoded, Frame
    from mldkit.model.family import Family
    from mldkit.wire.validity import Finding

UNSOLICITED_INTERVAL_NS = SECOND
"""Unsolicited Report Interval of IGMPv3 and MLDv2 (RFC 9776 §8.11, RFC 9777 §9.11)."""
OLDER_UNSOLICITED_INTERVAL_NS = 10 * SECOND
"""That of IGMPv2 and MLDv1, by which IGMPv3 hosts repeat too: Linux before 3.12, many small devices
(RFC 2236 §8.10, RFC 2710 §7.10; net/ipv4/igmp.c)."""
LAST_MEMBER_INTERVAL_NS = SECOND
"""Last Member Query Interval (RFC 9776 §8.8, RFC 9777 §9.8)."""
REPEATED_NS = latest_ns(OLDER_UNSOLICITED_INTERVAL_NS)
"""Until when the same change is a repeat."""
NEVER_NS = 1 << 63
LATEST_NS = 1 << 62
"""February 2116: what claims to be later, beyond what a pcap file can say, has no time."""
_SLL2 = int(LinkType.LINUX_SLL2)
# A key is made for every message: without the Python level of a named tuple's constructor.
_new = tuple.__new__


def believable(times: Iterable[int | None]) -> list[int]:
    """Return the times that are known and no nonsense of a damaged capture."""
    return [time_ns for time_ns in times if time_ns is not None and time_ns < LATEST_NS]


class LinkKey(NamedTuple):
    """Where messages belong together: interface of the capture, VLAN stack, family, circuit."""

    interface: str | None
    vlan: tuple[int, ...]
    """Without VLAN 0, which says a priority and no VLAN (IEEE 802.1Q §9.6)."""
    family: Family
    circuit: tuple[Circuit, ...] = ()
    """Sessions and tunnels around the messages, the outer one first."""
    site: str = ""
    """What to call the captures that see it, where others see other links."""


NOWHERE = LinkKey(None, (), IGMP)
"""The link of what is of no link."""


def link_vlan(tags: tuple[int, ...]) -> tuple[int, ...]:
    """Return the VLAN stack of the link on which a frame with these tags is."""
    return tuple(tag for tag in tags if tag) if 0 in tags else tags


def interface_of(frame: Frame) -> str | None:
    """Return the name of the interface; devices of a capture of all devices have numbers."""
    if frame.interface is None and frame.link_type == _SLL2:
        return f"if{int.from_bytes(frame.data[4:8])}"
    return frame.interface


def link_of(decoded: Decoded) -> LinkKey:
    """Return the link that a message was seen on."""
    datagram = decoded.datagram
    vlan = datagram.vlan and link_vlan(datagram.vlan)
    place = interface_of(decoded.frame), vlan, decoded.family, datagram.circuit, ""
    key: LinkKey = _new(LinkKey, place)
    return key


def place_text(interface: str | None, vlan: tuple[int, ...], circuit: tuple[Circuit, ...]) -> str:
    """Return a link in words, whatever the family: `eth0, VLAN 5 in 100`; empty for no words."""
    names = [interface] if interface else []
    if vlan:
        names.append(f"VLAN {vlan_text(vlan)}")
    return ", ".join([*names, *map(str, circuit)])


def vlan_text(vlan: tuple[int, ...]) -> str:
    """Return VLAN tags in words; the outer one comes first in a frame."""
    return " in ".join(map(str, reversed(vlan)))


class Mark(NamedTuple):
    """Where and when something was seen."""

    capture: int
    frame: int
    time_ns: int


Host: TypeAlias = bytes
"""An IP source address; behind 0.0.0.0 the MAC follows, as long as it has no address."""


def host_address(host: Host) -> Address:
    """Return the address of a host."""
    return IPV4_UNSPECIFIED if len(host) in (4, 10) and host.startswith(IPV4_UNSPECIFIED) else host


_DROPS = frozenset(
    ("V-01", "V-03", "V-04", "V-05", "V-06", "V-08", "V-09", "V-10", "V-11", "V-24", "V-25")
)
_DROPS_WHATEVER = frozenset(("V-07", "V-18"))


def dropped_by(decoded: Decoded, found: Iterable[Finding]) -> str | None:
    """Return the rule by which a conforming receiver discards the message, given its findings.

    Severities tell the families apart: hop limit and Router Alert are errors only where the
    receiver must look at them, a checksum left to the device is no error.
    """
    for finding in found:
        rule = finding.id
        if rule in _DROPS_WHATEVER or (rule in _DROPS and finding.severity == ERROR):
            return rule
        if rule == "V-12" and decoded.kind != "report":
            return rule
    malformed = decoded.malformed
    return None if malformed is None or malformed.id == "M-03" else malformed.id


def is_dropped(decoded: Decoded, found: Iterable[Finding]) -> bool:
    """Return whether a conforming receiver discards the message, given its findings."""
    return dropped_by(decoded, found) is not None
