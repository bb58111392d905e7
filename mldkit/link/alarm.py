"""Waiting for descriptors and for an instant, as exactly as this machine can.

::

    timerfd, absolute, no slack       wakes 0.1 ms before the instant ...
    reading the clock in a loop       ... and the rest is spent awake

select, poll and epoll allow themselves a thousandth of the timeout and more
(fs/select.c:select_estimate_accuracy), and waking an idle processor takes another tenth of a
millisecond. A timerfd has no slack, and the loop hides the waking: the median error is below a
microsecond, and nothing is spent while no instant is waited for.
"""

from __future__ import annotations

import ctypes
import os
import select
import struct
from typing import TYPE_CHECKING, Self

from mldkit.errors import LinkError
from mldkit.link import clock
from mldkit.model.units import MICROSECOND, SECOND

if TYPE_CHECKING:
    from collections.abc import Sequence

AWAKE_NS = 100 * MICROSECOND
"""How long before an instant the processor is kept awake."""

# linux/timerfd.h, linux/time.h
_CLOCK_MONOTONIC = 1
_ABSOLUTE = 1
_FLAGS = os.O_CLOEXEC | os.O_NONBLOCK
_SETTING = struct.Struct("@qqqq")  # interval, then expiry, each in seconds and nanoseconds
_SOON_NS = 1
"""A timerfd that is set to 0 is switched off."""


class Alarm:
    """Wakes its owner at an instant, or when somebody calls `ring`."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._timer = self._libc.timerfd_create(_CLOCK_MONOTONIC, _FLAGS)
        if self._timer < 0:
            raise LinkError(f"no timer: {os.strerror(ctypes.get_errno())}")
        self._bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._poll = select.poll()
        for descriptor in (self._timer, self._bell):
            self._poll.register(descriptor, select.POLLIN)
        self._own = frozenset((self._timer, self._bell))

    def __enter__(self) -> Self:
        """Return the alarm itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close the descriptors."""
        os.close(self._timer)
        os.close(self._bell)

    def watch(self, descriptor: int) -> None:
        """End waits also when `descriptor` becomes readable or fails."""
        self._poll.register(descriptor, select.POLLIN)

    def ring(self) -> None:
        """End the wait that goes on, or the next one; may be called by a signal handler."""
        os.eventfd_write(self._bell, 1)

    def wait(self, until_ns: int | None) -> Sequence[int]:
        """Wait until the monotonic time `until_ns`; return the descriptors that are readable.

        None waits without end. Nothing readable means that the instant has come, or a ring.
        """
        self._set(until_ns)
        ready = {descriptor for descriptor, _ in self._poll.poll()}
        if self._bell in ready:
            os.eventfd_read(self._bell)
            return tuple(ready - self._own)
        if ready == {self._timer} and until_ns is not None:
            while clock.now_ns() < until_ns:
                pass
        return tuple(ready - self._own)

    def _set(self, until_ns: int | None) -> None:
        """Let the timer expire a little before an instant; setting it also clears the last one."""
        wake_ns = 0 if until_ns is None else max(until_ns - AWAKE_NS, _SOON_NS)
        setting = _SETTING.pack(0, 0, *divmod(wake_ns, SECOND))
        self._libc.timerfd_settime(self._timer, _ABSOLUTE, setting, None)
