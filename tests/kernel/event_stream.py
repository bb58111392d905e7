"""The events of a running mldkit command, read as they come; all waiting has a generous end."""

from __future__ import annotations

import json
import signal
import time
from queue import Empty, Queue
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import subprocess

LONG_S = 20.0


class EventStream:
    """A command that prints one JSON object a line."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.events: list[dict[str, Any]] = []
        self._lines: Queue[str] = Queue()
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)

    def wait_for(self, **wanted: object) -> dict[str, Any]:
        """Return the next event with these values; the ones before it are kept in `events`."""
        until = time.monotonic() + LONG_S
        while True:
            try:
                line = self._lines.get(timeout=max(until - time.monotonic(), 0.001))
            except Empty:
                pytest.fail(f"no event {wanted}; there were {self.events}")
            event = json.loads(line)
            self.events.append(event)
            if wanted.items() <= event.items():
                return dict(event)

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """End it and return its exit code and what it said.

        Not by SIGINT, which is ignored where the tests run in the background of a shell.
        """
        self.process.send_signal(number)
        return self.finish()

    def finish(self) -> tuple[int, str]:
        """Wait for its end and return its exit code and what it said; read the last events."""
        code = self.process.wait(timeout=LONG_S)
        self._reader.join(timeout=LONG_S)
        while not self._lines.empty():
            self.events.append(json.loads(self._lines.get()))
        assert self.process.stderr is not None
        return code, self.process.stderr.read()
