"""Hosts on one link of an interface, queries on other links of it only.

::

    without a tag   reports, data                nobody asks
    VLAN 311        queries
    VLAN 312        queries

Frames of several VLANs on one interface come from a trunk; the host is in the wrong one, or the
querier. It is the cause of what D-01 tells, so it is a remark.
"""

from __future__ import annotations

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
    askers: dict[tuple[object, ...], list[LinkState]] = {}
    unasked = []
    for link in links:
        if link.queriers.known:
            askers.setdefault(_trunk(link.key), []).append(link)
        elif link.queriers.silence.at_end is not None and link.memberships.ended:
            unasked.append(link)
    for link in unasked:
        since_ns = link.queriers.silence.since_ns
        others = [
            other
            for other in askers.get(_trunk(link.key), ())
            if any(querier.last_ns >= since_ns for querier in other.queriers.known.values())
        ]
        if others:
            detail = f"queries come {_listed([other.key for other in others])} only"
            mark = Mark(max(link.captures, default=0), 0, link.ended_ns)
            ledger.add("D-50", link.key, mark, f"{detail}, reports {_place(link.key)}")
            link.asked_elsewhere = detail


def _trunk(link: LinkKey) -> tuple[object, ...]:
    """Return what VLANs of one trunk have in common."""
    return link.interface, link.family, link.circuit


def _listed(links: list[LinkKey]) -> str:
    """Return in words where queries come: `on VLAN 311, 312 and 4 more`, `without a tag`."""
    tags = [vlan_text(link.vlan) for link in links if link.vlan]
    names = ", ".join(tags[:_MOST_NAMED])
    if len(tags) > _MOST_NAMED:
        names += f" and {len(tags) - _MOST_NAMED} more"
    places = ["without a tag"] if len(tags) < len(links) else []
    return " and ".join([*places, *([f"on VLAN {names}"] if tags else [])])


def _place(link: LinkKey) -> str:
    return f"on VLAN {vlan_text(link.vlan)}" if link.vlan else "without a tag"
