"""Frames in and out of one interface, with the kernel's own stamps.

`PacketSocket` is two AF_PACKET sockets on one interface: one listens to every protocol, the
other only sends. The kernel does not return a frame to the socket that sent it, so with two the
listener also sees the own frames (`Frame.outgoing`), and their stamp is when they really left.

The listener is made so that no frame is lost or invented at its start::

    socket(protocol 0)       hears nothing yet
    filter, options, buffer  while it hears nothing
    PACKET_MR_ALLMULTI       devices that filter by group let other hosts' groups in
    bind(interface, all)     from here on it hears, through the filter

Without PACKET_MR_ALLMULTI a device with a receive filter drops just the reports that are asked
for: they go to groups that this host has not joined. Veth has no such filter and hides that.

Contract: octets are as on the wire (a VLAN tag that the kernel stripped is put back), times are
nanoseconds since the epoch, an interface that goes away is `InterfaceDown` or
`InterfaceRemoved`, everything else that fails is `LinkError` with a hint.
"""

from __future__ import annotations

import array
import errno
import os
import select
import socket
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn, Self

from mldkit.errors import LinkError, MldkitError
from mldkit.link import clock, interfaces
from mldkit.link.bpf import membership_filter
from mldkit.model.datagram import Frame
from mldkit.model.units import MILLISECOND, SECOND

if TYPE_CHECKING:
    from collections.abc import Iterable

RECEIVE_BUFFER_OCTETS = 32 << 20

_ETH_P_ALL = 3
# linux/if_packet.h
_SOL_PACKET = 263
_PACKET_ADD_MEMBERSHIP = 1
_PACKET_STATISTICS = 6
_PACKET_AUXDATA = 8
_PACKET_IGNORE_OUTGOING = 23
_MR_PROMISC = 1
_MR_ALLMULTI = 2
_OUTGOING = 4
_VLAN_VALID = 0x10
_VLAN_TYPE_VALID = 0x40
_AUXDATA = struct.Struct("=IIIHHHH")  # status, length, captured, mac, net, tag, tag type
# asm-generic/socket.h
_SO_ATTACH_FILTER = 26
_SO_RCVBUFFORCE = 33
_SO_TIMESTAMPNS = 64  # the form with 64-bit seconds on every machine
_TIME = struct.Struct("=qq")

# A frame of a socket without a filter may be a merged one (GRO), larger than any on the wire.
_LARGEST_FRAME = 1 << 18
_ANCILLARY_OCTETS = 128
_GONE_POLL_NS = 200 * MILLISECOND
_FULL_QUEUE_NS = SECOND
_STAMPING_STARTS_NS = 2 * MILLISECOND
_VLAN_POSITION = 12
_DEFAULT_TAG_TYPE = 0x8100


class InterfaceDown(LinkError):  # noqa: N818 (it names what happened, the tree says error)
    """The interface was switched off; the same socket hears again once it is up."""


