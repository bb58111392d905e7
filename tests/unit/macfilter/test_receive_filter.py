"""Verdicts of each device against what its driver and emulated hardware were measured to do."""

from __future__ import annotations

import random
import zlib

import pytest

from mldkit.errors import UsageError
from mldkit.macfilter.devices import (
    DEVICES,
    EXACT,
    Device,
    Fallback,
    SortingPlace,
    device_of,
    find_device,
)
from mldkit.macfilter.receive_filter import BROADCAST, Passage, ReceiveFilter
from mldkit.model.addresses import group_mac, parse, parse_mac

OWN = parse_mac("02:00:00:00:00:01")
STRANGER = parse_mac("02:00:00:00:99:99")
SOURCE = random.Random(8)
MANY = tuple(b"\x33\x33" + SOURCE.randbytes(4) for _ in range(12_000))
FOREIGN = tuple(b"\x01\x00\x5e" + SOURCE.randbytes(3) for _ in range(400))
FILTERING = [device for device in DEVICES if device.kind is SortingPlace.FILTER]


def macs(*groups: str) -> tuple[bytes, ...]:
    return tuple(group_mac(parse(group)) for group in groups)


def build(nic: str, multicast: tuple[bytes, ...] = (), **settings: object) -> ReceiveFilter:
    return ReceiveFilter(find_device(nic), multicast, OWN, **settings)  # type: ignore[arg-type]


def passing(wanted: ReceiveFilter) -> int:
    return sum(wanted.accepts(mac).outcome is Passage.PASSES for mac in FOREIGN)


@pytest.mark.parametrize("device", FILTERING, ids=lambda device: device.id)
@pytest.mark.parametrize("number", [0, 1, 5])
def test_what_is_listed_passes_everywhere(device: Device, number: int) -> None:
    wanted = ReceiveFilter(device, MANY[:number], OWN)
    for mac in (*MANY[:number], OWN, BROADCAST):
        assert wanted.accepts(mac).outcome is Passage.PASSES, mac.hex(":")
    assert wanted.accepts(STRANGER).outcome is Passage.DROPPED or device.hashes_unicast


@pytest.mark.parametrize("device", DEVICES, ids=lambda device: device.id)
def test_flags_open_every_device(device: Device) -> None:
    everything = ReceiveFilter(device, (), OWN, promiscuous=True)
    groups = ReceiveFilter(device, (), OWN, all_multicast=True)
    for mac in FOREIGN:
        assert everything.accepts(mac).outcome is Passage.PASSES
        assert groups.accepts(mac).outcome is Passage.PASSES
    if device.promiscuity_opens_unicast:
        assert everything.accepts(STRANGER).outcome is Passage.PASSES
    if device.kind is not SortingPlace.NO_FILTER and not device.hashes_unicast:
        assert groups.accepts(STRANGER).outcome is Passage.DROPPED


def test_the_reason_names_the_group_that_shares_the_bit() -> None:
    joined, asked = macs("239.99.2.3", "239.1.2.3")
    wanted = build("e1000e", (joined,), names={joined: "239.99.2.3"})
    assert wanted.accepts(asked) == ("passes", "hash bit 0x030 shared with 239.99.2.3", 0x030)


def test_the_reason_counts_exact_entries_in_list_order() -> None:
    listed = macs("239.0.0.1", "239.0.0.2", "239.0.0.3")
    assert build("bnxt", listed).accepts(listed[2]).reason == "exact entry 3"


def test_many_groups_never_open_an_e1000e() -> None:
    # Measured with the real driver: 509 groups, and the filter still works by its bits.
    wanted = build("e1000e", MANY[:509])
    bits = {mac[4] >> 4 | mac[5] << 4 for mac in MANY[:509]}
    for mac in FOREIGN:
        verdict = wanted.accepts(mac)
        assert (verdict.outcome is Passage.PASSES) == (mac[4] >> 4 | mac[5] << 4 in bits)
        assert verdict.bit == mac[4] >> 4 | mac[5] << 4


def test_14_secondary_unicast_addresses_fit_an_e1000e_and_15_open_it_for_unicast() -> None:
    secondary = tuple(b"\x02\x00\x00\x00\x01" + bytes((number,)) for number in range(15))
    exactly = build("e1000e", (), unicast=secondary[:14])
    assert exactly.accepts(STRANGER).outcome is Passage.DROPPED
    assert exactly.accepts(secondary[3]).reason == "unicast entry 4"

    too_many = build("e1000e", (), unicast=secondary)
    assert too_many.accepts(STRANGER).outcome is Passage.PASSES
    assert passing(too_many) == 0


