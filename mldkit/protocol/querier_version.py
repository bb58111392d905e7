"""In which version a router asks: its own, or that of an older querier that it heard.

Hosts could not do with two versions on one link (RFC 9776 §7.3.1, RFC 9777 §8.3.1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.protocol.older_versions import OlderVersions
from mldkit.protocol.querier_events import VersionChanged
from mldkit.protocol.timer import Timer

if TYPE_CHECKING:
    from mldkit.model.addresses import Address
    from mldkit.protocol.querier_events import Observer
    from mldkit.protocol.querier_settings import QuerierSettings
    from mldkit.protocol.timer import Timers


class QuerierVersion:
    """The version of the queries of one family."""

    def __init__(self, settings: QuerierSettings, timers: Timers, observe: Observer = None) -> None:
        self._settings = settings
        self._timers = timers
        self._observe = observe
        self._older = OlderVersions()
        self._timer = Timer(settings.family, "older querier present", self._look)
        self._told = settings.version

    def at(self, now_ns: int) -> int:
        """Return the version of the queries that are sent now."""
        return self._older.oldest(self._settings.version, now_ns)

    def hear(self, version: int | None, source: Address, until_ns: int, now_ns: int) -> None:
        """Take in the version of somebody else's query, who counts as present until then."""
        if version is None or version >= self._settings.version:
            return
        self._older.hear(version, until_ns)
        self._look(now_ns, source)

    def _look(self, now_ns: int, source: Address = b"") -> None:
        """Tell when the version is another one, and look again when it may change back."""
        version = self.at(now_ns)
        if version != self._told:
            self._told = version
            if self._observe is not None:
                self._observe(VersionChanged(now_ns, self._settings.family, version, source))
        ends = self._older.ends(now_ns)
        if ends:
            self._timers.arm(self._timer, min(ends) - now_ns, now_ns)
