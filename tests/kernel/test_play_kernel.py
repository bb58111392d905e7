"""Every script of `tests/play` against this kernel and against the responder on a real link.

All are played at the same time, each on a link of its own. The kernel is the oracle: what it does
is what the scripts say, and what the host machine sends has the same octets.

A run that failed is repeated only where this machine measured that it was late just then.
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mldkit.link import clock
from mldkit.model.messages import GroupRecord, RecordType, Report
from mldkit.model.units import SECOND
from mldkit.play.real_time import TOLERANCE_NS
from mldkit.play.sandboxed import TARGETS, perform
from mldkit.protocol.script_parser import parse_script

if TYPE_CHECKING:
    from mldkit.play.performance import Performance

pytestmark = pytest.mark.netns

PLAYS = Path(__file__).resolve().parents[1] / "play"
LONGEST_NS = 30_000_000_000
"""Scripts that take longer are for virtual time only."""
NAMES = sorted(path.stem for path in PLAYS.glob("*.play"))
ATTEMPTS = 3
ANSWERS = (RecordType.IS_IN, RecordType.IS_EX)

Performances = dict[str, dict[str, "Performance"]]


def all_on(target: str) -> dict[str, Performance]:
    """Play everything that is short enough; once more what a stall of this machine spoilt."""
    scripts = {name: parse_script((PLAYS / f"{name}.play").read_text(), name) for name in NAMES}
    wanted = [name for name in NAMES if scripts[name].end_ns <= LONGEST_NS]
    done: dict[str, Performance] = {}
    for _ in range(ATTEMPTS):
        done |= zip(wanted, perform([scripts[name] for name in wanted], target), strict=True)
        wanted = [name for name in wanted if is_spoilt(done[name])]
        if not wanted:
            break
    return done


def is_spoilt(performance: Performance) -> bool:
    failed = [outcome.expectation for outcome in performance.outcomes if not outcome.passed]
    return bool(failed) and all(performance.was_hindered(e, TOLERANCE_NS) for e in failed)


@pytest.fixture(scope="module")
def played() -> Performances:
    with ThreadPoolExecutor() as pool:
        return dict(zip(TARGETS, pool.map(all_on, TARGETS), strict=True))


def performance_of(played: Performances, target: str, name: str) -> Performance:
    if name not in played[target]:
        pytest.skip(f"{name} takes more than {LONGEST_NS // 10**9} s: for virtual time only")
    return played[target][name]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", NAMES)
def test_the_script_holds(played: Performances, target: str, name: str) -> None:
    performance = performance_of(played, target, name)
    assert len(performance.outcomes) > 0
    if target == "kernel" and clock.tick_ns() * performance.script.hz != SECOND:
        # The ranges are those of another tick; what is sent is the same.
        assert missing(performance) == []
        return

    failed = [
        (outcome.expectation.text, [f"{e.time_ns} {e.decoded.datagram}" for e in outcome.got])
        for outcome in performance.outcomes
        if not outcome.passed
    ]
    assert failed == []


def missing(performance: Performance) -> list[str]:
    messages = [e.decoded.datagram.message for e in performance.events if e.who == "host"]
    expected = [e for e in performance.script.expectations if e.message is not None]
    return [e.text for e in expected if not any(map(e.equals, messages))]


def test_at_least_forty_scripts_hold_on_all_targets(played: Performances) -> None:
    assert all(len(played[target]) >= 40 for target in TARGETS)


@pytest.mark.parametrize("name", NAMES)
def test_kernel_and_responder_send_the_same_octets(played: Performances, name: str) -> None:
    """Changes share one timer, so their order is the same; each answer has a draw of its own."""
    kernel, responder = (performance_of(played, target, name) for target in TARGETS)

    assert changes(responder) == changes(kernel)
    assert answers(responder) == answers(kernel)


Sent = tuple[str, bytes]
"""A message in words, for whoever reads a failure, and the octets of its frame."""


def changes(performance: Performance) -> list[Sent]:
    return [message for message, is_change in sent(performance) if is_change]


def answers(performance: Performance) -> Counter[Sent]:
    return Counter(message for message, is_change in sent(performance) if not is_change)


def sent(performance: Performance) -> list[tuple[Sent, bool]]:
    found = []
    for event in performance.events:
        message = event.decoded.datagram.message
        if event.who == "host":
            found.append(((str(message), event.decoded.frame.data), is_change(message)))
    return found


def is_change(message: object) -> bool:
    records: tuple[GroupRecord, ...] = message.records if isinstance(message, Report) else ()
    return any(record.type not in ANSWERS for record in records)