@pytest.mark.parametrize(
    ("nic", "fits", "overflow"),
    [
        # Measured with the real drivers on emulated devices: 9 groups, then 20, 70, 500 more.
        ("8139cp", 32, True), ("virtio_net", 64, True), ("e100@qemu", 64, True),
        ("vmxnet3", 10922, True), ("bnxt", 16, True), ("atlantic", 32, True),
        ("stmmac", 64, True), ("tulip", 1000, True), ("asix", 64, True), ("r8152", 32, True),
        ("e1000", 500, False), ("pcnet32", 4, False), ("lan78xx", 500, False),
        ("igb", 500, False), ("ixgbe", 500, False), ("e1000e-ich", 200, False),
    ],
)  # fmt: skip
def test_a_full_table_lets_all_multicast_in_where_the_driver_gives_up(
    nic: str, fits: int, overflow: bool
) -> None:
    at_the_limit, above = build(nic, MANY[:fits]), build(nic, MANY[: fits + 1])
    assert passing(at_the_limit) < len(FOREIGN)
    assert (passing(above) == len(FOREIGN)) == overflow
    assert above.accepts(STRANGER).outcome is Passage.DROPPED
    if overflow:
        reason = above.accepts(FOREIGN[0]).reason
        assert reason.startswith(f"{fits + 1} addresses are more than {fits}")


@pytest.mark.parametrize("nic", ["cdc_ether", "hv_netvsc", "r8169-ver35"])
def test_some_devices_open_at_the_first_group(nic: str) -> None:
    assert passing(build(nic)) == 0
    assert passing(build(nic, MANY[:1])) == len(FOREIGN)


def test_virtio_counts_unicast_and_multicast_together() -> None:
    secondary = tuple(b"\x02\x00\x00\x00\x01" + bytes((number,)) for number in range(10))
    assert passing(build("virtio_net", MANY[:54], unicast=secondary)) == 0
    assert passing(build("virtio_net", MANY[:55], unicast=secondary)) == len(FOREIGN)


def test_e1000_fills_14_exact_slots_less_the_unicast_ones_before_it_hashes() -> None:
    plain = build("e1000", MANY[:20])
    assert plain.accepts(MANY[13]).reason == "exact entry 14"
    assert plain.accepts(MANY[14]).reason.startswith("hash bit")
    secondary = (STRANGER,)
    assert build("e1000", MANY[:20], unicast=secondary).accepts(MANY[13]).reason.startswith("hash")


def test_tulip_puts_all_into_the_hash_once_14_are_not_enough() -> None:
    assert build("tulip", MANY[:14]).accepts(MANY[0]).reason == "exact entry 1"
    many = build("tulip", MANY[:15])
    assert many.accepts(MANY[0]).bit == (zlib.crc32(MANY[0]) ^ 0xFFFFFFFF) & 0x1FF
    assert many.accepts(MANY[0]).reason.startswith("hash bit")


def test_secondary_unicast_addresses_open_a_device_that_does_not_filter_them() -> None:
    # net/core/dev.c:__dev_set_rx_mode; r8169 is without IFF_UNICAST_FLT.
    assert passing(build("r8169", MANY[:1])) < len(FOREIGN)
    opened = build("r8169", MANY[:1], unicast=(STRANGER,))
    assert passing(opened) == len(FOREIGN)
    # Where nothing is known a drop cannot be promised any more.
    doubtful = build("pcnet32", MANY[:1], unicast=(STRANGER,))
    outcomes = {doubtful.accepts(mac).outcome for mac in FOREIGN}
    assert outcomes == {Passage.PASSES, Passage.UNKNOWN}
    assert doubtful.accepts(STRANGER).outcome is Passage.PASSES


def test_the_tap_filter_has_eight_places_own_address_and_broadcast_included() -> None:
    # drivers/net/tun.c:update_filter: eight exact entries, then 64 bits of ether_crc >> 26.
    wanted = build("tap", MANY[:7])
    assert wanted.accepts(MANY[5]).reason == "exact entry 6"
    assert wanted.accepts(MANY[6]).reason.startswith("hash bit")
    opened = build("tap", MANY[:1], unicast=tuple(bytes((2, 0, 0, 0, 3, n)) for n in range(7)))
    assert passing(opened) == len(FOREIGN)


def test_emulated_e1000e_lets_foreign_unicast_through_its_hash() -> None:
    joined = group_mac(parse("239.1.2.3"))
    twin = parse_mac("02:aa:bb:cc:02:03")
    assert build("e1000e@qemu", (joined,)).accepts(twin).outcome is Passage.PASSES
    assert build("e1000e", (joined,)).accepts(twin).outcome is Passage.DROPPED


