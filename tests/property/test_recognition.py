"""Records that come again are read once and recognised; nothing else may differ for that."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mldkit.analysis.engine import Analysis
from mldkit.analysis.recognised import Recognised
from mldkit.model.addresses import parse
from mldkit.model.family import family_of
from mldkit.model.messages import GroupRecord, Query, Report
from mldkit.model.units import SECOND
from mldkit.testing.story import EPOCH_NS, Story
from mldkit.wire import decode_igmp, decode_mld, records
from mldkit.wire.encode import encode_message
from mldkit.wire.known_records import MOST_RECORDS, KnownRecords

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from mldkit.model.datagram import Frame

WORLDS = (
    (
        ("10.0.0.1", "10.0.0.2", "10.0.0.3", "0.0.0.0", "224.0.0.9"),
        ("239.1.1.1", "239.129.1.1", "239.1.1.3", "232.1.1.1", "224.0.0.1"),
        ("10.9.9.1", "10.9.9.2", "10.9.9.3"),
    ),
    (
        ("fe80::1", "fe80::2", "fe80::3", "::", "2001:db8::7"),
        ("ff05::1", "ff05::2", "ff0e::1:2:3", "ff3e::8000:1", "ff02::1"),
        ("2001:db8::1", "2001:db8::2", "2001:db8::3"),
    ),
)
STEPS_S = (0.001, 0.002, 0.3, 1, 4, 30, 200, 300)


def without_recognition() -> AbstractContextManager[object]:
    """Look at every record as if it had never been seen."""
    return mock.patch.object(Recognised, "rows", return_value=None)


def ask_for_sources(
    story: Story, at: float, querier: str, group: str, sources: Sequence[str]
) -> None:
    """Tell a query for a group and some sources."""
    listed = tuple(parse(source) for source in sources)
    message = Query(
        family_of(parse(group)).current_version,
        parse(group),
        100,
        robustness=2,
        interval_code=125,
        sources=listed,
    )
    story.tell(at, parse(querier), parse(group), message)


def repetitive(rng: Random) -> list[Frame]:
    """Return what hosts say that mostly say the same again."""
    story = Story()
    hosts, groups, sources = rng.choice(WORLDS)
    usual = [
        f"IS_EX({group})" if rng.random() < 0.5 else f"IS_IN({group},{{{','.join(sources[:2])}}})"
        for group in groups
    ]
    kinds = ("IS_IN", "IS_EX", "TO_IN", "TO_EX", "ALLOW", "BLOCK")
    at = 0.0
    for _ in range(rng.randrange(80)):
        at += rng.choice(STEPS_S[: rng.randint(3, len(STEPS_S))])
        draw = rng.random()
        if draw < 0.1:
            story.query(at, hosts[0])
        elif draw < 0.15:
            ask_for_sources(story, at, hosts[0], rng.choice(groups), sources[: rng.randrange(3)])
        elif draw < 0.2:
            story.older_report(at, rng.choice(hosts), 2 if "." in hosts[0] else 1, groups[0])
        elif draw < 0.25:
            story.leave(at, rng.choice(hosts), rng.choice(groups))
        else:
            said = [rng.choice(usual) for _ in range(rng.randint(1, 4))]
            if rng.random() < 0.2:
                said.append(f"IS_IN({rng.choice(groups)},{{{rng.choice(sources)}}})")
            if rng.random() < 0.25:
                listed = ",".join(rng.sample(sources, rng.randint(1, 3)))
                said.append(f"{rng.choice(kinds)}({rng.choice(groups)},{{{listed}}})")
                rng.shuffle(said)
            story.report(at, rng.choice(hosts), *said)
    return story.frames


def told(analysis: Analysis, frames: list[Frame]) -> list[object]:
    """Return everything that an analysis says of frames."""
    analysis.traced = True
    for frame in frames:
        analysis.see(frame)
    result = analysis.finish(EPOCH_NS + 86_400 * SECOND)
    return [
        [
            (key, row.group, row.host, row.mac, row.from_ns, row.last_ns, row.to_ns, row.reports,
             row.ended_by, row.changes, row.delay_ns, row.sources, row.exclude, row.version)
            for key, row in result.rows
        ],
        [
            (entry.id, entry.severity, entry.detail, entry.link, entry.frames, entry.count)
            for entry in result.findings
        ],
        [
            (link.messages, link.delays.count, link.delays.late, link.delays.kept, link.trace
             and (link.trace.queries, link.trace.reports, link.trace.delays))
            for link in result.links
        ],
    ]  # fmt: skip


@settings(deadline=None, max_examples=400)
@given(st.integers(0, 1 << 32))
def test_an_analysis_that_recognises_records_says_the_same(seed: int) -> None:
    frames = repetitive(Random(seed))

    recognising = told(Analysis(), frames)
    with without_recognition():
        forgetful = told(Analysis(), frames)

    assert recognising == forgetful


def test_reports_that_say_the_same_again_are_recognised(monkeypatch: pytest.MonkeyPatch) -> None:
    # Tests with many records may have led the common memory to rest.
    monkeypatch.setattr(records, "known_records", KnownRecords())
    story = Story()
    for second in (0, 10, 20, 30):
        story.report(second, "10.0.0.1", "IS_EX(239.1.1.1)", "IS_IN(239.1.1.2,{10.9.9.1})")
    analysis = Analysis()
    for frame in story.frames:
        analysis.see(frame)
    (link,) = analysis.links.values()

    # What the decoder gave for the last frame, it gave for those before.
    repeated = [record for row in link.memberships.rows() if (record := row.record) is not None]
    found = link.memberships.recognised.rows(b"\x0a\0\0\x01", repeated)
    assert found is not None
    assert {row.group for row in found if row is not None} == {
        b"\xef\x01\x01\x01", b"\xef\x01\x01\x02"
    }  # fmt: skip
    assert link.memberships.recognised.rows(b"\x0a\0\0\x02", repeated) is None


@pytest.mark.parametrize("octets", [4, 16])
@given(st.data())
def test_a_report_is_read_the_same_again_wherever_it_stands(
    octets: int, data: st.DataObject
) -> None:
    addresses = st.binary(min_size=octets, max_size=octets)
    listed = st.builds(
        GroupRecord,
        st.integers(0, 255),
        addresses,
        st.lists(addresses, max_size=4).map(tuple),
        st.sampled_from((b"", b"aux.", b"auxiliar")),
    )
    report = Report(tuple(data.draw(st.lists(listed, max_size=5))))
    message = encode_message(report, bytes(octets), bytes(octets))
    read = decode_igmp.read if octets == 4 else decode_mld.read

    for shift in range(3):
        shifted = bytes(shift) + message
        found, malformed, odd = read(shifted, shift, len(shifted), len(shifted))
        assert (found, malformed, odd) == (report, None, ())


def test_what_is_remembered_is_bounded_and_a_flood_of_new_records_is_not_remembered() -> None:
    known = KnownRecords()
    kept = []
    for number in range(3 * MOST_RECORDS):
        known.asked += 1
        known.add(number.to_bytes(8), GroupRecord(1, number.to_bytes(4)))
        kept.append(len(known.by_octets))

    assert max(kept) == MOST_RECORDS
    assert known.rest > 0


def test_long_records_leave_room_for_few() -> None:
    known = KnownRecords()
    for number in range(2000):
        known.add(number.to_bytes(65_535), GroupRecord(1, number.to_bytes(4)))

    assert sum(map(len, known.by_octets)) < 10_000_000
