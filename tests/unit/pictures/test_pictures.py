"""What the pictures show, looked up in what was drawn."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

import pytest

from mldkit.analysis.engine import Analysis
from mldkit.model.addresses import parse
from mldkit.model.family import IGMP
from mldkit.model.units import SECOND
from mldkit.render.pictures import canvas, delays, paper, queriers, sheet, timeline
from mldkit.testing.stage import Stage
from mldkit.testing.story import EPOCH_NS, Story

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from mldkit.analysis.result import AnalysisResult
    from mldkit.model.datagram import Frame

pytest.importorskip("matplotlib")


def traced(story: Story) -> AnalysisResult:
    analysis = Analysis(traced=True)
    for frame in story.in_order():
        analysis.see(frame)
    return analysis.finish()


def crowd(hosts: int, groups: int) -> Story:
    """Tell of hosts that are spread over groups and answer one query."""
    story = Story()
    story.query(0, "10.0.0.1")
    for number in range(hosts):
        host = f"10.1.{number // 250}.{number % 250 + 1}"
        group = number % groups
        story.report(1 + number / 500, host, f"IS_EX(239.1.{group // 250}.{group % 250})")
    return story


def test_a_host_has_one_line_in_each_group_whatever_its_stays() -> None:
    story = Story()
    for second in (0, 20):
        story.report(second, "10.0.0.2", "TO_EX(239.1.2.3)")
        story.report(second + 5, "10.0.0.2", "TO_IN(239.1.2.3)")
    story.report(3, "10.0.0.3", "ALLOW(239.1.2.3,{10.9.9.9})")

    lines, left_out = timeline.lines_of(traced(story))

    assert left_out == 0
    assert [line.label for line in lines] == ["239.1.2.3", "10.0.0.2", "10.0.0.3"]
    assert [len(line.stays) for line in lines] == [0, 2, 1]


def test_three_hundred_hosts_have_a_line_each_and_three_thousand_do_not() -> None:
    few, _ = timeline.lines_of(traced(crowd(300, 50)))
    many, _ = timeline.lines_of(traced(crowd(3000, 50)))

    assert sum(not line.is_heading for line in few) == 300
    assert [line.members for line in many] == [60] * 50


def test_more_groups_than_lines_leave_the_smallest_out() -> None:
    lines, left_out = timeline.lines_of(traced(crowd(900, 600)), most=100)

    assert left_out == 500
    assert {line.members for line in lines if not line.is_heading} == {2}


def test_a_return_of_the_querier_leaves_the_silence_between_its_two_terms() -> None:
    story = Story()
    for second in (0, 125, 1000, 1125):
        story.query(second, "10.0.0.1")

    result = traced(story)

    (link,) = result.links
    # Acting until RV x QI + QRI / 2 = 255 s after the last query (RFC 9776 §8.5).
    silences = queriers.silences(link)
    assert silences == [(EPOCH_NS + 380 * SECOND, EPOCH_NS + 1000 * SECOND)]


def test_delays_are_kept_by_the_response_time_that_was_asked_for() -> None:
    story = Story()
    story.query(0, "10.0.0.1", max_response=10)
    story.report(4, "10.0.0.2", "IS_EX(239.1.2.3)")
    story.query(20, "10.0.0.1", group="239.1.2.3", max_response=1)
    story.report(20.25, "10.0.0.2", "IS_EX(239.1.2.3)")

    samples = dict(delays.samples_of(traced(story)))

    assert samples == {
        10 * SECOND: array("q", [4 * SECOND]),
        1 * SECOND: array("q", [SECOND // 4]),
    }


def test_the_band_is_that_of_the_table_of_kolmogorov() -> None:
    # Critical values of D for samples above 35: 1.36 / sqrt(n) at 5 % (Massey 1951, table 1).
    assert delays.band(100) == pytest.approx(0.136, abs=0.0005)


def test_the_elements_of_a_page_have_its_colours_and_no_names_of_other_places() -> None:
    titles, drawings = zip(*sheet.drawings(traced(crowd(5, 2))), strict=True)

    assert titles == ("Queriers", "Memberships", "Response delays")
    for drawing in drawings:
        assert drawing.startswith("<svg ")
        assert "var(--any-source)" in drawing
        assert "metadata" not in drawing
        for colour in paper.VARIABLES:
            assert colour not in drawing


def test_the_trace_stops_where_its_store_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mldkit.analysis.trace.MOST_REPORTS", 3)

    (link,) = traced(crowd(5, 1)).links

    assert link.trace is not None
    assert not link.trace.is_complete
    assert [(one.group, one.host) for one in link.trace.reports] == [
        (parse("239.1.0.0"), parse(f"10.1.0.{number}")) for number in (1, 2, 3)
    ]


def test_queries_are_drawn_through_the_members_of_their_own_link() -> None:
    import numpy as np
    from matplotlib.figure import Figure

    story = Story()
    story.query(0, "10.0.0.1")
    story.query(50, "fe80::1")
    story.report(1, "10.0.0.2", "IS_EX(239.1.2.3)")
    story.report(51, "fe80::2", "IS_EX(ff15::1)")
    story.report(60, "10.0.0.2", "IS_EX(239.1.2.3)")
    result = traced(story)
    lines, _ = timeline.lines_of(result)
    axes = Figure().add_subplot()

    timeline.draw(axes, result, lines)

    # Lines 0 and 1 are the group of IGMP and its member, 2 and 3 those of MLD.
    corners = [
        np.asarray(line.get_xydata()).tolist()
        for line in axes.get_lines()
        if line.get_color() == paper.ALARM and line.get_linestyle() == "-"
    ]
    assert len(corners) == 2
    assert all(x == 0 and y < 1.7 for x, y in corners[0])
    assert all(x == 50 and y > 1.5 for x, y in corners[1])


def bars(axes: Axes, colour: str) -> list[tuple[float, float, float]]:
    """Return start, end and middle line of the bars of a colour, with their strength left out."""
    import numpy as np
    from matplotlib.collections import PolyCollection
    from matplotlib.colors import to_hex

    found = []
    for collection in axes.collections:
        if not isinstance(collection, PolyCollection):
            continue
        red, green, blue, _ = np.asarray(collection.get_facecolor())[0]
        if to_hex((red, green, blue)) == colour:
            for path in collection.get_paths():
                xs, ys = np.asarray(path.vertices).T
                found.append((float(min(xs)), float(max(xs)), float((min(ys) + max(ys)) / 2)))
    return sorted(found)


def drawn(frames: list[Frame]) -> tuple[Axes, list[timeline.Line]]:
    from matplotlib.figure import Figure

    analysis = Analysis(traced=True)
    for frame in frames:
        analysis.see(frame)
    result = analysis.finish()
    lines, _ = timeline.lines_of(result)
    axes = Figure().add_subplot()
    timeline.draw(axes, result, lines)
    return axes, lines


def legend(axes: Axes) -> list[str]:
    found = axes.get_legend()
    assert found is not None
    return [words.get_text() for words in found.get_texts()]


def test_data_stand_beside_the_members_of_their_group_with_their_pauses() -> None:
    stage = Stage(IGMP)
    stage.query(0)
    stage.report(2, "IS_EX", 1)
    stage.stream(10, 60, 5, 1)
    stage.stream(100, 140, 5, 1)
    stage.stream(20, 60, 5, 9, source=2)

    axes, lines = drawn(stage.frames())

    assert [line.label for line in lines] == [
        "239.1.1.1", "10.9.0.100", "data of 10.0.0.201", "239.1.1.9", "data of 10.0.0.202",
    ]  # fmt: skip
    data = [(round(begun), round(ended), line) for begun, ended, line in bars(axes, paper.DATA)]
    assert data == [(10, 60, 2), (20, 60, 4), (100, 140, 2)]
    assert "data" in legend(axes)


def test_what_is_only_remembered_is_pale() -> None:
    story = Story()
    story.query(0, "10.0.0.1")
    for host, group in (("10.0.0.2", "239.1.2.3"), ("10.0.0.3", "239.1.2.4")):
        story.report(1, host, f"IS_EX({group})")
        story.report(40, host, f"IS_EX({group})")
    story.leave(60, "10.0.0.3", "239.1.2.4")
    story.query(100, "10.0.0.1")

    axes, _ = drawn(story.in_order())

    # Nothing was heard of the first host after 40 s; the second said that it listened until 60 s.
    heard = [bar[:2] for bar in bars(axes, paper.ANY_SOURCE)]
    assert sorted(heard) == [(1, 40), (1, 60), (40, 100)]
    pale = [one for one in axes.collections if one.get_alpha() == canvas.PALE]
    assert len(pale) == 1
    assert "remembered, no report any more" in legend(axes)


def test_the_legend_has_what_occurs_and_nothing_else() -> None:
    story = Story()
    story.query(0, "10.0.0.1")
    story.report(1, "10.0.0.2", "IS_EX(239.1.2.3)")
    story.report(5, "10.0.0.2", "IS_EX(239.1.2.3)")
    story.leave(9, "10.0.0.2", "239.1.2.3")
    story.query(9.5, "10.0.0.1", group="239.1.2.3", max_response=1)

    axes, _ = drawn(story.in_order())

    assert legend(axes) == [
        "EXCLUDE (any source)", "report", "join", "leave", "General Query", "specific query",
    ]  # fmt: skip


@pytest.mark.parametrize(("hosts", "groups"), [(1, 1), (2, 1), (3, 3), (60, 4), (300, 50)])
def test_the_legend_is_on_the_picture_and_below_the_words_of_the_axis(
    hosts: int, groups: int
) -> None:
    lines, _ = timeline.lines_of(result := traced(crowd(hosts, groups)))
    with paper.style():
        figure = paper.new_figure(timeline.height_inches(len(lines)))
        axes = figure.add_subplot()
        timeline.draw(axes, result, lines)
        figure.draw_without_rendering()

    found = axes.get_legend()
    assert found is not None
    words, legend_box = axes.xaxis.label.get_window_extent(), found.get_window_extent()
    assert legend_box.y0 >= 0
    assert legend_box.y1 <= words.y0 + 4
