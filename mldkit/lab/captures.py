"""The captures of a lab: one pcapng a link, from the first frame until the lab ends.

A capture ends early where it is full, where the disk is, or where its interface was removed. The
reason then stands in a file next to it, and `status`, `check` and `capture` tell it: what a link
carries after that is not seen.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from mldkit.errors import CaptureError
from mldkit.lab import state
from mldkit.link import clock
from mldkit.link.capture_writer import CaptureWriter
from mldkit.link.device import InterfaceDown, InterfaceRemoved, PacketSocket
from mldkit.link.output_file import private
from mldkit.model.units import MILLISECOND

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import ExitStack

LIMIT_OCTETS = 32 << 20
"""The state folder may lie in memory. A stream of ten small datagrams a second takes hours."""
_BUFFER_OCTETS = 4 << 20
_BLOCK_OCTETS = 48
"""What a frame takes in the file besides its own octets."""
_CHUNK_OCTETS = 1 << 16
_NO_ROOM = "the disk is full"
_POLL_NS = 100 * MILLISECOND


def path(lab: str, link: str) -> Path:
    """Return the capture of a link."""
    return state.folder(lab) / f"{link}.pcapng"


def octets(lab: str, link: str) -> int:
    """Return how long a capture is, 0 where there is none yet."""
    try:
        return path(lab, link).stat().st_size
    except OSError:
        return 0


def ended(lab: str, links: tuple[str, ...]) -> dict[str, str]:
    """Return the captures to which nothing is added any more, and why."""
    found = {}
    for link in links:
        with suppress(OSError):
            # A disk without room takes the name of a file, and not the reason.
            found[link] = (state.folder(lab) / f"{link}.ended").read_text() or _NO_ROOM
    return found


def growing(file: Path) -> Iterator[bytes]:
    """Give what a capture has and gets, until the lab that it belongs to removes it."""
    with file.open("rb") as opened:
        while True:
            chunk = opened.read(_CHUNK_OCTETS)
            if chunk:
                yield chunk
            elif os.fstat(opened.fileno()).st_nlink == 0:
                return
            else:
                clock.wait_ns(_POLL_NS)


class LinkCapture:
    """One link that is being captured into the working directory."""

    def __init__(self, interface: str, link: str, held: ExitStack) -> None:
        """Open socket and file; call it in the namespace of the interface."""
        # Without allmulticast: veth has no filter, and a lesson shows the device's flags.
        self._socket = held.enter_context(
            PacketSocket(
                interface, everything=True, all_multicast=False, buffer_octets=_BUFFER_OCTETS
            )
        )
        self._writer = held.enter_context(CaptureWriter(f"{link}.pcapng"))
        self._link = link
        self._left = LIMIT_OCTETS

    def fileno(self) -> int:
        """Return the number to wait for."""
        return self._socket.fileno()

    def drain(self) -> bool:
        """Write every frame that waits; return False when nothing more is captured."""
        try:
            while (frame := self._socket.receive(clock.now_ns())) is not None:
                self._left -= len(frame.data) + _BLOCK_OCTETS
                if self._left < 0:
                    return self._end(f"it is full ({LIMIT_OCTETS >> 20} MiB)")
                self._writer.write(frame)
        except InterfaceDown:
            return True
        except InterfaceRemoved:
            return self._end("the interface was removed")
        except CaptureError as error:
            return self._end(error.message)
        return True

    def _end(self, reason: str) -> bool:
        with suppress(OSError), open(f"{self._link}.ended", "w", opener=private) as file:
            file.write(reason)
        return False
