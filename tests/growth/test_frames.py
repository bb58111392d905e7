"""No frame costs more than its octets allow, whatever was heard before.

Each history is one in which some fold kept much and a later frame once looked through all of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mldkit.model.units import SECOND
from tests.growth import frames
from tests.growth.counting import MOST_OF_A_FRAME
from tests.growth.frames import ALLOW, BLOCK, GROUP, IS_EX, IS_IN, OLD, TO_EX, TO_IN
from tests.growth.link import LATER_NS, SOON_NS, cost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.growth.link import Heard


SIZE = 600
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
        for which in range(size):
            to = frames.group(which)
            yield SOON_NS, frames.older(1, to, source=bytes(4))


def members_and_an_older_query(size: int) -> Iterator[Heard]:
    """Members of one group, and an older General Query of another router."""
    yield SOON_NS, frames.query()
    for number in range(size):
        yield SOON_NS, frames.report(number, [(IS_EX, GROUP, ())])
    for _ in range(20):
        yield LATER_NS, frames.query(OLD, source=b"\x0a\0\0\2")


def members_of_whom_one_wants_less(size: int) -> Iterator[Heard]:
    """Members of one group, the last of an older version, and one that stops source after source.

    The sources stand one in a record, as many as an octet counts in a frame.
    """
    yield SOON_NS, frames.query()
    for number in range(size):
        yield SOON_NS, frames.report(number, [(IS_EX, GROUP, ())])
    yield SOON_NS, frames.older(size, GROUP)
    blocks = [(BLOCK, GROUP, (frames.address(number, 0x0B000000),)) for number in range(118)]
    for number in range(20):
        yield LATER_NS, frames.report(number, blocks)


def members_that_do_not_answer(size: int) -> Iterator[Heard]:
    """Members who answer nobody, and messages when the time to answer is over."""
    for number in range(size):
        yield SOON_NS, frames.report(number, [(IS_EX, GROUP, ())])
    for _ in range(3):
        yield 30 * SECOND, frames.query(interval=60)
    for number in range(size):
        wait_ns = SOON_NS if number else 30 * SECOND
        yield wait_ns, frames.report(size, [(IS_EX, frames.group(1), ())])


def last_reporters_that_are_silent(size: int) -> Iterator[Heard]:
    """Hosts of an older version, each the last reporter of a group, that answer nobody."""
    yield SOON_NS, frames.query(OLD)
    for number in range(size):
        yield SOON_NS, frames.older(number, frames.group(number))
        yield SOON_NS, frames.older(number + size, frames.group(number % 4))
    for _ in range(3):
        yield 30 * SECOND, frames.query(OLD)
    for number in range(size):
        yield 30 * SECOND if not number else SOON_NS, frames.older(number, GROUP)


def leaves_that_are_asked_about(size: int) -> Iterator[Heard]:
    """A host that joins and leaves a group of many, and the queries that follow each time."""
    yield SOON_NS, frames.query()
    for number in range(size):
        yield SOON_NS, frames.report(number, [(IS_EX, GROUP, ())])
    for _ in range(size // 20):
        yield 3 * SECOND, frames.report(size, [(TO_EX, GROUP, ())])
        yield LATER_NS, frames.report(size, [(TO_IN, GROUP, ())])
        for _ in range(3):
            yield LATER_NS, frames.query(about=GROUP, response=1)


def leaves_of_many_groups(size: int) -> Iterator[Heard]:
    """Hosts that all leave groups of their own, and a message when nobody asked about them."""
    yield SOON_NS, frames.query()
    for number in range(size):
        yield SOON_NS, frames.report(number, [(TO_EX, frames.group(number), ())])
    for number in range(size):
        yield SOON_NS, frames.report(number, [(TO_IN, frames.group(number), ())])
    for number in range(size // 20):
        wait_ns = LATER_NS if number else 14 * SECOND
        yield wait_ns, frames.report(1, [(IS_EX, GROUP, ())])


def older_members_whose_time_is_over(size: int) -> Iterator[Heard]:
    """Members of an older version that are gone, and one that stops sources of their group."""
    yield SOON_NS, frames.query()
    for number in range(size):
        yield SOON_NS, frames.older(number, GROUP)
    yield 400 * SECOND, frames.query()
    yield LATER_NS, frames.report(size, [(TO_EX, GROUP, ())])
    blocks = [(BLOCK, GROUP, (frames.address(number, 0x0B000000),)) for number in range(118)]
    yield LATER_NS, frames.report(size, blocks)


def specific_queries_that_are_over(size: int) -> Iterator[Heard]:
    """Queries for ever other groups, and a message when nobody can answer them any more."""
    for number in range(size):
        yield SOON_NS, frames.query(about=frames.group(number), response=10)
    for number in range(size // 20):
        wait_ns = LATER_NS if number else 30 * SECOND
        yield wait_ns, frames.report(1, [(IS_EX, GROUP, ())])


def members_that_an_older_report_silences(size: int) -> Iterator[Heard]:
    """Members of one group, and queries for it that a host of an older version answers."""
    for number in range(size):
        yield SOON_NS, frames.report(number, [(IS_EX, GROUP, ())])
    for _ in range(size // 20):
        yield LATER_NS, frames.query(about=GROUP, response=1)
        yield LATER_NS, frames.older(size, GROUP)
    for _ in range(size // 20):
        yield LATER_NS, frames.report(1, [(IS_EX, frames.group(2), ())])


def lifetimes_that_change(size: int) -> Iterator[Heard]:
    """Members, and a querier that announces another interval each time."""
    for number in range(size):
        yield SOON_NS, frames.report(number, [(IS_EX, GROUP, ())])
    for number in range(size // 10):
        yield LATER_NS, frames.query(interval=1 + number % 100)
        yield LATER_NS, frames.report(number, [(IS_EX, GROUP, ())])


def members_that_expire(size: int) -> Iterator[Heard]:
    """Members whose time is over one after the other, while others report."""
    yield SOON_NS, frames.query()
    for number in range(size):
        yield LATER_NS, frames.report(number, [(IS_EX, GROUP, ())])
    for number in range(size):
        wait_ns = LATER_NS if number else 260 * SECOND
        yield wait_ns, frames.report(number + size, [(IS_EX, frames.group(1), ())])


def members_that_expire_at_once(size: int) -> Iterator[Heard]:
    """Members whose time was over long before the next message."""
    yield SOON_NS, frames.query()
    for number in range(size):
        yield SOON_NS, frames.report(number, [(IS_EX, frames.group(number), ())])
    for number in range(size // 10):
        wait_ns = LATER_NS if number else 1000 * SECOND
        yield wait_ns, frames.report(number, [(IS_EX, GROUP, ())])


def a_host_that_gets_an_address(size: int) -> Iterator[Heard]:
    """A host without address in many groups, then its first message from one."""
    sender = frames.mac(1)
    for number in range(size):
        records = [(IS_EX, frames.group(number), ())]
        yield SOON_NS, frames.report(1, records, source=bytes(4), sender=sender)
    yield LATER_NS, frames.report(1, [(IS_EX, GROUP, ())], sender=sender)


def senders_that_were_trusted(size: int) -> Iterator[Heard]:
    """One card that leaves header checksums out, with ever other addresses, and then a second."""
    for number in range(size):
        records = [(IS_EX, GROUP, ())]
        yield SOON_NS, frames.report(number, records, sender=frames.mac(0), has_sum=False)
    yield LATER_NS, frames.report(size, [(IS_EX, GROUP, ())], has_sum=False)


def addresses_of_one_card(size: int) -> Iterator[Heard]:
    """One hardware address with ever other addresses, and two of them by turns."""
    for number in range(size):
        yield SOON_NS, frames.report(number, [(IS_EX, GROUP, ())], sender=frames.mac(0))
    for number in range(200):
        yield SOON_NS, frames.report(number % 2, [(IS_EX, GROUP, ())], sender=frames.mac(0))


def queriers_without_end(size: int) -> Iterator[Heard]:
    """General Queries of ever other routers, in both versions, and data through one of them."""
    for number in range(size):
        source = frames.address(number)
        yield SOON_NS, frames.query(2 + number % 2, source=source, sender=frames.mac(number % 9))
    for _ in range(size // 20):
        yield LATER_NS, frames.report(1, [(TO_EX, GROUP, ())])
        yield LATER_NS, frames.report(1, [(TO_IN, GROUP, ())])
        yield 3 * SECOND, frames.data(2, GROUP)


def streams_and_leaves(size: int) -> Iterator[Heard]:
    """Data to ever other groups, and hosts that leave groups."""
    yield SOON_NS, frames.query()
    for number in range(size):
        yield SOON_NS, frames.data(number, frames.group(number))
    for number in range(size // 10):
        yield 14 * SECOND, frames.report(number, [(TO_EX, GROUP, ())])
        yield LATER_NS, frames.report(number, [(TO_IN, GROUP, ())])


def copies_of_one_frame(size: int) -> Iterator[Heard]:
    """One frame again and again at one moment, and another one later."""
    for _ in range(size):
        yield 0, frames.report(1, [(IS_EX, GROUP, ())])
    yield SECOND, frames.report(2, [(IS_EX, GROUP, ())])


def copies_of_many_frames(size: int) -> Iterator[Heard]:
    """Ever other frames twice at one moment, and another one later."""
    for number in range(size // 2):
        yield 0, frames.report(number, [(IS_EX, GROUP, ())])
        yield 0, frames.report(number, [(IS_EX, GROUP, ())])
    for number in range(size // 10):
        yield SECOND, frames.report(number, [(IS_EX, frames.group(1), ())])


def links_without_end(size: int) -> Iterator[Heard]:
    """Reports on ever other VLANs."""
    for number in range(size):
        vlan = 1 + number % 4000, 1 + number // 4000
        yield SOON_NS, frames.report(1, [(IS_EX, GROUP, ())], vlan=vlan)
    yield 90 * SECOND, frames.report(1, [(IS_EX, GROUP, ())])


def links_of_which_some_are_asked(size: int) -> Iterator[Heard]:
    """Reports on some VLANs, queries on others."""
    for number in range(size // 2):
        yield SOON_NS, frames.report(1, [(IS_EX, GROUP, ())], vlan=(1 + number,))
        yield SOON_NS, frames.query(vlan=(2001 + number,))
    yield 400 * SECOND, frames.query(vlan=(2001,))


def lists_of_sources_that_change(size: int) -> Iterator[Heard]:
    """A host with long lists that grow and shrink by a source in each record, and by some."""
    known, other = 0x0B000000, 0x0C000000
    sources = tuple(frames.address(number, known) for number in range(size // 4))
    for number in range(4):
        yield SOON_NS, frames.report(1, [(IS_IN, frames.group(number), sources)])
    for number in range(20):
        step = number % 2 * 6 + 1
        kind, first = (BLOCK, known) if number < 10 else (ALLOW, other)
        listed = [
            tuple(frames.address(step * place + one, first) for one in range(step))
            for place in range(118 // step)
        ]
        records = [(kind, frames.group(number % 4), few) for few in listed]
        yield LATER_NS, frames.report(1, records)


def a_talker_that_reports_much(size: int) -> Iterator[Heard]:
    """A host in many groups that sends to others, of which it is no member."""
    yield SOON_NS, frames.query()
    for number in range(size):
        yield SOON_NS, frames.report(1, [(IS_EX, frames.group(number), ())])
    for _ in range(20):
        for number in range(size // 20):
            to = frames.group(10_000 + number)
            yield SOON_NS, frames.data(1, to, source=frames.address(1))
        yield SECOND, frames.query()


HISTORIES = [
    lists_of_sources_that_change,
    a_talker_that_reports_much,
    members_and_an_older_query,
    members_of_whom_one_wants_less,
    members_that_do_not_answer,
    last_reporters_that_are_silent,
    leaves_that_are_asked_about,
    leaves_of_many_groups,
    older_members_whose_time_is_over,
    specific_queries_that_are_over,
    members_that_an_older_report_silences,
    lifetimes_that_change,
    members_that_expire,
    members_that_expire_at_once,
    a_host_that_gets_an_address,
    senders_that_were_trusted,
    addresses_of_one_card,
    queriers_without_end,
    streams_and_leaves,
    copies_of_one_frame,
    copies_of_many_frames,
    links_without_end,
    links_of_which_some_are_asked,
    changes_that_hosts_forget,
    changes_that_are_over,
    hosts_that_leave,
    changes_of_one_host,
    reports_without_an_address,
]


# What is told in time, and time that passes.
LIVE = [
    lists_of_sources_that_change,
    members_that_do_not_answer,
    lifetimes_that_change,
    members_that_expire,
    members_that_expire_at_once,
    hosts_that_leave,
    links_without_end,
]
CASES = [(history, False) for history in HISTORIES] + [(history, True) for history in LIVE]


@pytest.mark.parametrize(
    ("history", "is_live"),
    CASES,
    ids=[f"{history.__name__}-{'live' if is_live else 'capture'}" for history, is_live in CASES],
)
def test_no_frame_costs_more_because_of_what_was_heard_before(
    history: Callable[[int], Iterator[Heard]], is_live: bool
) -> None:
    few = cost(history(SIZE), is_live=is_live)
    many = cost(history(2 * SIZE), is_live=is_live)

    assert many.worst <= MOST_OF_A_FRAME, many.octets.hex()
    assert many.worst <= MOST_GROWTH * few.worst + SLACK, many.octets.hex()
    assert many.whole <= 2 * MOST_GROWTH * few.whole
    assert many.end <= 2 * MOST_GROWTH * few.end + SLACK
