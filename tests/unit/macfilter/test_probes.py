"""Marked frames and how deep they get, against the measured table of a plain veth pair."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from scapy.layers.inet import UDP
from scapy.layers.l2 import Ether
from scapy.packet import Packet

from mldkit.macfilter.hashes import CRC_HIGH_6
from mldkit.macfilter.probes import Layer, Probe, ReceivingInterface, Sender, choose, number_of
from mldkit.macfilter.receive_filter import BROADCAST
from mldkit.model.addresses import group_mac, parse, parse_mac, text

OWN = parse_mac("02:00:00:00:00:02")
JOINED = (parse("239.1.2.3"), parse("ff15::4321:1234"))
STATION = ReceivingInterface(
    OWN, frozenset(JOINED), frozenset(map(parse, ("224.0.0.1", "ff02::1")))
)
SENDER = Sender(parse_mac("02:00:00:00:00:01"), parse("10.9.0.1"), parse("fe80::1"))
STRANGER = parse_mac("02:00:00:00:00:99")
OTHER_MAC = parse_mac("01:00:5e:7f:7f:7f")


@pytest.mark.parametrize("group", JOINED, ids=text)
@pytest.mark.parametrize(
    ("mac", "layer"),
    [(None, "socket"), (OTHER_MAC, "socket"), (OWN, "socket"), (BROADCAST, "socket"),
     (STRANGER, "device")],
    ids=["its mac", "foreign multicast mac", "own mac", "broadcast", "other host's mac"],
)  # fmt: skip
def test_a_joined_group_gets_to_its_socket_in_any_mac_but_another_hosts(
    group: bytes, mac: bytes | None, layer: str
) -> None:
    assert STATION.layer(Probe("", mac or group_mac(group), group)) == layer


@pytest.mark.parametrize(
    ("group", "layer"),
    [("225.1.2.3", "device"), ("ff05::4321:1234", "device"), ("224.0.0.1", "ip"),
     ("ff02::1", "ip"), ("ff01::1", "device"), ("ff00::1", "device")],
)  # fmt: skip
def test_other_groups_end_where_nobody_wants_them(group: str, layer: str) -> None:
    packed = parse(group)
    assert STATION.layer(Probe("", group_mac(packed), packed)) == layer


@pytest.mark.parametrize("group", JOINED, ids=text)
def test_a_frame_is_one_that_scapy_reads_with_right_checksums(group: bytes) -> None:
    octets = SENDER.frame(Probe("", group_mac(group), group), 123_456)

    packet: Packet = Ether(octets)
    assert packet.dst == group_mac(group).hex(":")
    assert packet.payload.dst == text(group)
    rebuilt: Packet = Ether(octets)
    for layer in (rebuilt.payload, rebuilt[UDP]):
        for field in ("chksum", "len", "plen"):
            if field in layer.fields:
                delattr(layer, field)
    # An IPv4 datagram carries no UDP checksum, which RFC 768 allows.
    if len(group) == 4:
        rebuilt[UDP].chksum = 0
    assert bytes(rebuilt) == octets
    assert number_of(octets) == 123_456


def test_octets_without_a_mark_have_no_number() -> None:
    assert number_of(b"") is None
    assert number_of(b"....MLDK\x00\x00") is None
    assert number_of(SENDER.frame(Probe("", OWN, b""), 7)) == 7


def test_frames_of_every_kind_are_chosen_and_foreign_ones_are_not_listed() -> None:
    listed = {group_mac(group) for group in JOINED}
    probes = choose(STATION, listed, CRC_HIGH_6, random.Random(1), foreign=50)

    kinds = Counter(probe.kind for probe in probes)
    assert kinds["foreign"] == 100
    assert set(kinds) == {
        "joined", "kernel's own", "same mac", "same bit", "own mac", "broadcast", "not IP",
        "twin", "wrong mac", "foreign unicast", "one host only", "foreign",
    }  # fmt: skip
    bits = {CRC_HIGH_6.index(mac) for mac in listed}
    for probe in probes:
        if probe.kind == "same bit":
            assert probe.mac not in listed
            assert CRC_HIGH_6.index(probe.mac) in bits
        if probe.kind == "same mac":
            assert probe.mac in listed
            assert probe.group not in JOINED
        if probe.kind == "foreign":
            assert probe.mac not in listed
    assert {STATION.layer(probe) for probe in probes} == {Layer.DEVICE, Layer.IP, Layer.SOCKET}
