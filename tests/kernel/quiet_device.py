"""A device that speaks IPv6 but no MLD: it answers who asks for it, and never reports a group."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from mldkit.link import clock
from mldkit.link.device import PacketSocket
from mldkit.model.addresses import ALL_NODES, group_mac, parse
from mldkit.wire.checksum import icmpv6_checksum

if TYPE_CHECKING:
    from tests.conftest import Namespace

ADDRESS = parse("fe80::77")
_MAC = b"\2\0\0\0\0\x77"
_ICMPV6, _SOLICITATION, _ADVERTISEMENT = 58, 135, 136
_OWN_MAC = b"\2\1" + _MAC
"""The option with the hardware address of a target."""


class QuietDevice:
    """Its network card and its few words, at the interface of a namespace without IPv6."""

    def __init__(self, space: Namespace, interface: str) -> None:
        with space.entered():
            self._card = PacketSocket(interface, everything=True, hears_itself=False)

    def answer(self) -> None:
        """Answer the solicitations that came since the last time."""
        while (frame := self._card.receive(clock.now_ns())) is not None:
            data = frame.data
            is_asked = data[12:14] == b"\x86\xdd" and data[20] == _ICMPV6
            if is_asked and data[54] == _SOLICITATION and data[62:78] == ADDRESS:
                self._say(
                    _ADVERTISEMENT, b"\x60\0\0\0" + ADDRESS + _OWN_MAC, data[22:38], data[6:12]
                )

    def speak(self) -> None:
        """Tell everybody its address, as a neighbour may do unasked."""
        self._say(_SOLICITATION, bytes(4) + parse("fe80::78"), ALL_NODES, group_mac(ALL_NODES))

    def close(self) -> None:
        """Switch it off."""
        self._card.close()

    def _say(self, kind: int, body: bytes, to: bytes, mac: bytes) -> None:
        blank = struct.pack("!BBH", kind, 0, 0) + body
        checksum = icmpv6_checksum(ADDRESS, to, blank)
        message = blank[:2] + checksum.to_bytes(2) + blank[4:]
        head = struct.pack("!IHBB", 6 << 28, len(message), _ICMPV6, 255)
        self._card.send(mac + _MAC + b"\x86\xdd" + head + ADDRESS + to + message)
