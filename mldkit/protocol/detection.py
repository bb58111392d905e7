"""Duplicate address detection: how long an IPv6 address stays tentative (RFC 4862 §5.4).

::

    address added -> random delay below 1 s -> probe -> 1 s -> ... -> valid

Probes are neighbour solicitations, which are not built here: the host only waits as long. Until
the first link-local address is valid reports come from `::` (RFC 3590, RFC 9777 §5.2.14;
net/ipv6/addrconf.c:addrconf_dad_kick, addrconf_dad_work).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.model.family import MLD
from mldkit.model.units import SECOND
from mldkit.protocol.timer import Timer

if TYPE_CHECKING:
    from collections.abc import Callable

    from mldkit.protocol.timer import Timers
    from mldkit.protocol.transmitter import OwnAddress

_DELAY_NS = SECOND
_PROBE_NS = SECOND


class Detection:
    """The detection of one address; `done` is called with the address when it is valid."""

    def __init__(
        self,
        own: OwnAddress,
        probes: int,
        timers: Timers,
        done: Callable[[OwnAddress, int], None],
    ) -> None:
        self._own = own
        self._probes = probes
        self._timers = timers
        self._done = done
        self._timer = Timer(MLD, "address detection", self._go_on, own.address)

    def start(self, now_ns: int) -> None:
        """Wait for the random delay before the first probe."""
        limit = self._timers.grid.ticks(_DELAY_NS)
        self._timers.arm_randomly(self._timer, limit, 0, now_ns)

    def stop(self) -> None:
        """Give up: the address or the link has gone."""
        self._timers.stop(self._timer)

    def _go_on(self, now_ns: int) -> None:
        if not self._probes:
            self._done(self._own, now_ns)
            return
        self._probes -= 1
        self._timers.arm(self._timer, self._timers.grid.ticks(_PROBE_NS), now_ns)
