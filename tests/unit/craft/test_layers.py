from __future__ import annotations

from typing import Any

import pytest
from scapy.config import conf
from scapy.layers.inet import IP, IPOption_Router_Alert
from scapy.layers.inet6 import IPv6
from scapy.packet import Raw

from mldkit.craft.layers_igmp import (
    IGMPMessage,
    IGMPQuery,
    IGMPRouterAdvertisement,
    IGMPRouterSolicitation,
    IGMPRouterTermination,
    IGMPv1Query,
    IGMPv1Report,
    IGMPv2Leave,
    IGMPv2Query,
    IGMPv2Report,
    IGMPv3Query,
    IGMPv3Report,
)
from mldkit.craft.layers_mld import (
    MLDHopByHop,
    MLDMessage,
    MLDQuery,
    MLDRouterAdvertisement,
    MLDRouterSolicitation,
    MLDRouterTermination,
    MLDv1Done,
    MLDv1Query,
    MLDv1Report,
    MLDv2Query,
    MLDv2Report,
)
from mldkit.craft.message import Extension, IGMPv3Record, MLDv2Record

WORDS = bytes(range(8))


@pytest.mark.parametrize(
    ("dispatcher", "octets", "layer"),
    [
        pytest.param(IGMPMessage, "1100" + 6 * "00", IGMPv1Query, id="8 octets, code 0"),
        pytest.param(IGMPMessage, "1101" + 6 * "00", IGMPv2Query, id="8 octets, code 1"),
        pytest.param(IGMPMessage, "1101" + 7 * "00", IGMPQuery, id="9 octets"),
        pytest.param(IGMPMessage, "1101" + 9 * "00", IGMPQuery, id="11 octets"),
        pytest.param(IGMPMessage, "1101" + 10 * "00", IGMPv3Query, id="12 octets"),
        pytest.param(IGMPMessage, "1101" + 5 * "00", Raw, id="7 octets"),
        pytest.param(IGMPMessage, "12" + 7 * "00", IGMPv1Report, id="0x12"),
        pytest.param(IGMPMessage, "16" + 7 * "00", IGMPv2Report, id="0x16"),
        pytest.param(IGMPMessage, "17" + 7 * "00", IGMPv2Leave, id="0x17"),
        pytest.param(IGMPMessage, "22" + 7 * "00", IGMPv3Report, id="0x22"),
        pytest.param(IGMPMessage, "30" + 7 * "00", IGMPRouterAdvertisement, id="0x30"),
        pytest.param(IGMPMessage, "31" + 3 * "00", IGMPRouterSolicitation, id="0x31"),
        pytest.param(IGMPMessage, "32" + 3 * "00", IGMPRouterTermination, id="0x32"),
        pytest.param(IGMPMessage, "13" + 7 * "00", IGMPMessage, id="0x13 is DVMRP"),
        pytest.param(MLDMessage, "82" + 23 * "00", MLDv1Query, id="24 octets"),
        pytest.param(MLDMessage, "82" + 24 * "00", MLDQuery, id="25 octets"),
        pytest.param(MLDMessage, "82" + 26 * "00", MLDQuery, id="27 octets"),
        pytest.param(MLDMessage, "82" + 27 * "00", MLDv2Query, id="28 octets"),
        pytest.param(MLDMessage, "82" + 22 * "00", Raw, id="23 octets"),
        pytest.param(MLDMessage, "83" + 23 * "00", MLDv1Report, id="131"),
        pytest.param(MLDMessage, "84" + 23 * "00", MLDv1Done, id="132"),
        pytest.param(MLDMessage, "8f" + 7 * "00", MLDv2Report, id="143"),
        pytest.param(MLDMessage, "97" + 7 * "00", MLDRouterAdvertisement, id="151"),
        pytest.param(MLDMessage, "98" + 3 * "00", MLDRouterSolicitation, id="152"),
        pytest.param(MLDMessage, "99" + 3 * "00", MLDRouterTermination, id="153"),
        pytest.param(MLDMessage, "87" + 23 * "00", Raw, id="135 is neighbor discovery"),
    ],
)
def test_type_and_length_choose_the_layer(dispatcher: Any, octets: str, layer: Any) -> None:
    packet = dispatcher(bytes.fromhex(octets))

    assert type(packet) is layer
    assert bytes(packet).hex() == octets


