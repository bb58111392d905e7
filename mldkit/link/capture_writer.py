"""Writes frames as pcapng: one section, times in nanoseconds, nothing held back.

::

    section | interface 0 | packet | packet | interface 1 | packet ...

An interface block is written for each new pair of interface name and link type, in front of
the first packet that needs it. Every block goes to the system in one call, so whatever ends
the program, the file holds all frames that were written and can be read.
"""

from __future__ import annotations

import io
import os
import struct
from contextlib import suppress
from typing import TYPE_CHECKING

from mldkit.errors import CaptureError
from mldkit.link import output_file
from mldkit.model.words import counted

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import BinaryIO, Self

    from mldkit.model.datagram import Frame

STANDARD_OUTPUT = "-"
_SECTION, _INTERFACE, _PACKET = 0x0A0D0D0A, 1, 6
_APPLICATION, _IF_NAME, _IF_TSRESOL, _PACKET_FLAGS = 4, 2, 9, 2
_NANOSECONDS = 9
_OUTBOUND = 2
_UNKNOWN_LENGTH = -1


class CaptureWriter:
    """A pcapng file that grows with every frame.

    `target` is a file name, `-` for standard output, or a binary file, which stays open. A file is
    opened as `mldkit.link.output_file` says; `in_own_folder` refuses a folder that is not writable.
    Frames without a time are written at the start of 1970, as the format wants one.
    Raises CaptureError when the file cannot be made or written.
    """

    def __init__(self, target: str | BinaryIO, *, in_own_folder: bool = False) -> None:
        self._interfaces: dict[tuple[str | None, int], int] = {}
        self._octets = 0
        """Of whole blocks."""
        self._is_ours = isinstance(target, str)
        self._file: BinaryIO | io.FileIO
        if not isinstance(target, str):
            self.name = str(getattr(target, "name", "a stream"))
            self._file = target
        elif target == STANDARD_OUTPUT:
            self.name = "standard output"
            self._file = io.FileIO(1, "w", closefd=False)
        else:
            self.name = target
            number = output_file.open_in_place(target, in_own_folder=in_own_folder)
            self._file = io.FileIO(number, "w")
        body = struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, _UNKNOWN_LENGTH)
        try:
            self._write(_block(_SECTION, body + _options((_APPLICATION, b"mldkit"))))
        except CaptureError:
            self.close()
            raise

    def write(self, frame: Frame) -> None:
        """Append `frame`."""
        key = (frame.interface, frame.link_type)
        index = self._interfaces.get(key)
        described = b""
        if index is None:
            index = self._interfaces[key] = len(self._interfaces)
            described = _interface_block(*key)
        captured = len(frame.data)
        time_ns = frame.time_ns or 0
        original = captured if frame.original_length is None else frame.original_length
        head = struct.pack(
            "<IIIII", index, time_ns >> 32 & 0xFFFFFFFF, time_ns & 0xFFFFFFFF, captured, original
        )
        flags = _options((_PACKET_FLAGS, struct.pack("<I", _OUTBOUND))) if frame.outgoing else b""
        self._write(described + _block(_PACKET, head + _padded(frame.data) + flags))

    def close(self) -> None:
        """Close the file, if it was opened here."""
        if self._is_ours:
            self._file.close()

    def _write(self, octets: bytes) -> None:
        view = memoryview(octets)
        try:
            while view:
                # A raw file may take less than it is given: a full pipe, a signal.
                view = view[self._file.write(view) or 0 :]
            self._file.flush()
        except OSError as error:
            if len(view) < len(octets):
                self._cut_back()
            raise self._failure(error) from error
        self._octets += len(octets)

    def _cut_back(self) -> None:
        """Take away the part of a block that still went into a file which is full now."""
        if self._is_ours:
            with suppress(OSError):  # it is no file but a pipe
                os.ftruncate(self._file.fileno(), self._octets)

    def _failure(self, error: OSError) -> CaptureError:
        return output_file.failure(self.name, error)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def lasting(writer: CaptureWriter, tell: Callable[[str], None]) -> Callable[[Frame], None]:
    """Return what writes frames until that fails, which is told once and ends nothing else.

    What listens to a link for months is worth more than its capture, whose disk may be full.
    """
    has_failed = False
    written = 0

    def write(frame: Frame) -> None:
        nonlocal has_failed, written
        if has_failed:
            return
        try:
            writer.write(frame)
        except CaptureError as error:
            has_failed = True
            count = counted(written, "packet")
            tell(f"{error.message}: it ends with {count}, and the rest goes on without it")
        else:
            written += 1

    return write


def _interface_block(name: str | None, link_type: int) -> bytes:
    listed = [(_IF_NAME, name.encode())] if name else []
    options = _options(*listed, (_IF_TSRESOL, bytes((_NANOSECONDS,))))
    return _block(_INTERFACE, struct.pack("<HHI", link_type, 0, 0) + options)


def _options(*listed: tuple[int, bytes]) -> bytes:
    """Return options and the mark that ends them."""
    parts = [struct.pack("<HH", code, len(value)) + _padded(value) for code, value in listed]
    return b"".join((*parts, bytes(4)))


def _padded(octets: bytes) -> bytes:
    return octets + bytes(-len(octets) % 4)


def _block(kind: int, body: bytes) -> bytes:
    length = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + length + body + length
