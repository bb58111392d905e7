"""Hash rules against published values and against sums computed the slow way."""

from __future__ import annotations

import random
import zlib

import pytest

from mldkit.macfilter import hashes
from mldkit.model.addresses import group_mac, parse, parse_mac

GOLDEN = parse_mac("01:aa:00:12:34:56")
RANDOM_MACS = [random.Random(5).randbytes(6) for _ in range(500)]


def crc_bit_by_bit(mac: bytes) -> int:
    """Ethernet's CRC-32 as IEEE 802.3 draws it: a shift register, most significant bit out."""
    register = 0xFFFFFFFF
    for octet in mac:
        for position in range(8):
            feedback = (register >> 31) ^ (octet >> position & 1)
            register = register << 1 & 0xFFFFFFFF
            if feedback:
                register ^= 0x04C11DB7
    return register


@pytest.mark.parametrize(("filter_type", "index"), [(0, 0x563), (1, 0xAC6), (2, 0x58D), (3, 0x634)])
def test_intels_types_give_the_values_of_the_drivers_code(filter_type: int, index: int) -> None:
    assert hashes.intel(GOLDEN, filter_type=filter_type) == index


@pytest.mark.parametrize("mac", RANDOM_MACS[:100], ids=lambda mac: mac.hex())
def test_intels_type_0_is_a_shift_of_the_last_two_octets(mac: bytes) -> None:
    assert hashes.INTEL_4096.index(mac) == (mac[4] >> 4 | mac[5] << 4)
    assert hashes.INTEL_1024.index(mac) == (mac[4] >> 6 | mac[5] << 2)


def test_the_sums_are_those_of_a_shift_register_and_of_zlib() -> None:
    for mac in RANDOM_MACS:
        assert hashes.ether_crc(mac) == crc_bit_by_bit(mac)
        assert hashes.ether_crc_le(mac) == zlib.crc32(mac) ^ 0xFFFFFFFF
        assert hashes.ether_crc_le(mac) == int(f"{crc_bit_by_bit(mac):032b}"[::-1], 2)


def test_the_check_value_of_crc_32_comes_out() -> None:
    # 0xcbf43926 is the published check value for "123456789", with the final inversion.
    assert hashes.ether_crc_le(b"123456789") ^ 0xFFFFFFFF == 0xCBF43926


@pytest.mark.parametrize(
    ("rule", "slowly"),
    [
        (hashes.CRC_HIGH_6, lambda crc: crc >> 26),
        (hashes.CRC_HIGH_9, lambda crc: crc >> 23),
        (hashes.CRC_LOW_6, lambda crc: crc & 63),
        (hashes.CRC_MIDDLE_6, lambda crc: crc >> 2 & 63),
        (hashes.CRC_LE_HIGH_6, lambda crc: int(f"{crc:032b}"[::-1][:6], 2)),
        (hashes.CRC_LE_LOW_7, lambda crc: int(f"{crc:032b}"[:7][::-1], 2)),
        (hashes.CRC_LE_LOW_9, lambda crc: int(f"{crc:032b}"[:9][::-1], 2)),
        (hashes.CRC_INVERTED_6, lambda crc: 63 - (crc >> 26)),
    ],
    ids=lambda value: getattr(value, "formula", ""),
)
def test_crc_rules_take_their_bits_of_the_slow_sum(rule: hashes.HashRule, slowly: object) -> None:
    assert callable(slowly)
    for mac in RANDOM_MACS:
        assert rule.index(mac) == slowly(crc_bit_by_bit(mac))


def test_the_exclusive_or_takes_every_sixth_bit() -> None:
    for mac in RANDOM_MACS:
        bits = [mac[place // 8] >> place % 8 & 1 for place in range(48)]
        expected = sum((sum(bits[j::6]) & 1) << j for j in range(6))
        assert hashes.EXCLUSIVE_OR_6.index(mac) == expected


def test_groups_of_the_specification_share_one_bit_of_the_large_table() -> None:
    groups = ("239.1.2.3", "239.99.2.3", "239.1.13.3", "ff05::abcd:3")
    assert {hashes.INTEL_4096.index(group_mac(parse(group))) for group in groups} == {0x030}


@pytest.mark.parametrize("rule", hashes.ALL_RULES, ids=lambda rule: rule.formula)
def test_every_bit_of_a_table_is_reached_and_none_outside(rule: hashes.HashRule) -> None:
    source = random.Random(1)
    seen = {rule.index(source.randbytes(6)) for _ in range(rule.table_bits * 16)}
    assert seen == set(range(rule.table_bits))


@pytest.mark.parametrize("rule", hashes.ALL_RULES, ids=lambda rule: rule.formula)
def test_an_index_changes_by_what_changed_in_the_address_alone(rule: hashes.HashRule) -> None:
    source = random.Random(2)
    for _ in range(200):
        one, other, change = (source.getrandbits(48) for _ in range(3))

        def effect(number: int, change: int = change) -> int:
            return rule.index(number.to_bytes(6, "big")) ^ rule.index(
                (number ^ change).to_bytes(6, "big")
            )

        assert effect(one) == effect(other)


@pytest.mark.parametrize(
    ("table_bits", "groups", "percent"), [(4096, 10, 0.24), (4096, 500, 11.5), (64, 100, 79)]
)
def test_a_table_lets_as_many_strangers_in_as_the_formula_says(
    table_bits: int, groups: int, percent: float
) -> None:
    assert 100 * (1 - (1 - 1 / table_bits) ** groups) == pytest.approx(percent, rel=0.02)
    rule = hashes.INTEL_4096 if table_bits == 4096 else hashes.CRC_HIGH_6
    source, passed, frames = random.Random(3), 0, 40_000
    for _ in range(20):
        bits = {rule.index(b"\x33\x33" + source.randbytes(4)) for _ in range(groups)}
        strangers = (b"\x33\x33" + source.randbytes(4) for _ in range(frames // 20))
        passed += sum(rule.index(mac) in bits for mac in strangers)
    assert 100 * passed / frames == pytest.approx(percent, rel=0.3)
