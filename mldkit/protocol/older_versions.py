"""Which older versions are present, and until when.

Hosts note older queriers (Older Version Querier Present, RFC 9776 §7.2.1 and §8.12, RFC 9777
§8.2.1 and §9.12), routers note older queriers and, for each group, older listeners (Older Host
Present, RFC 9776 §7.3.2 and §8.13, RFC 9777 §8.3.2 and §9.13). How long one counts as present says
who hears it. No timer runs: what is present is looked up whenever it is needed.
"""

from __future__ import annotations


class OlderVersions:
    """The older versions that somebody speaks; times are those of the owner, ticks or ns."""

    __slots__ = ("_until",)

    def __init__(self) -> None:
        self._until: dict[int, int] = {}

    def hear(self, version: int, until: int) -> None:
        """Take in that somebody speaks an older version, who counts as present until then."""
        self._until[version] = until

    def oldest(self, current: int, now: int) -> int:
        """Return the oldest version that is present, the `current` one where none is."""
        if not self._until:
            return current
        return min((known for known, until in self._until.items() if until > now), default=current)

    def ends(self, now: int) -> list[int]:
        """Return when those that are still present end; forget those that have ended."""
        self._until = {known: until for known, until in self._until.items() if until > now}
        return list(self._until.values())

    def forget(self) -> None:
        """Take all as gone."""
        self._until.clear()
