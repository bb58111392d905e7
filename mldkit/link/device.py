"""Frames in and out of one interface, with the kernel's own stamps.

`PacketSocket` is two AF_PACKET sockets on one interface: one listens to every protocol, the
other only sends. The kernel does not return a frame to the socket that sent it, so with two the
listener also sees the own frames (`Frame.outgoing`), and their stamp is when they really left.

The listener is made so that no frame is lost or invented at its start::

    socket(protocol 0)       hears nothing yet (`mldkit.link.socket_reserve`)
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

import errno
import os
import select
import socket
import struct
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn, Self

from mldkit.errors import LinkError, MldkitError
from mldkit.link import clock, interfaces
from mldkit.link import packet_options as options
from mldkit.link.packet_reader import SocketReader
from mldkit.link.socket_reserve import SocketReserve
from mldkit.model.units import MILLISECOND, SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from mldkit.model.datagram import Frame

RECEIVE_BUFFER_OCTETS = 32 << 20

_ETH_P_ALL = 3
_GONE_POLL_NS = 200 * MILLISECOND
_FULL_QUEUE_NS = SECOND
_STAMPING_STARTS_NS = 2 * MILLISECOND


class InterfaceDown(LinkError):  # noqa: N818 (it names what happened, the tree says error)
    """The interface was switched off; the same socket hears again once it is up."""


class InterfaceRemoved(LinkError):  # noqa: N818
    """The interface no longer exists; open a new socket by its name once it is back."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """What the kernel counted since the socket was opened."""

    received: int
    """Frames that passed the filter: read, still waiting, or dropped."""
    dropped: int
    """Those of them that the kernel threw away because the buffer was full."""


class PacketSocket:
    """Sends and receives whole Ethernet frames on one interface.

    It has more methods than a class should, because both directions share the errors of the
    interface, and whoever listens also wants to know what became of every frame.
    """

    def __init__(
        self,
        interface: str,
        *,
        everything: bool = False,
        all_multicast: bool = True,
        promiscuous: bool = False,
        hears_itself: bool = True,
        buffer_octets: int = RECEIVE_BUFFER_OCTETS,
        reserve: SocketReserve | None = None,
    ) -> None:
        """Open `interface`; raise `LinkError` if it is missing or down or we may not.

        `everything` leaves the filter for membership messages away; `promiscuous` also hears
        frames to other hosts' unicast addresses. What this
        machine sends is heard, unless `hears_itself` is False. A `reserve` has sockets for who may
        open none; its own buffer counts then.
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
        self._was_down = False
        self._held: Frame | None = None
        self.beside: dict[int, Callable[[], None]] = {}
        """Descriptors that are waited for as well, each with what is called when it is readable."""
        index = self.interface.index
        with nullcontext(reserve) if reserve else SocketReserve(buffer_octets) as sockets:
            self.notes += sockets.notes
            self._listener, self._sender = listener, sender = sockets.lend(index)
        self._reader = SocketReader(listener, interface)
        try:
            if everything:
                options.hear_everything(listener)
            else:
                options.hear_memberships_only(listener)
            if all_multicast:
                options.add_membership(listener, index, options.MR_ALLMULTI)
            if not hears_itself:
                listener.setsockopt(options.SOL_PACKET, options.PACKET_IGNORE_OUTGOING, 1)
            if promiscuous:
                options.add_membership(listener, index, options.MR_PROMISC)
            sender.bind((interface, 0))
            # The kernel starts to stamp frames in a work item of this processor
            # (net/core/dev.c:net_enable_timestamp); before that, a frame would get the time at
            # which it is read, the own query first of all. Waiting lets the item run.
            clock.wait_ns(_STAMPING_STARTS_NS)
            listener.bind((interface, _ETH_P_ALL))
            _check_bound(listener, index)
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
        raw = self._listener.getsockopt(options.SOL_PACKET, options.PACKET_STATISTICS, 8)
        received, dropped = struct.unpack("=II", raw)
        self._received += received
        self._dropped += dropped
        return Statistics(self._received, self._dropped)

    def stop(self) -> None:
        """Hear nothing more: what waits can still be taken, and the counts are final."""
        options.deafen(self._listener)

    def rest(self) -> Iterator[Frame]:
        """Give what waits still, after `stop`."""
        # It may have gone down meanwhile: all that came before that was given.
        with suppress(LinkError):
            while (frame := self.take()) is not None:
                yield frame

    @property
    def taken(self) -> int:
        """How many frames were given so far."""
        return self._reader.number - (self._held is not None)

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

    def _read(self) -> Frame | None:
        """Return a frame that waits already."""
        try:
            return self._reader.read()
        except OSError as error:
            self._lost(error)

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
        waited = (self.fileno(), *self.beside)
        ready, _, _ = select.select(waited, (), (), timeout_ns and timeout_ns / SECOND)
        for descriptor in ready:
            if descriptor in self.beside:
                self.beside[descriptor]()
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
            name, mtu = options.name_and_mtu(self._sender)
            raise LinkError(
                f"{name}: a frame of {len(frame)} octets does not fit the MTU of {mtu}"
            ) from error
        self._lost(error)

    def _lost(self, error: OSError) -> NoReturn:
        name = self._listener.getsockname()[0] or self.interface.name  # it may have another by now
        if error.errno in (errno.ENODEV, errno.ENXIO):
            raise InterfaceRemoved(f"{name}: the interface was removed") from error
        if error.errno == errno.ENETDOWN:
            self._was_down = True
            raise InterfaceDown(
                f"{name}: the interface went down", hint=f"ip link set {name} up"
            ) from error
        raise LinkError(f"{name}: {os.strerror(error.errno or 0)}") from error


def _check_bound(listener: socket.socket, index: int) -> None:
    """Raise OSError unless what had the name is what was bound: it may be another one by now."""
    if socket.if_nametoindex(listener.getsockname()[0]) != index:
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
