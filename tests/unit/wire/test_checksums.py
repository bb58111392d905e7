"""The catalogue of malformed input, M-30 and M-31: checksums and the mistakes behind them."""

from __future__ import annotations

import struct

import pytest
from scapy.utils import checksum

from mldkit.model.addresses import parse
from mldkit.testing.frames import SOURCES, query, read
from mldkit.wire.checksum import icmpv6_checksum, internet_checksum, ones_sum
from mldkit.wire.validity import find

SOURCE = SOURCES[6]
G6 = parse("ff05::1")
ANY4, ANY6 = bytes(4), bytes(16)


@pytest.mark.parametrize(
    ("change", "pattern"),
    [
        (lambda _right, _: 0, "never filled in"),
        (lambda right, _: right ^ 1, "one too"),
        (lambda right, _: (right << 8 | right >> 8) & 0xFFFF, "swapped"),
        (lambda _, message: internet_checksum(message), "pseudo-header was left out"),
        (
            lambda _, message: icmpv6_checksum(SOURCE, parse("ff02::16"), message),
            "summed for destination ff02::16",
        ),
    ],
    ids=["zero", "off by one", "swapped octets", "no pseudo-header", "other destination"],
)
def test_m30_wrong_checksums_are_named_when_recognised(change, pattern: str) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    message = query(G6)
    right = icmpv6_checksum(SOURCE, G6, message)
    value = change(right, message)
    decoded = read(message[:2] + value.to_bytes(2, "big") + message[4:], "ff05::1", fix=False)

    (finding,) = find(decoded)
    assert finding.id == "V-01"
    assert finding.severity == "error"
    assert pattern in finding.detail
    assert f"0x{right:04x}" in finding.detail


def test_m30_a_sum_over_eight_of_twelve_octets_is_recognised() -> None:
    message = query(ANY4)
    wrong = internet_checksum(message[:8])
    decoded = read(message[:2] + wrong.to_bytes(2, "big") + message[4:], "224.0.0.1", fix=False)

    assert "only the first 8 octets" in find(decoded)[0].detail


def test_m31_a_checksum_left_to_the_device_is_no_error() -> None:
    # What CHECKSUM_PARTIAL leaves in the field: the folded sum of the pseudo-header.
    message = query(ANY6)
    words = struct.unpack("!16H", SOURCE + parse("ff02::1"))
    total = sum(words) + len(message) + 58
    folded = (total & 0xFFFF) + (total >> 16)
    decoded = read(message[:2] + folded.to_bytes(2, "big") + message[4:], "ff02::1", fix=False)

    assert decoded.checksum == "unknown"
    assert [(finding.id, finding.severity) for finding in find(decoded)] == [("V-01", "info")]


@pytest.mark.parametrize(
    "octets",
    [
        pytest.param(bytes.fromhex("1164000000000000ee9b"), id="words that sum to 0xffff"),
        pytest.param(bytes.fromhex("ffff"), id="one word of ones"),
        pytest.param(bytes.fromhex("0001"), id="a field of 0xfffe"),
        pytest.param(bytes.fromhex("220000000000000102"), id="an odd octet"),
    ],
)
def test_the_field_of_a_sum_of_zero_is_zero_as_everybody_writes_it(octets: bytes) -> None:
    assert internet_checksum(octets) == checksum(octets)
    padded = octets + bytes(len(octets) % 2)
    assert ones_sum(padded + internet_checksum(octets).to_bytes(2, "big")) == 0
