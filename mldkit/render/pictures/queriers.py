"""The querier chart: who asks, who acts, and when nobody does.

A bar is the time in which a querier is the acting one, up to the moment at which the others
give it up; a dot is a General Query; red is a time in which nobody acts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.model.addresses import is_unspecified, text
from mldkit.model.units import SECOND
from mldkit.model.words import seconds_text
from mldkit.render.pictures.paper import (
    ALARM,
    ANY_SOURCE,
    INCLUDE,
    INK,
    OLDER,
    name_of,
    seconds,
    time_axis,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from mldkit.analysis.result import AnalysisResult, LinkFacts, QuerierFacts

MOST_QUERIERS = 60
_MOST_DOTS = 600
_MOST_GAPS = 50
_COLOURS = (ANY_SOURCE, OLDER, INCLUDE)


def links_of(result: AnalysisResult) -> list[LinkFacts]:
    """Return the links on which there is something to ask about."""
    return [link for link in result.links if link.messages]


def height_inches(result: AnalysisResult) -> float:
    """Return how tall the chart must be."""
    lines = sum(max(len(link.queriers.known), 1) for link in links_of(result))
    return 1.2 + 0.62 * max(min(lines, MOST_QUERIERS), 1)


def silences(link: LinkFacts) -> list[tuple[int, int]]:
    """Return the times in which nobody acts; a short one at the start proves nothing."""
    acting = [period for querier in link.queriers.known for period in querier.acting]
    acting = sorted([*acting, *link.queriers.silence.unseen])
    found = []
    since_ns = begun_ns = link.begun_ns
    for from_ns, to_ns in [*acting, (link.ended_ns, link.ended_ns)]:
        is_proof = since_ns > begun_ns or from_ns - since_ns > link.queriers.silence.limit_ns
        if from_ns > since_ns and is_proof:
            found.append((since_ns, from_ns))
        since_ns = max(since_ns, to_ns)
    return found


def draw(axes: Axes, result: AnalysisResult) -> None:
    """Draw the chart."""
    axes.set_title("Who queries; a bar is the acting querier, a dot a General Query")
    labels: list[str] = []
    for link in links_of(result):
        known: list[QuerierFacts | None] = [*link.queriers.known] or [None]
        if len(labels) + len(known) > MOST_QUERIERS:
            break
        top = len(labels)
        for querier in sorted(known, key=_rank):
            if querier is None:
                labels.append(f"{name_of(link.key)}\nnobody queries")
            else:
                labels.append(_label(link, querier))
                _draw_querier(axes, len(labels) - 1, link, querier, result)
        _draw_silences(axes, top, len(labels), link, result)
        if top:
            axes.axhline(top - 0.5, color=INK, linewidth=0.6, alpha=0.3)
    axes.set_yticks(range(len(labels)), labels, fontsize=8)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(max(len(labels), 1) - 0.45, -0.55)
    time_axis(axes, result.begun_ns, result.ended_ns)


def _rank(querier: QuerierFacts | None) -> tuple[bool, bytes]:
    return (False, b"") if querier is None else querier.rank()


def _label(link: LinkFacts, querier: QuerierFacts) -> str:
    name = f"{link.key.family.name.upper()}v{querier.version}"
    where = name_of(link.key).partition(" on ")[2]
    who = text(querier.address)
    if is_unspecified(querier.address):
        who += " (a snooping switch)"
    lines = [who, name + (f" on {where}" if where else "")]
    if querier.announced_ns is not None:
        lines.append(f"announces {querier.announced_ns / SECOND:g} s")
        if querier.observed_ns is not None:
            lines[-1] += f", observed {seconds_text(querier.observed_ns)}"
    return "\n".join(lines)


def _draw_querier(
    axes: Axes, number: int, link: LinkFacts, querier: QuerierFacts, result: AnalysisResult
) -> None:
    begun_ns = result.begun_ns
    order = sorted(link.queriers.known, key=lambda each: each.first_ns)
    colour = _COLOURS[order.index(querier) % len(_COLOURS)]
    axes.broken_barh(
        [
            (seconds(from_ns, begun_ns), (min(to_ns, result.ended_ns) - from_ns) / SECOND)
            for from_ns, to_ns in querier.acting
        ],
        (number - 0.25, 0.5), facecolors=colour, alpha=0.3, linewidth=0,
    )  # fmt: skip
    if link.trace is None:
        return
    times = [
        query.time_ns
        for query in link.trace.queries
        if query.source == querier.address and not query.group
    ]
    step = max(len(times) // _MOST_DOTS, 1)
    axes.plot(
        [seconds(time_ns, begun_ns) for time_ns in times[::step]],
        [number] * len(times[::step]), linestyle="none", marker="o",
        markersize=7 if len(times) <= 40 else 4, color=colour, markeredgewidth=0, clip_on=False,
    )  # fmt: skip


def _draw_silences(
    axes: Axes, top: int, bottom: int, link: LinkFacts, result: AnalysisResult
) -> None:
    length_ns = max(result.ended_ns - result.begun_ns, 1)
    for from_ns, to_ns in silences(link)[:_MOST_GAPS]:
        start, width = seconds(from_ns, result.begun_ns), (to_ns - from_ns) / SECOND
        axes.broken_barh(
            [(start, width)], (top - 0.45, bottom - top - 0.1),
            facecolors=ALARM, alpha=0.13, linewidth=0,
        )  # fmt: skip
        if (to_ns - from_ns) * 12 > length_ns:
            axes.text(
                start + width / 2, (top + bottom - 1) / 2, f"no querier\n{width:,.0f} s",
                color=ALARM, ha="center", va="center", fontsize=8.5,
            )  # fmt: skip
