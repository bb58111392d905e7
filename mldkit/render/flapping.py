"""Stays of a host that comes and goes, as one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.analysis.facts import host_address
from mldkit.analysis.stays import LEAVE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mldkit.analysis.diagnosis import Diagnosis
    from mldkit.analysis.result import LinkFacts
    from mldkit.analysis.stays import Stay
    from mldkit.model.addresses import Address

_RULE = "D-45"


def folded(link: LinkFacts, findings: Iterable[Diagnosis]) -> Sequence[Stay]:
    """Return the stays of a link, those of a host that comes and goes as one.

    `ended_by` of such a stay says how often the host left.
    """
    flapping = {
        (one.host, one.group) for one in findings if one.id == _RULE and one.link == link.key
    }
    if not flapping:
        return link.stays
    others: list[Stay] = []
    together: dict[tuple[Address, Address], list[Stay]] = {}
    for stay in link.stays:
        if (host_address(stay.host), stay.group) in flapping:
            together.setdefault((stay.host, stay.group), []).append(stay)
        else:
            others.append(stay)
    return others + [_as_one(several) for several in together.values()]


def _as_one(stays: list[Stay]) -> Stay:
    first, last = stays[0], stays[-1]
    ended_by = f"{sum(stay.ended_by == LEAVE for stay in stays):,} leaves"
    if last.ended_by != LEAVE:
        ended_by = f"{last.ended_by}, {ended_by}"
    return last._replace(from_ns=first.from_ns, ended_by=ended_by)
