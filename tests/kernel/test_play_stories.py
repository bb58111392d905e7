"""Stories that nobody wrote: this kernel and the responder send the same frames at each step.

A story is told again only where this machine was late with one of its lines. Stories of moments
have no room for that: there a message that is ticks late meets another line, so they are told some
times, and once the messages must be those of the simulator.
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from mldkit.model.addresses import text
from mldkit.model.family import IGMP, MLD
from mldkit.model.units import MILLISECOND, SECOND
from mldkit.play import simulate
from mldkit.play.performance import STALL_NS
from mldkit.play.sandboxed import TARGETS, perform
from tests.kernel import stories

if TYPE_CHECKING:
    from mldkit.play.performance import Performance
    from mldkit.protocol.script import Script

pytestmark = pytest.mark.netns

NUMBERS = range(1, 6)
ATTEMPTS = 3
SCRIPTS = {
    f"{kind.__name__}-{family.name}-{number}": kind(family, number)
    for kind in (stories.of_programs, stories.of_versions, stories.of_interface)
    for family in (IGMP, MLD)
    for number in NUMBERS
}


MOMENTS = {
    f"{kind.__name__}-{family.name}-{number}": kind(family, number)
    for kind, last in ((stories.of_moments, 8), (stories.of_reception, 3))
    for family in (IGMP, MLD)
    for number in range(1, last + 1)
}
TELLINGS = 6


def all_on(target: str) -> dict[str, Performance]:
    wanted = dict(SCRIPTS)
    done: dict[str, Performance] = {}
    for _ in range(ATTEMPTS):
        done |= zip(wanted, perform(list(wanted.values()), target), strict=True)
        wanted = {name: SCRIPTS[name] for name in wanted if was_late(done[name])}
        if not wanted:
            break
    return done


def was_late(performance: Performance) -> bool:
    return any(
        began_ns - action.time_ns > STALL_NS
        for action, began_ns in zip(performance.script.actions, performance.began_ns, strict=True)
    )


@pytest.fixture(scope="module")
def told() -> dict[str, dict[str, Performance]]:
    with ThreadPoolExecutor() as pool:
        return dict(zip(TARGETS, pool.map(all_on, TARGETS), strict=True))


@pytest.mark.parametrize("name", SCRIPTS)
def test_kernel_and_responder_send_the_same_frames_at_each_step(
    told: dict[str, dict[str, Performance]], name: str
) -> None:
    kernel, responder = (told[target][name] for target in TARGETS)

    for line, expected, sent in zip(
        steps_of(SCRIPTS[name]), by_step(kernel), by_step(responder), strict=True
    ):
        assert sent == expected, line


def test_the_stories_are_eventful(told: dict[str, dict[str, Performance]]) -> None:
    verbs = {action.text.split()[1] for script in SCRIPTS.values() for action in script.actions}
    words = {"join", "leave", "block", "filter", "close", "query", "report", "address", "link"}

    assert words <= verbs
    messages = [sum(map(Counter.total, by_step(played))) for played in told["kernel"].values()]
    assert sum(messages) > 5 * len(SCRIPTS)


@pytest.fixture(scope="module")
def moments() -> dict[str, dict[str, list[Performance]]]:
    """Stories of moments on both targets, each told until it agrees or has been told often."""
    return {target: told_until_it_agrees(target) for target in TARGETS}


def told_until_it_agrees(target: str) -> dict[str, list[Performance]]:
    done: dict[str, list[Performance]] = {name: [] for name in MOMENTS}
    wanted = list(MOMENTS)
    for _ in range(TELLINGS):
        for name, played in zip(wanted, perform([MOMENTS[n] for n in wanted], target), strict=True):
            done[name].append(played)
        wanted = [name for name in wanted if not agrees(name, done[name][-1])]
        if not wanted:
            break
    return done


def agrees(name: str, played: Performance) -> bool:
    expected = simulate(MOMENTS[name], chance=stories.Latest())
    return sent_in_order(played) == sent_in_order(expected) or (
        by_burst(played) == by_burst(expected)
    )


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", MOMENTS)
def test_changes_answers_and_repeats_that_meet_lead_to_the_same_messages(
    moments: dict[str, dict[str, list[Performance]]], name: str, target: str
) -> None:
    tellings = moments[target][name]

    if not any(agrees(name, played) for played in tellings):
        assert sent_in_order(tellings[0]) == sent_in_order(
            simulate(MOMENTS[name], chance=stories.Latest())
        )


def sent_in_order(performance: Performance) -> list[tuple[str, str, bytes]]:
    """Return what the host sent: source, words, and the whole frame."""
    return [sent for burst in bursts(performance) for sent in burst]


def by_burst(performance: Performance) -> list[tuple[str, str, bytes]]:
    """Return what the host sent, where timers of one tick have no order: processors run theirs."""
    return [sent for burst in bursts(performance) for sent in sorted(burst)]


def bursts(performance: Performance) -> list[list[tuple[str, str, bytes]]]:
    """Return what the host sent, in bursts with less than half a tick between two frames."""
    found: list[list[tuple[str, str, bytes]]] = []
    last_ns = -SECOND
    for event in performance.events:
        if event.who == "host":
            if event.time_ns - last_ns > 2 * MILLISECOND:
                found.append([])
            last_ns = event.time_ns
            datagram = event.decoded.datagram
            words = (text(datagram.source), str(datagram.message), event.decoded.frame.data)
            found[-1].append(words)
    return found


def steps_of(script: Script) -> list[str]:
    """Return the last line of each step."""
    return list({action.time_ns: action.text for action in script.actions}.values())


def by_step(performance: Performance) -> list[Counter[tuple[str, str, bytes]]]:
    """Return what the host sent after each step: source, words, and the whole frame."""
    began = {
        action.time_ns: began_ns
        for action, began_ns in zip(performance.script.actions, performance.began_ns, strict=True)
    }
    begins = list(began.values())
    found: list[Counter[tuple[str, str, bytes]]] = [Counter() for _ in begins]
    for event in performance.events:
        if event.who == "host":
            step = sum(begin <= event.time_ns for begin in begins) - 1
            datagram = event.decoded.datagram
            words = (text(datagram.source), str(datagram.message), event.decoded.frame.data)
            found[max(step, 0)][words] += 1
    return found