@pytest.mark.parametrize("nic", ["macvlan", "ipvlan", "e100", "ena", "xen-netfront"])
def test_what_cannot_be_seen_is_unknown(nic: str) -> None:
    wanted = build(nic, MANY[:3])
    assert {wanted.accepts(mac).outcome for mac in FOREIGN} == {Passage.UNKNOWN}


def test_a_bit_of_pause_frames_is_unknown_on_sky2() -> None:
    pause = parse_mac("01:80:c2:00:00:01")
    outcomes = {mac: build("sky2").accepts(mac) for mac in FOREIGN}
    assert {verdict.outcome for verdict in outcomes.values()} == {Passage.DROPPED, Passage.UNKNOWN}
    assert build("sky2").accepts(pause).outcome is Passage.UNKNOWN


@pytest.mark.parametrize("nic", ["veth", "dummy", "netdevsim", "tun"])
def test_a_device_without_filter_says_so(nic: str) -> None:
    verdict = build(nic).accepts(STRANGER)
    assert verdict == (Passage.PASSES, f"{nic} has no receive filter", None)


def test_a_list_that_only_the_firmware_can_count_says_so() -> None:
    assert "as long as" in build("mlx5e", MANY[:3]).accepts(MANY[0]).reason
    assert "as long as" in build("i40e", MANY[:3]).accepts(FOREIGN[0]).reason


def test_a_driver_that_drops_or_fails_is_never_said_to_switch_a_flag_on() -> None:
    opening = {device.id for device in DEVICES if device.too_many is Fallback.ALL_MULTICAST}
    assert not opening & {"e1000e", "igb", "ixgbe", "e1000", "r8169", "tg3", "macb", "fec"}
    assert {"r8152", "8139too", "e100", "bnxt_en", "atlantic", "stmmac", "vmxnet3"} <= opening
    assert find_device("mlx5e").too_many is Fallback.LOST


def test_unknown_nics_are_refused_with_the_list() -> None:
    assert find_device("exact") is EXACT
    with pytest.raises(UsageError) as caught:
        find_device("eth0")
    assert "e1000e" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("release", "row"),
    [
        ("6.7.12-amd64", "r8169-before-6.8"),
        ("5.15.0-91-generic", "r8169-before-6.8"),
        ("6.8.0", "r8169"),
        ("6.18.44-rc1", "r8169"),
        ("10.0", "r8169"),
        ("nonsense", "r8169"),
    ],
)
def test_the_row_of_a_driver_is_that_of_its_kernel(release: str, row: str) -> None:
    found = device_of("r8169", release)
    assert found is not None
    assert found.id == row


def test_a_driver_that_nobody_knows_has_no_row() -> None:
    assert device_of("xyzzy", "6.8") is None
    assert device_of("", "6.8") is None


def test_r8169_gave_up_at_33_groups_before_linux_6_8() -> None:
    groups = tuple(bytes.fromhex("01005e0000") + bytes((number,)) for number in range(33))
    older, newer = (find_device(name) for name in ("r8169-before-6.8", "r8169"))
    assert ReceiveFilter(older, groups[:32]).strangers() < 1  # type: ignore[operator]
    assert ReceiveFilter(older, groups).strangers() == 1
    assert ReceiveFilter(newer, groups).strangers() < 1  # type: ignore[operator]


@pytest.mark.parametrize("nic", ["e1000e", "8139cp", "tap", "tulip", "sky2"])
def test_the_share_of_strangers_is_what_random_groups_show(nic: str) -> None:
    chance = random.Random(5)
    listed = tuple(b"\x01\x00\x5e" + chance.randbytes(3) for _ in range(20))
    wanted = ReceiveFilter(find_device(nic), listed)
    strangers = [b"\x33\x33" + chance.randbytes(4) for _ in range(20_000)]
    passed = sum(wanted.accepts(mac).outcome is Passage.PASSES for mac in strangers)
    share = wanted.strangers()
    assert share is not None
    assert abs(passed / len(strangers) - share) < 0.02


@pytest.mark.parametrize(
    ("nic", "share"),
    [("veth", 1.0), ("macvlan", None), ("ena", None), ("i40e", None), ("exact", 0.0)],
)
def test_where_the_share_of_strangers_is_known(nic: str, share: float | None) -> None:
    assert ReceiveFilter(find_device(nic), (b"\x01\x00\x5e\x01\x02\x03",)).strangers() == share


def test_a_driver_with_two_tables_needs_its_chip() -> None:
    rows = [device_of("e1000e", "6.12", chip) for chip in (0x10D3, 0x10EA, None)]
    assert [row.id if row else None for row in rows] == ["e1000e", "e1000e-ich", None]
    assert device_of("igb", "6.12") is find_device("igb")
