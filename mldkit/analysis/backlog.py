"""Work that a moment asks for and that is too much for one message: done in pieces.

::

    message      |       |  |   |      |
    search       [piece] [] []  []     [last piece]

A task is a generator: it gives how many rows it looked at since the last time, and goes on where it
stopped when the next message comes. Tasks are done one after the other, so what they find is found
in the order in which it was asked for. On a small link the first piece is all of it. What is asked
for without end, as by a flood of queries, is not begun.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PIECE = 512
"""Rows that are looked at for one message."""
TELLING = 20
"""Telling of one finding costs as much as looking at so many rows."""
_ROWS_PER_MESSAGE, _ROWS_AT_LEAST = 100, 1_000_000
"""Rows looked at in all: a flood of queries must not cost its square."""
_MOST_TASKS = 256


class Backlog:
    """The tasks of one link that are not done yet."""

    def __init__(self) -> None:
        self._tasks: deque[Iterator[int]] = deque()
        self._looked_at = 0
        """Rows so far."""
        self._promised = 0
        """What searches that are not done yet may cost."""

    @property
    def is_empty(self) -> bool:
        """Whether all is done."""
        return not self._tasks

    def has_room(self, messages: int, rows: int) -> bool:
        """Return whether a search of so many rows may be begun after so many messages."""
        most = _ROWS_AT_LEAST + _ROWS_PER_MESSAGE * messages
        if self._looked_at + self._promised > most or len(self._tasks) >= _MOST_TASKS:
            return False
        # Any of them may have to be told of.
        self._promised += TELLING * rows
        return True

    def add(self, task: Iterator[int]) -> None:
        """Take in a task, which is begun when those before it are done."""
        self._tasks.append(task)

    def work(self) -> None:
        """Do as much as looking at the rows of a piece."""
        tasks, most = self._tasks, PIECE
        while tasks:
            for steps in tasks[0]:
                self._looked_at += steps
                most -= steps
                if most <= 0:
                    return
            tasks.popleft()
        self._promised = 0

    def finish(self) -> None:
        """Do all that is left."""
        while self._tasks:
            self.work()
