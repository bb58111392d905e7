"""What folds tell to whoever listens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from mldkit.analysis.facts import host_address

if TYPE_CHECKING:
    from collections.abc import Callable

    from mldkit.analysis.diagnosis import Diagnosis
    from mldkit.analysis.facts import LinkKey
    from mldkit.analysis.limits import LeftOut
    from mldkit.analysis.stays import Row
    from mldkit.model.addresses import Address


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened: what `watch` prints."""

    kind: str
    """`join leave change expire querier finding limit`."""
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
    left_out: LeftOut | None = None
    """What found no room, where that begins or is over."""


def membership_event(kind: str, link: LinkKey, row: Row, time_ns: int) -> Event:
    """Return what happened to a membership."""
    return Event(
        kind,
        time_ns,
        link,
        host_address(row.host),
        row.mac,
        row.group,
        row.exclude,
        row.sources,
        version=row.version,
    )


Listener: TypeAlias = "Callable[[Event], None] | None"
