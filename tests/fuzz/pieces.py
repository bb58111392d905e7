"""Several things in one input: a fuzzer that starts a program a thousand times a second reads
forty thousand frames in that time if each input holds forty.

The pieces of an input stand between separators, not behind lengths: a mutation of one piece leaves
all others as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SEPARATOR = b"\xfaFUZ"


def join(pieces: Iterable[bytes]) -> bytes:
    """Return one input that holds the pieces."""
    return SEPARATOR.join(pieces)


def split(data: bytes) -> list[bytes]:
    """Return the pieces of an input; one without a separator is one piece."""
    return data.split(SEPARATOR)


def packed(pieces: Iterable[bytes], most: int) -> Iterator[bytes]:
    """Give inputs with as many of the pieces as `most` octets hold, but at least one."""
    held: list[bytes] = []
    octets = 0
    for piece in pieces:
        if held and octets + len(piece) > most:
            yield join(held)
            held, octets = [], 0
        held.append(piece)
        octets += len(piece) + len(SEPARATOR)
    if held:
        yield join(held)
