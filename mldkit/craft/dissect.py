"""One frame field by field: the layer's class name, the field, where it stands, what it holds.

The names are those that `LAYER.FIELD=VALUE` takes. Offsets count from the first octet of the
captured frame; a field of some bits shows the octets that it lies in.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from scapy.packet import NoPayload, Packet

from mldkit.craft.convert import SCAPY_FAULTS, parse
from mldkit.model.datagram import Frame


class FieldRow(NamedTuple):
    """One field of one layer."""

    layer: str
    """Class name; items of a list carry their position: `MLDv2Record[1]`."""
    name: str
    offset: int
    octets: str
    """Hexadecimal."""
    value: str


def frame_fields(frame: Frame) -> list[FieldRow]:
    """Return the fields of `frame` in the order of its octets, to the last octet."""
    rows: list[FieldRow] = []
    offset = 0
    layer = parse(frame.data, frame.link_type)
    while not isinstance(layer, NoPayload):
        offset = _layer(layer, type(layer).__name__, offset, rows)
        layer = layer.payload
    if offset < len(frame.data):
        rest = frame.data[offset:]
        rows.append(FieldRow("Padding", "load", offset, rest.hex(), _octets_text(rest)))
    return rows


def _value(layer: Packet, field: Any) -> str:
    """Return what the field holds; octets without a meaning are counted, they stand beside."""
    value = layer.getfieldval(field.name)
    return _octets_text(value) if isinstance(value, bytes) else str(field.i2repr(layer, value))


def _octets_text(octets: bytes) -> str:
    return "1 octet" if len(octets) == 1 else f"{len(octets)} octets"


def _layer(layer: Packet, name: str, offset: int, rows: list[FieldRow]) -> int:
    """Append the fields of one layer; return the offset behind it."""
    octets = bytes(layer.raw_packet_cache or layer.self_build())
    rest: Any = octets
    start_bit = 0
    for field in layer.fields_desc:
        if start_bit >= 8 * len(octets):
            break
        first = start_bit // 8
        try:
            rest, value = field.getfield(layer, rest)
        except SCAPY_FAULTS:
            # A length that lies made Scapy read this field with the help of octets behind it.
            unread = octets[first:]
            rows.append(FieldRow(name, field.name, offset + first, unread.hex(), "unreadable"))
            break
        end_bit = _bits_read(octets, rest)
        stop = -(-end_bit // 8)
        items = value if isinstance(value, list) else []
        if any(isinstance(item, Packet) for item in items):
            _items(layer.getfieldval(field.name), offset + first, rows)
        elif stop > first:
            row = (name, field.name, offset + first, octets[first:stop].hex())
            rows.append(FieldRow(*row, _value(layer, field)))
        start_bit = end_bit
    return offset + len(octets)


def _items(items: list[Packet], offset: int, rows: list[FieldRow]) -> None:
    counts: dict[str, int] = {}
    for item in items:
        kind = type(item).__name__
        index = counts[kind] = counts.get(kind, -1) + 1
        offset = _layer(item, f"{kind}[{index}]", offset, rows)


def _bits_read(octets: bytes, rest: Any) -> int:
    """Return how many bits of `octets` are read; inside an octet Scapy hands on a pair."""
    left, bits = rest[:2] if isinstance(rest, tuple) else (rest, 0)
    return 8 * (len(octets) - len(left)) + int(bits)