class InterfaceRemoved(LinkError):  # noqa: N818
    """The interface no longer exists; open a new socket by its name once it is back."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """What became of the frames that passed the filter since the socket was opened."""

    received: int
    """Frames that were queued for us, read or not yet read."""
    dropped: int
    """Frames that the kernel threw away because the buffer was full."""


class PacketSocket:
    """Sends and receives whole Ethernet frames on one interface."""

    def __init__(
        self,
        interface: str,
        *,
        everything: bool = False,
        all_multicast: bool = True,
        promiscuous: bool = False,
        hears_itself: bool = True,
        buffer_octets: int = RECEIVE_BUFFER_OCTETS,
    ) -> None:
        """Open `interface`; raise `LinkError` if it is missing or down or we may not.

        `everything` leaves the filter for membership messages away; `promiscuous` also hears
        frames to other hosts' unicast addresses. What this
        machine sends is heard, unless `hears_itself` is False.
        """
        self.interface = interfaces.find(interface)
        if not self.interface.is_ethernet:
            raise LinkError(
                f"{interface}: not an Ethernet interface "
                f"(hardware type {self.interface.hardware_type})"
            )
        if not self.interface.is_up:
            raise InterfaceDown(
                f"{interface}: the interface is down", hint=f"ip link set {interface} up"
            )
        self.notes: tuple[str, ...] = ()
        """What this socket had to do without, one line each, for people."""
        self._received = 0
        self._dropped = 0
        self._number = 0
        self._was_down = False
        self._held: Frame | None = None
        self._buffer = bytearray(_LARGEST_FRAME)
        self._view = memoryview(self._buffer)
        self._listener = _open_socket()
        self._sender = _open_socket()
        try:
            self._prepare(everything=everything, buffer_octets=buffer_octets)
            if all_multicast:
                self._add_membership(_MR_ALLMULTI)
            if not hears_itself:
                self._listener.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
            if promiscuous:
                self._add_membership(_MR_PROMISC)
            self._sender.bind((interface, 0))
            # The kernel starts to stamp frames in a work item of this processor
            # (net/core/dev.c:net_enable_timestamp); before that, a frame would get the time at
            # which it is read, the own query first of all. Waiting lets the item run.
            clock.wait_ns(_STAMPING_STARTS_NS)
            self._listener.bind((interface, _ETH_P_ALL))
        except OSError as error:
            self.close()
            raise LinkError(f"{interface}: {error.strerror}") from error

    def __enter__(self) -> Self:
        """Return the socket itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close both sockets; the kernel ends the memberships with them."""
        self._listener.close()
        self._sender.close()

    def fileno(self) -> int:
        """Return the descriptor that is readable when a frame waits."""
        return self._listener.fileno()

    def ended_by(self, error: MldkitError) -> MldkitError:
        """Return what to say of a failure that ends the work: a removal shows as going down first.

        The kernel lists its interfaces under the lock that it holds while it removes one.
        """
        if isinstance(error, InterfaceDown):
            index = self.interface.index
            if all(one.index != index for one in interfaces.interfaces()):
                return InterfaceRemoved(f"{self.interface.name}: the interface was removed")
        return error

    def statistics(self) -> Statistics:
        """Return the counts so far; the kernel's own start again at each reading, ours do not."""
        raw = self._listener.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8)
        passed, dropped = struct.unpack("=II", raw)  # the first counts the dropped ones too
        self._received += passed - dropped
        self._dropped += dropped
        return Statistics(self._received, self._dropped)

    def send(self, frame: bytes) -> None:
        """Send one whole frame."""
        self.send_many((frame,))

    def send_many(self, frames: Iterable[bytes]) -> int:
        """Send frames as fast as the device takes them; return their number.

        A full transmit queue is waited for, up to a second without any progress.
        """
        send = self._sender.send
        count = 0
        for frame in frames:
            try:
                send(frame)
            except OSError as error:
                self._send_slowly(frame, error)
            count += 1
        return count

    def take(self) -> Frame | None:
        """Return a frame that waits already, None when there is none."""
        frame, self._held = self._held, None
        return self._read() if frame is None else frame

    def receive(self, until_ns: int | None = None) -> Frame | None:
        """Return the next frame, or None when the monotonic time `until_ns` has come.

        Every frame that reached the interface before `until_ns` is returned, however late it is
        read; a later one stays for the next call. None for `until_ns` waits without end.
        """
        frame, self._held = self._held, None
        while frame is None:
            frame = self._read()
            if frame is None and not self._wait(until_ns):
                return None
        is_late = until_ns is not None and clock.now_ns() >= until_ns
        if is_late and clock.from_wall(frame.time_ns or 0) > (until_ns or 0):
            self._held = frame
            return None
        return frame

    def _prepare(self, *, everything: bool, buffer_octets: int) -> None:
        listener = self._listener
        if not everything:
            program = array.array("B", membership_filter())
            address, octets = program.buffer_info()
            descriptor = struct.pack("@HP", octets // 8, address)
            listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, descriptor)
        listener.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        listener.setsockopt(_SOL_PACKET, _PACKET_AUXDATA, 1)
        try:
            listener.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, buffer_octets)
        except PermissionError:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_octets)
            # The kernel doubles what is asked for, to pay for its own bookkeeping.
            granted = listener.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2
            if granted < buffer_octets:
                self.notes += (
                    f"receive buffer of {granted >> 10} KiB instead of {buffer_octets >> 10} KiB: "
                    f"without CAP_NET_ADMIN it is limited by the sysctl net.core.rmem_max",
                )

    def _add_membership(self, kind: int) -> None:
        request = struct.pack("@iHH8s", self.interface.index, kind, 0, b"")
        self._listener.setsockopt(_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, request)

    def _read(self) -> Frame | None:
        """Return a frame that waits already."""
        try:
            length, ancillary, _, address = self._listener.recvmsg_into(
                (self._buffer,), _ANCILLARY_OCTETS, socket.MSG_DONTWAIT
            )
        except BlockingIOError:
            return None
        except OSError as error:
            self._lost(error)
        data = bytes(self._view[:length])
        time_ns = 0
        original_length = None
        for level, kind, value in ancillary:
            if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS:
                seconds, nanoseconds = _TIME.unpack(value)
                time_ns = seconds * SECOND + nanoseconds
            elif level == _SOL_PACKET and kind == _PACKET_AUXDATA:
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
            interface=self.interface.name,
            outgoing=address[2] == _OUTGOING,
        )

    def _wait(self, until_ns: int | None) -> bool:
        """Wait for something to read; return False once `until_ns` has come."""
        timeout_ns = None if until_ns is None else until_ns - clock.now_ns()
        if timeout_ns is not None and timeout_ns <= 0:
            return False
        if self._was_down:
            # Removal comes after down and wakes nobody, the socket just loses its interface
            # (net/packet/af_packet.c:packet_notifier): ask.
            if self._listener.getsockname()[0] == "":
                self._lost(OSError(errno.ENODEV, os.strerror(errno.ENODEV)))
            timeout_ns = min(timeout_ns or _GONE_POLL_NS, _GONE_POLL_NS)
        select.select((self._listener,), (), (), timeout_ns and timeout_ns / SECOND)
        return True

    def _send_slowly(self, frame: bytes, error: OSError) -> None:
        """Send what the device did not take at once, or say why it cannot be sent."""
        give_up_ns = clock.now_ns() + _FULL_QUEUE_NS
        while error.errno == errno.ENOBUFS and clock.now_ns() < give_up_ns:
            clock.wait_ns(MILLISECOND)
            try:
                self._sender.send(frame)
            except OSError as next_error:
                error = next_error
            else:
                return
        if error.errno == errno.EMSGSIZE:
            raise LinkError(
                f"{self.interface.name}: a frame of {len(frame)} octets does not fit "
                f"the MTU of {self.interface.mtu}"
            ) from error
        self._lost(error)

    def _lost(self, error: OSError) -> NoReturn:
        name = self.interface.name
        if error.errno in (errno.ENODEV, errno.ENXIO):
            raise InterfaceRemoved(f"{name}: the interface was removed") from error
        if error.errno == errno.ENETDOWN:
            self._was_down = True
            raise InterfaceDown(
                f"{name}: the interface went down", hint=f"ip link set {name} up"
            ) from error
        raise LinkError(f"{name}: {os.strerror(error.errno or 0)}") from error


def _open_socket() -> socket.socket:
    try:
        # Protocol 0 hears nothing until the socket is bound to one.
        return socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    except PermissionError as error:
        raise LinkError(
            "no permission for packet sockets", hint="run it with sudo, or try mldkit demo"
        ) from error
    except OSError as error:
        raise LinkError(f"no packet sockets: {error.strerror}") from error


def _with_tag(data: bytes, tag: int, tag_type: int | None) -> bytes:
    header = struct.pack("!HH", tag_type or _DEFAULT_TAG_TYPE, tag)
    return data[:_VLAN_POSITION] + header + data[_VLAN_POSITION:]
