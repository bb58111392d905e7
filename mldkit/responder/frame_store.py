"""Frames that are made before they are needed.

The answer of a host to a General Query changes only when its groups do, so its frame is made in a
quiet moment. A frame belongs to one datagram object (`Host.prepare`) and is used for no other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.wire.encode import encode_frame

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mldkit.model.datagram import Datagram


class FrameStore:
    """The frames of the answers that hosts keep."""

    def __init__(self) -> None:
        self._frames: dict[int, tuple[Datagram, bytes]] = {}
        self.missed: set[bytes | None] = set()
        """MACs of hosts that sent something else than what was kept since this was emptied."""
        self._of_owner: dict[tuple[bytes | None, int], list[int]] = {}

    def keep(self, datagrams: Iterable[Datagram]) -> None:
        """Make the frames of one host's answers; those it had in the same families are dropped."""
        fresh: dict[tuple[bytes | None, int], list[int]] = {}
        for datagram in datagrams:
            owner = (datagram.link_source, len(datagram.source))
            if owner not in fresh:
                for old in self._of_owner.pop(owner, ()):
                    del self._frames[old]
            # The entry holds the object, so its number stays its own.
            self._frames[id(datagram)] = (datagram, encode_frame(datagram))
            fresh.setdefault(owner, []).append(id(datagram))
        self._of_owner.update(fresh)

    def encode(self, datagram: Datagram) -> bytes:
        """Return the octets of a datagram, ready-made ones where there are any."""
        kept = self._frames.get(id(datagram))
        if kept is not None:
            return kept[1]
        self.missed.add(datagram.link_source)
        return encode_frame(datagram)
