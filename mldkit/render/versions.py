"""Which hosts speak an older version, in plain words, and because of whom.

A host falls back if it was heard in a newer version before; what a host that was never heard so
could speak is not known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mldkit.analysis.facts import NEVER_NS, host_address
from mldkit.model.addresses import is_reportable
from mldkit.model.units import SECOND
from mldkit.model.words import clock_text, named

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mldkit.analysis.result import LinkFacts, OlderQuerier
    from mldkit.model.addresses import Address


@dataclass(slots=True)
class _Speaker:
    """What a host spoke."""

    lowest: int
    """The oldest version."""
    older_ns: int
    """When it first spoke an older version."""
    last_older_ns: int
    """When it last turned to an older version."""
    current_ns: int = NEVER_NS
    """When it first spoke the current version."""
    is_back: bool = True
    """Whether it spoke the current version last, in all groups."""

    def has_fallen(self, asked_ns: int) -> bool:
        """Return whether it was heard in the current version, and in an older one when asked so."""
        return self.current_ns < self.last_older_ns and asked_ns <= self.last_older_ns


def older_hosts_text(link: LinkFacts) -> str:
    """Return in words which hosts fell back, and which speak an older version by themselves."""
    speakers, groups = _speakers(link)
    if not speakers:
        return ""
    queriers = (*link.queriers.older, *link.queriers.older_of_groups)
    asked_ns = min((querier.first_ns for querier in queriers), default=NEVER_NS)
    fallen = {host: one for host, one in speakers.items() if one.has_fallen(asked_ns)}
    by_itself = {
        host: one
        for host, one in speakers.items()
        if host not in fallen and _is_by_itself(one, asked_ns, link)
    }
    lines = []
    if fallen:
        lines.append(_fallen_text(link, fallen))
    if by_itself:
        verb = "speaks" if len(by_itself) == 1 else "speak"
        why = "before any querier asked in it" if queriers else "though no querier asks in it"
        # RFC 9776 §8.13
        held_s = link.queriers.variables.older_host_ns / SECOND
        line = f"{_names(by_itself)} {verb} {_versions_text(link, by_itself.values())} {why}"
        if groups:
            line += f"; routers treat {named(sorted(groups))} by the older version for {held_s:g} s"
        lines.append(line)
    return "; ".join(lines)


def _speakers(link: LinkFacts) -> tuple[dict[bytes, _Speaker], set[Address]]:
    """Return the hosts that spoke an older version, and the groups in which they did."""
    current = link.key.family.current_version
    speakers: dict[bytes, _Speaker] = {}
    first_ns: dict[bytes, int] = {}
    groups: set[Address] = set()
    for row in link.stays:
        older = []
        for change in row.changes:
            if (change.version or 0) < current:
                older.append(change)
            elif change.time_ns < first_ns.get(row.host, NEVER_NS):
                first_ns[row.host] = change.time_ns
        if older:
            lowest = min(change.version or 0 for change in older)
            begun_ns, turned_ns = older[0].time_ns, older[-1].time_ns
            one = speakers.setdefault(row.host, _Speaker(lowest, begun_ns, turned_ns))
            one.lowest = min(one.lowest, lowest)
            one.older_ns = min(one.older_ns, begun_ns)
            one.last_older_ns = max(one.last_older_ns, turned_ns)
            one.is_back &= row.version == current
            if is_reportable(row.group):
                groups.add(row.group)
    for host, speaker in speakers.items():
        speaker.current_ns = first_ns.get(host, NEVER_NS)
    return speakers, groups


def _is_by_itself(speaker: _Speaker, asked_ns: int, link: LinkFacts) -> bool:
    """Return whether a host spoke an older version without having been asked to.

    An older query before the start of the capture may have made it do so.
    """
    if asked_ns == NEVER_NS:
        return True
    held_ns = link.queriers.variables.older_host_ns
    was_current = speaker.current_ns < speaker.older_ns
    return speaker.older_ns < asked_ns and (
        was_current or speaker.older_ns - link.begun_ns > held_ns
    )


def _fallen_text(link: LinkFacts, fallen: Mapping[bytes, _Speaker]) -> str:
    line = f"{_names(fallen)} fell back to {_versions_text(link, fallen.values())} because of"
    general, of_groups = link.queriers.older, link.queriers.older_of_groups
    if general:
        line += f" {_queriers_text(general, 'which asked so')}"
    else:
        line += f" {_queriers_text(of_groups, 'which asked for single groups in it')}"
    returned = sum(speaker.is_back for speaker in fallen.values())
    if returned == len(fallen):
        name = link.key.family.name.upper()
        return f"{line}, and came back to {name}v{link.key.family.current_version}"
    return f"{line}; {returned:,} came back" if returned else line


def _queriers_text(queriers: Sequence[OlderQuerier], what: str) -> str:
    first_ns = min(querier.first_ns for querier in queriers)
    names = named([querier.address for querier in queriers])
    return f"{names}, {what} from {clock_text(first_ns)} on"


def _names(hosts: Iterable[bytes]) -> str:
    return named([host_address(host) for host in hosts])


def _versions_text(link: LinkFacts, speakers: Iterable[_Speaker]) -> str:
    name = link.key.family.name.upper()
    versions = sorted({speaker.lowest for speaker in speakers})
    return " and ".join(f"{name}v{version}" for version in versions)
