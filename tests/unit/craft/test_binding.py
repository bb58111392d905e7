from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from scapy.layers.inet import IP
from scapy.layers.inet6 import ICMPv6MLQuery2, ICMPv6ND_NS, IPv6, IPv6ExtHdrHopByHop
from scapy.layers.l2 import Ether
from scapy.packet import Raw
from scapy.utils import rdpcap

from mldkit.craft.binding import bind, unbind
from mldkit.craft.build import build, frame_bytes
from mldkit.craft.layers_igmp import IGMPv3Query
from mldkit.craft.layers_mld import MLDHopByHop, MLDv2Query, MLDv2Report
from mldkit.model.addresses import parse as address
from mldkit.model.datagram import Datagram
from mldkit.model.messages import Query

IGMP_FRAME = frame_bytes(
    build(Datagram(address("10.9.0.1"), address("224.0.0.1"), Query(3, bytes(4), 100)))
)
MLD_FRAME = frame_bytes(
    build(Datagram(address("fe80::1"), address("ff02::1"), Query(2, bytes(16), 10000)))
)


@pytest.fixture
def bound() -> Iterator[None]:
    bind()
    yield
    unbind()


@pytest.mark.usefixtures("bound")
def test_bound_layers_come_out_of_scapys_own_dissection() -> None:
    assert IGMPv3Query in Ether(IGMP_FRAME)
    assert MLDv2Query in Ether(MLD_FRAME)
    assert MLDv2Query in IPv6(MLD_FRAME[14:])
    assert MLDHopByHop in Ether(MLD_FRAME)
    assert IPv6ExtHdrHopByHop in Ether(MLD_FRAME)


@pytest.mark.usefixtures("bound")
@pytest.mark.parametrize(
    "header", ["3a", "3a00050200000100", "3a0005020000010087", "1100010400000000"]
)
def test_a_hop_by_hop_header_of_others_stays_scapys(header: str) -> None:
    octets = bytes.fromhex(header)

    packet = IPv6(bytes(IPv6(src="fe80::1", dst="ff02::1", nh=0, plen=len(octets))) + octets)

    assert type(packet.payload) in {IPv6ExtHdrHopByHop, Raw}


@pytest.mark.usefixtures("bound")
def test_a_recording_of_the_kernel_is_read_with_all_its_records(shared: Path) -> None:
    packets = rdpcap(str(shared / "kernel-captures" / "01-mldv2-general.pcap"))

    reports = [packet[MLDv2Report] for packet in packets if MLDv2Report in packet]

    # what the kernel was asked to join, newest group first
    assert [record.group for record in reports[-1].records] == [
        "ff02::fb",
        "ff3e::1",
        "ff0e::2",
        "ff05::1",
        "ff02::1:ff00:2",
    ]


@pytest.mark.usefixtures("bound")
def test_reading_invents_nothing() -> None:
    without = IGMP_FRAME[:14] + b"\x45\xc0\x00\x20" + IGMP_FRAME[18:34] + IGMP_FRAME[38:]

    packet = Ether(without)

    assert packet[IP].options == []
    assert bytes(packet) == without


@pytest.mark.usefixtures("bound")
def test_other_icmpv6_stays_with_scapy() -> None:
    packet = IPv6(bytes(IPv6(src="fe80::1", dst="ff02::1:ff00:2") / ICMPv6ND_NS(tgt="fe80::2")))

    assert ICMPv6ND_NS in packet


@pytest.mark.usefixtures("bound")
def test_fragments_are_not_read_as_messages() -> None:
    first, second = (
        IP(src="10.9.0.1", dst="224.0.0.22", proto=2, flags=flags, frag=frag) / IGMP_FRAME[38:]
        for flags, frag in (("MF", 0), (0, 1))
    )

    assert type(IP(bytes(first)).payload) is Raw
    assert type(IP(bytes(second)).payload) is Raw


def test_unbound_scapy_reads_as_before() -> None:
    guesses = (IP.payload_guess, IPv6.payload_guess)

    bind()
    bind()
    unbind()

    assert (IP.payload_guess, IPv6.payload_guess) == guesses
    assert ICMPv6MLQuery2 in Ether(MLD_FRAME)
    assert type(Ether(IGMP_FRAME)[IP].payload) is Raw


CHANGES_NOTHING = """
from scapy.config import conf
from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrHopByHop, ICMPv6MLQuery2, icmp6typescls
from scapy.layers.l2 import Ether

def state():
    lowers = (Ether, IP, IPv6, IPv6ExtHdrHopByHop)
    guesses = [list(lower.payload_guess) for lower in lowers]
    return guesses, dict(icmp6typescls), conf.max_list_count, conf.checkIPaddr

before = state()
import mldkit.craft.build, mldkit.craft.convert, mldkit.craft.defects, mldkit.craft.binding
assert state() == before
import sys
assert "scapy.all" not in sys.modules
import mldkit.craft.prompt
assert state() != before
mldkit.craft.prompt.unbind()
assert state() == before
"""


def test_importing_changes_nothing_and_the_prompt_says_that_it_does() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CHANGES_NOTHING], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
