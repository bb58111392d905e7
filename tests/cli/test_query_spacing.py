"""How often `query` asks: General Queries at a distance, the others as was said."""

from __future__ import annotations

import pytest

from mldkit.cli.main import build_parser
from mldkit.cli.query import schedule_of
from mldkit.model.addresses import parse
from mldkit.model.messages import Query
from mldkit.model.units import MILLISECOND, SECOND
from mldkit.testing.envelopes import MLD_QUERY
from mldkit.wire.encode import encode_frame

GENERAL = encode_frame(MLD_QUERY)
GROUP = Query(2, parse("ff15::1"), 100, robustness=2, interval_code=125)


@pytest.mark.parametrize(
    ("options", "every_ns", "spacing_ns"),
    [
        (("--every", "100ms"), SECOND, SECOND),
        (("--max-response", "10ms"), SECOND, SECOND),
        (("--every", "3s"), 3 * SECOND, SECOND),
        (("--every", "100ms", "--flood"), 100 * MILLISECOND, 0),
    ],
)
def test_general_queries_are_a_second_apart_unless_a_flood_is_asked_for(
    options: tuple[str, ...], every_ns: int, spacing_ns: int, capsys: pytest.CaptureFixture[str]
) -> None:
    args = build_parser("query").parse_args(["query", "-i", "eth1", "--count", "2", *options])
    schedule = schedule_of(args, [GENERAL], [GROUP])

    assert (schedule.every_ns, schedule.spacing_ns) == (every_ns, spacing_ns)
    is_changed = every_ns == SECOND
    assert ("note: General Queries are 1 s apart, not" in capsys.readouterr().err) == is_changed


def test_queries_for_a_group_come_as_was_said(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["query", "-i", "eth1", "ff15::1", "--count", "2", "--every", "100ms"]
    args = build_parser("query").parse_args(words)
    schedule = schedule_of(args, [GENERAL[:-20]], [GROUP])

    assert (schedule.every_ns, schedule.spacing_ns) == (100 * MILLISECOND, 0)
    assert capsys.readouterr().err == ""


def test_the_help_says_what_a_flood_is(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        build_parser("query").parse_args(["query", "--help"])
    words = " ".join(capsys.readouterr().out.split())
    assert "all hosts answer each of them, so this can overload" in words
