"""What a trace is made of: lines of the tracer, frames, tables of the kernel, in the order seen.

The recorder makes them, the story understands them; between the two they can be written down and
read again, which is how a guest hands them over and how tests keep them (one JSON array a line).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from mldkit.model.datagram import Frame


class Beginning(NamedTuple):
    """Where and how it is traced."""

    kernel: str
    interface: str
    pid: int
    """The recorder's own process."""
    tracer: str
    tick_ns: int
    wall_offset_ns: int
    """What wall times lack to the times of the trace."""
    missing: tuple[str, ...]
    """Functions that cannot be seen on this kernel."""
    driver: str = ""


class Line(NamedTuple):
    """A line of the tracer."""

    text: str


class Sighting(NamedTuple):
    """A frame on the interface that holds a membership message."""

    time_ns: int
    """On the wall clock, as the kernel stamped it."""
    outgoing: bool
    data: bytes


class Tables(NamedTuple):
    """The tables of the kernel at one moment, as text by name."""

    time_ns: int
    """On the clock of the trace."""
    texts: dict[str, str]


class Announced(NamedTuple):
    """What is done next, in the words of who does it."""

    time_ns: int
    what: str


class Ending(NamedTuple):
    """The end, and how many entries found no room."""

    lost: int
    calls: dict[str, dict[str, int]]
    """How often functions were called for each device (its address in hexadecimal), counted by the
    kernel beside the buffer."""


Observation = Beginning | Line | Sighting | Tables | Announced | Ending

_KINDS: dict[str, Any] = {
    "begin": Beginning, "line": Line, "frame": Sighting, "tables": Tables, "do": Announced,
    "end": Ending,
}  # fmt: skip
_NAMES = {kind: name for name, kind in _KINDS.items()}


def written(observation: Observation) -> str:
    """Return an observation as one line."""
    values: list[Any] = list(observation)
    if isinstance(observation, Sighting):
        values[2] = observation.data.hex()
    return json.dumps([_NAMES[type(observation)], *values], separators=(",", ":"))


def read(lines: Iterable[str]) -> Iterator[Observation]:
    """Give the observations of lines that `written` made."""
    for line in lines:
        if not line.strip():
            continue
        name, *values = json.loads(line)
        if name == "frame":
            values[2] = bytes.fromhex(values[2])
        elif name == "begin":
            values[6] = tuple(values[6])
        observation: Observation = _KINDS[name](*values)
        yield observation


def frame_of(sighting: Sighting, interface: str) -> Frame:
    """Return a sighting as a frame."""
    return Frame(sighting.data, sighting.time_ns, interface=interface, outgoing=sighting.outgoing)
