"""What happened and is not told yet: telling waits while a host has something to send."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from mldkit.responder.responder import ResponderEvent

_MOST = 100_000


class Untold:
    """Events in their order, up to a number; without somebody to tell them to none is kept."""

    def __init__(
        self, tell: Callable[[ResponderEvent], None] | None, can_tell: Callable[[], bool]
    ) -> None:
        self.left_out = 0
        """Events that were not kept because there was never time to tell them."""
        self._tell = tell
        self._can_tell = can_tell
        self._events: deque[ResponderEvent] = deque()

    def put(self, event: ResponderEvent) -> None:
        """Keep an event until there is time."""
        if self._tell is None:
            return
        if len(self._events) < _MOST:
            self._events.append(event)
        else:
            self.left_out += 1

    def tell_one(self) -> bool:
        """Tell the oldest event; return False where there is none, or telling would block."""
        if not self._events or not self._can_tell():
            return False
        self._tell_oldest()
        return True

    def tell_all(self) -> None:
        """Tell everything, however long that takes."""
        while self._events:
            self._tell_oldest()

    def clear(self) -> None:
        """Take what is not told as not having happened."""
        self._events.clear()

    def _tell_oldest(self) -> None:
        event = self._events.popleft()
        if self._tell is not None:
            self._tell(event)
