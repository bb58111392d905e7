"""Wrong checksums, and the mistake behind one where it can be told from the value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.model.family import MLD
from mldkit.wire.checksum import complement, ones_sum, pseudo_header_sum

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mldkit.model.datagram import Decoded
    from mldkit.wire.rules import Outcome


def bad_checksum(decoded: Decoded) -> Outcome:
    """V-01: say what the field has, what it should have, and how that may have happened."""
    if decoded.checksum != "bad" or decoded.checksum_value is None:
        return None
    if any(mark.id == "V-24" for mark in decoded.remarks):
        return f"the checksum field has 0x{decoded.checksum_value:04x}"
    message = decoded.frame.data[decoded.offset : decoded.offset + decoded.length]
    blank = message[:2] + b"\0\0" + message[4:]
    pseudo = 0
    if decoded.family is MLD:
        datagram = decoded.datagram
        pseudo = pseudo_header_sum(datagram.source, datagram.destination, len(message))
    right = complement(ones_sum(blank) + pseudo)
    value = decoded.checksum_value
    detail = f"the checksum field has 0x{value:04x}, 0x{right:04x} is right"
    for guess, reason in _guesses(decoded, blank, right):
        if guess == value:
            return f"{detail}: {reason}"
    return detail


def _guesses(decoded: Decoded, blank: bytes, right: int) -> Iterator[tuple[int, str]]:
    """Give the values that known mistakes would lead to, each with the mistake."""
    yield 0, "it was never filled in"
    yield (right << 8 | right >> 8) & 0xFFFF, "its octets are swapped"
    yield (right + 1) & 0xFFFF, "it is one too high"
    yield (right - 1) & 0xFFFF, "it is one too low"
    if decoded.family is MLD:
        yield complement(ones_sum(blank)), "the pseudo-header was left out"
        datagram = decoded.datagram
        for name, address in (
            ("ff02::1", decoded.family.all_hosts),
            ("ff02::16", decoded.family.reports),
            ("ff02::2", decoded.family.all_routers),
        ):
            pseudo = pseudo_header_sum(datagram.source, address, len(blank))
            yield complement(ones_sum(blank) + pseudo), f"it was summed for destination {name}"
    elif len(blank) > 8:
        yield complement(ones_sum(blank[:8])), "only the first 8 octets were summed"
