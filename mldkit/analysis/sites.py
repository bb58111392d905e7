"""Which of several captures see the same links: those are one site, all others stay apart.

::

    a-1.pcap  |------|                       pieces of one capture follow each other: one site
    a-2.pcap         |------|
    b.pcap        |--------|                 the same querier, or the same frames: the same site
    c.pcap      |----------|                 another site: nothing in it is of the others

Captures whose times overlap fold only by what they hold: a General Query of one querier (address
and MAC), or the same octets from the same MAC. Those that follow each other fold where their
interfaces have the same names and their link types are the same; of several sites that one follows,
that with a querier in common comes first, then that whose files have names alike, then the one that
ended last. Nothing is said from one site about another: its election, its versions and its silences
are its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mldkit.analysis.facts import believable
from mldkit.analysis.sittings import OVERLAP_NS
from mldkit.model.messages import Other, Query
from mldkit.wire.decoder import Decoder

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mldkit.analysis.source import Readable
    from mldkit.model.addresses import Address

_MOST_FRAMES = 200_000
"""Of one capture, that are looked for in others."""
_DIGITS = re.compile(r"\d+")


@dataclass(slots=True)
class Outline:
    """What tells captures of one site from others."""

    name: str
    begun_ns: int | None
    ended_ns: int | None
    interfaces: frozenset[str]
    link_types: frozenset[int]
    queriers: frozenset[tuple[Address, bytes]]
    frames: frozenset[int]
    """Hashes of frames with messages, which have a MAC."""

    def overlaps(self, other: Outline) -> bool:
        """Return whether both looked at one time."""
        if None in (self.begun_ns, self.ended_ns, other.begun_ns, other.ended_ns):
            return False
        ends_ns = min(self.ended_ns or 0, other.ended_ns or 0)
        return ends_ns - max(self.begun_ns or 0, other.begun_ns or 0) > OVERLAP_NS

    def shares(self, other: Outline) -> bool:
        """Return whether both hold the same querier, or the same frame."""
        if not self.queriers.isdisjoint(other.queriers):
            return True
        return not self.frames.isdisjoint(other.frames)

    def is_alike(self, other: Outline) -> bool:
        """Return whether both may be pieces of one capture."""
        return self.interfaces == other.interfaces and self.link_types == other.link_types

    @property
    def stem(self) -> str:
        """The name of the file without its numbers, by which pieces of one capture differ."""
        return _DIGITS.sub("#", self.name)


def outline(capture: Readable) -> Outline:
    """Read a capture to its end and return what tells its site."""
    decoder = Decoder()
    queriers: set[tuple[Address, bytes]] = set()
    frames: set[int] = set()
    for frame in capture.candidates():
        for decoded in decoder.decode(frame):
            datagram = decoded.datagram
            message, mac = datagram.message, datagram.link_source
            if mac is None or not any(mac) or type(message) is Other:
                continue
            if isinstance(message, Query) and message.is_general:
                queriers.add((datagram.source, mac))
            if len(frames) < _MOST_FRAMES:
                frames.add(hash(frame.data))
    times = believable((capture.first_ns, capture.last_ns))
    return Outline(
        capture.name,
        min(times, default=None),
        max(times, default=None),
        frozenset(name for name in capture.interfaces if name),
        frozenset(capture.link_types),
        frozenset(queriers),
        frozenset(frames),
    )


@dataclass(slots=True)
class _Site:
    """Captures that belong together so far."""

    numbers: list[int] = field(default_factory=list)
    outlines: list[Outline] = field(default_factory=list)

    @property
    def ended_ns(self) -> int:
        """When the last of them ended."""
        return max(one.ended_ns or 0 for one in self.outlines)

    def add(self, number: int, one: Outline) -> None:
        """Take in a capture."""
        self.numbers.append(number)
        self.outlines.append(one)

    def is_followed_by(self, new: Outline) -> bool:
        """Return whether a capture may be the next piece."""
        return all(new.is_alike(one) for one in self.outlines[-1:]) and not any(
            new.overlaps(one) for one in self.outlines
        )


def sites_of(captures: Sequence[Readable]) -> list[tuple[int, ...]]:
    """Return the numbers of the captures of each site; reads all that can be read twice."""
    outlines = []
    for capture in captures:
        again = capture.again()
        if again is None:
            outlines.append(_nothing(capture.name))
        else:
            with again as opened:
                outlines.append(outline(opened))
    return sites(outlines)


def _nothing(name: str) -> Outline:
    """Return the outline of a capture of which nothing is known beforehand."""
    return Outline(name, None, None, frozenset(), frozenset(), frozenset(), frozenset())


def sites(outlines: Sequence[Outline]) -> list[tuple[int, ...]]:
    """Return the numbers of the captures of each site, in the order of the first of them.

    Captures of which nothing is known, empty ones among them, are of the first one.
    """
    found: list[_Site] = []
    known = [number for number, one in enumerate(outlines) if one.link_types]
    for number in sorted(known, key=lambda number: (outlines[number].begun_ns or 0, number)):
        new = outlines[number]
        same = [
            site
            for site in found
            if any(new.shares(one) and new.overlaps(one) for one in site.outlines)
        ]
        chosen = _together(found, same) or _followed(found, new)
        if chosen is None:
            chosen = _Site()
            found.append(chosen)
        chosen.add(number, new)
    groups = sorted(sorted(site.numbers) for site in found) or [[]]
    groups[0] += [number for number in range(len(outlines)) if number not in known]
    return [tuple(sorted(numbers)) for numbers in groups]


def _together(found: list[_Site], same: Sequence[_Site]) -> _Site | None:
    """Return the one site of several that a new capture shows to be one; None for none."""
    if not same:
        return None
    first, *others = same
    for site in others:
        for number, one in zip(site.numbers, site.outlines, strict=True):
            first.add(number, one)
        found.remove(site)
    return first


def _followed(found: Iterable[_Site], new: Outline) -> _Site | None:
    """Return the site of which a capture is the next piece, None where it is of none."""
    candidates = [site for site in found if site.is_followed_by(new)]
    return max(
        candidates,
        key=lambda site: (
            any(new.shares(one) for one in site.outlines),
            any(new.stem == one.stem for one in site.outlines),
            site.ended_ns,
        ),
        default=None,
    )
