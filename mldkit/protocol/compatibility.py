"""Older Version Querier Present: which version a host speaks at a moment.

A query of an older version makes the host speak that version until the timeout
(RFC 9776 §7.2.1 and §8.12, RFC 9777 §8.2.1 and §9.12)::

    timeout = robustness x query interval + query response interval

The oldest querier that is present wins. Settings (`force_igmp_version`, `force_mld_version`) come
before queriers (net/ipv4/igmp.c:IGMP_V1_SEEN, net/ipv6/mcast.c:mld_in_v1_mode).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mldkit.model import codes
from mldkit.protocol.older_versions import OlderVersions

if TYPE_CHECKING:
    from mldkit.model.messages import Query
    from mldkit.protocol.profile import HostProfile
    from mldkit.protocol.settings import Settings
    from mldkit.protocol.timer import Grid

_DEFAULT_INTERVAL_S = 125
_DEFAULT_RESPONSE_S = 10


@dataclass(slots=True)
class Learned:
    """What a host took from queriers, in ticks, and until when older queriers are present."""

    profile: HostProfile
    grid: Grid
    settings: Settings
    robustness: int = 0
    interval: int = 0
    response: int = 0
    older: OlderVersions = field(default_factory=OlderVersions)
    """Queriers of older versions that are present, until which tick."""

    def __post_init__(self) -> None:
        self.reset(link_up=False)

    def reset(self, *, link_up: bool) -> None:
        """Return to the defaults (ipv6_mc_reset, ip_mc_reset).

        IGMP forgets older queriers only with the device, hence not when a link comes up.
        """
        self.robustness = self.settings.robustness
        self.interval = _DEFAULT_INTERVAL_S * self.grid.hz
        self.response = _DEFAULT_RESPONSE_S * self.grid.hz
        if not link_up or self.profile.family.ip_version == 6:
            self.older.forget()

    def version(self, now_ns: int) -> int:
        """Return the version to speak now."""
        family = self.profile.family
        forced = self.settings.forced_version
        if forced == family.current_version and self.profile.setting_can_force_current:
            return forced
        oldest = self.older.oldest(family.current_version, self.grid.tick(now_ns))
        return min(forced, oldest) if forced else oldest

    def hear_older(self, version: int, now_ns: int) -> None:
        """Take a query of an older version as a sign that its querier is present."""
        timeout = self.robustness * self.interval + self.response
        self.older.hear(version, self.grid.tick(now_ns) + timeout)

    def hear_current(self, query: Query, max_response: int) -> None:
        """Take robustness and intervals from a query of the current version."""
        self.robustness = self._robustness(query.robustness)
        interval = codes.decode(query.interval_code, width=8)
        if not interval and not self.profile.zero_keeps:
            interval = _DEFAULT_INTERVAL_S
        self.interval = interval * self.grid.hz
        if self.profile.learns_response_interval:
            self.response = max_response
        elif self.response >= self.interval:
            # Sticky until the link comes up again: igmp_heard_query only ever lowers it.
            self.response = self.interval - self.grid.hz

    def _robustness(self, told: int) -> int:
        if not told:
            return self.robustness if self.profile.zero_keeps else self.settings.robustness
        return max(told, min(self.profile.minimum_robustness, self.settings.robustness))
