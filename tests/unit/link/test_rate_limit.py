"""A limit in bursts and in the long run, held against what any window of time may hold."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mldkit.link.rate_limit import RateLimit, paced
from mldkit.model.units import SECOND

REQUESTS = st.lists(st.tuples(st.integers(0, 3 * SECOND), st.integers(0, 50)), max_size=40)


@given(st.sampled_from((1, 7, 100, 2000)), st.integers(1, 60), REQUESTS)
def test_no_window_holds_more_than_a_burst_and_what_time_gives(
    per_second: int, at_once: int, requests: list[tuple[int, int]]
) -> None:
    limit = RateLimit(per_second, at_once)
    now_ns, taken = 0, list[tuple[int, int]]()
    for pause_ns, count in requests:
        now_ns += pause_ns
        granted = limit.take(count, now_ns)
        assert 0 <= granted <= count
        taken.append((now_ns, granted))
    for start, (first_ns, _) in enumerate(taken):
        total = 0
        for moment_ns, count in taken[start:]:
            total += count
            # A second is a whole number of what one message costs, rounded down.
            most = at_once + (moment_ns - first_ns) * (per_second + 1) / SECOND + 1
            assert total <= most


@given(st.sampled_from((1, 7, 100, 2000)), st.integers(1, 60), REQUESTS)
def test_what_is_refused_has_room_when_it_says_and_not_before(
    per_second: int, at_once: int, requests: list[tuple[int, int]]
) -> None:
    limit = RateLimit(per_second, at_once)
    now_ns = 0
    for pause_ns, count in requests:
        now_ns += pause_ns
        granted = limit.take(count, now_ns)
        room_ns = limit.room_ns(now_ns)
        if granted < count:
            assert room_ns > now_ns
            assert limit.take(1, room_ns - 1) == 0
            assert limit.take(1, room_ns) == 1
            now_ns = room_ns


def test_a_burst_is_refilled_by_time() -> None:
    limit = RateLimit(10, 100)
    assert limit.take(1000, 0) == 100
    assert limit.take(1, 0) == 0
    assert limit.take(1000, SECOND) == 10
    assert limit.take(1000, 60 * SECOND) == 100


def test_paced_items_come_all_and_in_time() -> None:
    now = [0]

    def wait(duration_ns: int) -> None:
        now[0] += duration_ns

    came = [(item, now[0]) for item in paced(range(7), RateLimit(2, 3), lambda: now[0], wait)]
    half = SECOND // 2
    moments = [0, 0, 0, half, 2 * half, 3 * half, 4 * half]
    assert came == list(enumerate(moments))
