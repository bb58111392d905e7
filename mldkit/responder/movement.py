"""Hosts that are switched on and leave: at once, or one after the other where they are too many.

A host that comes or goes has several things to say. So in bulk it waits for its turn, instead of
losing half of what it says to the limit.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from mldkit.link.rate_limit import RateLimit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mldkit.model.datagram import Datagram, Decoded
    from mldkit.responder.population import Resident

_MESSAGES_A_HOST = 8
"""What it may have to say: both families, each change twice, addresses."""


class Turn:
    """A machine that only wakes its runner when the next host may come or go."""

    def __init__(self) -> None:
        self.deadline_ns: int | None = None

    def receive(self, decoded: Decoded, now_ns: int) -> None:
        """Hear nothing."""

    def poll(self, now_ns: int) -> list[Datagram]:
        """Be over: the runner is idle next, and goes on where it stopped."""
        del now_ns
        self.deadline_ns = None
        return []


class Movement:
    """Which hosts are still to be switched on or to leave."""

    def __init__(self, residents: Sequence[Resident], limit: RateLimit | None) -> None:
        self.turn = Turn()
        self._residents = residents
        self._asleep = deque(range(len(residents)))
        self._leaving: deque[int] = deque()
        self._limit: RateLimit | None = None
        if limit is not None:
            share = limit.at_once // _MESSAGES_A_HOST
            self._limit = RateLimit(limit.per_second // _MESSAGES_A_HOST, share)

    @property
    def is_leaving(self) -> bool:
        """Whether somebody waits for the turn to leave."""
        return bool(self._leaving)

    def settle(self, now_ns: Callable[[], int]) -> None:
        """Switch everybody on who then has been there for a while and announces nothing."""
        while self._asleep:
            resident = self._residents[self._asleep.popleft()]
            resident.boot(now_ns())
            resident.host.settle()

    def leave(self, now_ns: int) -> None:
        """Let those who are there leave, as many at once as may; nobody else is switched on."""
        asleep = set(self._asleep)
        self._asleep.clear()
        self._leaving.extend(set(range(len(self._residents))) - asleep)
        while self._leaving and self._is_free(now_ns):
            self._residents[self._leaving.popleft()].leave(now_ns)

    def next(self, now_ns: int) -> int | None:
        """Let one host come or go; return its number, None where nobody moves now.

        Where somebody has to wait, `turn` is the machine that wakes the runner for that.
        """
        waiting = self._leaving or self._asleep
        if not waiting or self.turn.deadline_ns is not None or not self._is_free(now_ns):
            return None
        index = waiting.popleft()
        if waiting is self._leaving:
            self._residents[index].leave(now_ns)
        else:
            self._residents[index].boot(now_ns)
        return index

    def _is_free(self, now_ns: int) -> bool:
        if self._limit is None or self._limit.take(1, now_ns):
            return True
        self.turn.deadline_ns = self._limit.room_ns(now_ns)
        return False
