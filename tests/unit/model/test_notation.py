"""The notation of the command line: what it means and how it is refused."""

from __future__ import annotations

import pytest

from mldkit.errors import UsageError
from mldkit.model import notation
from mldkit.model.addresses import parse, text
from mldkit.model.messages import GroupRecord, RecordType
from mldkit.model.units import MILLISECOND, SECOND


@pytest.mark.parametrize(
    ("value", "expected_ns"),
    [
        ("10s", 10 * SECOND),
        ("500ms", 500 * MILLISECOND),
        ("20us", 20_000),
        ("2.5", 2_500_000_000),
        (".1s", 100 * MILLISECOND),
        ("2m", 120 * SECOND),
        ("0", 0),
    ],
)
def test_durations_carry_units_and_bare_numbers_are_seconds(value: str, expected_ns: int) -> None:
    assert notation.parse_duration(value) == expected_ns


@pytest.mark.parametrize("value", ["", "s", "-1s", "1 s x", "1e3", "ten", "1ns"])
def test_what_is_no_duration_is_refused(value: str) -> None:
    with pytest.raises(UsageError, match="duration"):
        notation.parse_duration(value)


@pytest.mark.parametrize("value", ["1000000001s", "278000h", "9" * 5000])
def test_what_no_clock_can_count_is_refused_in_one_short_line(value: str) -> None:
    with pytest.raises(UsageError, match="is longer than 1000000000 s") as caught:
        notation.parse_duration(value)

    assert len(caught.value.message) < 100


def test_group_with_sources_and_count() -> None:
    spec = notation.parse_group_spec("10.0.0.1,10.0.0.2@232.1.1.1+3")

    assert [text(group) for group in spec.groups] == ["232.1.1.1", "232.1.1.2", "232.1.1.3"]
    assert [text(source) for source in spec.sources] == ["10.0.0.1", "10.0.0.2"]


@pytest.mark.parametrize(
    "value",
    [
        "10.0.0.1",
        "ff02::1+0",
        "ff02::1+x",
        "239.255.255.255+2",
        "2001:db8::1@239.1.1.1",
        "239.1.1.2@239.1.1.1",
        "@ff05::1",
        "fe80::1%eth0@ff05::1",
        "ff02::1+99999999999999999999",
        "ff02::1+" + "9" * 5000,
    ],
)
def test_what_is_no_group_is_refused_and_quoted(value: str) -> None:
    with pytest.raises(UsageError):
        notation.parse_group_spec(value)


def test_record_in_the_script_notation_comes_back() -> None:
    record = GroupRecord(
        RecordType.ALLOW, parse("ff3e::1"), (parse("2001:db8::1"), parse("2001:db8::2"))
    )

    assert str(record) == "ALLOW(ff3e::1,{2001:db8::1,2001:db8::2})"
    assert notation.parse_record(str(record)) == record


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("JOIN(239.1.1.1)", "record type"),
        ("TO_EX 239.1.1.1", "not a record"),
        ("TO_EX(10.0.0.1)", "multicast"),
        ("ALLOW(239.1.1.1,{::1})", "mixes"),
        ("TO_EX(239.1.1.1,10.0.0.1)", "not a record"),
    ],
)
def test_what_is_no_record_is_refused(value: str, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        notation.parse_record(value)
