"""Frames recorded from a Linux 6.18 host: what it says is what `build` makes of the same words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mldkit.craft.build import build, frame_bytes
from mldkit.craft.convert import parse, to_model
from mldkit.errors import BuildError
from mldkit.model.addresses import parse as address
from mldkit.model.datagram import Datagram
from mldkit.model.family import IGMP, MLD
from mldkit.model.messages import GroupRecord, Leave, LegacyReport, Message, Query, Report
from mldkit.model.notation import parse_record

HOST = bytes.fromhex("020000000002")


def records(*written: str) -> tuple[GroupRecord, ...]:
    return tuple(map(parse_record, written))


def mld(message: Message, destination: str, source: str = "fe80::ff:fe00:2") -> Datagram:
    return Datagram(address(source), address(destination), message, link_source=HOST)


def igmp(message: Message, destination: str, source: str = "10.9.0.2") -> Datagram:
    return Datagram(
        address(source), address(destination), message, traffic_class=0xC0, link_source=HOST
    )


KERNEL_FRAMES = [
    pytest.param(
        mld(
            Report(
                records(
                    "IS_EX(ff02::fb)",
                    "IS_IN(ff3e::1,{2001:db8::1,2001:db8::2})",
                    "IS_EX(ff0e::2,{2001:db8::3})",
                    "IS_EX(ff05::1)",
                    "IS_EX(ff02::1:ff00:2)",
                )
            ),
            "ff02::16",
        ),
        "33330000001602000000000286dd6000000000a40001fe80000000000000000000fffe000002"
        "ff0200000000000000000000000000163a000502000001008f00e5f60000000502000000ff02"
        "00000000000000000000000000fb01000002ff3e000000000000000000000000000120010db8"
        "00000000000000000000000120010db800000000000000000000000202000001ff0e00000000"
        "0000000000000000000220010db800000000000000000000000302000000ff05000000000000"
        "000000000000000102000000ff0200000000000000000001ff000002",
        id="MLDv2 answer to a general query",
    ),
    pytest.param(
        mld(Report(records("TO_EX(ff02::1:ff00:2)", "TO_EX(ff05::1)")), "ff02::16", "::"),
        "33330000001602000000000286dd600000000038000100000000000000000000000000000000"
        "ff0200000000000000000000000000163a000502000001008f006c6c0000000204000000ff02"
        "00000000000000000001ff00000204000000ff050000000000000000000000000001",
        id="MLDv2 report before the address is valid",
    ),
    pytest.param(
        mld(
            Report(records("ALLOW(ff05::1,{2001:db8::4})", "BLOCK(ff05::1,{2001:db8::2})")),
            "ff02::16",
        ),
        "33330000001602000000000286dd6000000000580001fe80000000000000000000fffe000002"
        "ff0200000000000000000000000000163a000502000001008f000f4f0000000205000001ff05"
        "000000000000000000000000000120010db800000000000000000000000406000001ff050000"
        "00000000000000000000000120010db8000000000000000000000002",
        id="MLDv2 state change",
    ),
    pytest.param(
        mld(Leave(1, address("ff05::2")), "ff02::2"),
        "33330000000202000000000286dd6000000000200001fe80000000000000000000fffe000002"
        "ff0200000000000000000000000000023a000502000001008400801d00000000ff0500000000"
        "00000000000000000002",
        id="MLDv1 done",
    ),
    pytest.param(
        mld(LegacyReport(1, address("ff05::2")), "ff05::2"),
        "33330000000202000000000286dd6000000000200001fe80000000000000000000fffe000002"
        "ff0500000000000000000000000000023a000502000001008300811a00000000ff0500000000"
        "00000000000000000002",
        id="MLDv1 report",
    ),
    pytest.param(
        igmp(
            Report(
                records(
                    "IS_EX(224.0.0.251)",
                    "IS_IN(232.1.1.1,{10.0.0.2,10.0.0.1})",
                    "IS_EX(239.2.2.2,{10.0.0.3})",
                    "IS_EX(239.1.1.1)",
                )
            ),
            "224.0.0.22",
        ),
        "01005e000016020000000002080046c0004c000040000102f9ca0a090002e000001694040000"
        "22000dec0000000402000000e00000fb01000002e80101010a0000020a00000102000001ef02"
        "02020a00000302000000ef010101",
        id="IGMPv3 answer to a general query",
    ),
    pytest.param(
        igmp(
            Report(records("ALLOW(239.1.1.1,{10.0.0.4})", "BLOCK(239.1.1.1,{10.0.0.2})")),
            "224.0.0.22",
        ),
        "01005e000016020000000002080046c00038000040000102f9de0a090002e000001694040000"
        "2200deef0000000205000001ef0101010a00000406000001ef0101010a000002",
        id="IGMPv3 state change",
    ),
    pytest.param(
        igmp(LegacyReport(2, address("239.1.1.1")), "239.1.1.1"),
        "01005e010101020000000002080046c00020000040000102ea0a0a090002ef01010194040000"
        "1600f9fcef010101",
        id="IGMPv2 report",
    ),
    pytest.param(
        igmp(Leave(2, address("239.1.1.2")), "224.0.0.2"),
        "01005e000002020000000002080046c00020000040000102fa0a0a090002e000000294040000"
        "1700f8fbef010102",
        id="IGMPv2 leave",
    ),
    pytest.param(
        igmp(LegacyReport(1, address("239.1.1.1")), "239.1.1.1"),
        "01005e010101020000000002080046c00020000040000102ea0a0a090002ef01010194040000"
        "1200fdfcef010101",
        id="IGMPv1 report",
    ),
    pytest.param(
        igmp(Report(records("TO_EX(239.1.1.1)")), "224.0.0.22", "0.0.0.0"),
        "01005e000016020000000002080046c0002800004000010203fa00000000e000001694040000"
        "2200e9fb0000000104000000ef010101",
        id="IGMPv3 report without an address",
    ),
]


@pytest.mark.parametrize(("datagram", "frame"), KERNEL_FRAMES)
def test_the_frame_is_the_kernels_octet_for_octet(datagram: Datagram, frame: str) -> None:
    assert frame_bytes(build(datagram)).hex() == frame


@pytest.mark.parametrize(("datagram", "frame"), KERNEL_FRAMES)
def test_the_kernels_frame_says_what_was_built(datagram: Datagram, frame: str) -> None:
    octets = bytes.fromhex(frame)

    assert to_model(parse(octets)) == replace(datagram, link_destination=octets[:6])


@pytest.mark.parametrize(
    ("message", "said"),
    [
        pytest.param(Query(3, address("224.0.0.1"), robustness=8), "qrv", id="QRV 8"),
        pytest.param(Query(3, IGMP.unspecified, 256), "max_response_code", id="code 256"),
        pytest.param(Query(3, MLD.unspecified), "no address of igmp", id="other family"),
        pytest.param(Query(1, IGMP.unspecified, 100), "IGMPv1", id="IGMPv1 with a time"),
        pytest.param(Query(2, IGMP.unspecified, 0), "IGMPv1", id="IGMPv2 without a time"),
        pytest.param(LegacyReport(3, address("239.1.1.1")), "version 3", id="unknown version"),
        pytest.param(
            Report((GroupRecord(1, address("239.1.1.1"), (), b"abc"),)), "words", id="aux data"
        ),
        pytest.param(
            Query(3, IGMP.unspecified, sources=(address("10.0.0.1"),) * 65536),
            "does not fit",
            id="65,536 sources",
        ),
        pytest.param(
            Query(3, IGMP.unspecified, sources=(address("10.0.0.1"),) * 16380),
            "length",
            id="more than 65,535 octets",
        ),
    ],
)
def test_what_no_message_can_carry_is_a_build_error(message: Message, said: str) -> None:
    with pytest.raises(BuildError, match=said):
        frame_bytes(build(igmp(message, "224.0.0.1")))


def test_a_unicast_destination_needs_a_link_destination() -> None:
    datagram = igmp(Query(3, IGMP.unspecified, 100), "10.9.0.1")

    with pytest.raises(BuildError, match=r"hardware address of 10\.9\.0\.1"):
        build(datagram)

    assert build(replace(datagram, link_destination=HOST)).dst == "02:00:00:00:00:02"
