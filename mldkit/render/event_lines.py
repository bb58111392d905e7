"""Events as lines of JSON for a reader that may be slow; what it missed is said in their place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.render.message_json import time_text
from mldkit.render.terminal import json_text

if TYPE_CHECKING:
    from mldkit.render.message_json import Json
    from mldkit.render.outbox import Outbox


class EventLines:
    """The lines of one stream."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._missed = 0
        """Events that were left out and not told of yet."""
        self._since_ns = 0

    def put(self, document: Json, interface: str, now_ns: int) -> None:
        """Write an event as soon as it is read; times are of the wall clock."""
        lines = f"{json_text(document)}\n"
        if self._missed:
            missed = {
                "event": "left-out",
                "time": time_text(now_ns),
                "interface": interface,
                "what": "events",
                "count": self._missed,
                "since": time_text(self._since_ns),
                "until": time_text(now_ns),
            }
            lines = f"{json_text(missed)}\n{lines}"
        if self._outbox.put(lines):
            self._missed = 0
        else:
            if not self._missed:
                self._since_ns = now_ns
            self._missed += 1
