"""What the tracers of three kernels wrote while `mldkit trace --on qemu` did its acts there."""

from __future__ import annotations

import gzip
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from mldkit.trace.observation import Observation, read
from mldkit.trace.story import Story

if TYPE_CHECKING:
    from mldkit.trace.act import Act

KERNELS = ("6.1", "6.12", "6.18")
_PLACE = Path(__file__).parents[3] / "docs/measured/trace"


@cache
def observations(kernel: str) -> tuple[Observation, ...]:
    """Return a recording."""
    with gzip.open(_PLACE / f"linux-{kernel}.jsonl.gz", "rt") as lines:
        return tuple(read(lines))


@cache
def acts(kernel: str) -> tuple[Act, ...]:
    """Return the acts of a recording in the order of their beginning."""
    story = Story()
    found = [act for observation in observations(kernel) for act in story.feed(observation)]
    return tuple(sorted(found, key=lambda act: act.time_ns))


def act(kernel: str, announced: str) -> Act:
    """Return the one act that was announced with these words."""
    (found,) = (each for each in acts(kernel) if each.announced == announced)
    return found
