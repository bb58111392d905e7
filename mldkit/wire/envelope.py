"""What the readers of IPv4 and IPv6 hand on: the place of a message, or a fragment of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from mldkit.model.datagram import Datagram, Remark
    from mldkit.model.family import Family


class Place(NamedTuple):
    """Where a message stands in its frame."""

    datagram: Datagram
    """The envelope; its message is not read yet."""
    start: int
    end: int
    """One past the last octet of the message that the frame holds."""
    claimed: int
    """Where the IP header says that the message ends; above `end` only in a cut frame."""
    remarks: list[Remark]


@dataclass(slots=True)
class Fragment:
    """One piece of a datagram (RFC 791 §3.2, RFC 8200 §4.5).

    A row of data.
    """

    family: Family
    datagram: Datagram
    identity: tuple[object, ...]
    """What the pieces of one datagram have in common."""
    header_start: int
    payload_start: int
    payload_end: int
    offset: int
    """Where the piece stands in the whole payload, in octets."""
    more: bool
    is_cut: bool
    """Whether the capture kept less of the piece than its header claims."""
    counted: int
    """Octets before the payload that the length field of the whole datagram counts."""
    remarks: list[Remark]
    next_header: int = 0
    """IPv6: the header that the reassembled payload starts with."""
    next_header_at: int = 0
    """IPv6: where the octet stands that named the fragment header."""
    tunnel: str | None = None
    """Kind of the tunnel that the piece came out of."""