@pytest.mark.parametrize(
    ("layer", "shown"),
    [
        # RFC 9776 §4.1.1: 0x80 is 12.8 s; the boundaries of the format
        pytest.param(IGMPv3Query(max_response_code=0x80), "0x80 (12.8s)", id="0x80"),
        pytest.param(IGMPv3Query(max_response_code=0xFF), "0xff (3174.4s)", id="0xff"),
        pytest.param(IGMPv2Query(max_response_code=0x80), "128 (12.8s)", id="IGMPv2 0x80"),
        pytest.param(IGMPv2Query(max_response_code=0xFF), "255 (25.5s)", id="IGMPv2 0xff"),
        pytest.param(IGMPv1Query(), "0 (10s)", id="IGMPv1"),
        pytest.param(MLDv2Query(max_response_code=0x7FFF), "32767 (32.767s)", id="0x7fff"),
        pytest.param(MLDv2Query(max_response_code=0x8388), "0x8388 (40s)", id="0x8388"),
        pytest.param(MLDv1Query(max_response_code=0x8388), "33672 (33.672s)", id="MLDv1 0x8388"),
    ],
)
def test_a_code_is_shown_with_the_time_that_it_means(layer: Any, shown: str) -> None:
    assert f"max_response_code= {shown}" in layer.show(dump=True)


@pytest.mark.parametrize(
    ("layer", "code"),
    [
        pytest.param(IGMPv3Query(max_response_code="20s"), 0x89, id="IGMPv3 20 s"),
        pytest.param(IGMPv3Query(max_response_code="1h"), 0xFF, id="IGMPv3 too long"),
        pytest.param(IGMPv2Query(max_response_code="20s"), 200, id="IGMPv2 20 s"),
        pytest.param(MLDv2Query(max_response_code="40s"), 0x8388, id="MLDv2 40 s"),
        pytest.param(MLDv1Query(max_response_code="40s"), 40000, id="MLDv1 40 s"),
        pytest.param(MLDv2Query(max_response_code=0x8388), 0x8388, id="a number is a code"),
    ],
)
def test_a_time_with_a_unit_becomes_its_code(layer: Any, code: int) -> None:
    assert layer.max_response_code == code


def test_qqic_is_a_code_with_its_time_too() -> None:
    query = IGMPv3Query(qqic="300s")

    assert query.qqic == 0x92  # RFC 9776 §8.8: 288 s is the next lower one
    assert "qqic      = 0x92 (288s)" in query.show(dump=True)


@pytest.mark.parametrize("record", [IGMPv3Record, MLDv2Record])
def test_auxiliary_data_is_counted_in_words_and_padded(record: Any) -> None:
    octets = bytes(record(aux_data=b"abcde"))

    assert octets[1] == 2
    assert octets.endswith(b"abcde\0\0\0")
    assert record(octets).aux_data == b"abcde\0\0\0"


@pytest.mark.parametrize(
    ("report", "record"), [(IGMPv3Report, IGMPv3Record), (MLDv2Report, MLDv2Record)]
)
def test_a_record_after_auxiliary_data_is_read_where_it_starts(report: Any, record: Any) -> None:
    first, second = record(type="IS_EX", aux_data=WORDS), record(type="BLOCK", aux_data=b"")

    octets = bytes(report(records=[first, second], checksum=0))

    assert [item.type for item in report(octets).records] == [2, 6]
    assert report(octets).trailing == b""


@pytest.mark.parametrize(
    ("report", "record", "source"),
    [(IGMPv3Report, IGMPv3Record, "10.0.0.1"), (MLDv2Report, MLDv2Record, "2001:db8::1")],
)
def test_more_records_and_sources_than_scapys_bound_are_read(
    report: Any, record: Any, source: str
) -> None:
    many = report(records=[record(sources=[source])] * 300, checksum=0)
    long = report(records=[record(sources=[source] * 400)], checksum=0)

    assert len(report(bytes(many)).records) == 300
    assert report(bytes(long)).records[0].sources == [source] * 400
    assert conf.max_list_count == 100


@pytest.mark.parametrize("query", [IGMPv3Query, MLDv2Query])
def test_more_sources_than_scapys_bound_are_read_in_a_query(query: Any) -> None:
    source = "10.0.0.1" if query is IGMPv3Query else "::1"

    assert query(bytes(query(sources=[source] * 300, checksum=0))).sources == [source] * 300


@pytest.mark.parametrize(
    ("layer", "position", "flag"),
    [
        (IGMPv3Query, 8, 0x80),
        (MLDv2Query, 24, 0x80),
        (IGMPv3Report, 4, 0x80),
        (MLDv2Report, 4, 0x80),
    ],
)
def test_extensions_set_the_e_flag_unless_it_was_given(
    layer: Any, position: int, flag: int
) -> None:
    items = [Extension(type=0), Extension(type=65534, value=b"abc")]

    extended = bytes(layer(extensions=items, checksum=0))
    plain = bytes(layer(checksum=0))
    overridden = bytes(layer(extensions=items, flags=0, checksum=0))

    assert extended[position] & flag
    assert not plain[position] & flag
    assert not overridden[position] & flag
    assert extended.endswith(bytes.fromhex("00000000fffe0003616263"))
    assert [item.value for item in layer(extended).extensions] == [b"", b"abc"]
    assert layer(overridden).trailing == bytes.fromhex("00000000fffe0003616263")


