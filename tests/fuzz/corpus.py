"""Seeds of the targets: recordings of this repository, and what the test kit makes."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from mldkit.link.capture import open_capture
from mldkit.testing import questions
from mldkit.testing.tunnels import ALL

if TYPE_CHECKING:
    from mldkit.model.datagram import Frame

ROOT = Path(__file__).resolve().parents[2]
RECORDINGS = sorted((ROOT / "captures").glob("*.pcapng"))
_STORIES = (
    *(questions.silent, questions.two_queriers, questions.querier_died, questions.members),
    *(questions.mute, questions.older_report, questions.host_port, questions.router_port),
    *(questions.no_alert, questions.hop_limit, questions.two_vlans, questions.leave),
    *(questions.specific_query, questions.storm, questions.suppressed, questions.any_source),
)


@cache
def recorded() -> tuple[tuple[Frame, ...], ...]:
    """Return the frames of each recording in `captures/`."""
    found = []
    for path in RECORDINGS:
        with open_capture(str(path)) as capture:
            found.append(tuple(capture.frames()))
    return tuple(found)


@cache
def stories() -> tuple[tuple[Frame, ...], ...]:
    """Return the frames of links on which something is wrong."""
    return tuple(tuple(story()) for story in _STORIES)


@cache
def different() -> tuple[Frame, ...]:
    """Return frames of the recordings, one of each length and first octets of its message."""
    known: dict[tuple[int, int, bytes], Frame] = {}
    for frame in (frame for frames in recorded() for frame in frames):
        known.setdefault((frame.link_type, len(frame.data), frame.data[12:16]), frame)
    return tuple(known.values())


@cache
def wrapped() -> tuple[tuple[int, bytes], ...]:
    """Return link type and octets of frames inside everything that mldkit reads them from."""
    plain = [frame.data for frame in different() if frame.data[12:14] in (b"\x08\0", b"\x86\xdd")]
    by_version = {data[12:14]: data for data in plain}
    return tuple(
        (way.link_type, way.wrap(data))
        for way in ALL
        for version, data in ((4, by_version[b"\x08\0"]), (6, by_version[b"\x86\xdd"]))
        if version in way.families
    )
