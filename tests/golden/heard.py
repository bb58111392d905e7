"""What an analysis said of some frames, printed as a story where a test about it fails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mldkit.render.message_text import message_lines
from mldkit.wire.decoder import Decoder
from mldkit.wire.validity import judge

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mldkit.analysis.result import AnalysisResult
    from mldkit.model.datagram import Frame

_MOST_FRAMES = 40


@dataclass(frozen=True)
class Heard:
    """Frames and the result of their analysis."""

    frames: tuple[Frame, ...]
    result: AnalysisResult

    def __contains__(self, rule: object) -> bool:
        """Return whether a rule is among the findings."""
        return any(entry.id == rule for entry in self.result.findings)

    @property
    def story(self) -> str:
        """The frames as `decode` prints them, and the findings."""
        return "\n".join(["what happened:", *self._told(), "what was said:", *self._said()])

    def _told(self) -> Iterator[str]:
        decoder = Decoder()
        base_ns = self.frames[0].time_ns if self.frames else None
        for frame in self.frames[:_MOST_FRAMES]:
            found = False
            for decoded in decoder.decode(frame):
                found = True
                yield from (f"  {line}" for line, _ in message_lines(judge(decoded), base_ns))
            if not found:
                yield f"  {frame.number:<5} {len(frame.data)} octets: {frame.data[:54].hex()}"
        if len(self.frames) > _MOST_FRAMES:
            yield f"  and {len(self.frames) - _MOST_FRAMES} frames more"

    def _said(self) -> Iterable[str]:
        for entry in self.result.findings:
            yield f"  {entry.severity} {entry.id}: {entry.detail} (frames {entry.frames[:5]})"
        if not self.result.findings:
            yield "  nothing"
