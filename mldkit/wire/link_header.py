"""What a reader of link headers finds: a header, another frame, where it broke, what is closed.

Every reader takes the octets and where to begin, and returns a `LinkHeader`, an `Inner` (a frame
of another link type follows), a `Stop` (broken before the protocol was known), an `Unread` (what
it carries is not looked into) or None (certainly not IP).
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from mldkit.model.datagram import Circuit, Unread

NO_CIRCUIT: tuple[Circuit, ...] = ()


class LinkHeader(NamedTuple):
    """What a link header of any type says."""

    ethertype: int
    offset: int
    """First octet of the IP header, or of what else the ethertype names."""
    end: int
    """One past the last octet that can belong to the IP packet."""
    source: bytes | None
    destination: bytes | None
    vlan: tuple[int, ...]
    circuit: tuple[Circuit, ...] = NO_CIRCUIT


class Inner(NamedTuple):
    """A frame of another link type stands inside."""

    link_type: int
    offset: int
    end: int


class Stop(NamedTuple):
    """Reading ended before the protocol was known: rule id, reason, offset."""

    id: str
    reason: str
    offset: int


Found: TypeAlias = LinkHeader | Inner | Stop | Unread | None


def cut(name: str, end: int) -> Stop:
    """Return what a reader says of a frame that ends inside a header."""
    return Stop("M-01", f"the frame ends inside {name}", end)
