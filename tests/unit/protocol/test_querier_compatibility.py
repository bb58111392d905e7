"""Older listeners of a group, and what must change nothing (RFC 9776 §7.3, RFC 9777 §8.3)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import pytest

from mldkit.model.addresses import parse
from mldkit.model.datagram import Datagram
from mldkit.model.family import IGMP, MLD, Family
from mldkit.model.messages import GroupRecord, Leave, LegacyReport, Query, RecordType, Report
from mldkit.model.units import SECOND
from mldkit.protocol.querier_events import MembershipChanged
from mldkit.wire.encode import encode_frame
from tests.unit.protocol.router import Router, general_query

if TYPE_CHECKING:
    from mldkit.model.addresses import Address
    from mldkit.model.messages import Message

OLDER_HOST_PRESENT = 2 * 125 + 10
EVERYTHING = ("EXCLUDE", set[int](), set[int]())
NOTHING = ("INCLUDE", set[int](), set[int]())
OLDER = [(IGMP, 1), (IGMP, 2), (MLD, 1)]


@pytest.fixture(params=[IGMP, MLD], ids=repr)
def family(request: pytest.FixtureRequest) -> Family:
    found: Family = request.param
    return found


def was_asked(router: Router) -> bool:
    return any(not query.is_general for _, query in router.queries())


@pytest.mark.parametrize(("family", "version"), OLDER, ids=repr)
def test_an_older_report_is_exclude_without_sources(family: Family, version: int) -> None:
    router = Router(family)
    router.older_report(version)
    assert router.state() == EVERYTHING
    (event,) = [event for event in router.events if isinstance(event, MembershipChanged)]
    assert (event.kind, event.version) == ("join", version)


@pytest.mark.parametrize(("family", "version"), OLDER, ids=repr)
def test_an_older_listener_makes_block_and_the_sources_of_to_ex_say_nothing(
    family: Family, version: int
) -> None:
    router = Router(family)
    router.older_report(version)
    router.record("BLOCK", {1})
    router.record("TO_EX", {2, 3})
    assert router.state() == EVERYTHING
    assert not was_asked(router)
    router.record("ALLOW", {1})
    assert router.state() == ("EXCLUDE", {1}, set())


@pytest.mark.parametrize(("family", "version"), OLDER, ids=repr)
def test_the_older_listener_is_forgotten_after_its_time(family: Family, version: int) -> None:
    router = Router(family)
    router.older_report(version)
    router.run(200)
    router.record("IS_EX")
    router.run(OLDER_HOST_PRESENT - 0.001)
    router.record("BLOCK", {1})
    assert router.state() == EVERYTHING
    router.run(OLDER_HOST_PRESENT)
    router.record("BLOCK", {1})
    assert router.state() == ("EXCLUDE", {1}, set())


@pytest.mark.parametrize(("family", "version"), OLDER, ids=repr)
def test_the_version_of_a_group_is_a_change_when_it_begins_and_when_it_ends(
    family: Family, version: int
) -> None:
    router = Router(family)
    router.record("IS_EX")
    router.older_report(version)
    for second in (100, 200):
        router.run(second)
        router.record("IS_EX")
    router.run(OLDER_HOST_PRESENT + 1)

    told = [event for event in router.events if isinstance(event, MembershipChanged)]
    current = family.current_version
    assert [(event.kind, event.version) for event in told] == [
        ("join", current), ("change", version), ("change", current),
    ]  # fmt: skip
    assert told[2].time_ns - told[1].time_ns == OLDER_HOST_PRESENT * SECOND
    assert told[2].host == b""


@pytest.mark.parametrize("family", [IGMP, MLD], ids=repr)
def test_a_leave_of_an_older_listener_is_asked_after_in_the_current_version(
    family: Family,
) -> None:
    router = Router(family)
    router.older_report(family.current_version - 1)
    router.run(10)
    router.leave()
    (_, query), _ = [entry for entry in router.queries(10) if not entry[1].is_general] * 2
    assert (query.group, query.version) == (router.group(), family.current_version)
    router.run(20)
    assert router.state() == NOTHING


@pytest.mark.parametrize("how", ["leave", "TO_IN"])
def test_igmpv1_knows_no_leaving(how: str) -> None:
    router = Router(IGMP)
    router.older_report(1)
    router.run(10)
    if how == "leave":
        router.leave()
    else:
        router.record("TO_IN")
    router.run(100)
    assert not was_asked(router)
    assert router.state() == EVERYTHING


def test_mldv1_knows_leaving() -> None:
    router = Router(MLD)
    router.older_report(1)
    router.record("TO_IN")
    assert was_asked(router)


def test_a_querier_of_igmpv1_asks_for_no_group() -> None:
    router = Router(IGMP, version=1)
    router.older_report(2)
    router.leave()
    router.run(100)
    assert not was_asked(router)
    assert router.state() == EVERYTHING


@pytest.mark.parametrize(("family", "version"), [(IGMP, 2), (MLD, 1)], ids=repr)
def test_an_older_querier_asks_for_groups_but_names_no_sources(
    family: Family, version: int
) -> None:
    router = Router(family, version=version)
    router.record("IS_IN", {1, 2}, group=2)
    router.record("BLOCK", {1}, group=2)
    router.older_report(version)
    router.leave()
    ((_, query),) = [entry for entry in router.queries() if not entry[1].is_general]
    assert (query.version, query.group) == (version, router.group())
    assert query.max_response_ns == 10**9
    router.run(30)
    assert router.state(2) == ("INCLUDE", {1, 2}, set())


def test_a_leave_of_an_unknown_group_is_no_question(family: Family) -> None:
    router = Router(family)
    router.leave()
    router.record("TO_IN")
    router.record("BLOCK", {1})
    assert not was_asked(router)
    assert len(list(router.querier.members(0))) == 0


# What must change nothing


def test_a_wrong_checksum_changes_nothing(family: Family) -> None:
    router = Router(family)
    frame = bytearray(_frame(router, Report((_join(router),))))
    frame[-1] ^= 1
    router.hear_frame(bytes(frame))
    assert router.state() == NOTHING


@pytest.mark.parametrize("message", ["report", "query"])
@pytest.mark.parametrize(
    ("envelope", "counts_in_igmp"),
    [
        ({"hop_limit": 2}, True),
        ({"router_alert": None}, True),
        ({"router_alert": 1}, True),
        ({"vlan": (5,)}, False),
        ({"vlan": (0,)}, None),
    ],
    ids=str,
)
def test_envelopes_that_mld_must_drop(
    family: Family, message: str, envelope: dict[str, Any], counts_in_igmp: bool | None
) -> None:
    router = Router(family)
    if message == "query":
        router.query(general_query(family), **envelope)
    else:
        router.record("IS_EX", **envelope)
    counts = counts_in_igmp is None or (counts_in_igmp and family is IGMP)
    assert (router.state() == EVERYTHING or not router.is_querier()) == counts


@pytest.mark.parametrize("source", ["::", "2001:db8::1", "ff02::1"])
def test_mld_from_what_is_not_link_local_changes_nothing(source: str) -> None:
    router = Router(MLD)
    router.hear(general_query(MLD), parse(source), MLD.all_hosts)
    router.hear(Report((_join(router),)), parse(source), MLD.reports)
    router.hear(LegacyReport(1, router.group()), parse(source), router.group())
    assert router.is_querier()
    assert router.state() == NOTHING


def test_igmp_reports_from_0_0_0_0_count() -> None:
    router = Router(IGMP)
    router.hear(Report((_join(router),)), parse("0.0.0.0"), IGMP.reports)
    assert router.state() == EVERYTHING


def test_a_report_that_claims_more_than_it_has_changes_nothing_at_all(family: Family) -> None:
    router = Router(family)
    whole = Report((_join(router),))
    claims = _frame(router, whole, records=2)
    router.hear_frame(claims)
    assert router.state() == NOTHING


def test_odd_records_fall_away_alone(family: Family) -> None:
    router = Router(family)
    unicast = parse("10.1.1.1" if family is IGMP else "2001:db8::1")
    never = family.all_hosts
    specific = parse("232.1.1.1" if family is IGMP else "ff3e::8000:1")
    records = [
        GroupRecord(RecordType.IS_EX, unicast),
        GroupRecord(RecordType.IS_EX, never),
        GroupRecord(RecordType.IS_EX, specific),
        GroupRecord(7, router.group(3), router.sources({1})),
        _join(router),
    ]
    router.hear(Report(tuple(records)), router.router(200), family.reports)
    assert [member.group for member in router.querier.members(0)] == [router.group()]


def test_a_query_of_no_version_or_with_sources_of_no_group_elects_nobody(family: Family) -> None:
    router = Router(family)
    odd = Query(family.current_version, family.unspecified, 100, sources=router.sources({1}))
    router.query(odd)
    no_version = Query(family.current_version - 1, family.unspecified, 100, trailing=b"\0")
    router.query(no_version)
    assert router.is_querier()


def test_older_messages_for_what_is_no_group_change_nothing(family: Family) -> None:
    router = Router(family)
    unicast = parse("10.1.1.1" if family is IGMP else "2001:db8::1")
    version = family.current_version - 1
    sender = router.router(200)
    router.hear(LegacyReport(version, unicast), sender, family.all_hosts)
    router.hear(Leave(version, unicast), sender, family.all_routers)
    assert len(list(router.querier.members(0))) == 0


def test_own_messages_and_the_other_family_change_nothing(family: Family) -> None:
    router = Router(family)
    router.record("IS_EX", link_source=router.querier.mac)
    other = Router(MLD if family is IGMP else IGMP)
    frame = _frame(other, Report((_join(other),)))
    router.hear_frame(frame)
    assert len(list(router.querier.members(0))) == 0


def _join(router: Router) -> GroupRecord:
    return GroupRecord(RecordType.IS_EX, router.group())


def _frame(router: Router, message: Message, *, records: int | None = None) -> bytes:
    """Return a frame of a host; `records` replaces the count, the checksum is kept right."""
    source, destination = _ends(router)
    frame = encode_frame(Datagram(source, destination, message))
    if records is None:
        return frame
    offset = 14 + (24 if router.family is IGMP else 48)
    checksum, count = (struct.unpack_from("!H", frame, offset + at)[0] for at in (2, 6))
    # One more in a word of the sum is one less in its complement.
    changed = bytearray(frame)
    struct.pack_into("!H", changed, offset + 6, records)
    struct.pack_into("!H", changed, offset + 2, (checksum - (records - count)) % 0xFFFF)
    return bytes(changed)


def _ends(router: Router) -> tuple[Address, Address]:
    return router.router(200), router.family.reports
