"""Times of which a capture tells nothing, in plain words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.analysis.pauses import DOWN, PAUSED, UNKNOWN
from mldkit.model.words import clock_text, length_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mldkit.analysis.pauses import CapturePause
    from mldkit.analysis.result import AnalysisResult


def about_pauses(result: AnalysisResult) -> list[str]:
    """Return the longest time of each kind in which nothing was captured, one line each."""
    lines = []
    for kind in (PAUSED, DOWN, UNKNOWN):
        pauses = [pause for pause in result.pauses if pause.kind == kind]
        if pauses:
            lines.append(_text(pauses))
    return lines


def _text(pauses: Sequence[CapturePause]) -> str:
    longest = max(pauses, key=lambda pause: pause.length_ns)
    times = f"from {clock_text(longest.from_ns)} to {clock_text(longest.until_ns)}"
    length = f"({length_text(longest.length_ns)})"
    more = f", nor in {len(pauses) - 1:,} shorter times" if len(pauses) > 1 else ""
    if longest.kind == PAUSED:
        return (
            f"Nothing at all was captured {times} {length}{more}: nobody looked, so nothing is said"
            " about that time."
        )
    if longest.kind == DOWN:
        name = longest.interface or "an interface without a name"
        return (
            f"Nothing at all came on {name} {times} {length}{more}, while other interfaces went on:"
            " it was down or cut off, so nothing is said about that time."
        )
    return (
        f"No message came {times} {length}{more}, and the capture holds nothing else: whether"
        " anybody looked is not known."
    )
