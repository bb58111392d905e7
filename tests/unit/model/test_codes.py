"""The floating-point codes against the boundary table and its digests."""

from __future__ import annotations

import hashlib

import pytest

from mldkit.model import codes

EIGHT_BITS = {
    0x00: 0, 0x7F: 127, 0x80: 128, 0x81: 136, 0x8F: 248, 0x90: 256, 0x9F: 496, 0xA0: 512,
    0xAF: 992, 0xB0: 1024, 0xBF: 1984, 0xC0: 2048, 0xCF: 3968, 0xD0: 4096, 0xDF: 7936,
    0xE0: 8192, 0xEF: 15872, 0xF0: 16384, 0xFE: 30720, 0xFF: 31744,
}  # fmt: skip
SIXTEEN_BITS = {
    0x7FFF: 32767, 0x8000: 32768, 0x8001: 32776, 0x8FFF: 65528, 0x9000: 65536, 0x9FFF: 131056,
    0xA000: 131072, 0xAFFF: 262112, 0xB000: 262144, 0xBFFF: 524224, 0xC000: 524288,
    0xCFFF: 1048448, 0xD000: 1048576, 0xDFFF: 2096896, 0xE000: 2097152, 0xEFFF: 4193792,
    0xF000: 4194304, 0xFFFE: 8386560, 0xFFFF: 8387584,
}  # fmt: skip


@pytest.mark.parametrize(("code", "value"), EIGHT_BITS.items(), ids=hex)
def test_w06_eight_bit_codes_have_the_values_of_the_rfc(code: int, value: int) -> None:
    assert codes.decode(code, width=8) == value
    assert codes.encode(value, width=8) == code


@pytest.mark.parametrize(("code", "value"), SIXTEEN_BITS.items(), ids=hex)
def test_w07_sixteen_bit_codes_have_the_values_of_the_rfc(code: int, value: int) -> None:
    assert codes.decode(code, width=16) == value
    assert codes.encode(value, width=16) == code


@pytest.mark.parametrize(
    ("width", "digest"),
    [
        (8, "6208303a2cea92fb0f24cdd2ab2782d61d3ed70edab9ac8819db4aabdcaab2b1"),
        (16, "d65df4880803b7a4215934811faf0b7e84306422be1568f1a4869446001541b2"),
    ],
)
def test_w06_w07_every_code_has_its_value(width: int, digest: str) -> None:
    values = [codes.decode(code, width=width) for code in range(1 << width)]

    assert hashlib.sha256(" ".join(map(str, values)).encode()).hexdigest() == digest
    assert values == sorted(set(values)), "both codes are strictly increasing"


@pytest.mark.parametrize("width", [8, 16])
def test_w09_every_code_comes_back_from_its_value(width: int) -> None:
    for code in range(1 << width):
        assert codes.encode(codes.decode(code, width=width), width=width) == code


@pytest.mark.parametrize(
    ("value", "width", "code"),
    [
        (129, 8, 0x80), (135, 8, 0x80), (154, 8, 0x83), (255, 8, 0x8F), (300, 8, 0x92),
        (3600, 8, 0xCC), (31743, 8, 0xFE), (31744, 8, 0xFF), (10**9, 8, 0xFF), (-5, 8, 0),
        (32769, 16, 0x8000), (32775, 16, 0x8000), (65535, 16, 0x8FFF), (8387583, 16, 0xFFFE),
        (8387584, 16, 0xFFFF), (10**9, 16, 0xFFFF), (40000, 16, 0x8388), (60000, 16, 0x8D4C),
        (100000, 16, 0x986A),
    ],
)  # fmt: skip
def test_w09_a_value_between_two_codes_takes_the_lower(value: int, width: int, code: int) -> None:
    assert codes.encode(value, width=width) == code


def test_is_exact_tells_values_that_need_rounding() -> None:
    assert codes.is_exact(10_000, width=16)
    assert codes.is_exact(40_000, width=16)
    assert not codes.is_exact(65_535, width=16)
    assert not codes.is_exact(154, width=8)
