"""Whatever comes over a link, the analysis goes on, and its rows keep their promises."""

from __future__ import annotations

from random import Random

from hypothesis import example, given, settings
from hypothesis import strategies as st

from mldkit.analysis.engine import Analysis
from mldkit.model.datagram import Frame
from mldkit.model.family import IGMP, MLD
from mldkit.model.units import SECOND
from mldkit.testing.stage import BEGIN_NS, Stage
from mldkit.testing.strategies import datagrams
from mldkit.wire.encode import encode_frame

RECORDS = ("IS_IN", "IS_EX", "TO_IN", "TO_EX", "ALLOW", "BLOCK")


def lively(rng: Random) -> list[Frame]:
    """Return five minutes of a link on which everything happens, some frames damaged."""
    frames: list[Frame] = []
    for family in (IGMP, MLD):
        stage = Stage(family, vlan=rng.choice(((), (20,), (5, 6))))
        for _ in range(rng.randrange(60)):
            at, host, group = rng.uniform(0, 300), rng.randint(1, 4), rng.randint(1, 4)
            kind = rng.randrange(6)
            if kind == 0:
                group_asked = rng.choice((None, group))
                version = rng.choice(family.versions)
                stage.query(at, group_asked, router=rng.randint(1, 3), version=version)
            elif kind == 1:
                stage.older_report(at, group, host=host)
            elif kind == 2:
                stage.leave(at, group, host=host)
            elif kind == 3:
                stage.data(at, group, hop_limit=rng.choice((0, 1, 64)))
            else:
                sources = rng.sample(range(5), rng.randrange(4))
                stage.report(at, rng.choice(RECORDS), group, host=host, sources=sources)
        frames += stage.frames()
    for frame in frames:
        if rng.random() < 0.1 and len(frame.data) > 1:
            at = rng.randrange(len(frame.data))
            octet = bytes((rng.randrange(256),))
            frame.data = frame.data[:at] + octet + frame.data[at + 1 :]
        if rng.random() < 0.05:
            frame.data = frame.data[: rng.randrange(len(frame.data))]
        if rng.random() < 0.02 and frame is not frames[0]:
            frame.time_ns = None
    return frames


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 1 << 32))
def test_stays_are_in_order_and_do_not_overlap(seed: int) -> None:
    analysis = Analysis()
    for frame in lively(Random(seed)):
        analysis.see(frame)

    result = analysis.finish(BEGIN_NS + 600 * SECOND)

    latest: dict[object, int] = {}
    for key, row in result.rows:
        assert BEGIN_NS <= row.from_ns <= row.to_ns
        assert row.ended_by in ("leave", "expiry", "capture-end")
        assert row.exclude or row.sources
        assert row.reports >= 1
        who = key, row.group, row.host
        assert latest.get(who, 0) <= row.from_ns
        latest[who] = row.to_ns
    for entry in result.findings:
        assert entry.count >= len(entry.frames)


@settings(deadline=None, max_examples=50)
@given(st.lists(datagrams(), max_size=12), st.integers(0, 1 << 32))
def test_no_message_stops_the_analysis(messages: list[object], seed: int) -> None:
    rng = Random(seed)
    analysis = Analysis()
    for number, datagram in enumerate(messages, 1):
        data = encode_frame(datagram)  # type: ignore[arg-type]
        analysis.see(Frame(data, BEGIN_NS + rng.randrange(-5, 500) * SECOND, number))

    assert analysis.finish().messages == len(messages)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1 << 32))
@example(393045)  # a stay that is over, of a device that is silent under its other address
@example(1088)  # a query that hosts must drop, after the time in which one was due
def test_letting_time_pass_between_messages_changes_nothing(seed: int) -> None:
    """What `watch` does, which polls, and what `analyze` does, which need not, agree."""
    ends = []
    for polls in (False, True):
        analysis = Analysis()
        for frame in lively(Random(seed)):
            if polls and frame.time_ns is not None:
                analysis.poll(frame.time_ns - 1)
            analysis.see(frame)
        result = analysis.finish(BEGIN_NS + 600 * SECOND)
        ends.append(
            (
                [(row.group, row.host, row.from_ns, row.to_ns) for _, row in result.rows],
                sorted((entry.id, entry.count) for entry in result.findings),
            )
        )
    assert ends[0] == ends[1]
