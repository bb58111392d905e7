"""Packet sockets that are opened while this process may, and bound as often as need be.

::

    opened, deaf --> lent: its filter on, bound to an interface --> deaf again --> lent ...

To open a packet socket takes CAP_NET_RAW; to bind one that is open takes nothing, not even when
the interface it was bound to is gone (net/packet/af_packet.c:packet_bind). So a watch that has
given up its rights can still follow an interface that is removed and made again.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Self

from mldkit.link import packet_options as options

if TYPE_CHECKING:
    import socket


class SocketReserve:
    """A listener and a sender for one `PacketSocket` after the other, never for two at a time."""

    def __init__(self, buffer_octets: int) -> None:
        """Open both; raise `LinkError` if we may not."""
        self.notes: tuple[str, ...] = ()
        """What the sockets have to do without, one line each, for people."""
        self._listener = options.open_socket()
        self._sender = options.open_socket()
        self._index: int | None = None
        options.stamp_frames(self._listener)
        note = options.set_buffer(self._listener, buffer_octets)
        if note is not None:
            self.notes = (note,)

    def __enter__(self) -> Self:
        """Return the reserve itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it; what is lent stays open."""
        self._listener.close()
        self._sender.close()

    def lend(self, index: int) -> tuple[socket.socket, socket.socket]:
        """Return listener and sender for the interface with this index; the listener is deaf.

        They are other descriptors of the same sockets: closing them closes nothing here. What was
        lent before becomes deaf, and what waits in it is thrown away.
        """
        if self._index is not None:
            self._take_back(self._index)
        self._index = index
        return self._listener.dup(), self._sender.dup()

    def _take_back(self, index: int) -> None:
        options.deafen(self._listener)
        for kind in (options.MR_ALLMULTI, options.MR_PROMISC):
            # It has gone with the interface, or never was.
            with suppress(OSError):
                options.drop_membership(self._listener, index, kind)
        options.throw_away(self._listener)
