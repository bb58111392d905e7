"""The scripts of `tests/play` hold on the simulator, whatever the draws.

A script that begins with `deviation-` shows where this kernel departs from the RFC: it says from
which section, holds for the profile `linux` and fails for `rfc`. Each of the others is named after
the requirement it shows.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest

from mldkit.play import simulate
from mldkit.protocol.script_parser import parse_script
from mldkit.protocol.timer import Draws

if TYPE_CHECKING:
    from mldkit.protocol.timer import Chance, Timer

SCRIPTS = sorted((Path(__file__).parent / "play").glob("*.play"))
DEVIATIONS = [path for path in SCRIPTS if path.stem.startswith("deviation-")]


def failures(path: Path, *, seed: int | None = None, profile: str = "linux") -> list[str]:
    script = parse_script(path.read_text(), path.name)
    script.profile = profile
    performance = simulate(script, seed=seed)
    return [outcome.expectation.text for outcome in performance.outcomes if not outcome.passed]


def test_there_are_scripts_for_both_families_and_for_the_deviations() -> None:
    assert len(SCRIPTS) >= 40
    assert len(DEVIATIONS) >= 10
    assert {path.stem.rpartition("-")[2] for path in SCRIPTS} == {"igmp", "mld"}


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_the_script_holds_whatever_the_draws(path: Path) -> None:
    for seed in range(5):
        assert failures(path, seed=seed) == []


class Latest:
    """Draws that make every timer run as late as it can."""

    def below(self, limit: int, timer: Timer, now_ns: int) -> int:  # noqa: ARG002 (as Chance)
        """Return the largest number below `limit`."""
        return limit - 1


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_draws_decide_when_a_script_sends_and_never_what(path: Path) -> None:
    # The kernel's messages are compared with the responder's, and each has draws of its own.
    script = parse_script(path.read_text(), path.name)
    chances: list[Chance] = [*(Draws(Random(seed)) for seed in range(5)), Latest()]
    played = [simulate(script, chance=chance) for chance in chances]

    sent = [
        Counter(event.decoded.frame.data for event in performance.events if event.who == "host")
        for performance in played
    ]
    assert all(frames == sent[0] for frames in sent)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_the_messages_are_the_same_with_a_tick_of_a_millisecond(path: Path) -> None:
    script = parse_script(path.read_text(), path.name)
    script.hz = 1000

    performance = simulate(script, seed=1)

    sent = [event for event in performance.events if event.who == "host"]
    expected = [e for e in script.expectations if e.message is not None]
    for expectation in expected:
        assert any(expectation.equals(event.decoded.datagram.message) for event in sent)


@pytest.mark.parametrize("path", DEVIATIONS, ids=lambda path: path.stem)
def test_a_deviation_names_its_section_and_fails_where_the_rfc_is_followed(path: Path) -> None:
    assert re.match(r"# deviates from RFC 977[67] §\d", path.read_text())
    assert failures(path, seed=1, profile="rfc") != []
