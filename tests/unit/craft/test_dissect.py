"""One frame field by field, where the octets do not fit the fields that Scapy expects."""

from __future__ import annotations

import pytest

from mldkit.craft.dissect import frame_fields
from mldkit.model.datagram import Frame
from mldkit.testing.envelopes import V4, V6, v6_with, with_ip_sum


def with_options(options: bytes) -> bytes:
    """Return the IGMP query with other IPv4 options."""
    words = 5 + len(options) // 4
    header = bytearray(V4[14:34])
    header[0] = 0x40 | words
    header[2:4] = (words * 4 + 12).to_bytes(2, "big")
    return with_ip_sum(V4[:14] + bytes(header) + options + V4[38:])


@pytest.mark.parametrize("option", [0x83, 0x89], ids=["loose", "strict"])
def test_an_option_that_ends_inside_a_field_keeps_its_octets(option: int) -> None:
    # A source route (RFC 791 §3.1) that claims 2 octets, less than its three fixed fields.
    frame = with_options(bytes((option, 2, 4, 1, 2, 3, 4, 0)))
    rows = frame_fields(Frame(frame))

    (route,) = [row for row in rows if row.name == "routers"]
    assert route.octets == "01020304"
    assert route.offset == 14 + 20 + 3
    assert route.value == "unreadable"
    assert rows[-1].layer.startswith("IGMPv3Query")


@pytest.mark.parametrize(
    "frame",
    [
        v6_with(bytes((60, 0, 1, 4, 0, 0, 0, 0)) * 8000 + bytes((58, 0, 1, 4, 0, 0, 0, 0)), 60),
        V6[:12] + b"\x81\x00\x00\x01" * 16000 + V6[12:],
        V4[:14] + (b"\x45" + V4[15:23] + b"\x04" + V4[24:34]) * 3000,
    ],
    ids=["8000 extension headers", "16000 tags", "3000 packets in packets"],
)
def test_layers_without_end_are_no_recursion_without_end(frame: bytes) -> None:
    rows = frame_fields(Frame(frame))

    last = rows[-1]
    assert last.offset + len(last.octets) // 2 == len(frame)
