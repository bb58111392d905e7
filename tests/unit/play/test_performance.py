"""Ranges, tolerance and what a message may be taken for: section "expectations" of the notation."""

from __future__ import annotations

import pytest

from mldkit.errors import LinkError
from mldkit.model.addresses import parse, parse_mac
from mldkit.model.datagram import Datagram, Decoded, Frame
from mldkit.model.messages import GroupRecord, RecordType, Report
from mldkit.model.units import MILLISECOND
from mldkit.play import results
from mldkit.play.performance import AccountLine, Performance, Played, ScriptStall, judge
from mldkit.play.sandboxed import refuse_initial_settings
from mldkit.protocol.script_parser import parse_script
from mldkit.protocol.script_words import ScriptError
from mldkit.wire.decode import decode
from mldkit.wire.encode import encode_frame

HEAD = "host 10.9.0.2 02:00:00:00:00:02\n"
GROUP = parse("239.1.2.3")


def told(at_ms: float, kind: RecordType = RecordType.TO_EX) -> Played:
    report = Report((GroupRecord(kind, GROUP),))
    datagram = Datagram(
        parse("10.9.0.2"),
        parse("224.0.0.22"),
        report,
        traffic_class=0xC0,
        link_source=parse_mac("02:00:00:00:00:02"),
    )
    decoded = decode(Frame(encode_frame(datagram)))
    assert isinstance(decoded, Decoded)
    return Played(round(at_ms * MILLISECOND), "host", decoded)


def performed(lines: str, *events: Played, began_ms: float = 0) -> Performance:
    script = parse_script(HEAD + lines)
    began = [round(began_ms * MILLISECOND) for _ in script.actions]
    return Performance(script, began_ns=began, events=list(events))


def verdicts(performance: Performance, tolerance_ms: int = 0) -> list[bool]:
    return [outcome.passed for outcome in judge(performance, tolerance_ms * MILLISECOND)]


def test_a_range_counts_from_when_the_action_really_began() -> None:
    line = "0.0 join 239.1.2.3\n+0.008..0.012 expect TO_EX(239.1.2.3)\n"

    assert verdicts(performed(line, told(12))) == [True]
    assert verdicts(performed(line, told(12), began_ms=5)) == [False]
    assert verdicts(performed(line, told(17), began_ms=5)) == [True]


def test_tolerance_lets_a_message_be_late_but_never_early() -> None:
    line = "0.0 join 239.1.2.3\n+0.008..0.012 expect TO_EX(239.1.2.3)\n"

    assert verdicts(performed(line, told(20)), tolerance_ms=8) == [True]
    assert verdicts(performed(line, told(20.001)), tolerance_ms=8) == [False]
    assert verdicts(performed(line, told(7.999)), tolerance_ms=8) == [False]


def test_tolerance_does_not_widen_a_range_in_which_nothing_is_expected() -> None:
    line = "0.0 join 239.1.2.3\n+0..0.007 expect none\n+0.008..0.012 expect TO_EX(239.1.2.3)\n"

    assert verdicts(performed(line, told(12)), tolerance_ms=8) == [True, True]


def test_a_message_is_taken_once_and_the_earliest_first() -> None:
    twice = "0.0 join 239.1.2.3\n" + "+0..1 expect TO_EX(239.1.2.3)\n" * 2

    assert verdicts(performed(twice, told(12))) == [True, False]
    assert verdicts(performed(twice + "+0..1 expect none\n", told(12), told(500))) == [True] * 3
    assert verdicts(performed(twice, told(12), told(500, RecordType.TO_IN))) == [True, False]


def test_messages_that_were_read_out_of_order_are_taken_in_order_of_time() -> None:
    line = "0.0 join 239.1.2.3\n+0..0.02 expect TO_EX(239.1.2.3)\n+0..0.01 expect none\n"

    assert verdicts(performed(line, told(15), told(5))) == [True, True]
    assert verdicts(performed(line, told(15), told(5), told(6))) == [True, False]


def test_a_stall_counts_only_where_it_could_have_mattered() -> None:
    performance = performed("1.0 join 239.1.2.3\n+0..0.1 expect TO_EX(239.1.2.3)\n", began_ms=1000)
    (expectation,) = performance.script.expectations

    for begin_ms, end_ms, matters in ((980, 990, False), (995, 1001, True), (1200, 1210, False)):
        performance.stalls = [ScriptStall(begin_ms * MILLISECOND, end_ms * MILLISECOND)]
        assert performance.was_hindered(expectation, 8 * MILLISECOND) is matters


def test_a_performance_survives_the_way_between_two_processes() -> None:
    line = "0.0 join 239.1.2.3\n+0..1 expect TO_EX(239.1.2.3)\n"
    performance = performed(line, told(12))
    performance.reasons.append(AccountLine(5, "because"))
    performance.stalls.append(ScriptStall(1, 2))

    again = results.from_text(results.to_text(performance), performance.script, 0)

    assert again.began_ns == performance.began_ns
    assert [event.decoded.frame.data for event in again.events] == [
        event.decoded.frame.data for event in performance.events
    ]
    assert (again.reasons, again.stalls, again.failed) == (
        performance.reasons,
        performance.stalls,
        0,
    )


@pytest.mark.parametrize("kind", [ScriptError, LinkError])
def test_an_error_survives_it_too(kind: type[ScriptError | LinkError]) -> None:
    line = results.failure(kind("what is wrong", hint="what to do"))

    with pytest.raises(kind, match="what is wrong") as caught:
        results.from_text(line, parse_script(HEAD), 0)
    assert caught.value.hint == "what to do"


def test_settings_of_the_initial_namespace_are_refused_with_their_place() -> None:
    fine = parse_script(HEAD + "sysctl net.ipv4.igmp_qrv 3\n0.0 join 239.1.2.3\n", "fine.play")
    refuse_initial_settings(fine)

    wrong = parse_script(
        HEAD + "0.0 join 239.1.2.3\n  1.0  sysctl net.ipv6.mld_qrv 3", "wrong.play"
    )
    with pytest.raises(ScriptError, match=r"^wrong.play:3:15: net.ipv6.mld_qrv exists only"):
        refuse_initial_settings(wrong)
