"""AF_PACKET sockets, and what they are asked for while they hear nothing yet.

Constants are those of linux/if_packet.h and asm-generic/socket.h.
"""

from __future__ import annotations

import array
import ctypes
import fcntl
import os
import socket
import struct
from contextlib import suppress

from mldkit.errors import LinkError
from mldkit.link.bpf import membership_filter

SOL_PACKET = 263
PACKET_STATISTICS = 6
PACKET_AUXDATA = 8
PACKET_IGNORE_OUTGOING = 23
SO_TIMESTAMPNS = 64  # the form with 64-bit seconds on every machine
MR_PROMISC = 1
MR_ALLMULTI = 2
_PACKET_ADD_MEMBERSHIP = 1
_PACKET_DROP_MEMBERSHIP = 2
_SO_ATTACH_FILTER = 26
_SO_DETACH_FILTER = 27
_SO_RCVBUFFORCE = 33
_NOTHING = struct.pack("=HBBI", 0x06, 0, 0, 0)
"""linux/filter.h: BPF_RET of 0 octets."""
_NO_PROTOCOL = 0x88B5
"""An ethertype for experiments (IEEE 802); none of its frames passes our filters."""
_ADDRESS = struct.Struct("=HHiHBB8s")  # struct sockaddr_ll
_libc = ctypes.CDLL(None, use_errno=True)
_SIOCGIFMTU = 0x8921
_INTERFACE_REQUEST = struct.Struct("=16si20x")


def open_socket() -> socket.socket:
    """Return a socket that hears nothing until it is bound; raise `LinkError` if we may not."""
    try:
        # Protocol 0 hears nothing until the socket is bound to one.
        return socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    except PermissionError as error:
        raise LinkError(
            "no permission for packet sockets", hint="run it with sudo, or try mldkit demo"
        ) from error
    except OSError as error:
        raise LinkError(f"no packet sockets: {error.strerror}") from error


def hear_memberships_only(listener: socket.socket) -> None:
    """Let only frames that may hold a membership message through."""
    _attach(listener, membership_filter())


def hear_everything(listener: socket.socket) -> None:
    """Let every frame through."""
    with suppress(FileNotFoundError):  # it had no filter
        listener.setsockopt(socket.SOL_SOCKET, _SO_DETACH_FILTER, 0)


def deafen(listener: socket.socket) -> None:
    """Let a socket hear nothing more, whatever it is bound to; what waits in it can be taken still.

    Protocol 0 would not do: for a socket that has one it means that one again
    (net/packet/af_packet.c:packet_bind).
    """
    _attach(listener, _NOTHING)
    # The module `socket` binds to names only; number 0 is no interface in particular.
    address = _ADDRESS.pack(socket.AF_PACKET, socket.htons(_NO_PROTOCOL), 0, 0, 0, 0, b"")
    if _libc.bind(listener.fileno(), address, len(address)):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def throw_away(listener: socket.socket) -> None:
    """Empty a socket that hears nothing: frames, errors and counts of what it heard before."""
    waiting = True
    while waiting:
        try:
            listener.recv(1, socket.MSG_DONTWAIT)
        except BlockingIOError:
            waiting = False
        except OSError:
            pass  # that its interface went; the next call gives the frames behind it
    listener.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8)


def _attach(listener: socket.socket, instructions: bytes) -> None:
    program = array.array("B", instructions)
    address, octets = program.buffer_info()
    descriptor = struct.pack("@HP", octets // 8, address)
    listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, descriptor)


def stamp_frames(listener: socket.socket) -> None:
    """Have each frame come with its time, and with the VLAN tag that was taken out of it."""
    listener.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    listener.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)


def set_buffer(listener: socket.socket, octets: int) -> str | None:
    """Set the receive buffer; return in words what there is instead, if it is smaller."""
    try:
        listener.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, octets)
    except PermissionError:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, octets)
        # The kernel doubles what is asked for, to pay for its own bookkeeping.
        granted = listener.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2
        if granted < octets:
            return (
                f"receive buffer of {granted >> 10} KiB instead of {octets >> 10} KiB: "
                f"without CAP_NET_ADMIN it is limited by the sysctl net.core.rmem_max"
            )
    return None


def add_membership(listener: socket.socket, index: int, kind: int) -> None:
    """Have the device with this index receive more than it would (MR_ALLMULTI, MR_PROMISC)."""
    listener.setsockopt(SOL_PACKET, _PACKET_ADD_MEMBERSHIP, _membership(index, kind))


def drop_membership(listener: socket.socket, index: int, kind: int) -> None:
    """Take that back; raise OSError where there is nothing to take back."""
    listener.setsockopt(SOL_PACKET, _PACKET_DROP_MEMBERSHIP, _membership(index, kind))


def _membership(index: int, kind: int) -> bytes:
    return struct.pack("@iHH8s", index, kind, 0, b"")


def name_and_mtu(bound: socket.socket) -> tuple[str, int]:
    """Return the name and the MTU that the interface of a socket has now; raise OSError."""
    name = bound.getsockname()[0]
    answer = fcntl.ioctl(bound, _SIOCGIFMTU, _INTERFACE_REQUEST.pack(name.encode(), 0))
    return name, int(_INTERFACE_REQUEST.unpack(answer)[1])
