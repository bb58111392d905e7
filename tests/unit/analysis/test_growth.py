"""Floods and long watches: work grows with messages, memory with hosts and groups."""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING

import pytest

from mldkit.analysis import backlog, engine, limits
from mldkit.analysis.engine import Analysis
from mldkit.model.addresses import consecutive, parse, text
from mldkit.model.datagram import Frame
from mldkit.model.messages import GroupRecord, Query, RecordType, Report
from mldkit.model.units import SECOND
from mldkit.testing.story import EPOCH_NS, Story

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType

pytestmark = pytest.mark.long

FEW, MANY = 200, 800
MOST_GROWTH = 1.4
"""Of the work for one message from FEW to MANY: a square would give 4."""


def names(first: str, count: int) -> list[str]:
    """Return addresses from one on."""
    return [text(address) for address in consecutive(parse(first), count)]


def spoofed_hosts(story: Story, count: int) -> None:
    """Every report from another host, for another group."""
    pairs = zip(names("10.1.0.0", count), names("239.2.0.0", count), strict=True)
    for number, (host, group) in enumerate(pairs):
        story.report(number / 1000, host, f"IS_EX({group})")


def queries_that_nobody_answers(story: Story, count: int) -> None:
    """A General Query after every report."""
    spoofed_hosts(story, count)
    for number in range(count):
        story.query(2 + number / 10, "10.0.0.1", max_response=0)


def spoofed_queriers(story: Story, count: int) -> None:
    """Every query from another router, all with one identifier."""
    for number in range(count):
        story.query(number / 1000, f"fe80::{number + 1:x}:0:0:0:1")


def one_moment(story: Story, count: int) -> None:
    """Messages on a VLAN in a capture whose clock stands still."""
    for host in names("10.1.0.0", count):
        story.report(0, host, "IS_EX(239.1.1.1)")
    for frame in story.frames:
        frame.data = frame.data[:12] + b"\x81\0\0\5" + frame.data[12:]


def nameless_hosts(story: Story, count: int) -> None:
    """Reports from 0.0.0.0, and then from the address of the same hardware."""
    pairs = zip(names("10.1.0.0", count), names("239.2.0.0", count), strict=True)
    for number, (host, group) in enumerate(pairs):
        for source in ("0.0.0.0", host):
            story.report(number, source, f"IS_EX({group})")
            frame = story.frames[-1]
            frame.data = frame.data[:6] + b"\2\1" + number.to_bytes(4) + frame.data[12:]


def questions_of_one_group(story: Story, count: int) -> None:
    """Specific queries without end, and one host that answers all of them."""
    group = parse("239.1.1.1")
    for number, source in enumerate(consecutive(parse("10.2.0.0"), count)):
        query = Query(3, group, 100, robustness=2, interval_code=125, sources=(source,))
        story.tell(number / 1000, parse("10.0.0.1"), group, query)
        answer = Report((GroupRecord(RecordType.IS_IN, group, (source,)),))
        story.tell(number / 1000, parse("10.0.0.2"), parse("224.0.0.22"), answer)


def members_that_leave(story: Story, count: int) -> None:
    """All members of one group leave it, and the querier asks each time."""
    story.query(0, "10.0.0.1")
    for host in names("10.1.0.0", count):
        story.report(1, host, "IS_EX(239.1.1.1)")
    for number, host in enumerate(names("10.1.0.0", count)):
        story.report(2 + number / 1000, host, "TO_IN(239.1.1.1)")
        story.query(2 + number / 1000, "10.0.0.1", group="239.1.1.1", max_response=1)


def lines_run(fill: Callable[[Story, int], None], count: int) -> float:
    """Return how many lines of the analysis run for one message."""
    story = Story()
    fill(story, count)
    folder = engine.__file__.rpartition("/")[0]
    ran = 0
    known: dict[CodeType, bool] = {}

    def trace(frame: object, event: str, _: object) -> object:
        nonlocal ran
        ran += event == "line"
        code = frame.f_code  # type: ignore[attr-defined]
        if code not in known:
            known[code] = code.co_filename.startswith(folder)
        return trace if known[code] else None

    analysis = Analysis()
    before = sys.gettrace()
    sys.settrace(trace)  # type: ignore[arg-type]
    try:
        for frame in story.frames:
            analysis.see(frame)
        analysis.finish()
    finally:
        sys.settrace(before)
    return ran / len(story.frames)


