"""Stays of a host that comes and goes, as one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.analysis.facts import host_address
from mldkit.analysis.stays import LEAVE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mldkit.analysis.diagnosis import Diagnosis
    from mldkit.analysis.facts import LinkKey
    from mldkit.analysis.stays import Stay

_RULE = "D-45"


def folded(
    stays: Iterable[tuple[LinkKey, Stay]], findings: Iterable[Diagnosis]
) -> Iterator[tuple[LinkKey, Stay, str]]:
    """Give the stays with how they ended, those of a host that comes and goes as one."""
    flapping = {(one.link, one.host, one.group) for one in findings if one.id == _RULE}
    together: dict[tuple[LinkKey, bytes, bytes], list[Stay]] = {}
    for key, stay in stays:
        name = key, stay.host, stay.group
        if (key, host_address(stay.host), stay.group) in flapping:
            together.setdefault(name, []).append(stay)
        else:
            yield key, stay, stay.ended_by
    for (key, _, _), several in together.items():
        leaves = sum(stay.ended_by == LEAVE for stay in several)
        last = several[-1]
        ended_by = f"{leaves:,} leaves" if last.ended_by == LEAVE else last.ended_by
        if last.ended_by != LEAVE:
            ended_by += f", {leaves:,} leaves"
        yield key, last._replace(from_ns=several[0].from_ns), ended_by
