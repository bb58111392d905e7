"""How a command is ended from outside: Ctrl-C, and SIGTERM of `timeout` or a service manager.

What was read or learned until then is worth as much as ever: it is still looked at, and nothing
twice.
"""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import FrameType

Item = TypeVar("Item")
INTERRUPTED = 130
"""Exit code of what a person ended, and of work that a signal cut short."""
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Ended(KeyboardInterrupt):
    """SIGTERM has come to what runs until it is told to end: nothing is cut short by that."""


def end_in_order() -> None:
    """Let SIGTERM be an interrupt as Ctrl-C is: what was learned until then is told."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def end_when_told() -> None:
    """Let SIGTERM be the regular end of a verb that runs for months: exit code 0, not 130."""
    signal.signal(signal.SIGTERM, _end)


def exit_code(interrupt: KeyboardInterrupt) -> int:
    """Return the exit code of a verb that was ended from outside."""
    return 0 if isinstance(interrupt, Ended) else INTERRUPTED


def _end(number: int, frame: FrameType | None) -> NoReturn:
    del number, frame
    raise Ended


class SignalInterrupt:
    """Whether somebody wants the command to end: a first signal cuts nothing but reading short."""

    def __init__(self, now_ns: Callable[[], int] | None = None) -> None:
        """Take a clock where the moment matters."""
        self.came = False
        self.came_ns = 0
        """When the first one came, by that clock."""
        self.stop: Callable[[], None] | None = None
        """What ends the work in order when the first one comes."""
        self.exit_code = 0
        """That of a verb that runs until it is told to end: 0 after SIGTERM, 130 after Ctrl-C."""
        self._now_ns = now_ns
        self._is_reading = False

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Listen to the signals that end a command; the second one ends it at once."""
        before = {number: signal.signal(number, self._take) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Let a signal raise KeyboardInterrupt in this block, which may wait for input."""
        self._is_reading = True
        try:
            yield
        finally:
            self._is_reading = False

    def cut(self, items: Iterable[Item]) -> Iterator[Item]:
        """Give the items until a signal comes, also while the next one is waited for."""
        waiting = iter(items)
        while not self.came:
            try:
                # Not the block of `reading`, which costs as much as a small frame.
                self._is_reading = True
                item = next(waiting)
            except (StopIteration, KeyboardInterrupt):
                return
            finally:
                self._is_reading = False
            yield item

    def _take(self, number: int, frame: FrameType | None) -> None:
        del frame
        is_second = self.came
        if not is_second and self._now_ns is not None:
            self.came_ns = self._now_ns()
        self.came = True
        if number == signal.SIGINT:
            self.exit_code = INTERRUPTED
        if self.stop is not None and not is_second:
            self.stop()
        if self._is_reading or is_second:
            raise KeyboardInterrupt
