"""What `macfilter explain -i` costs on a host with 300 groups, beside Python that does nothing."""

from __future__ import annotations

import statistics
import sys
from typing import TYPE_CHECKING

import pytest

from tests.bench.processes import cost

if TYPE_CHECKING:
    from tests.conftest import Link

pytestmark = [pytest.mark.bench, pytest.mark.netns]

ROUNDS = 7
GROUPS = "239.1.2.0+300"
MOST_SECONDS = 0.3


def test_the_way_of_a_frame_among_three_hundred_groups(link: Link) -> None:
    member = link.far.spawn_mldkit("join", "-i", "eth1", GROUPS, "--receive", "--port", "5000")
    assert member.stdout is not None
    assert "300 groups" in member.stdout.readline()
    inside = f"ip netns exec {link.far.name} {sys.executable}"
    ask = f"{inside} -m mldkit -q macfilter explain -i eth1"
    jobs = {
        "nothing": f"{inside} -c pass",
        "one frame": f"{ask} 239.1.2.3 --from 10.9.0.1 >/dev/null",
        "300 frames": f"{ask} {GROUPS} --from 10.9.0.1 --json >/dev/null",
    }
    medians = {
        name: statistics.median(cost(command)["cpu"] for _ in range(ROUNDS))
        for name, command in jobs.items()
    }
    sys.stdout.write("\n")
    for name, median in medians.items():
        times = median / medians["nothing"]
        sys.stdout.write(f"{name:<12} {median:.3f} s, {times:.1f} times\n")
    assert medians["one frame"] < MOST_SECONDS
