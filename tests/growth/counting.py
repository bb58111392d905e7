"""How much work something is: the instructions of mldkit that run, which no clock has to measure.

One instruction takes 10 to 15 ns, so 300,000 of them are less than 5 ms. What C code does in one
instruction (copying a list, hashing octets) counts as one.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING

import mldkit

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

OCTETS_OF_A_FRAME = 1500
"""Work is allowed for each started one of them."""
MOST_OF_A_FRAME = 300_000
"""Instructions, 5 ms: no frame may cost more for each 1,500 octets, whatever was heard before."""
_FOLDER = str(Path(mldkit.__file__).parent)
_ours: dict[tuple[str, CodeType], bool] = {}


def instructions(act: Callable[[], object], folder: str = _FOLDER) -> int:
    """Return how many instructions of the code in a folder run when something is done."""
    return _monitored(act, folder) if sys.version_info >= (3, 12) else _traced(act, folder)


def _is_in(folder: str, code: CodeType) -> bool:
    is_in = _ours.get((folder, code))
    if is_in is None:
        is_in = _ours[folder, code] = code.co_filename.startswith(folder)
    return is_in


def _monitored(act: Callable[[], object], folder: str) -> int:
    """Count by events (PEP 669): since 3.12 a trace misses the first run of a function."""
    monitoring = sys.monitoring  # type: ignore[attr-defined, unused-ignore]
    tool, event = monitoring.PROFILER_ID, monitoring.events.INSTRUCTION
    ran = 0

    def count(code: CodeType, _offset: int) -> object:
        nonlocal ran
        if not _is_in(folder, code):
            return monitoring.DISABLE
        ran += 1
        return None

    monitoring.use_tool_id(tool, "growth")
    monitoring.register_callback(tool, event, count)
    monitoring.restart_events()
    monitoring.set_events(tool, event)
    try:
        act()
    finally:
        monitoring.set_events(tool, 0)
        monitoring.register_callback(tool, event, None)
        monitoring.free_tool_id(tool)
    return ran


def _traced(act: Callable[[], object], folder: str) -> int:
    """Count by a trace of every frame."""
    ran = 0

    def count(_frame: FrameType, event: str, _argument: object) -> object:
        nonlocal ran
        ran += event == "opcode"
        return count

    def enter(frame: FrameType, _event: str, _argument: object) -> object:
        if not _is_in(folder, frame.f_code):
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return count

    before = sys.gettrace()
    sys.settrace(enter)  # type: ignore[arg-type]
    try:
        act()
    finally:
        sys.settrace(before)
    return ran


def allowed(octets: int) -> int:
    """Return how many instructions a frame of so many octets may cost."""
    return MOST_OF_A_FRAME * -(-octets // OCTETS_OF_A_FRAME)


def grows(work: Callable[[int], int], size: int, times: float = 2.3) -> bool:
    """Return whether work for twice the size is more than about twice the work."""
    return work(2 * size) > times * work(size)