@pytest.mark.parametrize(
    "fill",
    [
        spoofed_hosts,
        queries_that_nobody_answers,
        spoofed_queriers,
        one_moment,
        nameless_hosts,
        questions_of_one_group,
        members_that_leave,
    ],
)
def test_the_work_for_a_message_does_not_grow_with_their_number(
    fill: Callable[[Story, int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Small links are searched whatever it costs; this one is to count as large.
    monkeypatch.setattr(backlog, "_ROWS_AT_LEAST", 1000)

    assert lines_run(fill, MANY) < MOST_GROWTH * lines_run(fill, FEW)


def test_a_list_of_sources_that_grows_without_end_is_cut() -> None:
    story = Story()
    sources = consecutive(parse("10.0.0.0"), 20_000)
    for first in range(0, len(sources), 250):
        record = GroupRecord(RecordType.ALLOW, parse("239.1.1.1"), sources[first : first + 250])
        story.tell(first / 250, parse("10.9.0.1"), parse("224.0.0.22"), Report((record,)))
    analysis = Analysis()
    for frame in story.frames:
        analysis.see(frame)

    (link,) = analysis.links.values()
    (row,) = link.memberships.rows()
    assert row.sources == sources[: len(row.sources)]
    assert len(row.sources) == limits.MOST_SOURCES


HOUR_NS = 3600 * SECOND


def one_hour() -> list[Frame]:
    """Return an hour in which everything happens that is noted somewhere."""
    story = Story()
    for second in range(0, 3600, 60):
        # Two queriers in turn, a silence, older versions.
        if not 1500 < second < 2400:
            story.query(second, "10.0.0.1" if second % 600 < 300 else "10.0.0.2", interval=20)
        for number in range(5):
            host = f"10.1.0.{number + 1}"
            said = ("IS_EX", "TO_IN", "TO_EX", "BLOCK", "ALLOW")[(second // 60 + number) % 5]
            listed = "" if said.startswith(("TO_EX", "IS_EX")) else ",{10.9.9.1}"
            story.report(second + 1 + number, host, f"{said}(239.1.1.{number}{listed})")
        story.older_report(second + 10, "10.1.0.9", 2, "239.1.1.1")
        story.leave(second + 12, "10.1.0.9", "239.1.1.1")
        story.query(second + 13, "10.0.0.2", group="239.1.1.1", max_response=1)
        story.report(second + 20, "0.0.0.0", "TO_EX(239.1.1.7)")
        story.report(second + 25, "10.1.0.5", "IS_EX(224.0.0.1)")
        story.report(second + 30, "2001:db8::1", "IS_EX(ff05::1)")
        story.report(second + 31, "::", "IS_EX(ff05::1)")
        story.report(second + 32, "fe80::1", "TO_EX(ff05::1)" if second % 120 else "TO_IN(ff05::1)")
    for frame in story.frames[::7]:
        frame.data = frame.data[:-1]
    return story.in_order()


def test_a_watch_of_a_day_and_a_half_keeps_no_more_than_half_a_day() -> None:
    hour = one_hour()
    analysis = Analysis(with_data=False, listener=lambda _: None)
    kept = []
    for number in range(36):
        begun_ns = EPOCH_NS + number * HOUR_NS
        for frame in hour:
            time_ns = (frame.time_ns or 0) + number * HOUR_NS
            analysis.poll(time_ns)
            analysis.see(Frame(frame.data, time_ns, frame.number + number * len(hour)))
            analysis.forget()
        analysis.poll(begun_ns + HOUR_NS)
        analysis.forget()
        if number in (11, 35):
            gc.collect()
            kept.append((len(gc.get_objects()), sys.getallocatedblocks()))

    (objects, blocks), (objects_later, blocks_later) = kept
    # A day with some thousand messages that were told and are over.
    assert objects_later - objects < 200
    assert blocks_later - blocks < 600
