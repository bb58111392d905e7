"""A diagnosis: what is wrong on a link or with one host, how often, and in which frames.

A `Finding` is one rule that one message breaks; a diagnosis counts them, and what only the course
of a capture shows, and keeps the first frames.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mldkit.analysis.rules import BY_ID
from mldkit.model.addresses import text
from mldkit.wire.rules import ERROR, INFO, WARNING

if TYPE_CHECKING:
    from mldkit.analysis.facts import LinkKey
    from mldkit.model.addresses import Address
    from mldkit.wire.rules import Rule

RANK = {ERROR: 0, WARNING: 1, INFO: 2}


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One thing that is wrong, and where it was seen."""

    id: str
    severity: str
    detail: str
    """In the words of the first case, or of the worst."""
    capture: int
    link: LinkKey | None
    """None where it concerns a capture as a whole."""
    time_ns: int | None
    host: Address = b""
    group: Address = b""
    frames: tuple[int, ...] = ()
    """The first ones."""
    count: int = 0
    weight: int = 0
    """How bad the case of `detail` is, compared with other cases of the same entry."""

    @property
    def rule(self) -> Rule:
        """The row of the rule table."""
        return BY_ID[self.id]

    @property
    def detail_of_host(self) -> str:
        """The detail, with the host in front where it does not name it."""
        host = text(self.host)
        return f"{host}: {self.detail}" if host and host not in self.detail else self.detail


def gravity(entry: Diagnosis) -> tuple[int, int]:
    """Return the order in which diagnoses are told: the worst first, then by time."""
    return RANK[entry.severity], entry.time_ns or 0
