"""Capture files that cost more than their octets: bounds of the readers."""

from __future__ import annotations

import gzip
import struct
from typing import TYPE_CHECKING

import pytest

from mldkit.link.capture import open_capture
from tests.growth.counting import instructions

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mldkit.model.datagram import Frame


FRAME = bytes(60)


def block(kind: int, body: bytes) -> bytes:
    """Return a block with its length before and behind it."""
    length = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + length + body + length


SECTION = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))


def interface(name: bytes = b"") -> bytes:
    """Return the description of an Ethernet interface."""
    padded = name + bytes(-len(name) % 4)
    option = struct.pack("<HH", 2, len(name)) + padded if name else b""
    return block(1, struct.pack("<HHI", 1, 0, 0) + option)


def packet(number: int = 0, options: bytes = b"", tick: int = 0) -> bytes:
    """Return a packet of an interface."""
    head = struct.pack("<IIIII", number, tick >> 32, tick & 0xFFFFFFFF, len(FRAME), len(FRAME))
    return block(6, head + FRAME + options)


def empty_options(count: int) -> bytes:
    """One packet with options that say nothing."""
    return SECTION + interface() + packet(options=struct.pack("<HH", 9, 0) * count)


def interfaces_of_one_name(count: int) -> bytes:
    """Packets of ever other interfaces that all have one name and one time."""
    described = b"".join(interface(b"eth0") for _ in range(count))
    return SECTION + described + b"".join(packet(number) for number in range(count))


def interfaces_in_sections(count: int) -> bytes:
    """One section after the other, each with a description and a packet."""
    return b"".join(SECTION + interface(b"eth0") + packet(tick=tick) for tick in range(count))


def pieces(count: int) -> bytes:
    """Blocks that nobody reads."""
    return SECTION + interface() + block(0x0BAD, b"") * count + packet()


def frames_of(path: Path, *, apart: bool = False) -> list[Frame]:
    """Return what may hold a message, read to the end."""
    with open_capture(str(path), data=True, apart=apart) as capture:
        return list(capture.candidates())


@pytest.mark.parametrize("apart", [False, True], ids=("as named", "apart"))
@pytest.mark.parametrize(
    "fill", [interfaces_of_one_name, interfaces_in_sections, pieces], ids=lambda fill: fill.__name__
)
def test_reading_costs_as_much_as_the_file_is_long(
    fill: Callable[[int], bytes], apart: bool, tmp_path: Path
) -> None:
    def work(count: int) -> int:
        path = tmp_path / str(count)
        path.write_bytes(fill(count))
        return instructions(lambda: frames_of(path, apart=apart))

    assert work(1200) < 2.3 * work(600)


def test_options_of_a_block_are_read_up_to_a_number_of_them(tmp_path: Path) -> None:
    def work(count: int) -> int:
        path = tmp_path / str(count)
        path.write_bytes(empty_options(count))
        return instructions(lambda: frames_of(path))

    assert work(1_000_000) < 1.1 * work(1000) < 200_000


def test_a_small_gzip_file_with_blocks_of_options_is_read_at_once(tmp_path: Path) -> None:
    path = tmp_path / "options.pcapng.gz"
    options = struct.pack("<HH", 9, 0) * (1 << 20)
    path.write_bytes(gzip.compress(SECTION + interface() + packet(options=options) * 20))

    assert path.stat().st_size < 200_000
    with open_capture(str(path)) as capture:
        assert instructions(lambda: list(capture.frames())) < 1_000_000
        assert (capture.packets, capture.damage) == (20, None)


def test_an_option_that_counts_is_found_behind_others(tmp_path: Path) -> None:
    outbound = struct.pack("<HHI", 2, 4, 2)
    path = tmp_path / "flags.pcapng"
    path.write_bytes(
        SECTION + interface() + packet(options=struct.pack("<HH", 9, 0) * 100 + outbound)
    )

    with open_capture(str(path)) as capture:
        (frame,) = capture.frames()

    assert frame.outgoing
