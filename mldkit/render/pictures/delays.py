"""How long after a query hosts answer: the share of answers by delay, against what is expected.

Hosts draw the delay evenly between 0 and the maximum response time (RFC 9776 §5.2, RFC 9777
§6.2), so the share grows in a straight line. The band holds 95 of 100 even samples of this size
(Kolmogorov-Smirnov). Right of the late limit a timer that ran late is no excuse.
"""

from __future__ import annotations

from array import array
from math import sqrt
from typing import TYPE_CHECKING

from mldkit.model.units import MILLISECOND, SECOND
from mldkit.protocol.exchange import latest_ns
from mldkit.render.pictures.paper import ALARM, ANY_SOURCE, BAND, GRID, MUTED

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from mldkit.analysis.result import AnalysisResult

HEIGHT_INCHES = 3.5
MOST_PANELS = 2
_BINS = 20
_MOST_STEPS = 2000
_KS_95 = 1.358
"""Kolmogorov's distribution: 95 % of samples stay within this over the root of their size."""


def samples_of(result: AnalysisResult) -> list[tuple[int, array[int]]]:
    """Return the delays by maximum response time in nanoseconds, the largest sample first."""
    together: dict[int, array[int]] = {}
    for link in result.links:
        if link.trace is not None:
            for response_ns, delays in link.trace.delays:
                together.setdefault(response_ns, array("q")).extend(delays)
    return sorted(together.items(), key=lambda item: -len(item[1]))


def draw(panels: tuple[Axes, Axes], samples: list[tuple[int, array[int]]]) -> None:
    """Draw the largest samples; one alone is also shown as numbers of answers."""
    left, right = panels
    _draw_share(left, *samples[0])
    if len(samples) > 1:
        _draw_share(right, *samples[1])
        if len(samples) > MOST_PANELS:
            right.text(
                1, 1.02, f"{len(samples) - MOST_PANELS} more response times are not drawn",
                transform=right.transAxes, ha="right", va="bottom", fontsize=7.5, color=MUTED,
            )  # fmt: skip
    else:
        _draw_counts(right, *samples[0])


def band(count: int) -> float:
    """Return half the height of the band for a sample of this size."""
    return _KS_95 / sqrt(count)


def _unit(response_ns: int) -> tuple[int, str]:
    return (SECOND, "s") if response_ns >= 2 * SECOND else (MILLISECOND, "ms")


def _draw_share(axes: Axes, response_ns: int, delays: array[int]) -> None:
    unit, name = _unit(response_ns)
    ordered = sorted(delays)
    count = len(ordered)
    half = band(count)
    most = response_ns / unit
    limit_ns = latest_ns(response_ns)
    late = sum(delay > limit_ns for delay in ordered)
    shown_ns = max(limit_ns, min(ordered[-1], 3 * limit_ns))
    right = shown_ns / unit * 1.03
    axes.fill_between(
        [0, most, right], [half, 1 + half, 1 + half], [-half, 1 - half, 1 - half],
        facecolor=BAND, edgecolor=GRID, linewidth=0.5, label="95 % of even samples",
    )  # fmt: skip
    axes.plot([0, most, right], [0, 1, 1], color=MUTED, linewidth=1.1, linestyle="--",
              label="even from 0 to the maximum")  # fmt: skip
    step = max(count // _MOST_STEPS, 1)
    places = [delay / unit for delay in ordered[::step]]
    shares = [(index + 1) / count for index in range(0, count, step)]
    axes.step([0, *places, right], [0, *shares, 1], where="post", color=ANY_SOURCE,
              linewidth=1.8, label=f"measured, {count} answers")  # fmt: skip
    _draw_limits(axes, most, limit_ns / unit)
    if late:
        beyond = [min(delay / unit, right) for delay in ordered if delay > limit_ns]
        axes.plot(beyond, [1.0] * late, linestyle="none", marker="v", markersize=7, color=ALARM,
                  clip_on=False, label=f"late: {late}, the latest after "
                  f"{ordered[-1] / unit:.3g} {name}")  # fmt: skip
    axes.set(xlim=(0, right), ylim=(0, 1.04))
    axes.set_title(f"Answers within {most:g} {name}", pad=16)
    axes.set_xlabel(f"delay from query to answer [{name}]")
    axes.set_ylabel("share of answers")
    axes.grid(visible=True)
    axes.legend(loc="lower right", fontsize=7.5, framealpha=0.85, edgecolor=GRID)


def _draw_limits(axes: Axes, most: float, limit: float) -> None:
    axes.axvline(most, color=ALARM, linewidth=1.1)
    axes.axvline(limit, color=ALARM, linewidth=1.1, linestyle=":")
    for place, words in ((most, "maximum"), (limit, "late")):
        axes.text(
            place, 1.0, words, color=ALARM, fontsize=7.5, va="bottom",
            ha="right" if place == most else "left", transform=axes.get_xaxis_transform(),
        )  # fmt: skip


def _draw_counts(axes: Axes, response_ns: int, delays: array[int]) -> None:
    from matplotlib.ticker import MaxNLocator

    unit, name = _unit(response_ns)
    most = response_ns / unit
    limit = latest_ns(response_ns) / unit
    width = most / _BINS
    bins = [0] * (_BINS + 4)
    for delay in delays:
        bins[min(int(delay / unit / width), len(bins) - 1)] += 1
    axes.bar(
        [index * width for index in range(len(bins))], bins, width=width * 0.94, align="edge",
        color=ANY_SOURCE, linewidth=0,
    )  # fmt: skip
    axes.plot([0, most], [len(delays) / _BINS] * 2, color=MUTED, linestyle="--", linewidth=1.1)
    _draw_limits(axes, most, limit)
    axes.set_xlim(0, width * len(bins))
    axes.set_title("Number of answers; dashed: expected", pad=16)
    axes.set_xlabel(f"delay [{name}], {_BINS} steps up to the maximum")
    axes.set_ylabel("answers")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(visible=True, axis="y", color=GRID)
