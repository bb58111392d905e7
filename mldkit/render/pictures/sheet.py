"""The pictures of one analysis: all on one sheet, or one by one for a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.render.pictures import delays, paper, queriers, timeline

if TYPE_CHECKING:
    from mldkit.analysis.result import AnalysisResult

_TALLEST_INCHES = 500
"""Beyond this a PNG passes the 65,536 dots that programs open."""


def save_sheet(result: AnalysisResult, file: str) -> None:
    """Write all pictures of a traced analysis to a .png or .svg file.

    Raises MldkitError where there is no matplotlib or the file cannot be written.
    """
    paper.require()
    paper.format_of(file)
    lines, left_out = timeline.lines_of(result)
    samples = delays.samples_of(result)
    heights = [queriers.height_inches(result)]
    if lines:
        heights.append(timeline.height_inches(len(lines)))
    if samples:
        heights.append(delays.HEIGHT_INCHES)
    with paper.style():
        figure = paper.new_figure(min(sum(heights) + 0.4, _TALLEST_INCHES))
        grid = figure.add_gridspec(len(heights), 2, height_ratios=heights)
        queriers.draw(figure.add_subplot(grid[0, :]), result)
        if lines:
            timeline.draw(figure.add_subplot(grid[1, :]), result, lines, left_out)
        if samples:
            last = len(heights) - 1
            panels = figure.add_subplot(grid[last, 0]), figure.add_subplot(grid[last, 1])
            delays.draw(panels, samples)
        paper.save(figure, file)


def drawings(result: AnalysisResult) -> list[tuple[str, str]]:
    """Return title and SVG element of each picture there is something to draw in."""
    paper.require()
    found = []
    with paper.style():
        if queriers.links_of(result):
            figure = paper.new_figure(queriers.height_inches(result))
            queriers.draw(figure.add_subplot(), result)
            found.append(("Queriers", paper.themed_svg(figure, "Queriers over time")))
        lines, left_out = timeline.lines_of(result)
        if lines:
            figure = paper.new_figure(timeline.height_inches(len(lines)))
            timeline.draw(figure.add_subplot(), result, lines, left_out)
            found.append(("Memberships", paper.themed_svg(figure, "Memberships over time")))
        samples = delays.samples_of(result)
        if samples:
            figure = paper.new_figure(delays.HEIGHT_INCHES)
            left, right = figure.subplots(1, 2)
            delays.draw((left, right), samples)
            found.append(("Response delays", paper.themed_svg(figure, "Response delays")))
    return found
