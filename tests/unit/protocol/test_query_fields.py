"""The fields of queries: what is wanted in times, what the octets say, and what cannot be said."""

from __future__ import annotations

import pytest

from mldkit.model.addresses import parse
from mldkit.model.family import IGMP, MLD, Family
from mldkit.model.units import MILLISECOND, SECOND
from mldkit.protocol.query_fields import QueryFields, UnsayableError

FAMILIES = pytest.mark.parametrize("family", [IGMP, MLD], ids=("igmp", "mld"))
GROUPS = {IGMP: parse("239.1.2.3"), MLD: parse("ff05::7")}
SOURCES = {IGMP: parse("10.0.0.1"), MLD: parse("2001:db8::1")}


@FAMILIES
def test_a_current_query_says_all_that_is_wanted(family: Family) -> None:
    fields = QueryFields(family, family.current_version, 5 * SECOND, 3, 60 * SECOND, suppress=True)

    query = fields.query(GROUPS[family], [SOURCES[family]])

    assert query.group == GROUPS[family]
    assert query.sources == (SOURCES[family],)
    assert (query.robustness, query.interval_ns, query.suppress) == (3, 60 * SECOND, True)
    assert query.max_response_ns == 5 * SECOND
    assert not list(fields.roundings())


@FAMILIES
def test_without_a_group_it_is_a_general_query(family: Family) -> None:
    assert QueryFields(family, family.current_version).query().is_general


@FAMILIES
def test_an_older_query_carries_nothing_but_group_and_response_time(family: Family) -> None:
    fields = QueryFields(family, family.current_version - 1, 5 * SECOND, 3, 60 * SECOND)

    query = fields.query(GROUPS[family])

    assert query.interval_ns is None
    assert query.robustness == 0
    assert query.max_response_ns == 5 * SECOND


def test_times_that_the_codes_cannot_say_are_rounded_down() -> None:
    fields = QueryFields(IGMP, 3, 12_850 * MILLISECOND, 2, 129 * SECOND)

    roundings = dict(fields.roundings())

    # A mantissa of five bits counts in steps of eight there (RFC 9776 §4.1.1, §4.1.7).
    assert roundings["response_ns"] == (12_850 * MILLISECOND, 12_800 * MILLISECOND)
    assert roundings["interval_ns"] == (129 * SECOND, 128 * SECOND)


def test_igmpv1_hosts_take_ten_seconds_whatever_is_wanted() -> None:
    fields = QueryFields(IGMP, 1, 3 * SECOND)

    assert fields.query().max_response_code == 0
    assert dict(fields.roundings())["response_ns"] == (3 * SECOND, 10 * SECOND)


@FAMILIES
def test_an_older_version_has_no_field_for_sources_and_the_s_flag(family: Family) -> None:
    older = family.current_version - 1

    with pytest.raises(UnsayableError, match="sources") as raised:
        QueryFields(family, older).check([SOURCES[family]])
    assert raised.value.field == "version"
    with pytest.raises(UnsayableError, match="S flag"):
        QueryFields(family, older, suppress=True).check()
    QueryFields(family, family.current_version, suppress=True).check([SOURCES[family]])


def test_igmpv2_has_no_response_time_of_zero() -> None:
    with pytest.raises(UnsayableError, match=r"0\.1s to 25\.5s") as raised:
        QueryFields(IGMP, 2, 50 * MILLISECOND).check()
    assert raised.value.field == "response_ns"
    QueryFields(IGMP, 2, 100 * MILLISECOND).check()
    QueryFields(MLD, 1, 0).check()
