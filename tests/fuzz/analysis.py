"""Target `analysis`: a sequence of frames, at any times, on any interfaces, through all folds.

Nothing is raised while frames are taken in and the result is printed as JSON, text and page. Stays
of a host in a group follow each other and lie within the time that was looked at; two analyses of
the same frames print the same, and so does one that lets time pass between frames.
"""

from __future__ import annotations

import io
import json
from contextlib import redirect_stdout
from typing import TYPE_CHECKING

from mldkit.analysis.engine import Analysis
from mldkit.model.datagram import Frame
from mldkit.model.units import MICROSECOND, MILLISECOND, SECOND
from mldkit.render.analysis_json import print_analysis_json
from mldkit.render.analysis_page import page
from mldkit.render.analysis_text import print_analysis
from tests.fuzz import corpus, decoder
from tests.fuzz.pieces import join, packed, split
from tests.fuzz.target import Target, hold, same

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mldkit.analysis.result import AnalysisResult

_BEGIN_NS = 1_700_000_000 * SECOND
_STEPS_NS: tuple[int | None, ...] = (
    *(0, MICROSECOND, 300 * MICROSECOND, MILLISECOND, 10 * MILLISECOND, 100 * MILLISECOND),
    *(300 * MILLISECOND, SECOND, 2 * SECOND, 5 * SECOND, 10 * SECOND, 30 * SECOND, 60 * SECOND),
    *(125 * SECOND, 260 * SECOND, 3600 * SECOND, 86_400 * SECOND, 10**9 * SECOND),
    *(-MILLISECOND, -SECOND, -60 * SECOND, -3600 * SECOND, None),
)
"""How long after the frame before a frame comes; None is a frame without a time."""
_INTERFACES = (None, "eth0", "eth1", "br0")


def frames_of(data: bytes) -> list[Frame]:
    """Return the frames of an input: an octet for time and interface, then as for `decoder`."""
    found = []
    now_ns = _BEGIN_NS
    for number, piece in enumerate(split(data), start=1):
        for frame in decoder.frames_of(piece[1:]):
            step_ns = _STEPS_NS[(piece[0] & 0x3F) % len(_STEPS_NS)]
            now_ns = max(0, now_ns + (step_ns or 0))
            frame.number = number
            frame.time_ns = None if step_ns is None else now_ns
            frame.interface = _INTERFACES[piece[0] >> 6]
            found.append(frame)
    return found


def one_input(data: bytes) -> int:
    """Hold the invariant against the frames of an input; return how many there are."""
    frames = frames_of(data)
    first = _analyzed(frames)
    text = _printed(first)
    same(text, _printed(_analyzed(frames)), "two analyses say the same")
    _analyzed(frames, polls=True)
    for letter in page(first, ()), text:
        hold("\x1b" not in letter and "\0" not in letter, "what is printed holds no controls")
    return len(frames)


def _analyzed(frames: list[Frame], *, polls: bool = False) -> AnalysisResult:
    told: list[object] = []
    analysis = Analysis(listener=told.append, tunnels=True, traced=True)
    for frame in frames:
        if polls and frame.time_ns is not None:
            analysis.poll(frame.time_ns - 1)
            analysis.forget()
        analysis.see(frame)
    times = [frame.time_ns for frame in frames if frame.time_ns is not None]
    result = analysis.finish(max(times, default=None))
    latest: dict[object, int] = {}
    for key, stay in result.rows:
        hold(stay.from_ns <= stay.to_ns, "a stay does not end before it begins")
        hold(stay.exclude or stay.sources, "a stay is in something")
        hold(stay.reports >= 1, "a stay was reported")
        who = key, stay.group, stay.host
        hold(latest.get(who, 0) <= stay.from_ns, "stays follow each other")
        latest[who] = stay.to_ns
    for entry in result.findings:
        hold(entry.count >= len(entry.frames), "a finding counts the frames that it names")
    return result


def _printed(result: AnalysisResult) -> str:
    with redirect_stdout(io.StringIO()) as printed:
        print_analysis_json(result)
        json.loads(printed.getvalue())
        print_analysis(result, result.ended_ns)
    return printed.getvalue()


def _story(frames: Iterable[Frame]) -> Iterator[bytes]:
    """Give the pieces of frames, with the steps that are nearest to those between their times."""
    known = [step_ns for step_ns in _STEPS_NS if step_ns is not None and step_ns >= 0]
    before_ns = None
    for frame in frames:
        step_ns = (frame.time_ns or 0) - (before_ns or frame.time_ns or 0)
        before_ns = frame.time_ns
        nearest = min(known, key=lambda each: abs(each - step_ns))
        octet = bytes((_STEPS_NS.index(nearest),))
        yield octet + decoder.piece_of(frame.link_type, frame.data)


def seeds() -> Iterator[bytes]:
    """Give the recordings in pieces, and beginnings of links on which something is wrong."""
    for frames in corpus.recorded():
        yield from packed(_story(frames), 2500)
    for frames in corpus.stories():
        yield join(list(_story(frames))[:24])


TARGET = Target("analysis", one_input, seeds, decoder.TARGET.dictionary, "frames")
