"""No frame costs more than its octets allow, whatever was heard before.

Each history is one in which some fold kept much and a later frame once looked through all of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mldkit.model.units import SECOND
from tests.growth import frames
from tests.growth.counting import MOST_OF_A_FRAME
from tests.growth.frames import GROUP, OLD, TO_EX, TO_IN
from tests.growth.link import LATER_NS, SOON_NS, cost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.growth.link import Heard

SIZE = 800
"""Members and the like: looking at each of twice as many is more than a frame may cost."""
MOST_GROWTH = 1.25
"""Of the dearest frame, from SIZE to twice the size."""
SLACK = 4000
"""Instructions by which two frames of one kind may differ."""


def changes_that_hosts_forget(size: int) -> Iterator[Heard]:
    """Hosts with changes, and then older General Queries."""
    for number in range(size):
        yield SOON_NS, frames.report(number, [(TO_EX, frames.group(number), ())])
    for _ in range(20):
        yield LATER_NS, frames.query(OLD)


def changes_that_are_over(size: int) -> Iterator[Heard]:
    """Hosts with changes that nobody repeats, and one more when their time is over."""
    yield from ((SOON_NS, frames.query(robustness=3)) for _ in range(1))
    for number in range(size):
        wait_ns = 2 * SECOND if not number else SOON_NS
        yield wait_ns, frames.report(number, [(TO_EX, frames.group(number), ())])
    for number in range(size // 50):
        yield 30 * SECOND if not number else LATER_NS, frames.report(1, [(TO_EX, GROUP, ())])


def hosts_that_leave(size: int) -> Iterator[Heard]:
    """Ever other hosts join and leave a group of their own, within ten seconds."""
    for number in range(size):
        to = frames.group(number)
        yield SOON_NS, frames.report(number, [(TO_EX, to, ()), (TO_IN, to, ())])


def changes_of_one_host(size: int) -> Iterator[Heard]:
    """One host that floods the link with changes, and another change a second later."""
    for number in range(size):
        yield SOON_NS, frames.report(1, [(TO_EX, frames.group(number % 100), ())])
    yield 2 * SECOND, frames.report(1, [(TO_EX, GROUP, ())])


def reports_without_an_address(size: int) -> Iterator[Heard]:
    """A switch that answers two questions in place of hosts, for many groups."""
    for _ in range(2):
        yield 20 * SECOND, frames.query()
        for which in range(size // 2):
            to = frames.group(which)
            yield SOON_NS, frames.older(1, to, source=bytes(4))


HISTORIES = [
    changes_that_hosts_forget,
    changes_that_are_over,
    hosts_that_leave,
    changes_of_one_host,
    reports_without_an_address,
]


@pytest.mark.parametrize("is_live", [False, True], ids=("capture", "live"))
@pytest.mark.parametrize("history", HISTORIES, ids=lambda history: history.__name__)
def test_no_frame_costs_more_because_of_what_was_heard_before(
    history: Callable[[int], Iterator[Heard]], is_live: bool
) -> None:
    few = cost(history(SIZE), is_live=is_live)
    many = cost(history(2 * SIZE), is_live=is_live)

    assert many.worst <= MOST_OF_A_FRAME, many.octets.hex()
    assert many.worst <= MOST_GROWTH * few.worst + SLACK, many.octets.hex()
    assert many.whole <= 2 * MOST_GROWTH * few.whole
    assert many.end <= 2 * MOST_GROWTH * few.end + SLACK
