from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING

import pytest

from mldkit.link import clock
from mldkit.link.alarm import Alarm
from mldkit.model.units import MILLISECOND, SECOND

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def alarm() -> Iterator[Alarm]:
    with Alarm() as made:
        yield made


@pytest.mark.parametrize("milliseconds", [0, 1, 5, 40])
def test_it_never_wakes_before_the_instant(alarm: Alarm, milliseconds: int) -> None:
    until_ns = clock.now_ns() + milliseconds * MILLISECOND

    assert alarm.wait(until_ns) == ()
    assert clock.now_ns() >= until_ns


def test_an_instant_that_has_passed_is_not_waited_for(alarm: Alarm) -> None:
    assert alarm.wait(1) == ()
    assert alarm.wait(-5) == ()


def test_a_readable_descriptor_ends_the_wait(alarm: Alarm) -> None:
    reader, writer = os.pipe()
    alarm.watch(reader)
    os.write(writer, b"x")

    assert alarm.wait(None) == (reader,)
    os.read(reader, 1)
    assert alarm.wait(clock.now_ns() + MILLISECOND) == ()
    os.close(reader)
    os.close(writer)


def test_a_ring_from_another_thread_ends_a_wait_without_end(alarm: Alarm) -> None:
    threading.Timer(0.02, alarm.ring).start()

    assert alarm.wait(None) == ()


def test_an_earlier_instant_does_not_end_a_later_wait(alarm: Alarm) -> None:
    alarm.ring()
    alarm.wait(clock.now_ns() + MILLISECOND)
    later_ns = clock.now_ns() + 20 * MILLISECOND
    alarm.wait(later_ns)

    assert clock.now_ns() >= later_ns


def test_a_signal_handler_can_raise_out_of_a_wait(alarm: Alarm) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.02)
    try:
        with pytest.raises(KeyboardInterrupt):
            alarm.wait(clock.now_ns() + 60 * SECOND)
    finally:
        signal.signal(signal.SIGALRM, before)
