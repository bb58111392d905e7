"""A flood by itself in a process, whose memory is then that of the flood.

::

    python -m tests.unit.analysis.flood general_query,bad_report 200000

prints what is left as one JSON object; see `tests/unit/analysis/test_attacks.py`.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from pathlib import Path

from mldkit.analysis.limits import MOST_LIVE
from mldkit.model.units import MICROSECOND
from tests.unit.analysis import test_floods
from tests.unit.analysis.forger import FAMILIES, KINDS
from tests.unit.analysis.test_floods import Site

_PARTS = 4
_LOOK_EVERY = 5000


def resident_mb() -> int:
    """Return how much memory this process has now, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 // 1_000_000


def later_join(site: Site, number: int) -> int:
    """Return how many joins are told of a host that joins a quarter of an hour later."""
    site.pass_on(900)
    return len(site.joins(number + 1, host=60 + number))


def main() -> None:
    kinds = [KINDS[name] for name in sys.argv[1].split(",")]
    count = int(sys.argv[2])
    # As `watch` does: what comes is freed by reference counts.
    gc.set_threshold(100_000, 20, 20)
    test_floods.SPACE_NS = 50 * MICROSECOND
    site = Site(FAMILIES[sys.argv[3] if len(sys.argv) > 3 else "igmp"], dict(MOST_LIVE))
    site.settle(3)
    before = site.real_members()
    events, sizes, begun = 0, [], time.process_time()
    for number in range(count):
        site.see(kinds[number % len(kinds)](site.forger, number))
        if number % _LOOK_EVERY == 0:
            site.pass_on(0)
            events += len(site.told)
            site.told.clear()
        if (number + 1) % (count // _PARTS) == 0:
            sizes.append(resident_mb())
    took_s = time.process_time() - begun
    sys.stdout.write(
        json.dumps(
            {
                "messages": count,
                "resident_mb": sizes,
                "microseconds": round(took_s / count * 1e6, 1),
                "events": events,
                "members_kept": site.real_members() == before,
                "joins": len(site.joins(200)),
                # Two hours later, one host every quarter of an hour.
                "later_joins": [later_join(site, number) for number in range(8)],
                "left_out": {item.what: item.count for item in site.analysis.left_out()},
                "kept": {what: kept for what, kept in site.analysis.room.kept().items() if kept},
            }
        )
    )


if __name__ == "__main__":
    main()
