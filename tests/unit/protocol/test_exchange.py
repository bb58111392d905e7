"""Pairing of reports with queries: the decided rule, case by case."""

from __future__ import annotations

import pytest

from mldkit.model.addresses import parse
from mldkit.model.messages import GroupRecord, LegacyReport, Query, RecordType, Report
from mldkit.model.units import MILLISECOND, SECOND
from mldkit.protocol.exchange import Exchanges, Pairing, current_state, late_limit_ns

HOST, OTHER = b"host", b"other"
G = parse("ff05::1")
GENERAL = Query(2, bytes(16), 1000)
SPECIFIC = Query(2, G, 1000)


def is_ex(*groups: str) -> Report:
    return Report(tuple(GroupRecord(RecordType.IS_EX, parse(group)) for group in groups))


@pytest.mark.parametrize(
    ("response_ms", "limit_ms"), [(100, 142.7), (1000, 1157), (10_000, 11_300)]
)
def test_the_late_limit_is_1127_thousandths_and_30_ms(response_ms: int, limit_ms: float) -> None:
    assert late_limit_ns(Query(2, bytes(16), response_ms)) == round(limit_ms * MILLISECOND)


def test_a_report_is_paired_with_the_query_before_it() -> None:
    exchanges = Exchanges()
    exchanges.ask(GENERAL, 0)

    assert exchanges.answer(HOST, is_ex("ff05::1"), 400 * MILLISECOND) == Pairing(
        0, 400 * MILLISECOND, late=False
    )


def test_a_report_before_any_query_answers_nothing() -> None:
    exchanges = Exchanges()
    exchanges.ask(GENERAL, SECOND)

    assert exchanges.answer(HOST, is_ex("ff05::1"), SECOND - 1) is None


def test_an_answer_past_the_limit_is_late() -> None:
    exchanges = Exchanges()
    exchanges.ask(GENERAL, 0)
    limit_ns = late_limit_ns(GENERAL)

    on_time = exchanges.answer(HOST, is_ex("ff05::1"), limit_ns)
    late = exchanges.answer(OTHER, is_ex("ff05::1"), limit_ns + 1)

    assert on_time == Pairing(0, limit_ns, late=False)
    assert late == Pairing(0, limit_ns + 1, late=True)


def test_two_general_queries_within_the_response_time_are_one_exchange() -> None:
    exchanges = Exchanges()
    exchanges.ask(GENERAL, 0)
    exchanges.ask(GENERAL, 900 * MILLISECOND)

    first = exchanges.answer(HOST, is_ex("ff05::1"), 1100 * MILLISECOND)
    again = exchanges.answer(HOST, is_ex("ff05::1"), 1150 * MILLISECOND)

    assert first == Pairing(0, 1100 * MILLISECOND, late=False)
    assert again is None, "one report answers the whole exchange"


def test_an_answer_beyond_the_first_window_of_an_exchange_belongs_to_its_second_query() -> None:
    exchanges = Exchanges()
    exchanges.ask(GENERAL, 0)
    exchanges.ask(GENERAL, 900 * MILLISECOND)

    assert exchanges.answer(HOST, is_ex("ff05::1"), 1500 * MILLISECOND) == Pairing(
        1, 600 * MILLISECOND, late=False
    )


def test_general_queries_further_apart_are_answered_each() -> None:
    exchanges = Exchanges()
    exchanges.ask(GENERAL, 0)
    exchanges.ask(GENERAL, SECOND)

    first = exchanges.answer(HOST, is_ex("ff05::1"), 1050 * MILLISECOND)
    second = exchanges.answer(HOST, is_ex("ff05::1"), 1100 * MILLISECOND)

    assert first == Pairing(0, 1050 * MILLISECOND, late=False)
    assert second == Pairing(1, 100 * MILLISECOND, late=False)


def test_a_specific_query_is_answered_only_for_its_group() -> None:
    exchanges = Exchanges()
    exchanges.ask(SPECIFIC, 0)

    assert exchanges.answer(HOST, is_ex("ff05::2"), 10) is None
    assert exchanges.answer(HOST, is_ex("ff05::1"), 10) == Pairing(0, 10, late=False)


def test_each_host_answers_for_itself() -> None:
    exchanges = Exchanges()
    exchanges.ask(GENERAL, 0)

    assert exchanges.answer(HOST, is_ex("ff05::1"), 10) is not None
    assert exchanges.answer(OTHER, is_ex("ff05::1"), 20) == Pairing(0, 20, late=False)


def test_the_second_packet_of_a_split_answer_is_paired_by_its_own_groups() -> None:
    exchanges = Exchanges()
    exchanges.ask(GENERAL, 0)

    assert exchanges.answer(HOST, is_ex("ff05::1", "ff05::2"), 10) is not None
    assert exchanges.answer(HOST, is_ex("ff05::3"), 11) == Pairing(0, 11, late=False)


def test_a_list_that_goes_on_in_the_next_packet_belongs_to_the_same_answer() -> None:
    exchanges = Exchanges()
    exchanges.ask(GENERAL, 0)
    first = exchanges.answer(HOST, is_ex("ff05::1"), 100 * MILLISECOND)
    second = exchanges.answer(HOST, is_ex("ff05::1"), 101 * MILLISECOND)
    much_later = exchanges.answer(HOST, is_ex("ff05::1"), 150 * MILLISECOND)

    assert first == Pairing(0, 100 * MILLISECOND, late=False)
    assert second == Pairing(0, 101 * MILLISECOND, late=False)
    assert much_later is None


def test_queries_of_the_other_family_are_never_answered() -> None:
    exchanges = Exchanges()
    exchanges.ask(Query(3, bytes(4), 10), 0)

    assert exchanges.answer(HOST, is_ex("ff05::1"), 10) is None


def test_changes_are_no_answers_and_older_reports_are() -> None:
    change = Report((GroupRecord(RecordType.TO_EX, G), GroupRecord(RecordType.ALLOW, G)))

    assert list(current_state(change)) == []
    assert list(current_state(LegacyReport(1, G))) == [GroupRecord(RecordType.IS_EX, G)]
