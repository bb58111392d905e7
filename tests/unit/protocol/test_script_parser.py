"""Scripts: what the notation means, and errors that name line and column."""

from __future__ import annotations

import pytest

from mldkit.model.addresses import parse
from mldkit.model.messages import GroupRecord, Leave, LegacyReport, Query, RecordType, Report
from mldkit.model.units import MILLISECOND, SECOND
from mldkit.protocol.filters import FilterMode
from mldkit.protocol.script import DeviceAct, MessageAct, SocketAct
from mldkit.protocol.script_parser import parse_script
from mldkit.protocol.script_words import ScriptError

HEADER = """\
host fe80::2 02:00:00:00:00:02
host 10.9.0.2 02:00:00:00:00:02
querier fe80::1 02:00:00:00:00:01
querier 10.9.0.1 02:00:00:00:00:01
"""

WRONG = [
    ("0.0 joinn ff05::1", 3 + 2, "is no action"),
    ("0.0 join", 9, "group is missing"),
    ("0.0 join fe80::7", 10, "is not a multicast group"),
    ("0.0 join ff05::1 from 10.0.0.1", 23, "another family"),
    ("0.0 join ff05::1 extra", 18, "was not expected here"),
    ("5..6 join ff05::1", 1, "only expectations have a range"),
    ("5.0 expect none", 1, "an expectation has a range"),
    ("+2..1 expect none", 1, "ends before it begins"),
    ("+0..1 expect TO_EX(ff05::1", 14, "is not a record"),
    ("+0..1 expect TO_EX(ff05::1) TO_EX(239.1.1.1)", 45, "one family"),
    ("0 query :: version 7", 20, "is not a whole number from 1 to 2"),
    ("0 query :: hop-limits 7", 12, "is no option of a query"),
    ("0 query 0.0.0.0 version 2 robustness 2", 39, "has no robustness"),
    ("0 report 1 ff05::1", 19, "`from-host ADDRESS` is missing"),
    ("0 sysctl net.ipv4.nonsense 1", 10, "plays no part"),
    ("0 sysctl net.ipv4.igmp_qrv x", 10, "is no value"),
    (f"0 sysctl net.ipv4.igmp_qrv {'9' * 5000}", 10, "is no value"),
    (f"0 sysctl net.ipv4.igmp_qrv {'0' * 5000}x", 10, "is no value"),
    ("0 address add 2001:db8::1/129", 15, "not the length of a prefix"),
    ("0 link sideways", 8, "is not one of up, down"),
    ("set hz fast", 8, "is not a whole number"),
    ("nonsense", 1, "is not one of host, querier, set, sysctl"),
    ("host fe80::3 02:00:00:00:00:03", 14, "a host has one MAC"),
    ("host 10.9.0.2 02:00:00:00:00:02", 6, "has this address already"),
    ("host ff02::7 02:00:00:00:00:02", 6, "no host has the address"),
    ("host ::1 02:00:00:00:00:02", 6, "no host has the address"),
    ("querier fe80::9 03:00:00:00:00:01", 17, "no interface can have the MAC"),
    ("querier fe80::9 00:00:00:00:00:00", 17, "no interface can have the MAC"),
    ("querier fe80::9 02:00:00:00:00:02", 17, "could not be told apart"),
    ("set interface ../../x", 15, "cannot be the name"),
    ("set interface all", 15, "cannot be the name"),
    ("set interface eth1.5", 15, "cannot be the name"),
    ("set interface abcdefghijklmnop", 15, "cannot be the name"),
    ("set interface a\0b", 15, "cannot be the name"),
    ("-1 join ff05::1", 1, "'-1' is not a time"),
    ("1e30 join ff05::1", 1, "'1e30' is not a time"),
    ("\u0661 join ff05::1", 1, "is not a time"),
    (f"{'9' * 5000} join ff05::1", 1, "too long"),
    (f"+0..{'9' * 5000} expect none", 1, "too long"),
    (f"set seed {'9' * 5000}", 10, "is not a whole number"),
    ("set hz \u0662\u0665\u0660", 8, "is not a whole number"),
    (f"set tolerance {'9' * 400}s", 15, "is longer than"),
    ("0 query :: max-response 8388s", 30, "no query can carry this max-response"),
    ("set mtu 1279", 9, "below 1280"),
    ("0 query 0.0.0.0 version 1 max-response 1s", 42, "has no max-response"),
    ("0 query 0.0.0.0 interval 9h", 28, "no query can carry this interval"),
    ("set querier silent", 13, "is not one of acting"),
    ("set querier acting robustness 8", 31, "is not a whole number from 1 to 7"),
    ("set querier acting interval 5s", 29, "not below the query interval"),
    ("set querier acting max-response", 32, "max-response is missing"),
]


