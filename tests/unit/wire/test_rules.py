"""Each frame-level rule: a message that must raise it and a neighbour that must not."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from mldkit.model.addresses import parse
from mldkit.model.datagram import Datagram, Decoded, Frame
from mldkit.model.messages import (
    Extension,
    GroupRecord,
    Leave,
    LegacyReport,
    Query,
    RecordType,
    Report,
    RouterAdvertisement,
)
from mldkit.wire.decode import decode
from mldkit.wire.encode import encode_frame
from mldkit.wire.validity import BY_ID, RULES, find

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mldkit.model.messages import Message

G4, S4 = parse("239.1.1.1"), parse("10.0.0.9")
G6, S6 = parse("ff05::1"), parse("2001:db8::9")


def igmp(message: Message, destination: str, **envelope: object) -> Datagram:
    fields = {"traffic_class": 0xC0, "link_source": bytes(6)} | envelope
    return Datagram(parse("10.0.0.1"), parse(destination), message, **fields)  # type: ignore[arg-type]


def mld(
    message: Message, destination: str, source: str = "fe80::1", **envelope: object
) -> Datagram:
    fields = {"link_source": bytes(6)} | envelope
    return Datagram(parse(source), parse(destination), message, **fields)  # type: ignore[arg-type]


def report(*records: GroupRecord, flags: int = 0, code: int = 0) -> Report:
    return Report(records, flags, code)


QUERY4 = Query(3, bytes(4), 100, False, 2, 125)
QUERY6 = Query(2, bytes(16), 10000, False, 2, 125)
IS_EX4 = GroupRecord(RecordType.IS_EX, G4)
IS_EX6 = GroupRecord(RecordType.IS_EX, G6)

CASES: dict[str, tuple[Datagram, Datagram]] = {
    "V-03": (mld(report(IS_EX6), "ff02::16", hop_limit=64), mld(report(IS_EX6), "ff02::16")),
    "V-04": (
        igmp(LegacyReport(2, G4), "239.1.1.1", router_alert=None),
        igmp(LegacyReport(1, G4), "239.1.1.1", router_alert=None),
    ),
    "V-05": (mld(QUERY6, "ff02::1", router_alert=1), mld(QUERY6, "ff02::1")),
    "V-06": (mld(QUERY6, "ff02::1", "2001:db8::1"), mld(QUERY6, "ff02::1", "febf::1")),
    "V-07": (mld(report(IS_EX6), "ff02::16", "::"), mld(report(IS_EX6), "ff02::16")),
    "V-08": (mld(Leave(1, G6), "ff02::2", "fd00::1"), mld(Leave(1, G6), "ff02::2")),
    "V-12": (
        igmp(Query(2, S4, 10), "224.0.0.1"),
        igmp(Query(2, G4, 10), "239.1.1.1"),
    ),
    "V-13": (
        mld(report(GroupRecord(7, G6), IS_EX6), "ff02::16"),
        mld(report(GroupRecord(6, G6, (S6,)), IS_EX6), "ff02::16"),
    ),
    "V-14": (
        igmp(report(GroupRecord(2, G4, (), b"abcd")), "224.0.0.22"),
        igmp(report(IS_EX4), "224.0.0.22"),
    ),
    "V-15": (
        mld(replace(QUERY6, trailing=b"x"), "ff02::1"),
        igmp(replace(LegacyReport(2, G4), trailing=b"x"), "239.1.1.1"),
    ),
    "V-16": (
        mld(report(IS_EX6, flags=0x0001), "ff02::16"),
        mld(report(IS_EX6, flags=0x8000), "ff02::16"),
    ),
    "V-18": (
        igmp(replace(QUERY4, sources=(S4,)), "224.0.0.1"),
        igmp(replace(QUERY4, group=G4, sources=(S4,)), "239.1.1.1"),
    ),
    "V-21": (
        igmp(replace(Leave(2, G4), trailing=b"abcd"), "224.0.0.2"),
        mld(replace(Leave(1, G6), trailing=b"abcd"), "ff02::2"),
    ),
    "V-23": (
        replace(igmp(QUERY4, "224.0.0.1"), source=parse("127.0.0.1")),
        replace(igmp(QUERY4, "224.0.0.1"), source=bytes(4)),
    ),
    "X-03": (
        mld(replace(QUERY6, flags=8, trailing=b"abc"), "ff02::1"),
        mld(replace(QUERY6, flags=8, extensions=(Extension(0),)), "ff02::1"),
    ),
    "X-04": (
        igmp(replace(QUERY4, flags=8, extensions=(Extension(9, b"v"),)), "224.0.0.1"),
        igmp(replace(QUERY4, flags=8, extensions=(Extension(0, b"v"),)), "224.0.0.1"),
    ),
    "D-05": (
        mld(replace(QUERY6, interval_code=10), "ff02::1"),
        mld(replace(QUERY6, interval_code=11), "ff02::1"),
    ),
    "D-15": (
        mld(report(GroupRecord(4, parse("ff01::5"))), "ff02::16"),
        mld(report(GroupRecord(4, parse("ff02::2"))), "ff02::16"),
    ),
    "D-16": (
        igmp(report(GroupRecord(RecordType.TO_EX, parse("232.1.1.1"))), "224.0.0.22"),
        igmp(report(GroupRecord(RecordType.TO_IN, parse("232.1.1.1"))), "224.0.0.22"),
    ),
    "D-20": (mld(QUERY6, "ff02::2"), mld(replace(QUERY6, group=G6), "ff05::1")),
    "D-21": (mld(report(IS_EX6), "ff02::1"), mld(LegacyReport(1, G6), "ff05::1")),
    "D-22": (
        igmp(QUERY4, "224.0.0.1", traffic_class=0),
        igmp(Query(2, bytes(4), 10), "224.0.0.1", traffic_class=0),
    ),
    "D-23": (
        replace(igmp(QUERY4, "224.0.0.1"), source=bytes(4)),
        replace(igmp(report(IS_EX4), "224.0.0.22"), source=bytes(4)),
    ),
    "D-24": (
        mld(report(GroupRecord(RecordType.ALLOW, G6)), "ff02::16"),
        mld(report(GroupRecord(RecordType.TO_IN, G6)), "ff02::16"),
    ),
    "D-25": (
        mld(QUERY6, "ff02::1", link_destination=bytes.fromhex("333300000002")),
        mld(QUERY6, "ff02::1", link_destination=bytes.fromhex("333300000001")),
    ),
    "D-35": (igmp(Leave(2, bytes(4)), "224.0.0.2"), igmp(Leave(2, G4), "224.0.0.2")),
    "D-42": (
        mld(RouterAdvertisement(), "ff02::1"),
        mld(RouterAdvertisement(), "ff02::6a"),
    ),
    "M-28": (
        igmp(report(IS_EX4, IS_EX4), "224.0.0.22"),
        igmp(
            report(GroupRecord(5, G4, (S4,)), GroupRecord(6, G4, (parse("10.0.0.8"),))),
            "224.0.0.22",
        ),
    ),
    "M-29": (
        igmp(report(GroupRecord(5, G4, (S4, S4))), "224.0.0.22"),
        igmp(report(GroupRecord(5, G4, (S4,))), "224.0.0.22"),
    ),
}

# Rules that the octets of an envelope or a length raise: each has its tests in the catalogue of
# malformed input, where the octets are made by hand.
IN_THE_CATALOGUE = {
    "V-01", "V-02", "V-09", "V-10", "V-11", "V-24", "V-25", "V-26",
    "M-01", "M-02", "M-03", "M-05", "M-06", "M-37", "M-44", "M-45", "M-49",
}  # fmt: skip


def ids(datagram: Datagram) -> set[str]:
    found = decode(Frame(encode_frame(datagram), 0, 1))
    assert isinstance(found, Decoded)
    return {finding.id for finding in find(found)}


def _rows() -> Iterator[tuple[str, Datagram, Datagram]]:
    for rule, (hit, miss) in CASES.items():
        yield rule, hit, miss


@pytest.mark.parametrize(("rule", "hit", "miss"), list(_rows()), ids=[row[0] for row in _rows()])
def test_a_rule_is_raised_and_its_neighbour_is_not(
    rule: str, hit: Datagram, miss: Datagram
) -> None:
    assert rule in ids(hit)
    assert rule not in ids(miss)


def test_every_rule_has_a_test() -> None:
    assert set(CASES) | IN_THE_CATALOGUE == set(BY_ID)


def test_ids_and_aliases_are_unique() -> None:
    names = list(itertools.chain(*((rule.id, *rule.aliases) for rule in RULES)))

    assert len(names) == len(set(names))


def test_one_condition_gives_one_finding() -> None:
    everything_wrong = mld(
        report(GroupRecord(9, parse("2001:db8::1"), (S6, S6), b"abcd"), flags=1, code=1),
        "ff02::1",
        "2001:db8::1",
        hop_limit=9,
        router_alert=None,
    )
    decoded = decode(Frame(encode_frame(everything_wrong), 0, 1))
    assert isinstance(decoded, Decoded)
    found = [finding.id for finding in find(decoded)]

    assert len(found) == len(set(found))
    assert set(found) == {
        "V-03", "V-04", "V-08", "V-12", "V-13", "V-14", "V-16", "D-21", "M-29",
    }  # fmt: skip


def test_a_sound_message_has_no_finding() -> None:
    for sound in (
        igmp(QUERY4, "224.0.0.1"),
        mld(QUERY6, "ff02::1"),
        igmp(report(IS_EX4), "224.0.0.22"),
        mld(report(IS_EX6), "ff02::16"),
        igmp(Leave(2, G4), "224.0.0.2"),
    ):
        assert ids(sound) == set()


@pytest.mark.parametrize("robustness", [0, 1])
def test_d05_a_robustness_below_two(robustness: int) -> None:
    assert ids(mld(replace(QUERY6, robustness=robustness), "ff02::1")) == {"D-05"}
    assert ids(mld(replace(QUERY6, robustness=2), "ff02::1")) == set()
