"""The findings of an analysis, grouped: one entry for what one host does wrong on one link.

Entries number hosts times rules, not packets. An entry keeps its first frames and counts all.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mldkit.analysis.diagnosis import RANK, Diagnosis, gravity
from mldkit.analysis.events import Event
from mldkit.analysis.rules import BY_ID
from mldkit.wire.rules import ERROR, INFO

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mldkit.analysis.events import Listener
    from mldkit.analysis.facts import LinkKey, Mark
    from mldkit.model.addresses import Address
    from mldkit.wire.validity import Finding

_MOST_FRAMES = 100
_MOST_NOTES = 8
"""Words that are added to one finding."""


@dataclass(slots=True, eq=False)
class Entry:
    """A diagnosis that is still being counted; its fields are those of `Diagnosis`."""

    id: str
    severity: str
    detail: str
    capture: int
    link: LinkKey | None
    time_ns: int | None
    host: Address = b""
    group: Address = b""
    frames: list[int] = field(default_factory=list)
    count: int = 0
    weight: int = 0
    notes: int = 0
    """Words that were added to the detail, or would have been."""

    def sealed(self) -> Diagnosis:
        """Return it as it is now."""
        return Diagnosis(
            self.id,
            self.severity,
            self.detail,
            self.capture,
            self.link,
            self.time_ns,
            self.host,
            self.group,
            tuple(self.frames),
            self.count,
            self.weight,
        )


class Ledger:
    """All findings of an analysis."""

    def __init__(self, listener: Listener = None) -> None:
        self._entries: dict[tuple[object, ...], Entry] = {}
        self._weighty: dict[tuple[str, LinkKey | None], list[Entry]] = {}
        """Entries that were told with a weight, by rule and link."""
        self._listener = listener
        self.now_ns = 0
        """The moment at which something is judged; kept where somebody listens."""

    def take(self, found: Iterable[Finding], link: LinkKey, mark: Mark, host: Address) -> None:
        """Take in what one frame by itself shows to be wrong."""
        capture, frame, time_ns = mark
        entries = self._entries
        for rule, severity, detail in found:
            key = (rule, severity, capture, link, host)
            entry = entries.get(key)
            if entry is None:
                entry = Entry(rule, severity, detail, capture, link, time_ns, host)
                entries[key] = entry
            entry.count += 1
            if len(entry.frames) < _MOST_FRAMES:
                entry.frames.append(frame)
            if entry.count == 1:
                self._tell(entry)

    def add(
        self,
        rule: str,
        link: LinkKey | None,
        mark: Mark,
        detail: str,
        *,
        host: Address = b"",
        group: Address = b"",
        severity: str | None = None,
        weight: int = 0,
        times: int = 1,
    ) -> Entry:
        """Take in a finding of a fold; a worse severity later lifts the whole entry.

        Return the entry, for who learns later how bad the case became.

        Frame 0 stands for something that did not happen in any frame, `times` for a case that
        happened more than once. The detail of an entry is that of the case with the largest
        `weight`, or the first one.
        """
        severity = severity or BY_ID[rule].severity
        key = (rule, mark.capture, link, host, group)
        entry = self._entries.get(key)
        if entry is None:
            entry = Entry(
                rule, severity, detail, mark.capture, link, mark.time_ns, host, group, weight=weight
            )
            self._entries[key] = entry
            if weight:
                self._weighty.setdefault((rule, link), []).append(entry)
        is_worse = RANK[severity] < RANK[entry.severity]
        if is_worse:
            entry.severity, entry.detail, entry.weight = severity, detail, weight
        elif severity == entry.severity and weight > entry.weight:
            entry.detail, entry.weight = detail, weight
        before, entry.count = entry.count, entry.count + times
        if mark.frame and len(entry.frames) < _MOST_FRAMES:
            entry.frames.append(mark.frame)
        if is_worse or not before:
            self._tell(entry)
        return entry

    def again(self, rule: str, link: LinkKey | None, mark: Mark, host: Address) -> bool:
        """Take in one more case of what a host does wrong, of which nobody needs the words.

        Return False where it is the first one, whose words are told.
        """
        entry = self._entries.get((rule, mark.capture, link, host, b""))
        if entry is None or RANK[BY_ID[rule].severity] < RANK[entry.severity]:
            return False
        entry.count += 1
        if mark.frame and len(entry.frames) < _MOST_FRAMES:
            entry.frames.append(mark.frame)
        return True

    def amend(
        self, rule: str, link: LinkKey | None, detail: str, weight: int, severity: str
    ) -> None:
        """Say how bad a case became that was taken in before, where no other was worse."""
        for entry in self._weighty.get((rule, link), ()):
            if weight > entry.weight and severity == entry.severity:
                entry.detail, entry.weight = detail, weight

    def lift(self, rule: str, link: LinkKey | None, severity: str, grounds: str) -> bool:
        """Make graver what was taken in with a weight, the worst case of it, and say why.

        Return False if nothing was.
        """
        found = self._weighty.get((rule, link))
        if not found:
            return False
        entry = max(found, key=lambda entry: entry.weight)
        entry.severity, entry.detail = severity, f"{entry.detail}; {grounds}"
        self._tell(entry)
        return True

    def note(
        self, rule: str, link: LinkKey | None, capture: int, host: Address, words: str
    ) -> None:
        """Add to the words of a finding about a host, where there is one."""
        entry = self._entries.get((rule, capture, link, host, b""))
        if entry is not None and not entry.detail.endswith(words):
            entry.notes += 1
            if entry.notes <= _MOST_NOTES:
                entry.detail += words

    def regrade(
        self,
        rule: str,
        link: LinkKey | None,
        capture: int,
        host: Address,
        group: Address,
        *,
        severity: str,
        note: str = "",
    ) -> None:
        """Say how severe an entry is by what was learned since, and why in words."""
        entry = self._entries.get((rule, capture, link, host, group))
        if entry is None:
            return
        is_worse = RANK[severity] < RANK[entry.severity]
        entry.severity = severity
        if not entry.detail.endswith(note):
            entry.detail += note
        if is_worse:
            self._tell(entry)

    def worsen(self, rule: str, capture: int, link: LinkKey, host: Address, detail: str) -> None:
        """Make an error of the remark that frames gave, as a later one showed."""
        entry = self._entries.pop((rule, INFO, capture, link, host), None)
        if entry is not None:
            entry.severity, entry.detail = ERROR, detail
            self._entries[rule, ERROR, capture, link, host] = entry
            self._tell(entry)

    def seal(self) -> tuple[Diagnosis, ...]:
        """Return the diagnoses, the worst first, then in order of time, and let go of them."""
        sealed = [entry.sealed() for entry in self._entries.values()]
        self._entries.clear()
        self._weighty.clear()
        return tuple(sorted(sealed, key=gravity))

    def _tell(self, entry: Entry) -> None:
        """Tell of a finding at the moment at which it is certain, which may be later than seen."""
        if self._listener is not None and entry.link is not None:
            self._listener(
                Event(
                    "finding",
                    max(entry.time_ns or 0, self.now_ns),
                    entry.link,
                    host=entry.host,
                    group=entry.group,
                    finding=entry.sealed(),
                )
            )
