"""Mutation without a look at coverage, for machines on which atheris cannot be installed.

It knows what such mutators know: flip, set and repeat octets, copy, cut and put together, numbers
at the borders, words of the target's dictionary. The same seed gives the same inputs everywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from random import Random

_BORDERS = (0, 1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 63, 64, 127, 128, 192, 254, 255)
_MOST_STEPS = 6


def mutated(rng: Random, corpus: Sequence[bytes], words: Sequence[bytes], most: int) -> bytes:
    """Return one input made of the corpus, not longer than `most` octets."""
    data = bytearray(rng.choice(corpus))
    for _ in range(rng.randint(1, _MOST_STEPS)):
        _STEPS[rng.randrange(len(_STEPS))](rng, data, corpus, words)
    del data[most:]
    return bytes(data)


def inputs(
    rng: Random, corpus: Sequence[bytes], words: Sequence[bytes], most: int
) -> Iterator[bytes]:
    """Give the corpus, then mutations of it without an end."""
    yield from corpus
    while True:
        yield mutated(rng, corpus, words, most)


def _span(rng: Random, length: int, most: int = 64) -> slice:
    start = rng.randrange(length + 1)
    return slice(start, start + min(rng.randint(1, most), length - start))


def _flip(rng: Random, data: bytearray, *_: object) -> None:
    if data:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _set(rng: Random, data: bytearray, *_: object) -> None:
    if data:
        data[rng.randrange(len(data))] = rng.choice(_BORDERS)


def _number(rng: Random, data: bytearray, *_: object) -> None:
    octets = rng.choice((2, 2, 4))
    if len(data) >= octets:
        at = rng.randrange(len(data) - octets + 1)
        value = rng.choice(
            (rng.choice(_BORDERS), rng.getrandbits(8 * octets), (1 << 8 * octets) - 1)
        )
        data[at : at + octets] = value.to_bytes(octets, rng.choice(("big", "little")))


def _cut(rng: Random, data: bytearray, *_: object) -> None:
    del data[_span(rng, len(data))]


def _end(rng: Random, data: bytearray, *_: object) -> None:
    del data[rng.randrange(len(data) + 1) :]


def _repeat(rng: Random, data: bytearray, *_: object) -> None:
    piece = data[_span(rng, len(data))]
    at = rng.randrange(len(data) + 1)
    data[at:at] = piece * rng.choice((1, 1, 2, 9))


def _insert(rng: Random, data: bytearray, *_: object) -> None:
    at = rng.randrange(len(data) + 1)
    data[at:at] = rng.randbytes(rng.randint(1, 8))


def _word(rng: Random, data: bytearray, _corpus: Sequence[bytes], words: Sequence[bytes]) -> None:
    if words:
        word = rng.choice(words)
        at = rng.randrange(len(data) + 1)
        data[at : at + rng.choice((0, len(word)))] = word


def _cross(rng: Random, data: bytearray, corpus: Sequence[bytes], _words: Sequence[bytes]) -> None:
    other = rng.choice(corpus)
    data[rng.randrange(len(data) + 1) :] = other[rng.randrange(len(other) + 1) :]


def _join(rng: Random, data: bytearray, corpus: Sequence[bytes], _words: Sequence[bytes]) -> None:
    other = rng.choice(corpus)
    at = rng.randrange(len(data) + 1)
    data[at:at] = other[_span(rng, len(other))]


_STEPS = (_flip, _flip, _set, _set, _number, _cut, _end, _repeat, _insert, _word, _cross, _join)
