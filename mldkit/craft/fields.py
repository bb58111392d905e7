"""Scapy fields that membership messages need and Scapy lacks or gets wrong.

Reading and writing the same octets is the contract of every field here: what a length field
claims beyond the octets that are there is left unread (the message keeps it in `trailing`), so
the lists hold whole items only and a dissected packet is rebuilt as it was.

    field               wire                             at the prompt
    CodeField           code of 8 or 16 bits             138, 0x8a, "20s"   shown with its time
    NameField           number                           4, "TO_EX"         shown with its name
    ExtensionFlagField  flag bits, E first (RFC 9279)    None: E set when there are extensions
    AddressListField    addresses, N of them             ["10.0.0.1", ...]
    RecordListField     group records, M of them         [IGMPv3Record(...), ...]
    ExtensionListField  TLVs when E is set               [Extension(...), ...]
    AuxDataField        octets, padded to 32-bit words   b"..."
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from scapy.fields import BitField, Field, FieldListField, PacketListField, XStrField, XStrLenField

from mldkit.model import codes
from mldkit.model.notation import parse_duration
from mldkit.model.units import SECOND

WORD = 4
"""Octets in which auxiliary data is counted (RFC 9776 §4.2.6, RFC 9777 §5.2.6)."""


def time_text(time_ns: int) -> str:
    """Return a time in the largest unit that keeps it readable."""
    return f"{time_ns / SECOND:g}s"


class CodeField(Field):  # type: ignore[misc]
    """A time as its wire code: Max Resp(onse) Code or QQIC.

    The value is always the code. A text with a unit is a time and becomes the code of the
    largest representable time not above it (RFC 9776 §8.8).
    """

    __slots__ = ["floating", "unit_ns", "width", "zero_ns"]

    def __init__(
        self,
        name: str,
        default: int,
        *,
        width: int,
        unit_ns: int,
        floating: bool = True,
        zero_ns: int = 0,
    ) -> None:
        super().__init__(name, default, {8: "B", 16: "!H"}[width])
        self.width = width
        self.unit_ns = unit_ns
        self.floating = floating
        self.zero_ns = zero_ns

    def any2i(self, pkt: Any, x: Any) -> Any:  # noqa: ARG002
        """Return the code for a number or a time such as `10s`."""
        if not isinstance(x, str):
            return x
        if x.isdecimal():
            return int(x)
        value = parse_duration(x) // self.unit_ns
        if self.floating:
            return codes.encode(value, width=self.width)
        return min(value, (1 << self.width) - 1)

    def i2repr(self, pkt: Any, x: Any) -> str:  # noqa: ARG002
        """Return the code with the time that it means."""
        if not isinstance(x, int) or not 0 <= x < 1 << self.width:
            return repr(x)
        value = codes.decode(x, width=self.width) if self.floating else x
        time_ns = value * self.unit_ns or self.zero_ns
        is_float = self.floating and x >> (self.width - 1)
        number = f"0x{x:x}" if is_float else str(x)
        return f"{number} ({time_text(time_ns)})"


class NameField(Field):  # type: ignore[misc]
    """A number with names; unknown numbers stay numbers."""

    __slots__ = ["names", "number_format"]

    def __init__(
        self, name: str, default: int, names: Mapping[int, str], *, number_format: str = "d"
    ) -> None:
        super().__init__(name, default, "B")
        self.names = dict(names)
        self.number_format = number_format

    def any2i(self, pkt: Any, x: Any) -> Any:  # noqa: ARG002
        """Return the number for a number or a known name; raise ValueError for other names."""
        if not isinstance(x, str):
            return x
        for number, name in self.names.items():
            if name.casefold() == x.casefold():
                return number
        return int(x, 0)

    def i2repr(self, pkt: Any, x: Any) -> str:  # noqa: ARG002
        """Return the name with its number."""
        if not isinstance(x, int):
            return repr(x)
        number = format(x, self.number_format)
        return f"{self.names[x]} ({number})" if x in self.names else number


class ExtensionFlagField(BitField):  # type: ignore[misc]
    """Flag bits of which the first is E; None sets E exactly when there are extensions."""

    def i2m(self, pkt: Any, x: Any) -> Any:
        """Return the bits to send."""
        if x is None:
            return self.extension_bit if pkt.extensions else 0
        return x

    def i2repr(self, pkt: Any, x: Any) -> str:
        """Return the bits in hexadecimal, with `E` when that bit is set."""
        bits = self.i2m(pkt, x)
        return f"0x{bits:x}" + (" (E)" if bits & self.extension_bit else "")

    @property
    def extension_bit(self) -> int:
        """The E flag (RFC 9279)."""
        return 1 << int(self.size) - 1


class AddressListField(FieldListField):  # type: ignore[misc]
    """Addresses, as many as counted or as are there; no bound on their number."""

    def any2i(self, pkt: Any, x: Any) -> list[Any]:
        """Return the addresses of a list, a tuple or a single one."""
        return list(super().any2i(pkt, list(x) if isinstance(x, tuple) else x))

    def getfield(self, pkt: Any, s: bytes) -> tuple[bytes, list[Any]]:
        """Return the octets behind the list, and the whole addresses."""
        size = self.field.sz
        end = size * min(self.count_from(pkt), len(s) // size)
        return s[end:], [self.field.m2i(pkt, s[at : at + size]) for at in range(0, end, size)]


class RecordListField(PacketListField):  # type: ignore[misc]
    """Group records, as many as counted or as are whole; no bound on their number."""

    __slots__ = ["address_octets"]

    def __init__(self, name: str, cls: Any, *, address_octets: int, count_field: str) -> None:
        super().__init__(name, [], cls, count_from=lambda pkt: pkt.getfieldval(count_field))
        self.address_octets = address_octets

    def any2i(self, pkt: Any, x: Any) -> list[Any]:
        """Return the records of a list, a tuple or a single one."""
        return list(super().any2i(pkt, list(x) if isinstance(x, tuple) else x))

    def getfield(self, pkt: Any, s: bytes) -> tuple[bytes, list[Any]]:
        """Return the octets behind the last whole record, and the records."""
        records: list[Any] = []
        fixed = WORD + self.address_octets
        at = 0
        for _ in range(self.count_from(pkt)):
            if at + fixed > len(s):
                break
            sources = int.from_bytes(s[at + 2 : at + 4], "big")
            end = at + fixed + sources * self.address_octets + s[at + 1] * WORD
            if end > len(s):
                break
            records.append(self.m2i(pkt, s[at:end]))
            at = end
        return s[at:], records


class ExtensionListField(PacketListField):  # type: ignore[misc]
    """Extensions of RFC 9279: there when E is set and the rest is a sound list, else nothing."""

    __slots__ = ["has_extensions"]

    def __init__(self, name: str, cls: Any, *, has_extensions: Callable[[Any], bool]) -> None:
        super().__init__(name, [], cls)
        self.has_extensions = has_extensions

    def any2i(self, pkt: Any, x: Any) -> list[Any]:
        """Return the extensions of a list, a tuple or a single one."""
        return list(super().any2i(pkt, list(x) if isinstance(x, tuple) else x))

    def getfield(self, pkt: Any, s: bytes) -> tuple[bytes, list[Any]]:
        """Return the octets that are no extension, and the extensions (RFC 9279)."""
        if not self.has_extensions(pkt):
            return s, []
        ends = _extension_ends(s)
        starts = [0, *ends[:-1]]
        if not ends or ends[-1] != len(s):
            return s, []
        return b"", [self.m2i(pkt, s[at:end]) for at, end in zip(starts, ends, strict=True)]


def _extension_ends(s: bytes) -> list[int]:
    ends = []
    at = 0
    while at + 4 <= len(s):
        at += 4 + int.from_bytes(s[at + 2 : at + 4], "big")
        ends.append(at)
    return ends


class AuxDataField(XStrLenField):  # type: ignore[misc]
    """Auxiliary data, padded to whole words unless `aux_length` says how many are claimed."""

    def __init__(self, name: str, default: bytes = b"") -> None:
        super().__init__(name, default, length_from=lambda pkt: pkt.aux_length * WORD)

    def i2m(self, pkt: Any, x: Any) -> bytes:
        """Return the octets to send."""
        data = bytes(super().i2m(pkt, x))
        if pkt is not None and pkt.aux_length is None:
            data += bytes(-len(data) % WORD)
        return data


class TrailingField(XStrField):  # type: ignore[misc]
    """Every octet behind the last defined field (RFC 9776 §4.1.10, RFC 9777 §5.1.12)."""

    def __init__(self) -> None:
        super().__init__("trailing", b"")
