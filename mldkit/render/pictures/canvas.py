"""What is drawn on the lines of a timeline: bars, marks, and the legend of those that occur."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mldkit.render.pictures import paper

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PALE = 0.28
"""How strong a membership is drawn that is remembered and was not reported any more."""
BAR, THIN = 0.36, 0.13
"""Half the height of the bars of members and of data, in lines."""
_WORDS = {
    paper.ANY_SOURCE: "EXCLUDE (any source)",
    paper.INCLUDE: "INCLUDE (its sources)",
    paper.OLDER: "older version",
    paper.DATA: "data",
}
_MOST_IN_ROW = 6
_LEGEND_INCHES = 0.5
"""How far below the lines the legend stands: the words of the axis are between."""


class Canvas:
    """Bars and marks of all lines, drawn together at the end: thousands of single ones are slow."""

    def __init__(self, begun_ns: int) -> None:
        self._begun_ns = begun_ns
        self._bars: dict[tuple[str, float, float], list[tuple[float, float, float]]] = {}
        self._marks: dict[str, list[tuple[float, int]]] = {}

    def bar(
        self, place: float, from_ns: int, to_ns: int, colour: str, *, alpha: float = 1.0
    ) -> None:
        """Add a bar at a line or between two of them; data are thin."""
        start, end = paper.seconds(from_ns, self._begun_ns), paper.seconds(to_ns, self._begun_ns)
        if end > start:
            half = THIN if colour == paper.DATA else BAR
            self._bars.setdefault((colour, alpha, half), []).append((start, end, place))

    def mark(self, number: int, time_ns: int, kind: str) -> None:
        """Add a mark to a line."""
        self._marks.setdefault(kind, []).append((paper.seconds(time_ns, self._begun_ns), number))

    def draw(self, axes: Axes) -> None:
        """Draw everything."""
        from matplotlib.collections import PolyCollection

        for (colour, alpha, half), bars in self._bars.items():
            corners = [
                [(start, y - half), (end, y - half), (end, y + half), (start, y + half)]
                for start, end, y in bars
            ]
            axes.add_collection(
                PolyCollection(corners, facecolors=colour, alpha=alpha, linewidths=0, zorder=1)
            )
        for kind, marks in self._marks.items():
            places = [place for place, _ in marks]
            lines = [line for _, line in marks]
            axes.plot(places, lines, linestyle="none", clip_on=False, zorder=4, **MARKS[kind])

    def legend(self, axes: Axes, *, queries: set[bool], grouped: bool) -> None:
        """Explain what occurs; `queries` says whether specific ones, general ones, or both do."""
        from matplotlib.lines import Line2D
        from matplotlib.patches import Patch
        from matplotlib.transforms import ScaledTranslation

        drawn = {colour for colour, _, _ in self._bars}
        handles: list[Any] = [
            Patch(color=colour, label=words) for colour, words in _WORDS.items() if colour in drawn
        ]
        if grouped:
            words = "stronger: more of its members at a time"
            handles.append(Patch(color=paper.MUTED, alpha=0.5, label=words))
        elif any(alpha == PALE for _, alpha, _ in self._bars):
            words = "remembered, no report any more"
            handles.append(Patch(color=paper.MUTED, alpha=PALE, label=words))
        handles += [
            Line2D([], [], linestyle="none", label=kind, **style)
            for kind, style in MARKS.items()
            if kind in self._marks
        ]
        if False in queries:
            handles.append(Line2D([], [], color=paper.ALARM, linewidth=0.9, label="General Query"))
        if True in queries:
            dotted = Line2D([], [], color=paper.ALARM, linewidth=0.9, linestyle=(0, (1, 2)))
            dotted.set_label("specific query")
            handles.append(dotted)
        # In inches: a share of the axes' height would move as the layout makes room for the legend.
        below = ScaledTranslation(0, -_LEGEND_INCHES, axes.figure.dpi_scale_trans)
        axes.legend(
            handles=handles, loc="upper center", bbox_to_anchor=(0.5, 0),
            bbox_transform=axes.transAxes + below,
            ncols=min(len(handles), _MOST_IN_ROW), frameon=False, fontsize=8, handletextpad=0.4,
            columnspacing=1.3, handlelength=1.4,
        )  # fmt: skip


MARKS: dict[str, dict[str, Any]] = {
    "report": {
        "marker": "o", "markersize": 3.6, "markerfacecolor": paper.PAPER,
        "markeredgecolor": paper.INK, "markeredgewidth": 0.7,
    },
    "join": {"marker": "|", "markersize": 8, "color": paper.INK, "markeredgewidth": 1.4},
    "leave": {"marker": "x", "markersize": 5.5, "color": paper.INK, "markeredgewidth": 1.4},
    "expiry": {"marker": ">", "markersize": 5.5, "color": paper.ALARM, "markeredgewidth": 0},
    "change": {"marker": "D", "markersize": 4.5, "color": paper.INK, "markeredgewidth": 0},
}  # fmt: skip
