"""The rhythm of General Queries: some soon after the start, then one every Query Interval.

(RFC 9776 §6.1, §8.6 and §8.7, RFC 9777 §7.1, §9.6 and §9.7.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.protocol.timer import Timer

if TYPE_CHECKING:
    from collections.abc import Callable

    from mldkit.model.messages import Query
    from mldkit.protocol.querier_settings import QuerierSettings
    from mldkit.protocol.querier_version import QuerierVersion
    from mldkit.protocol.timer import Timers


class GeneralQueries:
    """The General Queries of one family of a router, while it is the querier."""

    def __init__(
        self,
        settings: QuerierSettings,
        version: QuerierVersion,
        timers: Timers,
        send: Callable[[Query, int], None],
    ) -> None:
        self._settings = settings
        self._version = version
        self._timers = timers
        self._send = send
        self._timer = Timer(settings.family, "general query", self.ask)
        self._startup_left = 0

    def startup(self) -> None:
        """Send the next ones as at the start: as many as Startup Query Count, and sooner."""
        self._startup_left = self._settings.startup_count

    def ask(self, now_ns: int) -> None:
        """Send one, and the next ones in their time."""
        settings = self._settings
        self._send(settings.general_query(self._version.at(now_ns)), now_ns)
        interval_ns = settings.variables.interval_ns
        if self._startup_left:
            self._startup_left -= 1
            if self._startup_left:
                interval_ns = settings.startup_interval_ns
        self._timers.arm(self._timer, interval_ns, now_ns)

    def stop(self) -> None:
        """Send no more of them."""
        self._timers.stop(self._timer)
        self._startup_left = 0
