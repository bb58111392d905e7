"""Every row of the table of defects that analysers miss, as frames with exactly one defect each.

For each frame the id that the RFC sentence asks for, as `decode` and `analyze` give it, and a
neighbour that is valid: no error, no warning, and no complaint of tshark about it either.

::

    DEFECTS   row of the table, case, id, severity, frames before, the frame, its neighbour

Rows that need to know more than the frame have the frames that came before it.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import pytest

from mldkit.analysis.engine import Analysis
from mldkit.link.capture_writer import CaptureWriter
from mldkit.model.addresses import is_multicast, parse
from mldkit.model.datagram import Datagram, Decoded, Frame
from mldkit.model.family import MLD, family_of
from mldkit.model.messages import (
    Extension,
    GroupRecord,
    Leave,
    LegacyReport,
    Query,
    RecordType,
    Report,
    RouterAdvertisement,
    RouterSolicitation,
    RouterTermination,
)
from mldkit.model.units import SECOND
from mldkit.testing.envelopes import hop_by_hop, patched, with_ip_sum
from mldkit.testing.frames import framed, query, record, report
from mldkit.wire.decode import decode
from mldkit.wire.encode import encode_frame
from mldkit.wire.validity import find

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from mldkit.model.family import Family
    from mldkit.model.messages import Message

G4, S4, ANY4 = parse("239.1.1.1"), parse("10.0.0.9"), bytes(4)
G6, S6, ANY6 = parse("ff05::1:1"), parse("2001:db8::9"), bytes(16)
SSM4, SSM6 = parse("232.1.1.1"), parse("ff3e::8000:1")
ERROR, WARNING, INFO = "error", "warning", "info"
NO_ALERT = hop_by_hop(b"\1\4\0\0\0\0")
"""A hop-by-hop header with padding only."""


def sent(
    message: Message, to: str | None = None, source: str | None = None, **envelope: object
) -> bytes:
    """Return a frame as its sender should make it, but for what is named."""
    family, destination = _where(message)
    address = parse(source) if source else parse("fe80::2" if family is MLD else "10.0.0.2")
    fields: dict[str, object] = {
        "traffic_class": family.traffic_class,
        "link_source": b"\x02\0" + address[-4:],
    }
    if to is not None and not is_multicast(parse(to)):
        fields["link_destination"] = b"\x02\0" + parse(to)[-4:]
    fields |= envelope
    return encode_frame(
        Datagram(address, parse(to) if to else destination, message, **fields)  # type: ignore[arg-type]
    )


def _where(message: Message) -> tuple[Family, bytes]:
    if isinstance(message, Report):
        family = family_of(message.records[0].group)
        return family, family.reports
    if isinstance(message, Query):
        family = family_of(message.group)
        return family, family.all_hosts if message.is_general else message.group
    assert isinstance(message, LegacyReport | Leave)
    family = family_of(message.group)
    return family, family.all_routers if isinstance(message, Leave) else message.group


def has(kind: RecordType | int, group: bytes, *sources: bytes, aux: bytes = b"") -> Report:
    return Report((GroupRecord(kind, group, sources, aux),))


def broken(frame: bytes, offset: int) -> bytes:
    """Return a frame with one bit of the octet at `offset` turned."""
    return patched(frame, offset, bytes((frame[offset] ^ 1,)))


def specific(group: bytes, **fields: object) -> Query:
    return replace(QUERY4 if len(group) == 4 else QUERY6, group=group, **fields)  # type: ignore[arg-type]


EX, IN, ALLOW = RecordType.IS_EX, RecordType.IS_IN, RecordType.ALLOW
QUERY4 = Query(3, ANY4, 100, robustness=2, interval_code=125)
QUERY6 = Query(2, ANY6, 10000, robustness=2, interval_code=125)
ASK4, ASK6 = sent(QUERY4), sent(QUERY6)
SAY4, SAY6 = sent(has(EX, G4)), sent(has(EX, G6))
OLD4, OLD6 = sent(LegacyReport(2, G4)), sent(LegacyReport(1, G6))
BYE4, BYE6 = sent(Leave(2, G4)), sent(Leave(1, G6))
TLV = (Extension(9, b"abcd"),)
NO_OP = (Extension(0, b""),)
OTHERS = tuple(sent(has(EX, G4), source=source) for source in ("10.0.0.3", "10.0.0.4", "10.0.7.5"))


class Case(NamedTuple):
    """One defect."""

    row: str
    name: str
    id: str | None
    severity: str
    frame: bytes
    neighbour: bytes
    before: tuple[bytes, ...] = ()


DEFECTS = (
    Case("MLD hop limit", "query 64", "V-03", ERROR, sent(QUERY6, hop_limit=64), ASK6),
    Case("MLD hop limit", "query 0", "V-03", ERROR, sent(QUERY6, hop_limit=0), ASK6),
    Case("MLD hop limit", "report", "V-03", ERROR, sent(has(EX, G6), hop_limit=64), SAY6),
    Case("MLD hop limit", "done", "V-03", ERROR, sent(Leave(1, G6), hop_limit=255), BYE6),
    Case("MLD no HBH", "query", "V-04", ERROR, sent(QUERY6, router_alert=None), ASK6),
    Case("MLD no HBH", "report", "V-04", ERROR, sent(has(EX, G6), router_alert=None), SAY6),
    Case("HBH without RA", "query", "V-04", ERROR, patched(ASK6, 54, NO_ALERT), ASK6),
    Case("HBH without RA", "report", "V-04", ERROR, patched(SAY6, 54, NO_ALERT), SAY6),
    Case("RA value", "query 1", "V-05", ERROR, sent(QUERY6, router_alert=1), ASK6),
    Case("RA value", "report 35", "V-05", ERROR, sent(has(EX, G6), router_alert=35), SAY6),
    Case("MLD source global", "query", "V-06", ERROR, sent(QUERY6, source="2001:db8::2"),
         sent(QUERY6, source="febf::2")),
    Case("MLD source global", "report", "V-08", ERROR, sent(has(EX, G6), source="2001:db8::2"),
         SAY6),
    Case("MLD source global", "MLDv1 report", "V-08", ERROR,
         sent(LegacyReport(1, G6), source="fd00::2"), OLD6),
    Case("MLD source global", "done", "V-08", ERROR, sent(Leave(1, G6), source="2001:db8::2"),
         BYE6),
    Case("MLD source ::", "query", "V-06", ERROR, sent(QUERY6, source="::"), ASK6),
    Case("MLD source ::", "report", "V-07", INFO, sent(has(EX, G6), source="::"), SAY6),
    Case("MLD bad checksum", "query", "V-01", ERROR, broken(ASK6, 64), ASK6),
    Case("MLD bad checksum", "report", "V-01", ERROR, broken(SAY6, 64), SAY6),
    Case("MLD bad checksum", "done", "V-01", ERROR, broken(BYE6, 64), BYE6),
    Case("MLD code 1", "query", "V-16", INFO, sent(replace(QUERY6, code=1)), ASK6),
    Case("MLD code 1", "report", "V-16", INFO, sent(replace(has(EX, G6), code=1)), SAY6),
    *(
        Case("MLD query length 26", f"{octets} octets", "V-09", ERROR,
             framed(query(ANY6)[:octets], MLD.all_hosts), framed(query(ANY6), MLD.all_hosts))
        for octets in (20, 25, 26, 27)
    ),
    Case("general query to a unicast address", "MLD", "D-20", INFO,
         sent(QUERY6, "fe80::9"), ASK6),
    Case("general query to a unicast address", "IGMP", "D-20", INFO,
         sent(QUERY4, "10.0.0.9"), ASK4),
    Case("general query to a group", "MLD", "D-20", ERROR, sent(QUERY6, "ff05::1"), ASK6),
    Case("general query to a group", "IGMP", "D-20", ERROR, sent(QUERY4, "239.1.1.1"), ASK4),
    Case("group query to all hosts", "MLD", "D-20", ERROR, sent(specific(G6), "ff02::1"),
         sent(specific(G6))),
    Case("group query to all hosts", "IGMP", "D-20", ERROR, sent(specific(G4), "224.0.0.1"),
         sent(specific(G4))),
    Case("general query with sources", "MLD", "V-18", WARNING,
         sent(replace(QUERY6, sources=(S6,))), sent(specific(G6, sources=(S6,)))),
    Case("general query with sources", "IGMP", "V-18", WARNING,
         sent(replace(QUERY4, sources=(S4,))), sent(specific(G4, sources=(S4,)))),
    Case("query for a unicast address", "MLD", "V-12", ERROR,
         sent(specific(S6), "ff02::1"), sent(specific(G6))),
    Case("query for a unicast address", "IGMP", "V-12", ERROR,
         sent(specific(S4), "224.0.0.1"), sent(specific(G4))),
    Case("more sources claimed than there are", "MLD query", "V-10", ERROR,
         framed(query(G6, sources=2, present=S6), G6), sent(specific(G6, sources=(S6,)))),
    Case("more sources claimed than there are", "IGMP query", "V-10", ERROR,
         framed(query(G4, sources=10), G4), sent(specific(G4, sources=(S4,)))),
    Case("more sources claimed than there are", "MLD report", "V-10", ERROR,
         framed(report(143, 1, record(G6, 5, sources=3) + S6), MLD.reports),
         sent(has(ALLOW, G6, S6))),
    Case("more sources claimed than there are", "IGMP report", "V-10", ERROR,
         framed(report(0x22, 1, record(G4, 5, sources=3) + S4), parse("224.0.0.22")),
         sent(has(ALLOW, G4, S4))),
    Case("trailing octets", "MLD query", "V-15", INFO, sent(replace(QUERY6, trailing=b"x")), ASK6),
    Case("trailing octets", "IGMP query", "V-15", INFO, sent(replace(QUERY4, trailing=b"x")), ASK4),
    Case("trailing octets", "MLD report", "V-15", INFO,
         sent(replace(has(EX, G6), trailing=b"abcdef")), SAY6),
    Case("trailing octets", "IGMP report", "V-15", INFO,
         sent(replace(has(EX, G4), trailing=b"abcdef")), SAY4),
    Case("trailing octets", "IGMPv2 leave", "V-21", INFO,
         sent(replace(Leave(2, G4), trailing=b"abcd")), BYE4),
    Case("E flag and TLV", "query, unknown type", "X-04", INFO,
         sent(replace(QUERY6, extensions=TLV)), sent(replace(QUERY6, extensions=NO_OP))),
    Case("E flag and TLV", "report, unknown type", "X-04", INFO,
         sent(replace(has(EX, G4), extensions=TLV)), sent(replace(has(EX, G4), extensions=NO_OP))),
    Case("E flag and TLV", "not a list", "X-03", WARNING,
         sent(replace(QUERY6, flags=8, trailing=b"\0\1\0\x09ab")),
         sent(replace(QUERY6, extensions=NO_OP))),
    Case("query from the host's own address", "MLD", "V-23", WARNING,
         sent(QUERY6, link_source=b"\x02\0\0\0\0\x77"), ASK6, (SAY6,)),
    Case("query from the host's own address", "IGMP", "V-23", WARNING,
         sent(QUERY4, link_source=b"\x02\0\0\0\0\x77"), ASK4, (SAY4,)),
    Case("more records claimed than there are", "MLD", "V-11", ERROR,
         framed(report(143, 2, record(G6)), MLD.reports), SAY6),
    Case("more records claimed than there are", "IGMP", "V-11", ERROR,
         framed(report(0x22, 2, record(G4)), parse("224.0.0.22")), SAY4),
    Case("unknown record type", "MLD", "V-13", INFO, sent(has(7, G6)), SAY6),
    Case("unknown record type", "IGMP", "V-13", INFO, sent(has(0, G4)), SAY4),
    Case("auxiliary data", "MLD, 2 words", "V-14", INFO, sent(has(EX, G6, aux=b"12345678")), SAY6),
    Case("auxiliary data", "IGMP, 2 words", "V-14", INFO, sent(has(EX, G4, aux=b"12345678")), SAY4),
    Case("record for a unicast address", "MLD", "V-12", ERROR, sent(has(EX, S6)), SAY6),
    Case("record for a unicast address", "IGMP", "V-12", ERROR, sent(has(EX, S4)), SAY4),
    Case("report to a wrong destination", "IGMPv2 report", "D-21", WARNING,
         sent(LegacyReport(2, G4), "239.1.1.2"), OLD4),
    Case("report to a wrong destination", "MLDv1 report", "D-21", WARNING,
         sent(LegacyReport(1, G6), "ff02::2"), OLD6),
    Case("report to a wrong destination", "MLDv2 report", "D-21", WARNING,
         sent(has(EX, G6), "ff02::1"), SAY6),
    Case("report to a wrong destination", "IGMPv3 report", "D-21", WARNING,
         sent(has(EX, G4), "224.0.0.1"), SAY4),
    Case("report to a wrong destination", "leave", "D-21", WARNING,
         sent(Leave(2, G4), "239.1.1.1"), BYE4),
    Case("any-source join in the SSM range", "IGMPv1", "D-16", WARNING,
         sent(LegacyReport(1, SSM4)), sent(LegacyReport(1, G4))),
    Case("any-source join in the SSM range", "IGMPv2", "D-16", WARNING,
         sent(LegacyReport(2, SSM4)), OLD4),
    Case("any-source join in the SSM range", "MLDv1", "D-16", WARNING,
         sent(LegacyReport(1, SSM6)), OLD6),
    Case("any-source join in the SSM range", "IGMPv3", "D-16", WARNING,
         sent(has(EX, SSM4)), sent(has(IN, SSM4, S4))),
    Case("any-source join in the SSM range", "MLDv2", "D-16", WARNING,
         sent(has(RecordType.TO_EX, SSM6)), sent(has(ALLOW, SSM6, S6))),
    Case("groups that are never reported", "ff02::1", "D-15", WARNING,
         sent(has(EX, parse("ff02::1"))), sent(has(EX, parse("ff02::2")))),
    Case("groups that are never reported", "224.0.0.1", "D-15", WARNING,
         sent(has(EX, parse("224.0.0.1"))), sent(has(EX, parse("224.0.0.2")))),
    Case("groups that are never reported", "MLDv1 ff02::1", "D-15", WARNING,
         sent(LegacyReport(1, parse("ff02::1"))), sent(LegacyReport(1, parse("ff02::fb")))),
    Case("a group of scope 1", "MLDv2", "D-15", WARNING, sent(has(EX, parse("ff01::5"))),
         sent(has(EX, parse("ff02::5")))),
    Case("a group of scope 1", "MLDv1", "D-15", WARNING, sent(LegacyReport(1, parse("ff11::5"))),
         sent(LegacyReport(1, parse("ff12::5")))),
    Case("MAC that is not mapped", "MLD", "D-25", ERROR,
         sent(QUERY6, link_destination=bytes.fromhex("333300000016")), ASK6),
    Case("MAC that is not mapped", "IGMP", "D-25", ERROR,
         sent(has(EX, G4), link_destination=bytes.fromhex("ffffffffffff")), SAY4),
    Case("MAC that is not mapped", "to one station", "D-25", INFO,
         sent(QUERY4, link_destination=bytes.fromhex("020000000009")), ASK4),
    Case("IGMP TTL", "query 64", "V-03", WARNING, sent(QUERY4, hop_limit=64), ASK4),
    Case("IGMP TTL", "report 255", "V-03", WARNING, sent(has(EX, G4), hop_limit=255), SAY4),
    Case("IGMP TTL", "leave 2", "V-03", WARNING, sent(Leave(2, G4), hop_limit=2), BYE4),
    Case("IGMP no RA", "query", "V-04", WARNING, sent(QUERY4, router_alert=None), ASK4),
    Case("IGMP no RA", "report", "V-04", WARNING, sent(has(EX, G4), router_alert=None), SAY4),
    Case("IGMP no RA", "IGMPv2 report", "V-04", WARNING,
         sent(LegacyReport(2, G4), router_alert=None),
         sent(LegacyReport(1, G4), router_alert=None)),
    Case("IGMP bad checksum", "query", "V-01", ERROR, broken(ASK4, 40), ASK4),
    Case("IGMP bad checksum", "report", "V-01", ERROR, broken(SAY4, 40), SAY4),
    Case("IP header checksum", "query", "V-25", ERROR, broken(ASK4, 24), with_ip_sum(ASK4)),
    Case("IGMP length 10", "query", "V-09", ERROR,
         framed(query(ANY4)[:10], parse("224.0.0.1")), framed(query(ANY4), parse("224.0.0.1"))),
    Case("IGMP source 0.0.0.0", "query", "D-23", INFO, sent(QUERY4, source="0.0.0.0"), ASK4),
    Case("IGMP source 0.0.0.0", "report, which is valid", None, INFO,
         sent(has(EX, G4), source="0.0.0.0"), SAY4),
    Case("IGMP source off the subnet", "query", "V-23", WARNING,
         sent(QUERY4, source="192.0.2.7"), sent(QUERY4, source="10.200.0.1"), OTHERS),
    Case("IGMP source off the subnet", "report", "V-23", WARNING,
         sent(has(EX, G4), source="192.0.2.7"), sent(has(EX, G4), source="10.200.0.1"), OTHERS),
    Case("IGMP source off the subnet", "loopback", "V-23", WARNING,
         sent(has(EX, G4), source="127.0.0.1"), SAY4),
    Case("leave for no group", "IGMP", "D-35", INFO, sent(Leave(2, ANY4)), BYE4),
    Case("leave for no group", "MLD", "D-35", INFO, sent(Leave(1, ANY6)), BYE6),
    Case("leave for a unicast address", "IGMP", "V-12", ERROR, sent(Leave(2, S4)), BYE4),
    Case("S flag with QRV 0", "IGMP", "D-05", WARNING,
         sent(specific(G4, suppress=True, robustness=0)), sent(specific(G4, suppress=True))),
    Case("S flag with QRV 0", "MLD", "D-05", WARNING,
         sent(specific(G6, suppress=True, robustness=0)), sent(specific(G6, suppress=True))),
    Case("QQIC 0", "IGMP", "D-05", INFO, sent(replace(QUERY4, interval_code=0)), ASK4),
    Case("QQIC 0", "MLD", "D-05", INFO, sent(replace(QUERY6, interval_code=0)), ASK6),
)  # fmt: skip
DISCOVERY = (
    (RouterAdvertisement(), "224.0.0.106", "ff02::6a", "mrd-advertisement"),
    (RouterSolicitation(), "224.0.0.2", "ff02::2", "mrd-solicitation"),
    (RouterTermination(), "224.0.0.106", "ff02::6a", "mrd-termination"),
)
FRAME_LEVEL = [case for case in DEFECTS if not case.before]
NAMES = [f"{case.row}: {case.name}" for case in DEFECTS]


def decoded_ids(frame: bytes) -> list[tuple[str, str]]:
    """Return ids and severities of the findings that the frame alone gives."""
    found = decode(Frame(frame, 0, 1))
    assert isinstance(found, Decoded)
    return [(finding.id, finding.severity) for finding in find(found)]


def analysed_ids(frames: Iterable[bytes]) -> list[tuple[str, str]]:
    """Return ids and severities of the findings on frames a second apart."""
    analysis = Analysis()
    for number, frame in enumerate(frames, 1):
        analysis.see(Frame(frame, number * SECOND, number))
    return [(entry.id, entry.severity) for entry in analysis.finish().findings]


def test_the_table_has_the_66_defects_and_more() -> None:
    assert len(set(NAMES)) == len(NAMES)
    assert sum(case.id is not None for case in DEFECTS) >= 66


@pytest.mark.parametrize("case", FRAME_LEVEL, ids=lambda case: f"{case.row}: {case.name}")
def test_decode_gives_the_one_right_id(case: Case) -> None:
    assert decoded_ids(case.frame) == ([(case.id, case.severity)] if case.id else [])


@pytest.mark.parametrize("case", DEFECTS, ids=NAMES)
def test_analyze_gives_the_one_right_id(case: Case) -> None:
    found = analysed_ids((*case.before, case.frame))

    assert found == ([(case.id, case.severity)] if case.id else [])


@pytest.mark.parametrize("case", DEFECTS, ids=NAMES)
def test_a_valid_neighbour_has_nothing(case: Case) -> None:
    assert decoded_ids(case.neighbour) == []
    assert analysed_ids((*case.before, case.neighbour)) == []


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize(("message", "four", "six", "kind"), DISCOVERY)
def test_router_discovery_is_known_and_no_defect(
    message: Message, four: str, six: str, kind: str, version: int
) -> None:
    source, to = ("10.0.0.2", four) if version == 4 else ("fe80::2", six)
    frame = encode_frame(
        Datagram(parse(source), parse(to), message, traffic_class=0xC0, link_source=bytes(6))
    )
    found = decode(Frame(frame, 0, 1))

    assert isinstance(found, Decoded)
    assert (found.kind, find(found)) == (kind, ())
    assert analysed_ids([frame]) == []


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
def test_tshark_complains_about_no_neighbour_and_misses_most_defects(tmp_path: Path) -> None:
    wrong = complaints([case.frame for case in DEFECTS], tmp_path / "wrong.pcapng")
    valid = complaints([case.neighbour for case in DEFECTS], tmp_path / "valid.pcapng")

    told = {NAMES[number] for number in wrong}
    assert valid == set()
    assert {name for name in told if "bad checksum" in name} == {
        name for name in NAMES if "bad checksum" in name
    }
    assert len(told) < len(DEFECTS) // 2


def complaints(frames: list[bytes], path: Path) -> set[int]:
    """Return the positions of frames that tshark's expert finds a warning or an error in."""
    with CaptureWriter(str(path)) as writer:
        for number, frame in enumerate(frames):
            writer.write(Frame(frame, number * SECOND, number + 1))
    done = subprocess.run(
        ["tshark", "-r", path, "-Y", "_ws.expert.severity >= 6291456", "-T", "fields",
         "-e", "frame.number"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return {int(line) - 1 for line in done.stdout.split()}
