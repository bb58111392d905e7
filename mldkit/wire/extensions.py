"""RFC 9279 extensions: items after the last field when the E flag is set.

::

    | type (16) | length (16) | value (length octets) | ...

There is no alignment. A list that does not fill the octets exactly, or that is empty, is
ignored as a whole while the message itself still counts (§4).
"""

from __future__ import annotations

import struct

from mldkit.model.messages import Extension

NO_OPERATION = 0
_HEADER = struct.Struct("!HH")


def read_extensions(data: bytes) -> tuple[tuple[Extension, ...], str | None]:
    """Return the items of `data`, or none and the reason why the list is not valid."""
    if not data:
        return (), "the E flag is set but no extension follows"
    found = []
    at = 0
    end = len(data)
    while at < end:
        if end - at < 4:
            return (), f"{end - at} octets are left after the last extension"
        kind, length = _HEADER.unpack_from(data, at)
        at += 4
        if length > end - at:
            return (), f"an extension claims {length} octets, {end - at} are left"
        found.append(Extension(kind, data[at : at + length]))
        at += length
    return tuple(found), None


def write_extensions(extensions: tuple[Extension, ...]) -> bytes:
    """Return the octets of the items."""
    return b"".join(_HEADER.pack(item.type, len(item.value)) + item.value for item in extensions)
