"""How long switches from channel to channel took: the share of them by delay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.model.units import SECOND
from mldkit.render.pictures import paper

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from mldkit.zap.switch import Switch

_HEIGHT_INCHES = 4.0


def save(switches: Sequence[Switch], file: str) -> None:
    """Write the shares of join and leave delays to a .png or .svg file.

    Raises MldkitError where there is no matplotlib or the file cannot be written.
    """
    paper.require()
    paper.format_of(file)
    joins = [one.join_delay_ns for one in switches]
    leaves = [one.leave_delay_ns for one in switches]
    with paper.style():
        figure = paper.new_figure(_HEIGHT_INCHES)
        left, right = figure.subplots(1, 2)
        _draw(left, joins, "Join delay", "from the report to the first datagram", paper.INCLUDE)
        _draw(right, leaves, "Leave delay", "from the leave to the last datagram", paper.ANY_SOURCE)
        paper.save(figure, file)


def _draw(axes: Axes, delays: Sequence[int | None], title: str, meaning: str, colour: str) -> None:
    """Draw the share of switches that took no longer than a time."""
    known = sorted(delay / SECOND for delay in delays if delay is not None)
    axes.set_title(f"{title}, {len(known)} of {len(delays)} switches")
    axes.set_xlabel(f"{meaning} [s]")
    axes.set_ylabel("share of switches")
    axes.grid(visible=True)
    axes.set_ylim(0, 1.04)
    if not known:
        axes.text(
            0.5, 0.5, "not measured", transform=axes.transAxes, ha="center", color=paper.MUTED
        )
        return
    shares = [(number + 1) / len(known) for number in range(len(known))]
    axes.step([0, *known], [0, *shares], where="post", color=colour, linewidth=1.8)
    axes.set_xlim(0, max(known[-1] * 1.05, 1e-3))
