"""One large frame costs what its octets cost, whatever is in it."""

from __future__ import annotations

import struct
from functools import partial
from typing import TYPE_CHECKING

import pytest

from mldkit.analysis.engine import Analysis
from mldkit.model.datagram import Frame
from mldkit.wire.decoder import Decoder
from mldkit.wire.validity import find
from tests.bench.workloads import ROUTER_ALERT_V6
from tests.growth import frames
from tests.growth.counting import MOST_OF_A_FRAME, OCTETS_OF_A_FRAME, instructions
from tests.growth.frames import ALLOW, GROUP, IS_EX, IS_IN, TO_EX, TO_IN
from tests.growth.link import EPOCH_NS

if TYPE_CHECKING:
    from collections.abc import Callable


RECORDS = 500
"""Twice as many fill a jumbo frame of 9,000 octets."""


def distinct(count: int) -> bytes:
    """A report for many groups."""
    return frames.report(1, [(IS_EX, frames.group(number), ()) for number in range(count)])


def the_last_one_twice(count: int) -> bytes:
    """A report that names one group twice, at its end."""
    named = [(IS_EX, frames.group(number), ()) for number in range(count)]
    return frames.report(1, [*named, named[-1]])


def unknown_types(count: int) -> bytes:
    """Records of types that nobody knows."""
    return frames.report(1, [(7 + n % 200, frames.group(n), ()) for n in range(count)])


def no_groups(count: int) -> bytes:
    """Records for addresses that are no groups."""
    return frames.report(1, [(IS_EX, frames.address(number), ()) for number in range(count)])


def joined_and_left(count: int) -> bytes:
    """One group joined and left again and again in one report."""
    return frames.report(1, [(TO_EX if n % 2 else TO_IN, GROUP, ()) for n in range(count)])


def sources_one_by_one(count: int) -> bytes:
    """A list of sources that grows by one in each record."""
    grown = [(ALLOW, GROUP, (frames.address(number),)) for number in range(count)]
    return frames.report(1, [(IS_IN, GROUP, (frames.address(count),)), *grown])


def the_last_source_twice(count: int) -> bytes:
    """A list of sources that has one twice."""
    sources = tuple(frames.address(number) for number in range(2 * count))
    return frames.report(1, [(IS_IN, GROUP, (*sources, sources[-1]))])


def a_chain_of_headers(count: int) -> bytes:
    """An MLD report behind very many extension headers."""
    report = frames.mld_report(1, [(IS_EX, b"\xff\x05" + bytes(13) + b"\1", ())])
    at = report.index(ROUTER_ALERT_V6)
    chain = struct.pack("!BB6x", 60, 0) * (count - 1) + struct.pack("!BB6x", 0, 0)
    whole = bytearray(report[:at] + chain + report[at:])
    whole[18:20] = (len(whole) - 54).to_bytes(2, "big")
    whole[20] = 60
    return bytes(whole)


def repeated_options(count: int) -> bytes:
    """A hop-by-hop header with very many Router Alert options."""
    report = frames.mld_report(1, [(IS_EX, b"\xff\x05" + bytes(13) + b"\1", ())])
    at = report.index(ROUTER_ALERT_V6)
    options = bytes.fromhex("05020000") * min(count, 500) + bytes(2)
    options += bytes(-(2 + len(options)) % 8)
    header = bytes((58, (2 + len(options)) // 8 - 1)) + options
    whole = bytearray(report[:at] + header + report[at + 8 :])
    whole[18:20] = (len(whole) - 54).to_bytes(2, "big")
    return bytes(whole)


MESSAGES = [
    distinct,
    the_last_one_twice,
    unknown_types,
    no_groups,
    joined_and_left,
    sources_one_by_one,
    the_last_source_twice,
    a_chain_of_headers,
    repeated_options,
]


def reading(octets: bytes) -> int:
    """Return what it costs to read and to judge a frame."""
    decoder = Decoder()
    frame = Frame(octets, EPOCH_NS, 1)
    return instructions(lambda: [find(decoded) for decoded in decoder.decode(frame)])


def taking_in(octets: bytes, *, is_live: bool) -> int:
    """Return what it costs an analysis to take a frame in."""
    analysis = Analysis(listener=(lambda _: None) if is_live else None)
    analysis.begin(EPOCH_NS)
    analysis.see(Frame(frames.query(), EPOCH_NS, 1))
    frame = Frame(octets, EPOCH_NS + 1000, 2)
    return instructions(lambda: analysis.see(frame))


@pytest.mark.parametrize("fill", MESSAGES, ids=lambda fill: fill.__name__)
def test_a_frame_of_twice_the_octets_costs_twice_as_much(fill: Callable[[int], bytes]) -> None:
    few, many = fill(RECORDS), fill(2 * RECORDS)
    for work in (reading, partial(taking_in, is_live=False), partial(taking_in, is_live=True)):
        # The first time nothing of it is known yet, which costs most.
        assert work(many) <= MOST_OF_A_FRAME * -(-len(many) // OCTETS_OF_A_FRAME)
        assert work(many) < 2.3 * work(few)
