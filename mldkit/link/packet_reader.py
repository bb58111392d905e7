"""What a packet socket gives, as frames: octets as on the wire, the time, the direction."""

from __future__ import annotations

import socket
import struct

from mldkit.link import clock
from mldkit.link.packet_options import PACKET_AUXDATA, SO_TIMESTAMPNS, SOL_PACKET
from mldkit.model.datagram import Frame
from mldkit.model.units import SECOND

# linux/if_packet.h
_OUTGOING = 4
_VLAN_VALID = 0x10
_VLAN_TYPE_VALID = 0x40
_AUXDATA = struct.Struct("=IIIHHHH")  # status, length, captured, mac, net, tag, tag type
_TIME = struct.Struct("=qq")

# A frame of a socket without a filter may be a merged one (GRO), larger than any on the wire.
_LARGEST_FRAME = 1 << 18
_ANCILLARY_OCTETS = 128
_VLAN_POSITION = 12
_DEFAULT_TAG_TYPE = 0x8100


class SocketReader:
    """Reads the frames of one socket, which it numbers."""

    def __init__(self, listener: socket.socket, interface: str) -> None:
        self.number = 0
        """Of the last frame: so many were given."""
        self._listener = listener
        self._interface = interface
        self._error: OSError | None = None
        self._noted_ns = 0
        """Wall time at which the error came."""
        self._later: Frame | None = None
        """A frame that came after it."""
        self._buffer = bytearray(_LARGEST_FRAME)
        self._view = memoryview(self._buffer)

    def read(self) -> Frame | None:
        """Return a frame that waits already, None when there is none.

        Raises OSError once for each error of the socket, in its place: the kernel tells of it
        before the frames that came before it (net/core/datagram.c:__skb_try_recv_datagram).
        """
        frame, self._later = self._later, None
        while frame is None:
            try:
                frame = self._receive()
            except OSError as error:
                if self._error is not None:
                    raise
                self._error, self._noted_ns = error, clock.wall_ns()
                continue
            if self._error is None:
                break
            if frame is None or (frame.time_ns or 0) > self._noted_ns:
                self._later, told, self._error = frame, self._error, None
                raise told
        if frame is not None:
            self.number += 1
            frame.number = self.number
        return frame

    def _receive(self) -> Frame | None:
        try:
            length, ancillary, _, address = self._listener.recvmsg_into(
                (self._buffer,), _ANCILLARY_OCTETS, socket.MSG_DONTWAIT
            )
        except BlockingIOError:
            return None
        data = bytes(self._view[:length])
        time_ns = 0
        original_length = None
        for level, kind, value in ancillary:
            if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
                seconds, nanoseconds = _TIME.unpack(value)
                time_ns = seconds * SECOND + nanoseconds
            elif level == SOL_PACKET and kind == PACKET_AUXDATA:
                status, wire_length, _, _, _, tag, tag_type = _AUXDATA.unpack(value)
                if wire_length > length:
                    original_length = wire_length
                if status & _VLAN_VALID:
                    data = _with_tag(data, tag, tag_type if status & _VLAN_TYPE_VALID else None)
                    original_length = original_length and original_length + 4
        return Frame(
            data=data,
            time_ns=time_ns,
            original_length=original_length,
            interface=self._interface,
            outgoing=address[2] == _OUTGOING,
        )


def _with_tag(data: bytes, tag: int, tag_type: int | None) -> bytes:
    header = struct.pack("!HH", tag_type or _DEFAULT_TAG_TYPE, tag)
    return data[:_VLAN_POSITION] + header + data[_VLAN_POSITION:]
