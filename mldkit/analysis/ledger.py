"""The findings of an analysis, grouped: one entry for what one host does wrong on one link.

Entries number hosts times rules, not packets. An entry keeps its first frames and counts all.
Where there is no room for more, one of the rule that has most of them goes: who forges senders that
all break one rule leaves the findings of the others alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from mldkit.analysis.diagnosis import RANK, Diagnosis, gravity
from mldkit.analysis.events import Event
from mldkit.analysis.facts import NOWHERE
from mldkit.analysis.limits import FINDINGS
from mldkit.analysis.room import Room
from mldkit.analysis.rules import BY_ID
from mldkit.analysis.shelf import NEEDED, USEFUL, USELESS, Shelf, Table, most_with_needed
from mldkit.wire.rules import ERROR, INFO

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from mldkit.analysis.events import Listener
    from mldkit.analysis.facts import Host, LinkKey, Mark
    from mldkit.model.addresses import Address
    from mldkit.wire.validity import Finding

_MOST_FRAMES = 100
_MOST_NOTES = 8
"""Words that are added to one finding."""


_Key: TypeAlias = tuple[object, ...]


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

    def __init__(self, listener: Listener = None, room: Room | None = None) -> None:
        self._room = room or Room()
        self._rules: dict[str, Table[_Key, Entry]] = {}
        """The entries of each rule."""
        self._count = 0
        """Of all rules."""
        self.reserved: Container[tuple[LinkKey | None, Host]] = ()
        """Hosts on links whose findings are the last ones to go."""
        self._weighty: dict[tuple[str, LinkKey | None], dict[_Key, Entry]] = {}
        """Entries that were told with a weight, by rule and link."""
        self._listener = listener
        self.now_ns = 0
        """The moment at which something is judged; kept where somebody listens."""

    def take(self, found: Iterable[Finding], link: LinkKey, mark: Mark, host: Address) -> None:
        """Take in what one frame by itself shows to be wrong."""
        capture, frame, time_ns = mark
        for rule, severity, detail in found:
            key = (rule, severity, capture, link, host)
            entry = self._of(rule).get(key)
            if entry is None:
                entry = Entry(rule, severity, detail, capture, link, time_ns, host)
                self._keep(key, entry)
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
        entry = self._of(rule).get(key)
        if entry is None:
            entry = Entry(
                rule, severity, detail, mark.capture, link, mark.time_ns, host, group, weight=weight
            )
            self._keep(key, entry)
            if weight:
                self._weighty.setdefault((rule, link), {})[key] = entry
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
        entry = self._of(rule).get((rule, mark.capture, link, host, b""))
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
        for entry in self._weighty.get((rule, link), {}).values():
            if weight > entry.weight and severity == entry.severity:
                entry.detail, entry.weight = detail, weight

    def lift(self, rule: str, link: LinkKey | None, severity: str, grounds: str) -> bool:
        """Make graver what was taken in with a weight, the worst case of it, and say why.

        Return False if nothing was.
        """
        found = self._weighty.get((rule, link))
        if not found:
            return False
        entry = max(found.values(), key=lambda entry: entry.weight)
        entry.severity, entry.detail = severity, f"{entry.detail}; {grounds}"
        self._tell(entry)
        return True

    def note(
        self, rule: str, link: LinkKey | None, capture: int, host: Address, words: str
    ) -> None:
        """Add to the words of a finding about a host, where there is one."""
        entry = self._of(rule).get((rule, capture, link, host, b""))
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
        entry = self._of(rule).get((rule, capture, link, host, group))
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
        entry = self._of(rule).drop((rule, INFO, capture, link, host))
        if entry is not None:
            self._count -= 1
            entry.severity, entry.detail = ERROR, detail
            self._keep((rule, ERROR, capture, link, host), entry)
            self._tell(entry)

    def seal(self) -> tuple[Diagnosis, ...]:
        """Return the diagnoses, the worst first, then in order of time, and let go of them."""
        sealed = [entry.sealed() for entries in self._rules.values() for entry in entries.values()]
        for entries in self._rules.values():
            entries.empty()
        self._count = 0
        self._weighty.clear()
        return tuple(sorted(sealed, key=gravity))

    def _of(self, rule: str) -> Table[_Key, Entry]:
        """Return the entries of a rule."""
        entries = self._rules.get(rule)
        if entries is None:
            # How many there are is bounded for all rules together.
            shelf = Shelf(FINDINGS, 2 * self._room.most[FINDINGS], self._room.shortages)
            entries = self._rules[rule] = Table(shelf, NOWHERE, self.reserved, _worth)
        return entries

    def _keep(self, key: _Key, entry: Entry) -> None:
        """Keep a new entry; one of the rule that has most of them makes room for it."""
        entries = self._of(entry.id)
        entries.keep(key, entry)
        self._count += 1
        most = self._room.most[FINDINGS]
        if self._count > most:
            fullest = max(self._rules.values(), key=len)
            fullest.link = entry.link or NOWHERE
            for gone, old in fullest.crowd_out(is_urgent=self._count > most_with_needed(most)):
                self._count -= 1
                self._forget_weight(gone, old)

    def _forget_weight(self, key: _Key, entry: Entry) -> None:
        of_rule = self._weighty.get((entry.id, entry.link), {})
        if of_rule.pop(key, None) is not None and not of_rule:
            del self._weighty[entry.id, entry.link]

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


def _worth(reserved: Container[tuple[LinkKey | None, Host]], _: _Key, entry: Entry) -> int:
    """Return how much a finding is worth: that of a host that everybody knows stays."""
    if not entry.group and (entry.link, entry.host) in reserved:
        return NEEDED
    return USEFUL if entry.count > 1 else USELESS
