"""What folds tell to whoever listens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    from mldkit.analysis.diagnosis import Diagnosis
    from mldkit.analysis.facts import LinkKey
    from mldkit.model.addresses import Address


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened: what `watch` prints."""

    kind: str
    """`join leave change expire querier finding link`."""
    time_ns: int
    link: LinkKey
    host: Address = b""
    mac: bytes | None = None
    group: Address = b""
    exclude: bool | None = None
    sources: tuple[Address, ...] = ()
    finding: Diagnosis | None = None
    captures: tuple[int, ...] = ()
    """Those that show it, by number; none on a live link."""
    version: int | None = None
    """What the host speaks in the group, or the querier asks in."""


Listener: TypeAlias = "Callable[[Event], None] | None"
