"""What folds of a live link show at a moment, as plain values: as much as fits a screen."""

from __future__ import annotations

from dataclasses import dataclass
from heapq import nsmallest
from typing import TYPE_CHECKING

from mldkit.analysis.facts import host_address

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mldkit.analysis.facts import LinkKey
    from mldkit.analysis.link_state import LinkState
    from mldkit.analysis.stays import Row
    from mldkit.model.addresses import Address


@dataclass(frozen=True, slots=True)
class QuerierGlance:
    """Who queries a link."""

    link: LinkKey
    address: Address | None
    """None where nobody acts."""
    version: int | None
    due_ns: int
    """When the next General Query is due, if somebody acts."""
    silent_since_ns: int
    """The last General Query, or since when there may have been one."""
    silence_limit_ns: int
    """How long a link may be without one."""


@dataclass(frozen=True, slots=True)
class MemberGlance:
    """One membership that lasts."""

    host: Address
    version: int | None
    exclude: bool
    sources: tuple[Address, ...]
    last_ns: int
    deadline_ns: int
    """When it expires unless a report comes."""
    delay_ns: int | None
    """How long after the query its last answer came."""


@dataclass(frozen=True, slots=True)
class MemberLine:
    """A group, or a member below its group."""

    link: LinkKey
    group: Address
    member: MemberGlance | None
    """None in the line of the group."""
    members: int
    """How many hosts are in the group."""


@dataclass(frozen=True, slots=True)
class Glance:
    """Counts over all links that have messages, and who queries each of them."""

    groups: int
    hosts: frozenset[tuple[Address, bytes | None]]
    """Address and MAC of each."""
    queriers: tuple[QuerierGlance, ...]


def glance(links: Iterable[LinkState]) -> Glance:
    """Return what a look at the links shows now."""
    heard = [link for link in links if link.messages]
    return Glance(
        sum(len(link.memberships.groups) for link in heard),
        frozenset((row.host, row.mac) for link in heard for row in link.memberships.rows()),
        tuple(map(_querier, heard)),
    )


def members(links: Iterable[LinkState], room: int) -> tuple[list[MemberLine], int]:
    """Return the first groups and members, as many lines as there is room for.

    The second value is the number of memberships that found none.
    """
    lines: list[MemberLine] = []
    total = 0
    placed = 0
    for link in sorted(links, key=lambda link: _order(link.key)):
        groups = link.memberships.groups
        total += sum(map(len, groups.values()))
        # Sorting tens of thousands of groups four times a second for a screen of forty is waste.
        for group in nsmallest(max(room, 0), groups):
            if len(lines) + 2 > room:
                break
            hosts = groups[group]
            lines.append(MemberLine(link.key, group, None, len(hosts)))
            for host in nsmallest(room - len(lines), hosts):
                lines.append(MemberLine(link.key, group, _member(hosts[host]), len(hosts)))
                placed += 1
    return lines, total - placed


def _order(key: LinkKey) -> tuple[str, str, tuple[int, ...], str]:
    return key.family.name, key.interface or "", key.vlan, str(key.circuit)


def _querier(link: LinkState) -> QuerierGlance:
    queriers = link.queriers
    acting = queriers.acting
    return QuerierGlance(
        link=link.key,
        address=None if acting is None else acting.address,
        version=None if acting is None else acting.version,
        due_ns=0 if acting is None else acting.last_ns + acting.variables.interval_ns,
        silent_since_ns=queriers.silence.last_general_ns or queriers.silence.begun_ns,
        silence_limit_ns=queriers.silence.limit_ns,
    )


def _member(row: Row) -> MemberGlance:
    return MemberGlance(
        host=host_address(row.host),
        version=row.version,
        exclude=row.exclude,
        sources=row.sources,
        last_ns=row.last_ns,
        deadline_ns=row.deadline_ns,
        delay_ns=row.delay_ns,
    )
