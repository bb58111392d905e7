"""QEMU's monitor (QMP): what the emulated devices hold, seen from outside of the guest.

::

    greeting <--    qmp_capabilities -->    {"return": {}} <--    query-rx-filter --> ...

One JSON document a line; events may come between an answer and its question.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from mldkit.errors import LinkError

if TYPE_CHECKING:
    import socket

_SECONDS = 10


class Monitor:
    """Asks one QEMU, over a socket that it was started with."""

    def __init__(self, channel: socket.socket) -> None:
        channel.settimeout(_SECONDS)
        self._lines = channel.makefile("r")
        self._channel = channel
        self._greeted = False

    def close(self) -> None:
        """Let the reading side go; the socket is its maker's."""
        self._lines.close()

    def ask(self, command: str, **arguments: object) -> Any:  # noqa: ANN401 (whatever QMP returns)
        """Return what a command returns; raise `LinkError` where QEMU refuses it."""
        if not self._greeted:
            self._greeted = True
            self._lines.readline()
            self.ask("qmp_capabilities")
        request = {"execute": command, "arguments": arguments}
        try:
            self._channel.sendall(json.dumps(request).encode() + b"\n")
            while True:
                answer = json.loads(self._lines.readline())
                if "return" in answer:
                    return answer["return"]
                if "error" in answer:
                    raise LinkError(f"qemu: {command}: {answer['error'].get('desc')}")
        except (OSError, ValueError) as error:
            raise LinkError(f"qemu: the monitor does not answer: {error}") from error