@pytest.mark.parametrize(
    ("line", "column", "reason"), WRONG, ids=[ascii(line)[:40] for line, _, _ in WRONG]
)
def test_an_error_names_line_and_column(line: str, column: int, reason: str) -> None:
    with pytest.raises(ScriptError) as caught:
        parse_script(HEADER + line, "a.play")

    assert caught.value.message.startswith(f"a.play:5:{column}: ")
    assert reason in caught.value.message
    assert caught.value.exit_code == 2


def test_the_name_of_the_interface_comes_before_what_is_set_for_it() -> None:
    text = "sysctl net.ipv4.igmp_qrv 3\nset interface eth5\n" + HEADER

    with pytest.raises(ScriptError, match=r"a\.play:2:5: `set interface` stands before"):
        parse_script(text, "a.play")


def test_a_small_mtu_leaves_no_room_for_an_ipv6_address() -> None:
    with pytest.raises(ScriptError, match=r"a\.play:2:6: .* below 1280"):
        parse_script("set mtu 1000\n" + HEADER, "a.play")


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_lines_are_those_that_an_editor_counts(line_end: str) -> None:
    text = line_end.join((*HEADER.split("\n"), "# a\f b\x1d c\u2028 d", "0.0 joinn ff05::1"))

    with pytest.raises(ScriptError, match=r"a\.play:7:5: 'joinn' is no action"):
        parse_script(text, "a.play")


def test_a_script_without_a_host_is_refused() -> None:
    with pytest.raises(ScriptError, match=r"a\.play:1:1: no line `host"):
        parse_script("# nothing\n", "a.play")


def test_a_frame_for_the_host_comes_after_the_line_of_the_host() -> None:
    text = "querier 10.9.0.1 02:00:00:00:00:01\n0.0 query 0.0.0.0 to 10.9.0.2\n"

    with pytest.raises(ScriptError, match=r"a\.play:2:30: no line `host"):
        parse_script(text, "a.play")


def test_an_error_does_not_quote_a_word_as_long_as_a_file() -> None:
    with pytest.raises(ScriptError) as caught:
        parse_script(HEADER + "0.0 join " + "f" * 5000, "a.play")

    assert len(caught.value.message) < 400


def test_a_querier_that_acts_needs_an_address() -> None:
    with pytest.raises(ScriptError, match=r"a\.play:1:1: no line `querier"):
        parse_script("set querier acting\nhost 10.9.0.2 02:00:00:00:00:02\n", "a.play")


def test_the_lines_of_a_script_are_what_they_say() -> None:
    script = parse_script(
        HEADER
        + """
set hz 1000
set tolerance 8ms
0.0   join ff3e::1 from 2001:db8::1,2001:db8::2   # in this order
+0.25 filter 239.1.1.1 exclude {10.0.0.1, 10.0.0.2} socket b
+0    close main
7     query ff05::1 sources 2001:db8::1 max-response 1s robustness 7 interval 20s suppress
+0..1.5 expect IS_IN(ff3e::1,{2001:db8::1}) IS_EX(ff05::1)
+0..1 expect report 2 239.1.1.1
+0..1 expect leave ff05::1
8.0   address add 2001:db8::5/64
"""
    )

    assert (script.hz, script.tolerance_ns) == (1000, 8 * MILLISECOND)
    assert [action.time_ns for action in script.actions] == [
        0,
        SECOND // 4,
        SECOND // 4,
        7 * SECOND,
        8 * SECOND,
    ]
    join, filtered, closed, asked, added = (action.act for action in script.actions)
    sources = (parse("2001:db8::1"), parse("2001:db8::2"))
    assert join == SocketAct("join", parse("ff3e::1"), sources)
    both = (parse("10.0.0.1"), parse("10.0.0.2"))
    assert filtered == SocketAct("filter", parse("239.1.1.1"), both, FilterMode.EXCLUDE, "b")
    assert closed == SocketAct("close")
    assert isinstance(asked, MessageAct)
    query = Query(2, parse("ff05::1"), 1000, True, 7, 20, (parse("2001:db8::1"),))
    assert asked.datagram.message == query
    assert asked.datagram.destination == parse("ff05::1")
    assert added == DeviceAct("address add", parse("2001:db8::5"), 64)
    first, second, third = script.expectations
    assert (first.action, first.from_ns, first.until_ns) == (3, 0, 3 * SECOND // 2)
    assert first.equals(
        Report(
            (
                GroupRecord(RecordType.IS_IN, parse("ff3e::1"), sources[:1]),
                GroupRecord(RecordType.IS_EX, parse("ff05::1")),
            )
        )
    )
    assert second.equals(LegacyReport(2, parse("239.1.1.1")))
    assert third.equals(Leave(1, parse("ff05::1")))
    assert not second.equals(LegacyReport(1, parse("239.1.1.1")))
