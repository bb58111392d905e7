"""Target `ethtool`: what a driver says of itself, which may be one that nobody has seen.

Whatever stands in the buffers that come back: names and numbers, and as many as were asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from unittest import mock

from mldkit.link import ethtool
from mldkit.macfilter.register_dump import DUMPS, decode
from tests.fuzz.pieces import SEPARATOR, join, split
from tests.fuzz.target import Target, hold

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_COUNTERS = 16384
_LONGEST_DUMP = 1 << 20
_MOST_WORDS = 80


def one_input(data: bytes) -> int:
    """Hold the invariant against answers, one piece for each question; an empty one refuses."""
    left = split(data)

    def answer(_interface: str, question: bytes, octets: int) -> bytes | None:
        piece = left.pop(0) if left else b""
        # The buffer is as long as it was; the kernel writes into it.
        return (piece + question[len(piece) :]).ljust(octets, b"\0")[:octets] if piece else None

    with mock.patch.object(ethtool, "_ask", answer):
        driver = ethtool.driver("eth1")
        counters = ethtool.counters("eth1")
        features = ethtool.active_features("eth1")
        dump = ethtool.registers("eth1")
    for row in DUMPS:
        dumped = decode(row.driver, dump)
        hold(dumped is None or len(dumped.words()) < _MOST_WORDS, "registers in few words")
    hold(all("\0" not in word for word in (driver.name, driver.version, driver.bus)), "words")
    hold(len(counters) <= _MOST_COUNTERS, "no more counters than are asked for")
    hold(features is None or len(features) <= _MOST_COUNTERS, "no more features")
    hold(dump is None or len(dump) <= _LONGEST_DUMP, "no longer dump")
    return 4


def seeds() -> Iterator[bytes]:
    """Give a driver with two counters, one feature and a few registers."""
    words = (b"e1000e", b"6.18", b"1.0", b"0000:00:1f.6")
    lengths = bytes(8) + b"\2" + bytes(7) + b"\2\0\0\0"
    names = bytes(12) + b"rx_multicast".ljust(32, b"\0") + b"multicast".ljust(32, b"\0")
    values = bytes(8) + b"\7" + bytes(7) + b"\1" + bytes(7)
    driver = bytes(4) + b"".join(word.ljust(32, b"\0") for word in words)
    features = bytes(16) + b"\1\0\0\0"
    sized = driver.ljust(192, b"\0") + b"\x80\0\0\0"
    dump = bytes(8) + b"\x80\0\0\0" + bytes(8) + b"\x10\0\4\0"
    yield join((driver, lengths, names, values, lengths, names, features, sized, dump))
    yield driver


TARGET = Target(
    "ethtool",
    one_input,
    seeds,
    (SEPARATOR, b"\xff\xff\xff\xff", b"\0\0\1\0", b"\1\0\0\0"),
    "answers",
)
