"""What all pictures share: colours, type, the time axis, and how a figure becomes a file.

matplotlib is loaded here, when the first picture is asked for. Colours are plain values in
files; in a page they become CSS variables (`themed`), so that one drawing is right on a light
and on a dark background.
"""

from __future__ import annotations

import io
import re
import warnings
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from mldkit.errors import MldkitError, UsageError
from mldkit.link import output_file
from mldkit.model.printing import printable
from mldkit.model.units import SECOND
from mldkit.model.words import clock_text
from mldkit.render.words import place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from mldkit.analysis.facts import LinkKey

PAPER = "#ffffff"
INK = "#1d2733"
MUTED = "#5b6876"
GRID = "#e2e7ec"
ANY_SOURCE = "#2a6db5"
INCLUDE = "#2f9e68"
OLDER = "#b9791f"
ALARM = "#c63a3a"
DATA = "#7d57b5"
BAND = "#d4e3f3"

VARIABLES: dict[str, tuple[str, str, str]] = {
    # colour: CSS variable, on light, on dark
    PAPER: ("paper", PAPER, "#161b22"),
    INK: ("ink", INK, "#e4e9ef"),
    MUTED: ("muted", MUTED, "#98a5b3"),
    GRID: ("grid", GRID, "#2b333d"),
    ANY_SOURCE: ("any-source", ANY_SOURCE, "#5b9be0"),
    INCLUDE: ("include", INCLUDE, "#4cc38a"),
    OLDER: ("older", OLDER, "#dba04a"),
    ALARM: ("alarm", ALARM, "#f0716b"),
    DATA: ("data", DATA, "#b493ec"),
    BAND: ("band", BAND, "#21364d"),
}

WIDTH_INCHES = 10.4
_DOTS_PER_INCH = 120
_STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.size": 9.0,
    "text.color": INK,
    "text.parse_math": False,  # a dollar sign in an interface's name is no formula
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 11.0,
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.facecolor": PAPER,
    "figure.facecolor": PAPER,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "grid.color": GRID,
    "svg.fonttype": "none",
    "svg.hashsalt": "mldkit",
}
_FORMATS = {".png": "png", ".svg": "svg"}
_DAY_NS = 86_400 * SECOND


def format_of(file: str) -> str:
    """Return the format that the name of a picture asks for; raise where there is none."""
    for ending, name in _FORMATS.items():
        if file.lower().endswith(ending):
            return name
    raise UsageError(f"argument --plot: {file}: not a .png or .svg file")


def require() -> None:
    """Raise an error that says what to install where there is no matplotlib."""
    if find_spec("matplotlib") is None:
        raise MldkitError(
            "pictures need matplotlib, which is not installed",
            hint="pip install matplotlib",
        )


def new_figure(height_inches: float) -> Figure:
    """Return an empty figure that is not known to any window system."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(_STYLE):
        return Figure(figsize=(WIDTH_INCHES, height_inches), layout="constrained")


@contextmanager
def style() -> Iterator[None]:
    """Hold the settings under which pictures are drawn and saved."""
    import matplotlib as mpl

    with mpl.rc_context(_STYLE), warnings.catch_warnings():
        # A name in a script that the font does not have is drawn as boxes.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def name_of(link: LinkKey) -> str:
    """Return a link in words that can be drawn."""
    return printable(place(link))


def save(figure: Figure, file: str) -> None:
    """Write a figure to a .png or .svg file, on its own light background."""
    name = format_of(file)
    metadata = {"Date": None} if name == "svg" else None
    octets = io.BytesIO()
    with style():
        figure.savefig(octets, format=name, dpi=_DOTS_PER_INCH, metadata=metadata)
    output_file.replace(file, octets.getvalue())


def themed_svg(figure: Figure, title: str) -> str:
    """Return a figure as an element of a page, in the colours of the page's variables."""
    octets = io.BytesIO()
    with style():
        figure.savefig(
            octets,
            format="svg",
            transparent=True,
            metadata={"Date": None, "Creator": None, "Format": None, "Type": None},
        )
    svg = octets.getvalue().decode()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    for colour, (variable, _, _) in VARIABLES.items():
        svg = svg.replace(colour, f"var(--{variable})")
    # The width is the page's business; the view box keeps the proportions.
    svg = re.sub(r'^<svg ([^>]*?)width="[^"]*"', r"<svg \1", svg, count=1)
    svg = re.sub(r'^<svg ([^>]*?)height="[^"]*"', r"<svg \1", svg, count=1)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{title}" ', 1)


def time_axis(axes: Axes, begun_ns: int, ended_ns: int) -> None:
    """Let an axis run over the capture, in seconds, minutes or hours since its start."""
    length_s = max((ended_ns - begun_ns) / SECOND, 1e-3)
    axes.set_xlim(-0.004 * length_s, length_s * 1.006)
    if length_s > 7200:
        unit, name = 3600.0, "h"
    elif length_s > 300:
        unit, name = 60.0, "min"
    else:
        unit, name = 1.0, "s"
    from matplotlib.ticker import FuncFormatter, MultipleLocator

    axes.xaxis.set_major_locator(MultipleLocator(_step(length_s / unit) * unit))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / unit:g}"))
    axes.set_xlabel(f"time since {_start_text(begun_ns, ended_ns)} [{name}]")
    axes.grid(visible=True, axis="x")


def seconds(time_ns: int, begun_ns: int) -> float:
    """Return a time on the axis."""
    return (time_ns - begun_ns) / SECOND


def _step(length: float) -> float:
    """Return a round step that gives six to twelve marks."""
    step = 10.0**-4
    while True:
        for factor in (1, 2, 5):
            if length / (step * factor) <= 12:
                return step * factor
        step *= 10


def _start_text(begun_ns: int, ended_ns: int) -> str:
    """Return the first moment, with its date where another day has come at the end."""
    if begun_ns < _DAY_NS:
        return "the start"
    is_one_day = begun_ns // _DAY_NS == ended_ns // _DAY_NS
    words = clock_text(begun_ns)
    return words.partition(" ")[2] if is_one_day else words
