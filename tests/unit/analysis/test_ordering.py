"""Packets that are out of order by a little are given in order of time."""

from __future__ import annotations

import random
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from mldkit.analysis.ordering import in_order
from mldkit.model.datagram import Frame
from mldkit.model.units import MILLISECOND, SECOND


def frames_at(*times_ns: int | None) -> list[Frame]:
    return [Frame(b"", time_ns, number) for number, time_ns in enumerate(times_ns, 1)]


@given(st.integers(0, 1 << 32), st.integers(1, 2000))
def test_what_is_late_by_less_than_half_a_second_is_sorted(seed: int, count: int) -> None:
    rng = random.Random(seed)
    sound = frames_at(*(SECOND + number * 10 * MILLISECOND for number in range(count)))
    written = sorted(sound, key=lambda frame: (frame.time_ns or 0) + rng.randrange(SECOND // 2))

    assert list(in_order(iter(written))) == sound


@given(st.lists(st.one_of(st.none(), st.integers(1, 10 * SECOND)), max_size=700))
def test_whatever_the_times_are_every_packet_is_given_once(times: list[int | None]) -> None:
    frames = frames_at(*times)

    given_frames = list(in_order(iter(frames)))

    assert sorted(frame.number for frame in given_frames) == [frame.number for frame in frames]


def test_a_clock_that_was_set_back_is_left_alone() -> None:
    frames = frames_at(*(SECOND * number for number in (10, 11, 12, 5, 6, 7)))

    assert list(in_order(iter(frames))) == frames


def test_packets_without_a_time_stay_behind_the_one_before_them() -> None:
    late, early, timeless = frames_at(2 * SECOND + 5, 2 * SECOND, None)

    assert list(in_order(iter((late, early, timeless)))) == [early, timeless, late]


def test_memory_holds_a_bounded_number_of_packets() -> None:
    taken = 0

    def endless(count: int) -> object:
        nonlocal taken
        for number in range(count):
            taken += 1
            yield replace(Frame(b""), time_ns=SECOND + number, number=number)

    frames = in_order(endless(100_000))  # type: ignore[arg-type]
    next(frames)

    assert taken <= 512
