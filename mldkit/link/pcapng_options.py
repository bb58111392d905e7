"""The options of pcapng blocks: code, length, value, padded to 32 bits.

A block may be full of empty ones, so only the first are read.
"""

from __future__ import annotations

import struct

MOST_OPTIONS = 256
"""Options of a block that are read: an empty one takes four octets, and a block may be long."""
_LONGEST_NAME = 255


def read_options(view: memoryview, at: int, end: int, order: str) -> dict[int, bytes]:
    """Return the first options between two places, the first of each code.

    `order` is the byte order of the section, as `struct` writes it.
    """
    options: dict[int, bytes] = {}
    for _ in range(MOST_OPTIONS):
        if at + 4 > end:
            break
        code, length = struct.unpack_from(f"{order}HH", view, at)
        if code == 0 or at + 4 + length > end:
            break
        options.setdefault(code, bytes(view[at + 4 : at + 4 + length]))
        at += 4 + length + -length % 4
    return options


def text_of(octets: bytes) -> str:
    """Return the value of an option that holds a name."""
    return octets[:_LONGEST_NAME].rstrip(b"\0").decode(errors="replace")
