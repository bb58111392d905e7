"""Each cure for a Linux bridge, tried: the fault, the lines of the row, and the fault is gone.

All networks live at the same time. What happened once happens again after the lines were typed, so
that a finding that is missing then is missing because of them.
"""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from mldkit.advice.advice import BRIDGE
from mldkit.advice.table import ROWS
from mldkit.cli.main import main
from mldkit.link import clock
from mldkit.link.capture_writer import CaptureWriter
from mldkit.link.device import PacketSocket
from tests.kernel.cure_sites import LENGTH_S, SITES, Site

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Namespace

pytestmark = pytest.mark.netns

SHORTER = {("D-04", "mcast_query_interval 12500"): "mcast_query_interval 200"}
"""Times of rows that no test can wait for. All other lines are typed as they are."""
IN_PASSING = {rule: {"D-07"} for rule in ("D-01", "D-16", "D-20")}
"""Errors of the acts themselves: who goes down is a member that falls silent."""
SETTLED_S = 1.5
"""Hosts have left what they were members of, and routers are silent."""


def lines_of(rule: str) -> list[str]:
    """Return what the row of a rule says for a bridge, with shorter times."""
    lines = [line for cure in ROWS[rule].cures if cure.where == BRIDGE for line in cure.do]
    for (of_rule, long), short in SHORTER.items():
        if of_rule == rule:
            lines = [line.replace(long, short) for line in lines]
    return lines


@dataclass(frozen=True)
class Recordings:
    """The captures of one network."""

    before: Path
    after: Path


def play(sites: dict[str, Site], folder: Path) -> dict[str, Path]:
    """Let happen what happens at all sites, and return what was heard at each."""
    with ExitStack() as stack:
        ears = {}
        for rule, site in sites.items():
            space, interface = site.ears[min(site.turn, len(site.ears) - 1)]
            with space.entered():
                ears[rule] = stack.enter_context(
                    PacketSocket(interface, everything=True, promiscuous=True)
                )
        acts = sorted((act for site in sites.values() for act in site.acts), key=lambda act: act[0])
        begun = time.monotonic()
        for second, act in [*acts, (LENGTH_S, lambda: None)]:
            time.sleep(max(begun + second - time.monotonic(), 0))
            act()
        paths = {}
        for rule, ear in ears.items():
            paths[rule] = folder / f"{rule}.pcapng"
            with CaptureWriter(str(paths[rule])) as writer:
                while (frame := ear.receive(clock.now_ns())) is not None:
                    writer.write(frame)
    for site in sites.values():
        for end in site.ends:
            end()
    time.sleep(SETTLED_S)
    return paths


@pytest.fixture(scope="module")
def recordings(
    make_common_namespace: Callable[[], Namespace], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Recordings]:
    """Build all networks, and capture in each of them before and after its cure."""
    sites = {rule: Site(make_common_namespace) for rule in SITES}
    with ExitStack() as stack:
        for site in sites.values():
            stack.callback(site.close)
        for rule, build in SITES.items():
            build(sites[rule])
        before = play(sites, tmp_path_factory.mktemp("before"))
        for rule, site in sites.items():
            for line in lines_of(rule):
                site.cured.run("sh", "-c", line).check_returncode()
            site.turn = 1
        after = play(sites, tmp_path_factory.mktemp("after"))
    return {rule: Recordings(before[rule], after[rule]) for rule in sites}


def test_every_cure_for_a_bridge_is_tried() -> None:
    said = {row.rule for row in ROWS.values() for cure in row.cures if cure.where == BRIDGE}

    assert said == set(SITES)
    for (rule, long), _ in SHORTER.items():
        assert any(long in line for cure in ROWS[rule].cures for line in cure.do)


@pytest.mark.parametrize("rule", SITES)
def test_the_finding_goes_away(
    recordings: dict[str, Recordings], capsys: pytest.CaptureFixture[str], rule: str
) -> None:
    before = told(recordings[rule].before, capsys)
    after = told(recordings[rule].after, capsys)

    assert rule in ids(before), before["summary"]
    assert rule not in ids(after), after["summary"]
    assert ids(after, "error") <= ids(before, "error") | IN_PASSING.get(rule, set())
    assert after["captures"][0]["messages"] > 0


def told(path: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Return the document of one capture."""
    main(["analyze", "--json", str(path)])
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def ids(document: dict[str, Any], severity: str | None = None) -> set[str]:
    """Return the rules of the findings."""
    return {
        finding["id"]
        for finding in document["findings"]
        if severity is None or finding["severity"] == severity
    }
