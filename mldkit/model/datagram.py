"""A message with its envelope, a frame as the device saw it, and what came of reading one.

::

    Frame      octets, time, interface          what a capture or a socket gives
    Datagram   link, IP, message                what somebody sent or is going to send
    Decoded    Frame + Datagram + marks         what the codec read, and where it broke
    Broken     a frame that broke before it could be told what it carries
    Unread     a frame in something that is not looked into

`Frame`, `Datagram` and `Decoded` are not frozen, only by cost: one of each is made for every
message of a capture. Treat them as values.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

from mldkit.model.addresses import Address
from mldkit.model.family import Family, family_of
from mldkit.model.messages import KINDS, Message, Query

_OTHER: tuple[str, int | None] = ("other", None)


class LinkType(IntEnum):
    """Link types that the codec reads (LINKTYPE_ numbers of pcap)."""

    NULL = 0
    ETHERNET = 1
    PPP = 9
    PPP_HDLC = 50
    PPP_ETHER = 51
    RAW = 101
    C_HDLC = 104
    IEEE802_11 = 105
    FRELAY = 107
    LOOP = 108
    LINUX_SLL = 113
    IEEE802_11_PRISM = 119
    IEEE802_11_RADIOTAP = 127
    IEEE802_11_AVS = 163
    PPP_PPPD = 166
    PPI = 192
    PPP_WITH_DIR = 204
    C_HDLC_WITH_DIR = 205
    FRELAY_WITH_DIR = 206
    MPLS = 219
    IPV4 = 228
    IPV6 = 229
    NFLOG = 239
    IPOIB = 242
    PKTAP = 258
    LINUX_SLL2 = 276
    DSA_TAG_BRCM = 281
    DSA_TAG_BRCM_PREPEND = 282
    DSA_TAG_DSA = 284
    DSA_TAG_EDSA = 285


@dataclass(slots=True)
class Frame:
    """Octets as seen by a device or stored in a capture."""

    data: bytes
    time_ns: int | None = None
    """Nanoseconds since the epoch; None where the capture has no time (simple packet block)."""
    number: int = 0
    """Position in the capture from 1, counted over all sections and interfaces."""
    link_type: int = LinkType.ETHERNET
    original_length: int | None = None
    """Length on the wire; None means that nothing was cut."""
    interface: str | None = None
    outgoing: bool = False

    @property
    def is_cut(self) -> bool:
        """Whether the capture kept less than the wire had."""
        return self.original_length is not None and self.original_length > len(self.data)


_CIRCUIT_WORDS = {
    "pppoe": "PPPoE session",
    "i-sid": "I-SID",
    "dlci": "DLCI",
    "ayiya": "AYIYA",
    "capwap": "CAPWAP",
    "erspan": "ERSPAN session",
    "geneve": "Geneve",
    "gre": "GRE",
    "gtp": "GTP-U",
    "ipip": "IP-in-IP",
    "l2tp": "L2TP",
    "mpls": "MPLS-in-IP",
    "tzsp": "TZSP",
    "vxlan": "VXLAN",
}


LINK_CIRCUITS = frozenset(("pppoe", "i-sid", "dlci"))
"""Kinds of circuit that belong to the link itself and are no tunnel."""


class Circuit(NamedTuple):
    """What tells links on one wire apart beside VLAN tags: a session, a service, a tunnel."""

    kind: str
    """`pppoe`, `i-sid` (802.1ah), `dlci` (frame relay), or the kind of a tunnel."""
    number: int | None = None
    """None where the header has no number that both directions share."""

    def __str__(self) -> str:
        """Return the circuit in words: `PPPoE session 7`."""
        words = _CIRCUIT_WORDS[self.kind]
        return words if self.number is None else f"{words} {self.number}"


def is_point_to_point(circuit: tuple[Circuit, ...]) -> bool:
    """Return whether MACs are those of the two ends of a PPPoE session, whatever is sent."""
    return bool(circuit) and circuit[-1].kind == "pppoe"


@dataclass(slots=True)
class Datagram:
    """A message and the envelope that its sender chose."""

    source: Address
    """Empty where a frame ended before it, as is the destination."""
    destination: Address
    message: Message | None
    """None where the envelope broke before the message."""
    hop_limit: int = 1
    traffic_class: int = 0
    router_alert: int | None = 0
    """Value of the Router Alert option; None where the option is absent."""
    link_source: bytes | None = None
    link_destination: bytes | None = None
    vlan: tuple[int, ...] = ()
    """VLAN ids, outer tag first."""
    circuit: tuple[Circuit, ...] = ()
    """Sessions and tunnels around it, the outer one first."""

    @property
    def is_point_to_point(self) -> bool:
        """Whether its MACs are those of the two ends of a PPPoE session."""
        return is_point_to_point(self.circuit)

    @property
    def family(self) -> Family:
        """The family that the addresses belong to."""
        return family_of(self.source)


@dataclass(frozen=True, slots=True)
class Malformed:
    """Where reading stopped: the rule's id, why, and the offset in the captured frame."""

    id: str
    reason: str
    offset: int


@dataclass(frozen=True, slots=True)
class Remark:
    """Something irregular that did not stop the reading; the rule's id says how bad it is."""

    id: str
    detail: str
    severity: str | None = None
    """Severity of this case where it differs from the rule's own."""


@dataclass(slots=True)
class Decoded:
    """One message as it was read."""

    frame: Frame
    family: Family
    datagram: Datagram
    type: int | None
    """IGMP or ICMPv6 type; None where the message has no octet."""
    offset: int
    """Where the message starts in `frame.data` (in reassembled messages: the first fragment's)."""
    length: int
    """Octets of the message as the IP header claims them, bounded by the frame."""
    checksum: str = "ok"
    """`ok`, `bad` or `unknown` (cut, or left to the sender's device)."""
    checksum_value: int | None = None
    malformed: Malformed | None = None
    remarks: tuple[Remark, ...] = field(default=())
    tunnel: str | None = None
    """Kind of the tunnel that the message came out of, `vxlan in gre` where they are nested."""

    @property
    def kind(self) -> str:
        """`query`, `report`, `leave`, `mrd-...`, or `other` for everything else."""
        return KINDS.get((self.family.ip_version, self.type or 0), _OTHER)[0]

    @property
    def version(self) -> int | None:
        """The protocol version; None for discovery, for `other`, and for impossible lengths."""
        message = self.datagram.message
        if isinstance(message, Query):
            return message.version
        return KINDS.get((self.family.ip_version, self.type or 0), _OTHER)[1]


@dataclass(frozen=True, slots=True)
class Broken:
    """A frame that ended or contradicted itself before its protocol was known."""

    frame: Frame
    id: str
    reason: str
    offset: int


class Unread(NamedTuple):
    """What a frame is in that is not looked into, and why."""

    name: str
    """What it is called in the field: `GRE`."""
    reason: str | None = None
    """What closes or opens it: `encrypted`, `--tunnels`; None where nobody reads it here."""