@pytest.mark.parametrize("rest", ["", "0000", "00010005aa", "0000000000"])
def test_a_broken_extension_list_stays_octets(rest: str) -> None:
    octets = bytes(IGMPv3Query(flags=8, trailing=bytes.fromhex(rest)))

    query = IGMPv3Query(octets)

    assert query.extensions == []
    assert query.trailing.hex() == rest
    assert bytes(query) == octets


def test_a_given_checksum_and_given_counts_are_kept() -> None:
    query = IGMPv3Query(checksum=0x1234, number_of_sources=9, sources=["10.0.0.1"])

    assert bytes(query)[2:4].hex() == "1234"
    assert bytes(query)[10:12] == b"\x00\x09"


def test_a_message_sets_what_the_kernel_sends_with() -> None:
    packet = IP(src="10.9.0.1", options=IPOption_Router_Alert()) / IGMPv3Query()

    octets = bytes(packet)

    # Linux 6.18: TOS 0xc0, id 0, don't fragment, TTL 1, protocol 2, Router Alert 94 04 00 00
    assert octets[:2].hex() == "46c0"
    assert octets[4:10].hex() == "000040000102"
    assert octets[20:24].hex() == "94040000"


def test_the_header_of_mld_is_the_kernels() -> None:
    packet = IPv6(src="fe80::1") / MLDHopByHop() / MLDv2Query()

    assert packet.hlim == 1
    assert bytes(packet)[40:48].hex() == "3a00050200000100"


@pytest.mark.parametrize(
    ("packet", "destination"),
    [
        pytest.param(IP() / IGMPv3Query(), "224.0.0.1", id="IGMPv3 general"),
        pytest.param(IP() / IGMPv3Query(group="239.1.1.1"), "239.1.1.1", id="IGMPv3 group"),
        pytest.param(IP() / IGMPv2Report(group="239.1.1.1"), "239.1.1.1", id="IGMPv2 report"),
        pytest.param(IP() / IGMPv2Leave(group="239.1.1.1"), "224.0.0.2", id="leave"),
        pytest.param(IP() / IGMPv3Report(), "224.0.0.22", id="IGMPv3 report"),
        pytest.param(IP() / IGMPRouterAdvertisement(), "224.0.0.106", id="IGMP advertisement"),
        pytest.param(IP() / IGMPRouterSolicitation(), "224.0.0.2", id="IGMP solicitation"),
        pytest.param(IPv6() / MLDHopByHop() / MLDv2Query(), "ff02::1", id="MLDv2 general"),
        pytest.param(
            IPv6() / MLDHopByHop() / MLDv2Query(group="ff05::1"), "ff05::1", id="MLDv2 group"
        ),
        pytest.param(IPv6() / MLDv1Report(group="ff05::1"), "ff05::1", id="MLDv1 report"),
        pytest.param(IPv6() / MLDHopByHop() / MLDv1Done(), "ff02::2", id="done"),
        pytest.param(IPv6() / MLDHopByHop() / MLDv2Report(), "ff02::16", id="MLDv2 report"),
        pytest.param(IPv6() / MLDRouterAdvertisement(), "ff02::6a", id="MLD advertisement"),
        pytest.param(IPv6() / MLDRouterTermination(), "ff02::6a", id="MLD termination"),
        pytest.param(IPv6() / MLDRouterSolicitation(), "ff02::2", id="MLD solicitation"),
    ],
)
def test_a_message_goes_where_its_rfc_sends_it(packet: Any, destination: str) -> None:
    assert packet.dst == destination


def test_a_record_type_is_shown_and_taken_by_name() -> None:
    record = MLDv2Record(type="to_ex", group="ff05::1", sources=["::1", "::2"])

    assert record.type == 4
    assert "type      = TO_EX (4)" in record.show(dump=True)
    assert "type      = 7" in MLDv2Record(type=7).show(dump=True)
    assert record.summary() == "TO_EX(ff05::1,{::1,::2})"


def test_summaries_say_who_says_what() -> None:
    report = IPv6(src="fe80::2") / MLDHopByHop() / MLDv2Report(records=MLDv2Record(group="ff05::1"))
    query = IP(src="10.9.0.1") / IGMPv3Query()

    assert report.summary().endswith("fe80::2 > ff02::16 MLDv2 report TO_EX(ff05::1)")
    assert query.summary() == "IP / 10.9.0.1 > 224.0.0.1 IGMPv3 query general"


def test_a_report_answers_the_query_that_asks_for_its_group() -> None:
    report = IGMPv3Report(
        records=[IGMPv3Record(group="239.1.1.1"), IGMPv3Record(group="232.1.1.1")]
    )

    assert report.answers(IGMPv3Query())
    assert report.answers(IGMPv3Query(group="232.1.1.1"))
    assert not report.answers(IGMPv3Query(group="239.9.9.9"))
    assert not report.answers(report)
    assert IGMPRouterAdvertisement().answers(IGMPRouterSolicitation())
    assert report.hashret() == IGMPv3Query().hashret()
