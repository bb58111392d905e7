"""What a packet socket gives, as frames: octets as on the wire, the time, the direction."""

from __future__ import annotations

import socket
import struct

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
        self._listener = listener
        self._interface = interface
        self._number = 0
        self._buffer = bytearray(_LARGEST_FRAME)
        self._view = memoryview(self._buffer)

    def read(self) -> Frame | None:
        """Return a frame that waits already, None when there is none; raise OSError as it comes."""
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
        self._number += 1
        return Frame(
            data=data,
            time_ns=time_ns,
            number=self._number,
            original_length=original_length,
            interface=self._interface,
            outgoing=address[2] == _OUTGOING,
        )


def _with_tag(data: bytes, tag: int, tag_type: int | None) -> bytes:
    header = struct.pack("!HH", tag_type or _DEFAULT_TAG_TYPE, tag)
    return data[:_VLAN_POSITION] + header + data[_VLAN_POSITION:]
