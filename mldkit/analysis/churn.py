"""Hosts that leave a group and join it again and again (D-45).

::

    join ---- leave - join ---- leave - join ---- leave - join
              |<---- period ---->|

A program that renews its socket, or one that restarts: each leave costs the link queries and
answers, and data may stop meanwhile. A viewer who changes channels leaves each of them for a while
and soon has enough of it. So it counts only who leaves the same group ten times and more, never
ten seconds after the time before, and was back in between.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mldkit.analysis.ageing import Ageing
from mldkit.analysis.facts import host_address
from mldkit.analysis.limits import CHURN
from mldkit.analysis.shelf import USEFUL, USELESS
from mldkit.model.addresses import text
from mldkit.model.units import MILLISECOND, SECOND
from mldkit.model.words import delay_text
from mldkit.protocol.exchange import LATE_MARGIN_NS

if TYPE_CHECKING:
    from collections.abc import Container

    from mldkit.analysis.facts import Host, Mark
    from mldkit.analysis.ledger import Ledger
    from mldkit.analysis.room import LinkRoom
    from mldkit.analysis.shelf import Table
    from mldkit.analysis.stays import Row
    from mldkit.model.addresses import Address

LEAST_TIMES = 10
LONGEST_PERIOD_NS = 10 * SECOND
_AT_ONCE_NS = 100 * MILLISECOND
_OVER_NS = LONGEST_PERIOD_NS + LATE_MARGIN_NS
_FORGOTTEN_AT_ONCE = 2


@dataclass(slots=True)
class _Run:
    """How often a host has left a group in a row."""

    first_ns: int
    last_ns: int
    times: int = 1
    away_ns: int = 0
    """The longest time for which it was away."""
    marks: list[Mark] = field(default_factory=list)
    """The leaves so far, until it is certain that there is no end of them."""


class Churn:
    """Who comes and goes on one link, in one family."""

    def __init__(self, room: LinkRoom, ledger: Ledger) -> None:
        self._link = room.key
        self._ledger = ledger
        self._runs: Table[tuple[Host, Address], _Run] = room.table(CHURN, _worth)
        runs = self._runs
        self._left: Ageing[tuple[Host, Address]] = Ageing(
            lambda key: runs[key].last_ns if key in runs else None, runs.__len__
        )

    def left(self, row: Row, mark: Mark) -> None:
        """Take in that a host left the group of a stay that lasted until now."""
        key = row.host, row.group
        now_ns = mark.time_ns
        # The next leave of who has not left for so long begins another row of them.
        for over in self._left.take(now_ns - _OVER_NS, _FORGOTTEN_AT_ONCE):
            self._runs.drop(over)
        run = self._runs.get(key)
        if run is None or now_ns - run.last_ns > _OVER_NS:
            is_known = run is not None
            run = self._runs.keep(key, _Run(now_ns, now_ns))
            if not is_known:
                self._left.add(key, now_ns)
        else:
            run.times += 1
            run.away_ns = max(run.away_ns, row.from_ns - run.last_ns)
            run.last_ns = now_ns
        if run.times > LEAST_TIMES:
            self._tell(key, run, mark)
            return
        run.marks.append(mark)
        if run.times == LEAST_TIMES:
            for each in run.marks:
                self._tell(key, run, each)
            run.marks.clear()

    def _tell(self, key: tuple[Host, Address], run: _Run, mark: Mark) -> None:
        host, group = key
        address = host_address(host)
        again = "at once" if run.away_ns <= _AT_ONCE_NS else f"within {delay_text(run.away_ns)}"
        period_ns = (run.last_ns - run.first_ns) // (run.times - 1)
        detail = (
            f"{text(address)} leaves {text(group)} and joins again {again}, {run.times:,} times,"
            f" every {delay_text(period_ns)}: each leave costs the link queries and answers"
        )
        self._ledger.add(
            "D-45", self._link, mark, detail, host=address, group=group, weight=run.times
        )


def _worth(_: Container[Host], __: tuple[Host, Address], run: _Run) -> int:
    return USEFUL if run.times > 1 else USELESS
