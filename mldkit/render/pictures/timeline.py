"""The membership timeline: one line for each host in each group, as long as it listens.

::

    ff3e::8000:1
      fe80::2      |====o=======o=====x         | join   o report   x leave
      fe80::3           |====o===<>===o.......> <> change of the filter   > expiry
      data of 2001:db8::1  ------  --------     with the pauses of the stream

Blue is EXCLUDE (any source), green INCLUDE (the sources it names), ochre an older version. A
pale end is the time after the last report: the membership is remembered, and was not heard of any
more. Where lines do not fit a picture, a line is a whole group, its strength the number of members,
and data to it are a thin line below it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mldkit.analysis.facts import host_address
from mldkit.analysis.stays import EXPIRY, LEAVE
from mldkit.model.addresses import text
from mldkit.render.pictures.canvas import PALE, Canvas
from mldkit.render.pictures.paper import (
    ALARM,
    ANY_SOURCE,
    DATA,
    INCLUDE,
    INK,
    MUTED,
    OLDER,
    PAPER,
    name_of,
    seconds,
    time_axis,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from mldkit.analysis.facts import LinkKey
    from mldkit.analysis.result import AnalysisResult, StreamFacts
    from mldkit.analysis.stays import Stay

MOST_LINES = 460
"""More lines than this and a line is a group."""
_MOST_MARKS_IN_LINE = 150
_FEW_LINES = 40
_MOST_LABELLED_QUERIES = 12
_MOST_DRAWN_QUERIES = 400
_SHADES = 8
_MOST_STREAMS = 8
"""Lines of data to one group."""
_BELOW = 0.42
"""Where data to a group stand whose line is the group itself."""


@dataclass(slots=True)
class Line:
    """One line of the picture: a heading, or the stays of a host in a group."""

    label: str
    is_heading: bool = False
    stays: list[Stay] = field(default_factory=list)
    link: LinkKey | None = None
    members: int = 0
    """Of a line that is a whole group."""
    streams: list[StreamFacts] = field(default_factory=list)
    """Data to the group: the line is one stream, or that of the group itself."""


@dataclass(slots=True)
class _Group:
    """What there is to draw of one group on one link."""

    link: LinkKey
    group: bytes
    stays: list[Stay] = field(default_factory=list)
    streams: list[StreamFacts] = field(default_factory=list)

    @property
    def hosts(self) -> int:
        """How many hosts are in it at some time."""
        return len({stay.host for stay in self.stays})

    def lines(self, *, several: bool) -> list[Line]:
        """Return a heading, a line for each host, and one for each of the first streams."""
        heading = text(self.group) + (f"    {name_of(self.link)}" if several else "")
        by_host: dict[bytes, Line] = {}
        for stay in self.stays:
            label = text(host_address(stay.host))
            by_host.setdefault(stay.host, Line(label, link=self.link)).stays.append(stay)
        return [
            Line(heading, is_heading=True),
            *sorted(by_host.values(), key=lambda line: line.stays[0].from_ns),
            *(
                Line(f"data of {text(stream.source)}", link=self.link, streams=[stream])
                for stream in self.streams[:_MOST_STREAMS]
            ),
        ]


def lines_of(result: AnalysisResult, most: int = MOST_LINES) -> tuple[list[Line], int]:
    """Return the lines from top to bottom, and how many groups were left out."""
    found: dict[tuple[LinkKey, bytes], _Group] = {}
    for link in result.links:
        for stay in link.stays:
            found.setdefault((link.key, stay.group), _Group(link.key, stay.group)).stays.append(
                stay
            )
        for stream in link.streams:
            if stream.flows:
                group = _Group(link.key, stream.group)
                found.setdefault((link.key, stream.group), group).streams.append(stream)
    groups = sorted(found.values(), key=lambda one: (name_of(one.link), one.group))
    several = len({one.link for one in groups}) > 1
    lines = sum(1 + one.hosts + min(len(one.streams), _MOST_STREAMS) for one in groups)
    if lines > most:
        return _group_lines([one for one in groups if one.stays], most, several=several)
    return [line for one in groups for line in one.lines(several=several)], 0


def _group_lines(groups: list[_Group], most: int, *, several: bool) -> tuple[list[Line], int]:
    kept = groups
    if len(groups) > most:
        largest = sorted(groups, key=lambda one: -len(one.stays))[:most]
        kept = sorted(largest, key=lambda one: (name_of(one.link), one.group))
    lines: list[Line] = []
    last: LinkKey | None = None
    for one in kept:
        if several and one.link != last:
            lines.append(Line(name_of(one.link), is_heading=True))
        last = one.link
        line = Line(text(one.group), stays=one.stays, link=one.link, members=one.hosts)
        line.streams = one.streams
        lines.append(line)
    return lines, len(groups) - len(kept)


def height_inches(lines: int) -> float:
    """Return how tall the picture must be for its lines to be read."""
    return 1.7 + max(lines, 2) * (0.26 if lines <= _FEW_LINES else 0.175)


def draw(axes: Axes, result: AnalysisResult, lines: list[Line], left_out: int = 0) -> None:
    """Draw the timeline."""
    reports: dict[tuple[LinkKey | None, bytes, bytes], Sequence[int]] = {
        (link.key, one.group, one.host): one.times_ns
        for link in result.links
        if link.trace is not None
        for one in link.trace.reports
    }
    grouped = any(line.members for line in lines)
    title = "Members of each group" if grouped else "Who listens to what, and since when"
    axes.set_title(title, pad=16)
    small = len(lines) > _FEW_LINES
    canvas = Canvas(result.begun_ns)
    for number, line in enumerate(lines):
        if line.is_heading:
            axes.text(
                0.004, number + 0.1, line.label, transform=axes.get_yaxis_transform(),
                va="center", fontweight="bold", fontsize=7.5 if small else 9, color=INK,
                bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 1.2}, zorder=3,
            )  # fmt: skip
        elif line.members:
            _draw_group(canvas, number, line)
            _draw_streams(canvas, number + _BELOW, line)
        elif line.streams:
            _draw_streams(canvas, number, line)
        else:
            stay = line.stays[0]
            times_ns = reports.get((line.link, stay.group, stay.host), ())
            _draw_stays(canvas, number, line, times_ns)
    canvas.draw(axes)
    axes.set_ylim(len(lines) - 0.4, -0.9)
    places = [number for number, line in enumerate(lines) if not line.is_heading]
    labels = [_label(line) for line in lines if not line.is_heading]
    axes.set_yticks(places, labels, fontsize=7 if small else 8.5)
    axes.tick_params(axis="y", length=0)
    queries = _draw_queries(axes, result, lines)
    time_axis(axes, result.begun_ns, result.ended_ns)
    if left_out:
        note = f"{left_out} more groups with fewer members are not drawn"
        axes.text(1, -0.02, note, transform=axes.transAxes, ha="right", va="top", color=MUTED)
    canvas.legend(axes, queries=queries, grouped=grouped)


def _label(line: Line) -> str:
    if not line.members:
        return line.label
    return f"{line.label}  {line.members} host" + ("s" if line.members > 1 else "")


def _colour(*, exclude: bool, version: int | None, current: int) -> str:
    if version != current:
        return OLDER
    return ANY_SOURCE if exclude else INCLUDE


def _draw_stays(canvas: Canvas, number: int, line: Line, reports_ns: Sequence[int]) -> None:
    current = line.link.family.current_version if line.link is not None else 0
    _mark_reports(canvas, number, line, reports_ns)
    for row in line.stays:
        changes = row.changes
        # A leave says that it listened until then.
        heard_ns = row.to_ns if row.ended_by == LEAVE else row.last_ns
        for index, change in enumerate(changes):
            from_ns = row.from_ns if index == 0 else change.time_ns
            to_ns = changes[index + 1].time_ns if index + 1 < len(changes) else heard_ns
            colour = _colour(exclude=change.exclude, version=change.version, current=current)
            canvas.bar(number, from_ns, to_ns, colour)
            if 0 < index < _MOST_MARKS_IN_LINE:
                canvas.mark(number, change.time_ns, "change")
        canvas.mark(number, row.from_ns, "join")
        if row.ended_by == LEAVE:
            canvas.mark(number, row.to_ns, "leave")
            continue
        colour = _colour(exclude=row.exclude, version=row.version, current=current)
        canvas.bar(number, heard_ns, row.to_ns, colour, alpha=PALE)
        if row.ended_by == EXPIRY:
            canvas.mark(number, row.to_ns, "expiry")


def _draw_streams(canvas: Canvas, place: float, line: Line) -> None:
    """Draw when data came: the pauses are blank."""
    for stream in line.streams:
        begun_ns = stream.first_ns
        for from_ns, until_ns in stream.pauses:
            canvas.bar(place, begun_ns, from_ns, DATA)
            begun_ns = until_ns
        canvas.bar(place, begun_ns, stream.last_ns, DATA)


def _mark_reports(canvas: Canvas, number: int, line: Line, reports_ns: Sequence[int]) -> None:
    times = [
        time_ns
        for time_ns in reports_ns
        if any(stay.from_ns < time_ns < stay.to_ns for stay in line.stays)
    ]
    if len(times) <= _MOST_MARKS_IN_LINE:
        for time_ns in times:
            canvas.mark(number, time_ns, "report")


def _draw_group(canvas: Canvas, number: int, line: Line) -> None:
    """Draw how many hosts are in a group over time: the more, the stronger."""
    steps: dict[int, int] = {}
    for row in line.stays:
        steps[row.from_ns] = steps.get(row.from_ns, 0) + 1
        steps[row.to_ns] = steps.get(row.to_ns, 0) - 1
    current = line.link.family.current_version if line.link is not None else 0
    kinds = {
        _colour(exclude=row.exclude, version=row.version, current=current) for row in line.stays
    }
    colour = OLDER if OLDER in kinds else ANY_SOURCE if ANY_SOURCE in kinds else INCLUDE
    count = shade = since_ns = 0
    for time_ns in sorted(steps):
        count += steps[time_ns]
        next_shade = -(-count * _SHADES // line.members)
        if next_shade == shade:
            continue
        if shade:
            alpha = 0.25 + 0.75 * shade / _SHADES
            canvas.bar(number, since_ns, time_ns, colour, alpha=alpha)
        shade, since_ns = next_shade, time_ns


def _draw_queries(axes: Axes, result: AnalysisResult, lines: list[Line]) -> set[bool]:
    """Draw General Queries as lines through the members of their link, specific ones dotted.

    Return whether any of those drawn is specific: both, one or none of the two.
    """
    found = [
        (link.key, query.time_ns, bool(query.group))
        for link in result.links
        if link.trace is not None
        for query in link.trace.queries
    ]
    generals = [time_ns for _, time_ns, is_specific in found if not is_specific]
    few = len(generals) <= _MOST_LABELLED_QUERIES
    if not few:
        found = [item for item in found if not item[2]]
    if len(found) > _MOST_DRAWN_QUERIES:
        return set()
    reach = _reach(lines)
    for key, time_ns, is_specific in found:
        if key not in reach:
            continue
        place = seconds(time_ns, result.begun_ns)
        axes.plot(
            (place, place), reach[key], color=ALARM, linewidth=0.9,
            zorder=2 if few else 0.6, alpha=0.85 if few else 0.3,
            linestyle=(0, (1, 2)) if is_specific else "-",
        )  # fmt: skip
    if few:
        _label_queries(axes, sorted(generals), result)
    return {is_specific for key, _, is_specific in found if key in reach}


def _reach(lines: list[Line]) -> dict[LinkKey, tuple[float, float]]:
    """Return from where to where the lines of each link go, its headings among them."""
    reach: dict[LinkKey, tuple[float, float]] = {}
    top = -0.9
    for number, line in enumerate(lines):
        if line.link is not None:
            begun, _ = reach.get(line.link, (top, 0.0))
            reach[line.link] = begun, number + 0.6
            top = number + 0.6
    return reach


def _label_queries(axes: Axes, times_ns: list[int], result: AnalysisResult) -> None:
    width_ns = max(result.ended_ns - result.begun_ns, 1)
    last_ns = -width_ns
    for time_ns in times_ns:
        if time_ns - last_ns < width_ns // 25:
            continue  # the other family's, or a second querier's: one label is enough
        last_ns = time_ns
        axes.text(
            seconds(time_ns, result.begun_ns), 1.0, "query", color=ALARM, fontsize=7.5,
            transform=axes.get_xaxis_transform(), ha="center", va="bottom",
        )  # fmt: skip
