"""One link that hears frames, and what each of them costs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from mldkit.analysis.engine import Analysis
from mldkit.model.datagram import Frame
from mldkit.model.units import MICROSECOND, MILLISECOND
from tests.growth.counting import OCTETS_OF_A_FRAME, instructions

if TYPE_CHECKING:
    from collections.abc import Iterable

EPOCH_NS = 1_700_000_000_000_000_000
SOON_NS, LATER_NS = 20 * MICROSECOND, 5 * MILLISECOND
Heard: TypeAlias = tuple[int, bytes]
"""How many nanoseconds after the one before, and the octets."""


class Cost(NamedTuple):
    """What the frames of a history cost, in instructions."""

    whole: int
    worst: int
    """Of one frame, for each started 1,500 octets."""
    octets: bytes
    """That frame."""
    end: int
    """What only the end of a capture costs."""


def cost(history: Iterable[Heard], *, is_live: bool = False) -> Cost:
    """Return what a history costs, in a capture or on a live link."""
    analysis = Analysis(listener=(lambda _: None) if is_live else None, with_data=not is_live)
    analysis.begin(EPOCH_NS)
    now_ns, whole, worst, worst_octets = EPOCH_NS, 0, 0, b""
    for number, (after_ns, octets) in enumerate(history, 1):
        now_ns += after_ns
        frame = Frame(octets, now_ns, number, interface="eth0")
        ran = instructions(partial(analysis.see, frame))
        whole += ran
        each = ran // -(-len(octets) // OCTETS_OF_A_FRAME)
        if each > worst:
            worst, worst_octets = each, octets
    end = instructions(lambda: analysis.finish(now_ns))
    return Cost(whole + end, worst, worst_octets, end)
