"""Delays of answers: this kernel, the host machine in virtual time, the responder.

All three are gathered in one run, over the same moments of asking. The table is printed; where
MLDKIT_KEEP_MEASURED is set there are more rounds, and it is kept for docs/host-behaviour.md.
"""

from __future__ import annotations

import itertools
import json
import os
import platform
import re
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest

from docs.tools.host_page import measured_table
from mldkit.link import clock
from mldkit.model.addresses import parse
from mldkit.model.datagram import Decoded, Frame
from mldkit.model.family import IGMP, MLD, Family
from mldkit.model.units import MILLISECOND, SECOND
from mldkit.protocol.host import Host, HostOptions
from mldkit.protocol.timer import Draws, Grid, wheel_level
from mldkit.testing.samples import distance, p_value
from mldkit.testing.stalls import StallWatch
from mldkit.wire.decode import decode
from mldkit.wire.split import split_report
from tests.kernel.agreement_stage import (
    GROUPS,
    KINDS,
    LINKS,
    MAXIMUM_NS,
    Answer,
    Stage,
    query_frame,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Namespace

pytestmark = pytest.mark.netns

MEASURED = Path(__file__).resolve().parents[2] / "docs" / "measured" / "agreement.json"
KEEPS = bool(os.environ.get("MLDKIT_KEEP_MEASURED"))
ROUNDS = 50 if KEEPS else 8
SIMULATED = 5
"""Hosts that are simulated for each query."""
SMALLEST_P = 1e-4
WHO = ("kernel", "simulator", "responder")
BESIDES_NS = 8 * MILLISECOND
"""What a busy machine takes to run a timer in its tick or the next, and to send."""


@dataclass
class Sample:
    """The answers of one kind of host to one kind of query in one family."""

    family: Family
    kind: str
    who: str
    answers: list[Answer] = field(default_factory=list)

    @property
    def delays_ms(self) -> list[float]:
        return [answer.delay_ns / MILLISECOND for answer in self.answers]

    @property
    def extra_ticks(self) -> int:
        """What the kernel adds to the draw: nothing only for MLD and one group."""
        return 0 if self.family is MLD and self.kind == "group" else 2


STANDSTILL_NS = 100 * MILLISECOND
"""A machine that stood still for longer after a query delayed its answers: a tenth of the time."""


@dataclass
class Run:
    """What was gathered, and when the machine stood still meanwhile."""

    grid: Grid
    stalls: StallWatch
    samples: dict[tuple[Family, str, str], Sample]

    def latest_ns(self, sample: Sample) -> int:
        """The longest delay that there is: the largest draw, what is added, a step of the wheel."""
        ticks = self.grid.ticks(MAXIMUM_NS) - 1 + sample.extra_ticks
        return (ticks + (1 << 3 * wheel_level(ticks, 0))) * SECOND // self.grid.hz

    def late(self, sample: Sample) -> list[Answer]:
        """Return the answers that came later than a busy machine explains."""
        latest_ns = self.latest_ns(sample) + BESIDES_NS
        return [answer for answer in sample.answers if answer.delay_ns > latest_ns]

    def unexplained(self, sample: Sample) -> list[Answer]:
        """Return the answers that are later than the machine stood still meanwhile."""
        latest_ns = self.latest_ns(sample) + BESIDES_NS
        return [
            answer
            for answer in self.late(sample)
            if answer.delay_ns - latest_ns > self.stalls.within(answer.query_ns, answer.answer_ns)
        ]

    def steady_ms(self, sample: Sample) -> list[float]:
        """Return the delays after queries in whose time the machine hardly stood still.

        By the time of the query, so that no delay is left out for its length. Simulated hosts never
        wait for a machine.
        """
        latest_ns = self.latest_ns(sample)
        return [
            answer.delay_ns / MILLISECOND
            for answer in sample.answers
            if sample.who == "simulator"
            or self.stalls.within(answer.query_ns, answer.query_ns + latest_ns) < STANDSTILL_NS
        ]

    def row(self, sample: Sample) -> dict[str, object]:
        """Return what the table says about one sample."""
        delays = sample.delays_ms
        kernel = self.samples[sample.family, sample.kind, "kernel"].delays_ms
        row: dict[str, object] = {
            "family": sample.family.name,
            "query": sample.kind,
            "host": sample.who,
            "answers": len(delays),
            "least_ms": round(min(delays), 1),
            "mean_ms": round(sum(delays) / len(delays), 1),
            "most_ms": round(max(delays), 1),
            "latest_ms": self.latest_ns(sample) // MILLISECOND,
            "after_maximum": sum(delay > MAXIMUM_NS / MILLISECOND for delay in delays),
            "late": len(self.late(sample)),
        }
        if sample.who != "kernel":
            row["distance"] = round(distance(delays, kernel), 4)
            row["p"] = round(p_value(delays, kernel), 4)
        return row

    def document(self) -> dict[str, object]:
        """Return the whole measurement."""
        return {
            "kernel": platform.release().partition("-")[0],
            "hz": self.grid.hz,
            "links": LINKS,
            "rounds": ROUNDS,
            "longest_stall_ms": round(self.stalls.longest_ns / MILLISECOND, 1),
            "rows": [self.row(sample) for sample in self.samples.values()],
        }


def grid_of_kernel() -> Grid:
    """Return the grid of this kernel's timers; the number of the first tick if it is told."""
    hz = SECOND // clock.tick_ns()
    try:
        text = Path("/proc/timer_list").read_text()
    except OSError:
        return Grid(hz)
    now = re.search(r"^now at (\d+) nsecs", text, re.MULTILINE)
    ticks = re.search(r"^jiffies: (\d+)", text, re.MULTILINE)
    if now is None or ticks is None:
        return Grid(hz)
    return Grid(hz, int(ticks[1]) - int(now[1]) * hz // SECOND)


def gather(stage: Stage) -> dict[tuple[Family, str, str], Sample]:
    """Ask in rounds and return the answers of the kernel and of the responder."""
    keys = itertools.product((IGMP, MLD), KINDS, WHO)
    samples = {key: Sample(*key) for key in keys}
    chance = Random()
    for kind in KINDS * ROUNDS:
        stage.ask_all(kind, chance)
        for family in (IGMP, MLD):
            for end in stage.ends:
                samples[family, kind, "kernel"].answers += end.answers[family].values()
            found = stage.responder_end.answers[family].values()
            samples[family, kind, "responder"].answers += found
    return samples


def host_of(mac: bytes, grid: Grid, chance: Draws, now_ns: int) -> Host:
    """Return a host that has been up for a while, a member of the groups of the stage."""
    host = Host(HostOptions(mac, grid=grid), chance, split_report)
    host.link_up(now_ns)
    for address, prefix in (("10.1.0.2", 24), ("fe80::2", 64)):
        host.add_address(parse(address), prefix, now_ns)
    for group in GROUPS.values():
        host.sockets.join(parse(group), (), now_ns)
    host.settle()
    return host


def simulate(asked: Sample, grid: Grid) -> Iterator[Answer]:
    """Give the answers of the host machine to the queries of a sample, some for each."""
    decoded = decode(Frame(query_frame(asked.family, asked.kind), 0, 1))
    assert isinstance(decoded, Decoded)
    draws = Draws(Random())
    for query_ns in [answer.query_ns for answer in asked.answers]:
        for number in range(SIMULATED):
            host = host_of(bytes((2, 0, 0, 0, 3, number)), grid, draws, query_ns)
            host.receive(decoded, query_ns)
            answer_ns = host.deadline_ns
            assert answer_ns is not None
            assert len(host.poll(answer_ns)) == 1
            yield Answer(query_ns, answer_ns)


@pytest.fixture(scope="module")
def run(make_common_namespace: Callable[[], Namespace]) -> Run:
    """What was measured, for all tests of this module."""
    grid, watch = grid_of_kernel(), StallWatch()
    with Stage(make_common_namespace, responders=LINKS) as stage:
        asks = ["--hosts", str(LINKS), "--hz", str(grid.hz), "--warm", "--json"]
        child = stage.answering.spawn_mldkit("respond", "-i", f"h{LINKS}", *GROUPS.values(), *asks)
        assert child.stderr is not None
        assert f"{LINKS} hosts on h{LINKS}" in child.stderr.readline()
        with watch:
            samples = gather(stage)
    for family, kind in itertools.product((IGMP, MLD), KINDS):
        asked = samples[family, kind, "kernel"]
        samples[family, kind, "simulator"].answers += simulate(asked, grid)
    return Run(grid, watch, samples)


def test_the_delays_of_all_three_are_one_distribution(
    run: Run, record_property: Callable[[str, object], None]
) -> None:
    document = run.document()
    record_property("table", measured_table(document))
    if KEEPS:
        MEASURED.write_text(json.dumps(document, indent=1) + "\n")

    for (family, kind, who), sample in run.samples.items():
        kernel = run.steady_ms(run.samples[family, kind, "kernel"])
        delays = run.steady_ms(sample)
        assert len(sample.answers) >= 300
        assert min(len(delays), len(kernel)) >= 100
        p = p_value(delays, kernel)
        assert p > SMALLEST_P, (family.name, kind, who)


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("kind", KINDS)
def test_no_answer_is_later_than_the_wheel_and_this_machine_explain(
    run: Run, kind: str, who: str
) -> None:
    for family in (IGMP, MLD):
        unexplained = run.unexplained(run.samples[family, kind, who])
        assert not unexplained, f"{family.name}: {unexplained}, {run.stalls.stalls}"


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("kind", KINDS)
def test_no_answer_comes_before_the_ticks_that_are_added(run: Run, kind: str, who: str) -> None:
    for family in (IGMP, MLD):
        sample = run.samples[family, kind, who]
        least_ns = sample.extra_ticks * SECOND // run.grid.hz
        assert min(answer.delay_ns for answer in sample.answers) >= least_ns
