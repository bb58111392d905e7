"""How deep a marked frame gets behind one interface: seen at four places.

::

    packet socket          device   what the receive filter let in
    raw socket of UDP      ip       what the IP layer took, because this host is in the group
    joined UDP socket      socket
    unjoined UDP socket             must never get anything

Every socket belongs to the one interface under test.
"""

from __future__ import annotations

import socket
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from mldkit.errors import LinkError
from mldkit.link import clock, datagrams
from mldkit.link.device import PacketSocket
from mldkit.link.interfaces import find
from mldkit.link.membership import HeldMemberships, Wish
from mldkit.macfilter.probes import PORT, Layer, Mode, number_of
from mldkit.model.units import MILLISECOND

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mldkit.model.addresses import Address

_LARGEST_DATAGRAM = 2048
_DEPTH = {Layer.NONE: 0, Layer.DEVICE: 1, Layer.IP: 2, Layer.SOCKET: 3}


@dataclass(slots=True)
class Observation:
    """What was seen of the frames of one batch, by number."""

    layers: dict[int, Layer] = field(default_factory=dict)
    by_unjoined: set[int] = field(default_factory=set)

    def layer(self, number: int) -> Layer:
        """Return the deepest place where a frame was seen."""
        return self.layers.get(number, Layer.NONE)

    def note(self, number: int | None, layer: Layer) -> None:
        """Take down that a frame was seen somewhere."""
        if number is not None and _DEPTH[layer] > _DEPTH[self.layer(number)]:
            self.layers[number] = layer


class MembershipSocket:
    """A socket's memberships on an interface, and a socket beside it that has joined nothing."""

    def __init__(self, interface: str, groups: Iterable[Address]) -> None:
        """Join; the groups are held until `close`."""
        self._held = ExitStack()
        of_port = datagrams.of_port(PORT)
        groups = tuple(groups)
        families = sorted({len(group) for group in groups})
        with self._held:
            joined = self._held.enter_context(HeldMemberships(find(interface), of_port))
            for group in groups:
                joined.join(Wish(group))
            self.joined = tuple(joined.sockets())
            self.unjoined = tuple(
                self._held.enter_context(of_port(_socket_family(octets))) for octets in families
            )
            self.raw = tuple(
                self._held.enter_context(datagrams.of_every_port(_socket_family(octets), interface))
                for octets in families
            )
            self._held = self._held.pop_all()

    def close(self) -> None:
        """Leave the groups."""
        self._held.close()


class Observer:
    """Watches an interface in one mode; the flags end with it, even by `kill -9`."""

    def __init__(self, interface: str, membership: MembershipSocket, mode: Mode) -> None:
        self._membership = membership
        self._device = PacketSocket(
            interface,
            everything=True,
            all_multicast=mode is Mode.ALLMULTICAST,
            promiscuous=mode is Mode.PROMISC,
        )

    def __enter__(self) -> Self:
        """Return the observer itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop, and give the flags of the mode back."""
        self._device.close()

    def collect(self, seen: Observation) -> None:
        """Take everything that waits on any socket."""
        while (frame := self._device.receive(clock.now_ns())) is not None:
            if not frame.outgoing:
                seen.note(number_of(frame.data), Layer.DEVICE)
        for layer, sockets in (
            (Layer.IP, self._membership.raw),
            (Layer.SOCKET, self._membership.joined),
        ):
            for data in _waiting(sockets):
                seen.note(number_of(data), layer)
        for data in _waiting(self._membership.unjoined):
            number = number_of(data)
            if number is not None:
                seen.by_unjoined.add(number)

    def wait(self) -> None:
        """Let the kernel work for a moment."""
        clock.wait_ns(MILLISECOND)


def _waiting(sockets: Iterable[socket.socket]) -> Iterable[bytes]:
    for receiver in sockets:
        while True:
            try:
                yield receiver.recv(_LARGEST_DATAGRAM, socket.MSG_DONTWAIT)
            except BlockingIOError:
                break
            except OSError as error:
                raise LinkError(f"cannot receive: {error.strerror}") from error


def _socket_family(octets: int) -> socket.AddressFamily:
    return socket.AF_INET if octets == 4 else socket.AF_INET6
