"""Each defect, judged by tshark and by the codec, which knows nothing of Scapy."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from scapy.utils import wrpcap

from mldkit.craft.build import build, frame_bytes
from mldkit.craft.defects import Defects, apply
from mldkit.errors import UsageError
from mldkit.model import messages as m
from mldkit.model.addresses import parse as address
from mldkit.model.datagram import Datagram, Decoded, Frame
from mldkit.model.notation import parse_record
from mldkit.wire.decode import decode

SENDER = bytes.fromhex("020000000001")
IGMP_QUERY = Datagram(
    address("10.9.0.1"),
    address("224.0.0.1"),
    m.Query(3, bytes(4), 100, robustness=2, interval_code=125),
    traffic_class=0xC0,
    link_source=SENDER,
)
MLD_QUERY = Datagram(
    address("fe80::1"),
    address("ff02::1"),
    m.Query(2, bytes(16), 10000, robustness=2, interval_code=125),
    link_source=SENDER,
)
MLD_REPORT = Datagram(
    address("fe80::1"),
    address("ff02::16"),
    m.Report((parse_record("IS_EX(ff05::1)"), parse_record("ALLOW(ff3e::1,{2001:db8::1})"))),
    link_source=SENDER,
)
BOTH = pytest.mark.parametrize(
    "datagram", [pytest.param(IGMP_QUERY, id="igmp"), pytest.param(MLD_QUERY, id="mld")]
)


def sent(datagram: Datagram, defects: Defects) -> bytes:
    return frame_bytes(apply(build(datagram), defects))


def received(datagram: Datagram, defects: Defects) -> Decoded:
    decoded = decode(Frame(sent(datagram, defects)))
    assert isinstance(decoded, Decoded)
    return decoded


def tshark(tmp_path: Path, octets: bytes, *fields: str) -> list[str]:
    """Return what tshark reads from the fields of one frame."""
    if shutil.which("tshark") is None:
        pytest.skip("tshark is not installed")
    path = tmp_path / "frame.pcap"
    wrpcap(str(path), [octets], linktype=1)
    command = ["tshark", "-r", str(path), "-o", "ip.check_checksum:TRUE", "-T", "fields"]
    for field in fields:
        command += ["-e", field]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.rstrip("\n").split("\t")


@BOTH
def test_without_defects_the_frame_stays_what_it_was(datagram: Datagram) -> None:
    assert sent(datagram, Defects()) == frame_bytes(build(datagram))


@pytest.mark.parametrize(
    "message",
    [
        m.Query(1, bytes(4)),
        m.Query(2, bytes(4), 100),
        m.Query(3, address("239.1.1.1"), 0xFE, sources=(address("10.0.0.1"),)),
        m.Report((parse_record("IS_EX(239.1.1.1)"), m.GroupRecord(2, b"\xef\1\1\2", (), bytes(8)))),
        m.LegacyReport(1, address("239.1.1.1")),
        m.LegacyReport(2, address("239.1.1.1")),
        m.Leave(2, address("239.1.1.1")),
    ],
)
def test_tshark_finds_nothing_wrong_with_igmp(tmp_path: Path, message: m.Message) -> None:
    octets = frame_bytes(build(Datagram(*IGMP_ENDS, message, traffic_class=0xC0)))

    fields = ("igmp.checksum.status", "ip.checksum.status", "_ws.malformed", "_ws.expert.severity")

    assert tshark(tmp_path, octets, *fields) == ["1", "1", "", ""]


IGMP_ENDS = (address("10.9.0.1"), address("224.0.0.22"))
MLD_ENDS = (address("fe80::1"), address("ff02::16"))


@pytest.mark.parametrize(
    "message",
    [
        m.Query(1, bytes(16), 10000),
        m.Query(2, address("ff05::1"), 0x8388, sources=(address("2001:db8::1"),)),
        m.Report((parse_record("IS_EX(ff05::1)"), parse_record("ALLOW(ff3e::1,{::1,::2})"))),
        m.Report(
            (m.GroupRecord(2, address("ff05::1"), (), bytes(8)), parse_record("TO_EX(ff05::2)"))
        ),
        m.LegacyReport(1, address("ff05::1")),
        m.Leave(1, address("ff05::1")),
        m.RouterAdvertisement(),
        m.RouterSolicitation(),
        m.RouterTermination(),
    ],
)
def test_tshark_finds_nothing_wrong_with_mld(tmp_path: Path, message: m.Message) -> None:
    octets = frame_bytes(build(Datagram(*MLD_ENDS, message)))

    fields = ("icmpv6.checksum.status", "_ws.malformed", "_ws.expert.severity")

    assert tshark(tmp_path, octets, *fields) == ["1", "", ""]


def test_tshark_reads_every_record_with_auxiliary_data_between(tmp_path: Path) -> None:
    first = m.GroupRecord(2, address("ff05::1"), (), bytes(8))
    octets = frame_bytes(
        build(Datagram(*MLD_ENDS, m.Report((first, parse_record("TO_EX(ff05::2)")))))
    )

    assert tshark(tmp_path, octets, "icmpv6.mldr.mar.multicast_address") == ["ff05::1,ff05::2"]


@BOTH
def test_a_bad_checksum_is_bad_and_nothing_else_is(tmp_path: Path, datagram: Datagram) -> None:
    decoded = received(datagram, Defects(bad_checksum=True))
    octets = sent(datagram, Defects(bad_checksum=True))

    assert decoded.checksum == "bad"
    assert decoded.datagram.message == datagram.message
    status = "igmp.checksum.status" if datagram is IGMP_QUERY else "icmpv6.checksum.status"
    assert tshark(tmp_path, octets, status) == ["0"]


@BOTH
def test_the_hop_limit_is_what_was_asked_for(datagram: Datagram) -> None:
    decoded = received(datagram, Defects(hop_limit=64))

    assert decoded.datagram.hop_limit == 64
    assert decoded.checksum == "ok"


@BOTH
def test_no_router_alert_leaves_no_header_of_it(tmp_path: Path, datagram: Datagram) -> None:
    defects = Defects(no_router_alert=True)

    decoded = received(datagram, defects)

    assert decoded.datagram.router_alert is None
    assert (decoded.datagram.message, decoded.checksum) == (datagram.message, "ok")
    assert decoded.remarks == ()
    field = "ip.hdr_len" if datagram is IGMP_QUERY else "ipv6.nxt"
    expected = "20" if datagram is IGMP_QUERY else "58"
    assert tshark(tmp_path, sent(datagram, defects), field) == [expected]


@BOTH
@pytest.mark.parametrize("before", [0, None])
def test_a_router_alert_of_any_value_replaces_or_adds_one(
    datagram: Datagram, before: int | None
) -> None:
    start = Datagram(datagram.source, datagram.destination, datagram.message, router_alert=before)

    decoded = received(start, Defects(router_alert=35))

    assert decoded.datagram.router_alert == 35
    assert (decoded.datagram.message, decoded.checksum) == (datagram.message, "ok")


@pytest.mark.parametrize(
    ("datagram", "destination", "link_destination"),
    [
        (IGMP_QUERY, "239.129.1.1", "01005e010101"),
        (MLD_QUERY, "ff02::6a", "33330000006a"),
        (MLD_QUERY, "fe80::2", "333300000001"),
    ],
)
def test_a_destination_takes_the_hardware_address_of_its_group_along(
    datagram: Datagram, destination: str, link_destination: str
) -> None:
    decoded = received(datagram, Defects(destination=address(destination)))

    assert decoded.datagram.destination == address(destination)
    assert decoded.datagram.link_destination == bytes.fromhex(link_destination)
    assert decoded.checksum == "ok"


@BOTH
def test_a_link_destination_wins_over_the_one_of_the_group(datagram: Datagram) -> None:
    other = address("ff02::6a" if datagram is MLD_QUERY else "224.0.0.106")

    decoded = received(datagram, Defects(destination=other, link_destination=SENDER))

    assert decoded.datagram.destination == other
    assert decoded.datagram.link_destination == SENDER


@BOTH
@pytest.mark.parametrize("tags", [(5,), (100, 200), (1, 2, 3, 4, 5, 6, 7, 8)])
def test_a_vlan_stack_goes_in_front_outer_tag_first(
    tmp_path: Path, datagram: Datagram, tags: tuple[int, ...]
) -> None:
    decoded = received(datagram, Defects(vlan=tags))

    assert decoded.datagram.vlan == tags
    assert decoded.checksum == "ok"
    shown = tshark(tmp_path, sent(datagram, Defects(vlan=tags)), "vlan.id")
    assert shown == [",".join(map(str, tags))]


def test_a_vlan_stack_replaces_the_one_that_is_there() -> None:
    tagged = Datagram(*MLD_ENDS, MLD_QUERY.message, vlan=(7, 8))

    assert received(tagged, Defects(vlan=(9,))).datagram.vlan == (9,)


@BOTH
def test_trailing_octets_are_counted_and_summed(datagram: Datagram) -> None:
    decoded = received(datagram, Defects(trailing=b"\1\2\3"))

    message = decoded.datagram.message
    assert isinstance(message, m.Query)
    assert message.trailing == b"\1\2\3"
    assert decoded.checksum == "ok"
    assert decoded.remarks == ()


@pytest.mark.parametrize(
    ("datagram", "setting", "rule"),
    [
        pytest.param(IGMP_QUERY, "IGMPv3Query.number_of_sources=5", "V-10", id="sources"),
        pytest.param(MLD_QUERY, "MLDv2Query.number_of_sources=0xffff", "V-10", id="0xffff"),
        pytest.param(MLD_REPORT, "MLDv2Report.number_of_records=3", "V-11", id="records"),
        pytest.param(MLD_REPORT, "MLDv2Record[1].aux_length=255", "V-10", id="aux length"),
    ],
)
def test_a_count_that_lies_has_a_right_checksum(
    datagram: Datagram, setting: str, rule: str
) -> None:
    decoded = received(datagram, Defects(settings=(setting,)))

    assert decoded.malformed is not None
    assert decoded.malformed.id == rule
    assert decoded.checksum == "ok"


@pytest.mark.parametrize(
    ("datagram", "setting", "field", "shown"),
    [
        (IGMP_QUERY, "IP.flags=MF", "ip.flags", "0x01"),
        (IGMP_QUERY, "IP.len=0x20", "ip.len", "32"),
        (IGMP_QUERY, "IP.src=10.9.9.9", "ip.src", "10.9.9.9"),
        (IGMP_QUERY, "Ether.src=02:00:00:00:00:09", "eth.src", "02:00:00:00:00:09"),
        (IGMP_QUERY, "IGMPv3Query.max_response_code=20s", "igmp.max_resp", "200"),
        (IGMP_QUERY, "IGMPv3Query.sources=10.0.0.1,10.0.0.2", "igmp.num_src", "2"),
        (IGMP_QUERY, "IGMPv3Query.qrv=7", "igmp.qrv", "7"),
        (IGMP_QUERY, "IPOption_Router_Alert.alert=9", "ip.opt.ra", "9"),
        (MLD_QUERY, "IPv6.hlim=255", "ipv6.hlim", "255"),
        (MLD_QUERY, "RouterAlert.value=2", "ipv6.opt.router_alert", "2"),
        (MLD_QUERY, "MLDv2Query.group=ff05::1", "icmpv6.mld.multicast_address", "ff05::1"),
        (MLD_QUERY, "IPv6ExtHdrHopByHop.options=hex:050200090100", "ipv6.opt.router_alert", "9"),
        (MLD_REPORT, "MLDv2Record.type=TO_IN", "icmpv6.mldr.mar.record_type", "3,5"),
        (MLD_REPORT, "MLDv2Record[1].type=7", "icmpv6.mldr.mar.record_type", "2,7"),
        (MLD_REPORT, "MLDv2Report.trailing=hex:00ff", "ipv6.plen", "74"),
    ],
)
def test_any_field_takes_the_value_that_tshark_shows(
    tmp_path: Path, datagram: Datagram, setting: str, field: str, shown: str
) -> None:
    octets = sent(datagram, Defects(settings=(setting,)))

    assert tshark(tmp_path, octets, field) == [shown]


def test_a_destination_that_was_set_is_in_the_pseudo_header(tmp_path: Path) -> None:
    octets = sent(MLD_QUERY, Defects(settings=("IPv6.dst=ff02::6a",)))

    assert tshark(tmp_path, octets, "icmpv6.checksum.status") == ["1"]


@pytest.mark.parametrize("with_bad_checksum", [False, True])
def test_a_checksum_that_was_set_stays(with_bad_checksum: bool) -> None:
    defects = Defects(bad_checksum=with_bad_checksum, settings=("IGMPv3Query.checksum=0xbeef",))

    assert received(IGMP_QUERY, defects).checksum_value == 0xBEEF


@pytest.mark.parametrize(
    ("setting", "said", "hint"),
    [
        ("IGMPv3Query", "not LAYER.FIELD=VALUE", "IGMPv3Query.qrv=7"),
        (f"IP[{'9' * 5000}].ttl=1", "not LAYER.FIELD=VALUE", "IGMPv3Query.qrv=7"),
        ("Query.qrv=1", "no layer Query", "Ether IP IPOption_Router_Alert IGMPv3Query"),
        ("IGMPv3Query.robustness=1", "no field robustness", "suppress qrv qqic"),
        ("IGMPv3Query[1].qrv=1", "the packet has 1 of IGMPv3Query", None),
        ("IGMPv3Query.qrv=8", "3 bits wide", "0 to 7"),
        ("IGMPv3Query.qrv=-1", "3 bits wide", "0 to 7"),
        ("IGMPv3Query.qrv=many", "not a number", "0x05"),
        ("IGMPv3Query.group=ff05::1", "other family", None),
        ("IGMPv3Query.group=here", "not an IPv4 or IPv6 address", None),
        ("IGMPv3Query.sources=10.0.0.1,x", "not an IPv4 or IPv6 address", None),
        ("IGMPv3Query.trailing=hex:0", "no value for trailing", None),
        ("IGMPv3Query.max_response_code=soon", "not a duration", None),
        ("Ether.dst=02:00", "no value for dst", None),
        ("IP.flags=XX", "no value for flags", None),
    ],
)
def test_what_cannot_be_set_is_a_usage_error_that_lists_what_can(
    setting: str, said: str, hint: str | None
) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        sent(IGMP_QUERY, Defects(settings=(setting,)))

    assert "\n" not in caught.value.message
    if hint is not None:
        assert hint in str(caught.value.hint)


@pytest.mark.parametrize(
    ("defects", "said"),
    [
        (Defects(hop_limit=256), "8 bits wide"),
        (Defects(router_alert=65536), "16 bits wide"),
        (Defects(vlan=(4096,)), "vlan 4096"),
        (Defects(vlan=tuple(range(9))), "up to 8"),
        (Defects(destination=address("ff02::1")), "carried by IPv4"),
        (Defects(no_router_alert=True, router_alert=1), "exclude each other"),
    ],
)
def test_a_defect_that_cannot_be_is_a_usage_error(defects: Defects, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        sent(IGMP_QUERY, defects)


def test_the_packet_that_was_given_stays_as_it_was() -> None:
    packet = build(MLD_QUERY)
    before = frame_bytes(packet)

    apply(packet, Defects(vlan=(1,), hop_limit=9, no_router_alert=True, trailing=b"x"))

    assert frame_bytes(packet) == before
