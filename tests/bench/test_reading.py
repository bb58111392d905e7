"""What it costs to find 2,000 messages in a gigabyte, and to decode a file full of them.

Ratios inside one run: the jobs take turns, so that a busy machine slows all of them. W1 and W2
come from `workloads.py` and are removed afterwards. `MLDKIT_BENCH_PACKETS` changes the size of
W1 (2,000,000), `MLDKIT_BENCH_TSHARK=1` measures tshark's own filter on all of it too, which
takes minutes and 2.5 GB.
"""

from __future__ import annotations

import os
import shlex
import shutil
import statistics
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.bench.processes import cost, workload

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.bench

HERE = Path(__file__).parent
PACKETS = int(os.environ.get("MLDKIT_BENCH_PACKETS", "2000000"))
SMALL = 200_000
ROUNDS = 5
MESSAGES = 20_000
LARGEST_RESIDENT_MB = 25

MEMBERSHIP = (
    "igmp or ip6[6]==0 or ip6[6]==43 or ip6[6]==44 or ip6[6]==60 or (icmp6 and "
    "((ip6[40]>=130 and ip6[40]<=132) or ip6[40]==143 or (ip6[40]>=151 and ip6[40]<=153)))"
)
FILTER = f"({MEMBERSHIP}) or (vlan and (({MEMBERSHIP}) or (vlan and ({MEMBERSHIP}))))"
DISPLAY = "igmp or icmpv6.type in {130..132, 143, 151..153}"
FIELDS = (
    "frame.number frame.time_epoch eth.src ip.src ip.dst ipv6.src ipv6.dst igmp.type igmp.maddr "
    "igmp.saddr igmp.record_type icmpv6.type icmpv6.mldr.mar.multicast_address "
    "icmpv6.mldr.mar.source_address"
)
PRINT_FIELDS = "-T fields " + " ".join(f"-e {name}" for name in FIELDS.split())
READER = (
    "import sys; from mldkit.link.capture import open_capture\n"
    "with open_capture(sys.argv[1]) as capture: print(sum(1 for frame in capture.candidates()))"
)


class Cost(NamedTuple):
    """Medians of one job."""

    cpu: float
    wall: float
    resident_mb: float


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give a folder that is removed at once: the captures are large."""
    for tool in ("tshark", "tcpdump"):
        if shutil.which(tool) is None:
            pytest.fail(f"the comparison needs {tool}")
    path = tmp_path_factory.mktemp("captures")
    yield path
    shutil.rmtree(path)


def once(command: str) -> Cost:
    """Return what a shell command costs once."""
    facts = cost(command)
    return Cost(facts["cpu"], facts["wall"], facts["resident_mb"])


def costs(jobs: dict[str, str], rounds: int = ROUNDS) -> dict[str, Cost]:
    """Return the medians of jobs that take turns."""
    measured: dict[str, list[Cost]] = {name: [] for name in jobs}
    for _ in range(rounds):
        for name, command in jobs.items():
            measured[name].append(once(command))
    return {
        name: Cost(*map(statistics.median, zip(*runs, strict=True)))
        for name, runs in measured.items()
    }


def show(title: str, table: dict[str, Cost], reference: str) -> None:
    """Print the table with the ratio of each row to one of them."""
    lines = ["", "", f"{title:<46} {'cpu s':>8} {'wall s':>8} {'MB':>7} {'cpu ratio':>10}"]
    base = table[reference].cpu
    for name, (cpu, wall, resident_mb) in table.items():
        lines.append(f"{name:<46} {cpu:>8.3f} {wall:>8.3f} {resident_mb:>7.1f} {cpu / base:>10.2f}")
    sys.stdout.write("\n".join(lines) + "\n")


def mldkit_jobs(path: Path) -> dict[str, str]:
    """Return the reader alone and the whole command, with this Python and the system's."""
    file = shlex.quote(str(path))
    root = shlex.quote(str(HERE.parents[1]))
    jobs = {}
    pythons = {"": sys.executable}
    if Path("/usr/bin/python3").exists():
        pythons[", /usr/bin/python3"] = f"PYTHONPATH={root} /usr/bin/python3"
    for suffix, python in pythons.items():
        jobs[f"reader{suffix}"] = f"{python} -c {shlex.quote(READER)} {file}"
        jobs[f"mldkit decode{suffix}"] = f"{python} -m mldkit decode --format ndjson {file}"
    return jobs


def test_needles_in_a_gigabyte(folder: Path) -> None:
    path = workload(folder, "w1", PACKETS)
    file = shlex.quote(str(path))
    pipe = "tcpdump | tshark -T fields"
    jobs = {
        "cat": f"cat {file}",
        pipe: f"tcpdump -r {file} -w - {shlex.quote(FILTER)} | tshark -n -r - {PRINT_FIELDS}",
        **mldkit_jobs(path),
    }

    table = costs(jobs)
    if os.environ.get("MLDKIT_BENCH_TSHARK"):
        command = f"tshark -n -r {file} -Y {shlex.quote(DISPLAY)} {PRINT_FIELDS}"
        table["tshark -Y"] = once(command)

    show(f"W1, {PACKETS:,} packets", table, pipe)
    path.unlink()
    for name in mldkit_jobs(path):
        assert table[name].resident_mb < LARGEST_RESIDENT_MB


def test_needles_against_the_filter_of_tshark(folder: Path) -> None:
    path = workload(folder, "w1", SMALL)
    file = shlex.quote(str(path))
    filtering = "tshark -Y"
    jobs = {filtering: f"tshark -n -r {file} -Y {shlex.quote(DISPLAY)} {PRINT_FIELDS}"}

    table = costs({**jobs, **mldkit_jobs(path)}, rounds=1)

    show(f"W1s, {SMALL:,} packets", table, filtering)
    path.unlink()
    assert table["mldkit decode"].cpu * 10 < table[filtering].cpu


def test_a_file_full_of_messages(folder: Path) -> None:
    path = workload(folder, "w2", MESSAGES)
    file = shlex.quote(str(path))
    printing = "tshark -T fields"
    jobs = {printing: f"tshark -n -r {file} {PRINT_FIELDS}", **mldkit_jobs(path)}

    table = costs(jobs, rounds=1)

    show(f"W2, {MESSAGES:,} messages", table, printing)
    path.unlink()
    assert table["reader"].cpu < table[printing].cpu
