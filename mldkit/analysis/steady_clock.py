"""The clock of one capture, as one that never runs backwards.

::

    clock of the capture    0  125  250 | -150  -25  100       set back by 400 s after 250
    steady clock            0  125  250 |  250  375  500       intervals stay what they were

Packets of several queues come out of order by a little: those keep the time before. A clock that
was set back by more goes on from where it was, or all that comes until it has caught up would
happen at one moment. A clock that is right again after a few packets is believed again.
"""

from __future__ import annotations

from mldkit.model.units import SECOND

STEP_NS = SECOND
"""What is out of order by no more is not a clock that was set back."""


class SteadyClock:
    """Turns the times of a capture into times that never run backwards."""

    __slots__ = ("_before_ns", "now_ns", "shift_ns")

    def __init__(self) -> None:
        self.now_ns = 0
        """The time of the last packet."""
        self.shift_ns = 0
        """By how much the clock of the capture is behind."""
        self._before_ns = 0
        """The last packet by the clock of the capture, while that is behind."""

    def read(self, time_ns: int) -> int:
        """Take in the time of the next packet; return by how much it lies before the last one."""
        before_ns = self._before_ns if self.shift_ns else self.now_ns
        step_ns = time_ns - before_ns
        if step_ns < -STEP_NS:
            self.shift_ns -= step_ns
        elif self.shift_ns and time_ns >= self.now_ns and step_ns < 2 * self.shift_ns:
            self.shift_ns = 0
        self._before_ns = time_ns
        self.now_ns = max(self.now_ns, time_ns + self.shift_ns)
        return max(-step_ns, 0)
