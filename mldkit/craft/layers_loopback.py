"""The loopback header of BSD and of macOS: four octets that name the address family.

::

    NULL  0    family in the byte order of the machine that captured   02 00 00 00 | 00 00 00 1e
    LOOP  108  family in network byte order                            00 00 00 02

Scapy's own `Loopback` reads little-endian values alone and gives others back changed.
"""

from __future__ import annotations

from scapy.fields import IntEnumField, LEIntEnumField
from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6
from scapy.packet import Packet, Raw

# AF_INET is 2 everywhere; AF_INET6 is 24 on NetBSD and OpenBSD, 28 on FreeBSD, 30 on macOS.
FAMILIES = {2: "IPv4", 24: "IPv6", 28: "IPv6", 30: "IPv6"}
_LAYERS = {"IPv4": IP, "IPv6": IPv6}
_VERSIONS = {4: IP, 6: IPv6}
_LARGEST = 0xFFFF


class _Header(Packet):  # type: ignore[misc]
    """What both byte orders share."""

    def guess_payload_class(self, payload: bytes) -> type[Packet]:
        """Return the IP layer that the family names; of an unknown one, the version's."""
        name = FAMILIES.get(self.family)
        layer: type[Packet] | None = _LAYERS[name] if name else _VERSIONS.get(payload[0] >> 4)
        return Raw if layer is None else layer


class LittleLoopback(_Header):
    """A family in little-endian order."""

    name = "loopback, little-endian"
    fields_desc = [LEIntEnumField("family", 2, FAMILIES)]


class BigLoopback(_Header):
    """A family in network byte order."""

    name = "loopback, network byte order"
    fields_desc = [IntEnumField("family", 2, FAMILIES)]


def layer_of(octets: bytes) -> type[_Header]:
    """Return the header whose byte order gives `octets` a family of two octets or fewer."""
    is_little = int.from_bytes(octets[:4], "little") <= _LARGEST
    return LittleLoopback if is_little else BigLoopback
