"""What the analysis asks of a capture.

`mldkit.link.capture.Capture` gives it; `analysis` opens no file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from mldkit.link.reading import Damage
    from mldkit.link.times import Times
    from mldkit.model.datagram import Frame


class Source(Protocol):
    """A capture that is read once, in order."""

    @property
    def name(self) -> str:
        """What to call it."""

    @property
    def first_ns(self) -> int | None:
        """Time of the first packet."""

    @property
    def last_ns(self) -> int | None:
        """Time of the last packet so far."""

    @property
    def packets(self) -> int:
        """Packets seen so far."""

    @property
    def known_packets(self) -> int:
        """Those of them whose link type is read."""

    @property
    def damage(self) -> Damage | None:
        """Where it broke, None where it is whole; known at the end."""

    @property
    def descriptions(self) -> dict[str, str]:
        """What it says of its interfaces, by their names."""

    @property
    def interfaces(self) -> tuple[str | None, ...]:
        """Names of its interfaces so far, None where it gives none."""

    @property
    def times(self) -> Sequence[Times]:
        """When the packets of each interface came, for those that were described so far."""

    @property
    def is_following(self) -> bool:
        """Whether what stands behind a gap that was found is known only when more was read."""

    def candidates(self) -> Iterator[Frame]:
        """Give the packets that may hold messages, or data to groups where those are wanted."""


class Readable(Source, Protocol):
    """A capture that may be read a second time."""

    @property
    def link_types(self) -> Mapping[int, int]:
        """Packets of each link type so far."""

    def again(self) -> AbstractContextManager[Readable] | None:
        """Return the same capture from its start, None where it can be read only once."""
