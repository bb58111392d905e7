"""The membership timeline: one line for each host in each group, as long as it listens.

::

    ff3e::8000:1
      fe80::2      |====o=======o=====x         | join   o report   x leave
      fe80::3           |====o===<>===o.......> <> change of the filter   > expiry

Blue is EXCLUDE (any source), green INCLUDE (the sources it names), ochre an older version. A
pale end is the time in which nobody was heard any more. Where lines do not fit a picture, a
line is a whole group and its strength the number of members.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mldkit.analysis.facts import host_address
from mldkit.analysis.stays import EXPIRY, LEAVE
from mldkit.model.addresses import text
from mldkit.render.pictures.paper import (
    ALARM,
    ANY_SOURCE,
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
    from mldkit.analysis.result import AnalysisResult
    from mldkit.analysis.stays import Stay

MOST_LINES = 460
"""More lines than this and a line is a group."""
_MOST_MARKS_IN_LINE = 150
_FEW_LINES = 40
_MOST_LABELLED_QUERIES = 12
_MOST_DRAWN_QUERIES = 400
_SHADES = 8
_PALE = 0.28
_LEGEND_INCHES = 0.5
"""The legend stands below the words of the axis."""
_BAR = 0.36
"""Half the height of a bar, in lines."""


@dataclass(slots=True)
class Line:
    """One line of the picture: a heading, or the stays of a host in a group."""

    label: str
    is_heading: bool = False
    stays: list[Stay] = field(default_factory=list)
    link: LinkKey | None = None
    members: int = 0
    """Of a line that is a whole group."""


def lines_of(result: AnalysisResult, most: int = MOST_LINES) -> tuple[list[Line], int]:
    """Return the lines from top to bottom, and how many groups were left out."""
    groups: dict[tuple[LinkKey, bytes], list[Stay]] = {}
    for key, row in result.stays():
        groups.setdefault((key, row.group), []).append(row)
    ordered = sorted(groups.items(), key=lambda item: (name_of(item[0][0]), item[0][1]))
    several = len({key for key, _ in groups}) > 1
    hosts = {(key, row.group, row.host) for key, row in result.stays()}
    if len(hosts) + len(groups) > most:
        return _group_lines(ordered, most, several=several)
    lines: list[Line] = []
    for (key, group), rows in ordered:
        heading = text(group) + (f"    {name_of(key)}" if several else "")
        lines.append(Line(heading, is_heading=True))
        by_host: dict[bytes, Line] = {}
        for row in rows:
            label = text(host_address(row.host))
            line = by_host.setdefault(row.host, Line(label, link=key))
            line.stays.append(row)
        lines += sorted(by_host.values(), key=lambda line: line.stays[0].from_ns)
    return lines, 0


def _group_lines(
    ordered: list[tuple[tuple[LinkKey, bytes], list[Stay]]], most: int, *, several: bool
) -> tuple[list[Line], int]:
    kept = ordered
    if len(ordered) > most:
        largest = sorted(ordered, key=lambda item: -len(item[1]))[:most]
        kept = sorted(largest, key=lambda item: (name_of(item[0][0]), item[0][1]))
    lines: list[Line] = []
    last: LinkKey | None = None
    for (key, group), rows in kept:
        if several and key != last:
            lines.append(Line(name_of(key), is_heading=True))
        last = key
        members = len({row.host for row in rows})
        lines.append(Line(text(group), stays=rows, link=key, members=members))
    return lines, len(ordered) - len(kept)


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
    canvas = _Canvas(result.begun_ns)
    for number, line in enumerate(lines):
        if line.is_heading:
            axes.text(
                0.004, number + 0.1, line.label, transform=axes.get_yaxis_transform(),
                va="center", fontweight="bold", fontsize=7.5 if small else 9, color=INK,
                bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 1.2}, zorder=3,
            )  # fmt: skip
        elif line.members:
            _draw_group(canvas, number, line)
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
    _draw_queries(axes, result, lines)
    time_axis(axes, result.begun_ns, result.ended_ns)
    if left_out:
        note = f"{left_out} more groups with fewer members are not drawn"
        axes.text(1, -0.02, note, transform=axes.transAxes, ha="right", va="top", color=MUTED)
    _legend(axes, grouped=grouped, below=_LEGEND_INCHES / (height_inches(len(lines)) - 1.3))


def _label(line: Line) -> str:
    if not line.members:
        return line.label
    return f"{line.label}  {line.members} host" + ("s" if line.members > 1 else "")


def _colour(*, exclude: bool, version: int | None, current: int) -> str:
    if version != current:
        return OLDER
    return ANY_SOURCE if exclude else INCLUDE


def _draw_stays(canvas: _Canvas, number: int, line: Line, reports_ns: Sequence[int]) -> None:
    current = line.link.family.current_version if line.link is not None else 0
    _mark_reports(canvas, number, line, reports_ns)
    for row in line.stays:
        changes = row.changes
        heard_ns = row.last_ns if row.ended_by == EXPIRY else row.to_ns
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
        elif row.ended_by == EXPIRY:
            colour = _colour(exclude=row.exclude, version=row.version, current=current)
            canvas.bar(number, heard_ns, row.to_ns, colour, alpha=_PALE)
            canvas.mark(number, row.to_ns, "expiry")


def _mark_reports(canvas: _Canvas, number: int, line: Line, reports_ns: Sequence[int]) -> None:
    times = [
        time_ns
        for time_ns in reports_ns
        if any(stay.from_ns < time_ns < stay.to_ns for stay in line.stays)
    ]
    if len(times) <= _MOST_MARKS_IN_LINE:
        for time_ns in times:
            canvas.mark(number, time_ns, "report")


class _Canvas:
    """Bars and marks of all lines, drawn together at the end: thousands of single ones are slow."""

    def __init__(self, begun_ns: int) -> None:
        self._begun_ns = begun_ns
        self._bars: dict[tuple[str, float], list[tuple[float, float, int]]] = {}
        self._marks: dict[str, list[tuple[float, int]]] = {}

    def bar(
        self, number: int, from_ns: int, to_ns: int, colour: str, *, alpha: float = 1.0
    ) -> None:
        """Add a bar to a line."""
        start, end = seconds(from_ns, self._begun_ns), seconds(to_ns, self._begun_ns)
        if end > start:
            self._bars.setdefault((colour, alpha), []).append((start, end, number))

    def mark(self, number: int, time_ns: int, kind: str) -> None:
        """Add a mark to a line."""
        self._marks.setdefault(kind, []).append((seconds(time_ns, self._begun_ns), number))

    def draw(self, axes: Axes) -> None:
        """Draw everything."""
        from matplotlib.collections import PolyCollection

        for (colour, alpha), bars in self._bars.items():
            corners = [
                [(start, y - _BAR), (end, y - _BAR), (end, y + _BAR), (start, y + _BAR)]
                for start, end, y in bars
            ]
            axes.add_collection(
                PolyCollection(corners, facecolors=colour, alpha=alpha, linewidths=0, zorder=1)
            )
        for kind, marks in self._marks.items():
            places = [place for place, _ in marks]
            lines = [line for _, line in marks]
            axes.plot(places, lines, linestyle="none", clip_on=False, zorder=4, **_MARKS[kind])


_MARKS: dict[str, dict[str, Any]] = {
    "report": {
        "marker": "o", "markersize": 3.6, "markerfacecolor": PAPER, "markeredgecolor": INK,
        "markeredgewidth": 0.7,
    },
    "join": {"marker": "|", "markersize": 8, "color": INK, "markeredgewidth": 1.4},
    "leave": {"marker": "x", "markersize": 5.5, "color": INK, "markeredgewidth": 1.4},
    "expiry": {"marker": ">", "markersize": 5.5, "color": ALARM, "markeredgewidth": 0},
    "change": {"marker": "D", "markersize": 4.5, "color": INK, "markeredgewidth": 0},
}  # fmt: skip


def _draw_group(canvas: _Canvas, number: int, line: Line) -> None:
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


def _draw_queries(axes: Axes, result: AnalysisResult, lines: list[Line]) -> None:
    """Draw General Queries as lines through the members of their link, specific ones dotted."""
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
        return
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


def _legend(axes: Axes, *, grouped: bool, below: float) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = [
        Patch(color=ANY_SOURCE, label="EXCLUDE (any source)"),
        Patch(color=INCLUDE, label="INCLUDE (its sources)"),
        Patch(color=OLDER, label="older version"),
    ]
    if not grouped:
        handles += [
            Line2D([], [], linestyle="none", label=kind, **_MARKS[kind])
            for kind in ("join", "leave", "expiry", "change", "report")
        ]
    handles.append(Line2D([], [], color=ALARM, linewidth=0.9, label="query"))
    axes.legend(
        handles=handles, loc="upper center", bbox_to_anchor=(0.5, -below), ncols=len(handles),
        frameon=False, fontsize=8, handletextpad=0.4, columnspacing=1.3, handlelength=1.4,
    )  # fmt: skip
