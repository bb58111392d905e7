"""Histories that chance makes: work grows with their length and no faster, in whatever order."""

from __future__ import annotations

from typing import TYPE_CHECKING
from unittest import mock

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mldkit.analysis import backlog
from mldkit.model.units import MILLISECOND, SECOND
from tests.growth import frames
from tests.growth.counting import MOST_OF_A_FRAME
from tests.growth.frames import ALLOW, BLOCK, GROUP, IS_EX, OLD, TO_EX, TO_IN
from tests.growth.link import SOON_NS, cost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.growth.link import Heard


SIZE = 60
MOST_GROWTH, SLACK = 2.3, 100_000
"""Of all work, where everything is there twice as often: a square would give 4."""
MOST_GROWTH_OF_WORST, SLACK_OF_WORST = 1.3, 10_000
"""Of the dearest frame: what looks through all that was heard would give 2."""


def join(number: int) -> bytes:
    """Another host joins one group."""
    return frames.report(number, [(IS_EX, GROUP, ())])


def join_own(number: int) -> bytes:
    """Another host joins a group of its own, with a change."""
    return frames.report(number, [(TO_EX, frames.group(number), ())])


def older_join(number: int) -> bytes:
    """Another host of an older version joins the group of all."""
    return frames.older(number, GROUP)


def leave(number: int) -> bytes:
    """A host leaves the group of all."""
    return frames.report(number, [(TO_IN, GROUP, ())])


def older_leave(number: int) -> bytes:
    """A host of an older version leaves."""
    return frames.older(number, GROUP, 0x17)


def block(number: int) -> bytes:
    """A host stops sources, one in each record."""
    sources = [(frames.address(source, 0x0B000000),) for source in range(10)]
    return frames.report(number % 7, [(BLOCK, GROUP, source) for source in sources])


def allow(number: int) -> bytes:
    """A host asks for ever more sources of one group."""
    return frames.report(3, [(ALLOW, frames.group(1), (frames.address(number, 0x0C000000),))])


def general_query(number: int) -> bytes:
    """The querier asks, with another interval each time."""
    return frames.query(interval=20 + number % 100)


def older_query(number: int) -> bytes:
    """Somebody asks in an older version."""
    return frames.query(OLD, source=frames.address(number % 3, 0x0A000002))


def group_query(_number: int) -> bytes:
    """The querier asks for the group of all."""
    return frames.query(about=GROUP, response=5)


def own_group_query(number: int) -> bytes:
    """The querier asks for ever other groups."""
    return frames.query(about=frames.group(number), response=5)


def other_querier(number: int) -> bytes:
    """Ever other routers ask."""
    return frames.query(source=frames.address(number), sender=frames.mac(number))


def nameless(number: int) -> bytes:
    """Hosts without an address."""
    return frames.report(number, [(IS_EX, GROUP, ())], source=bytes(4))


def one_card(number: int) -> bytes:
    """One hardware address with ever other addresses."""
    return frames.report(number, [(IS_EX, GROUP, ())], sender=frames.mac(0))


def on_vlan(number: int) -> bytes:
    """Reports on ever other VLANs."""
    return frames.report(1, [(IS_EX, GROUP, ())], vlan=(1 + number % 4000,))


def odd(number: int) -> bytes:
    """Reports that every receiver minds."""
    return frames.report(number, [(IS_EX, GROUP, ())], ttl=64)


def stream(number: int) -> bytes:
    """Data to ever other groups."""
    return frames.data(1, frames.group(number))


ACTS: list[Callable[[int], bytes]] = [
    join, join_own, older_join, leave, older_leave, block, allow, general_query, older_query,
    group_query, own_group_query, other_querier, nameless, one_card, on_vlan, odd, stream,
]  # fmt: skip
PHASES = st.tuples(
    st.sampled_from(ACTS),
    st.integers(min_value=1, max_value=4),
    st.sampled_from((0, SOON_NS, 20 * MILLISECOND, SECOND)),
    st.sampled_from((0, 0, 0, 15 * SECOND, 300 * SECOND)),
)
"""What happens, how often, how far apart, and how long after what was before."""


def played(
    phases: list[tuple[Callable[[int], bytes], int, int, int]], size: int
) -> Iterator[Heard]:
    """Give the frames of a history, each phase as often as a size says."""
    for act, times, apart_ns, pause_ns in phases:
        yield pause_ns, act(0)
        for number in range(1, times * size):
            yield apart_ns, act(number)


@settings(
    max_examples=15, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip
@given(st.lists(PHASES, min_size=2, max_size=5), st.booleans())
def test_twice_the_history_is_twice_the_work(
    phases: list[tuple[Callable[[int], bytes], int, int, int]], is_live: bool
) -> None:
    # Such small histories are to count as large ones.
    with mock.patch.object(backlog, "PIECE", 64), mock.patch.object(backlog, "_ROWS_AT_LEAST", 500):
        few = cost(played(phases, SIZE), is_live=is_live)
        many = cost(played(phases, 2 * SIZE), is_live=is_live)

    assert many.whole <= MOST_GROWTH * few.whole + SLACK, phases
    assert many.worst <= MOST_GROWTH_OF_WORST * few.worst + SLACK_OF_WORST, many.octets.hex()
    assert many.worst <= MOST_OF_A_FRAME, (phases, many.octets.hex())
