"""A switch with a trunk port and an access port: the tag is put in and taken out between them.

::

    querier -- | tagged 802.1Q | trunk port ... access port | untagged | -- host

Kernels may be built without VLAN devices and without VLAN filtering of bridges, so the tags are
the work of this module; what is inside the frames stays what the kernel of the host sent.
"""

from __future__ import annotations

import select
import struct
from contextlib import ExitStack
from threading import Event, Thread
from typing import Self

from netns import NetNS

from captures.recording.network import QUERIER, SWITCH
from mldkit.link import clock
from mldkit.link.device import PacketSocket
from mldkit.model.datagram import Frame

_TAG_TYPE = 0x8100
_ADDRESSES = 12
_POLL_SECONDS = 0.1


class TaggingSwitch:
    """Forwards between both ports while it lives; `vlan` are ids, outer tag first."""

    def __init__(self, vlan: tuple[int, ...]) -> None:
        self._tags = b"".join(struct.pack("!HH", _TAG_TYPE, number) for number in vlan)
        self._ended = Event()
        self._stack = ExitStack()
        with NetNS(nsname=SWITCH):
            self._trunk = self._stack.enter_context(_port(QUERIER))
            self._access = self._stack.enter_context(_port("host"))
        self._thread = Thread(target=self._forward)
        self._thread.start()

    def __enter__(self) -> Self:
        """Return the switch itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop forwarding."""
        self._ended.set()
        self._thread.join()
        self._stack.close()

    def _forward(self) -> None:
        while not self._ended.is_set():
            select.select((self._trunk, self._access), (), (), _POLL_SECONDS)
            for frame in _waiting(self._trunk):
                if frame.data[_ADDRESSES:].startswith(self._tags):
                    self._access.send(_without(frame.data, len(self._tags)))
            for frame in _waiting(self._access):
                self._trunk.send(_with(frame.data, self._tags))


def _port(name: str) -> PacketSocket:
    return PacketSocket(name, everything=True, promiscuous=True)


def _waiting(port: PacketSocket) -> list[Frame]:
    """Return the frames that came in at a port and have not been read."""
    found = []
    while (frame := port.receive(clock.now_ns())) is not None:
        if not frame.outgoing:
            found.append(frame)
    return found


def _with(data: bytes, tags: bytes) -> bytes:
    return data[:_ADDRESSES] + tags + data[_ADDRESSES:]


def _without(data: bytes, octets: int) -> bytes:
    return data[:_ADDRESSES] + data[_ADDRESSES + octets :]
