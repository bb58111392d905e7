"""Hosts on one link of an interface, queries on other links of it only.

::

    without a tag   reports, data                nobody asks
    VLAN 311        queries
    VLAN 312        queries

Frames of several VLANs on one interface come from a trunk; the host is in the wrong one, or the
querier. It is the cause of what D-01 tells, so it is a remark.
"""

from __future__ import annotations

from bisect import insort
from typing import TYPE_CHECKING

from mldkit.analysis.facts import Mark, vlan_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mldkit.analysis.facts import LinkKey
    from mldkit.analysis.ledger import Ledger
    from mldkit.analysis.link_state import LinkState

_MOST_NAMED = 3


def judge(links: Iterable[LinkState], ledger: Ledger) -> None:
    """D-50; the stays of all links are over."""
    askers: dict[tuple[object, ...], list[tuple[int, int, LinkState]]] = {}
    unasked = []
    for number, link in enumerate(links):
        if link.queriers.known:
            last_ns = max(querier.last_ns for querier in link.queriers.known.values())
            askers.setdefault(_trunk(link.key), []).append((last_ns, number, link))
        elif link.queriers.silence.at_end is not None and link.memberships.ended:
            unasked.append(link)
    trunks = {trunk: _Askers(found) for trunk, found in askers.items()}
    # From the latest silence on, each looks at more askers than the one before.
    for link in sorted(unasked, key=lambda link: -link.queriers.silence.since_ns):
        trunk = trunks.get(_trunk(link.key))
        where = "" if trunk is None else trunk.since(link.queriers.silence.since_ns)
        if where:
            detail = f"queries come {where} only"
            mark = Mark(max(link.captures, default=0), 0, link.ended_ns)
            ledger.add("D-50", link.key, mark, f"{detail}, reports {_place(link.key)}")
            link.asked_elsewhere = detail


def _trunk(link: LinkKey) -> tuple[object, ...]:
    """Return what VLANs of one trunk have in common."""
    return link.interface, link.family, link.circuit


class _Askers:
    """The links of one trunk on which queries come, asked for ever earlier times."""

    def __init__(self, links: Iterable[tuple[int, int, LinkState]]) -> None:
        """Take when each was asked last, its place among all links, and the link."""
        self._waiting = sorted(links, key=lambda one: one[:2])
        self._named: list[tuple[int, str]] = []
        """The first few with a tag."""
        self._tagged = 0
        self._has_untagged = False

    def since(self, since_ns: int) -> str:
        """Return in words where queries came from a time on: `on VLAN 311, 312 and 4 more`."""
        while self._waiting and self._waiting[-1][0] >= since_ns:
            _, number, link = self._waiting.pop()
            vlan = link.key.vlan
            if not vlan:
                self._has_untagged = True
                continue
            self._tagged += 1
            insort(self._named, (number, vlan_text(vlan)))
            del self._named[_MOST_NAMED:]
        names = ", ".join(name for _, name in self._named)
        if self._tagged > _MOST_NAMED:
            names += f" and {self._tagged - _MOST_NAMED} more"
        places = ["without a tag"] if self._has_untagged else []
        return " and ".join([*places, *([f"on VLAN {names}"] if names else [])])


def _place(link: LinkKey) -> str:
    return f"on VLAN {vlan_text(link.vlan)}" if link.vlan else "without a tag"
