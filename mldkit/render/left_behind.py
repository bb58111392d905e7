"""What a querier leaves behind on a link when it ends, and for how long.

::

    hosts              version of the last query; robustness and interval that it announced
    other queriers     silent until robustness x interval + half of the response time
    snooping switches  this port as a router port; their table as long as memberships live

Nobody is told that a querier ends: all of this ends by timers of others, counted from the last
General Query.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mldkit.model.units import SECOND
from mldkit.protocol.variables import DEFAULT_PROFILE, Variables
from mldkit.render.message_text import duration_text
from mldkit.render.words import family_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mldkit.model.family import Family
    from mldkit.protocol.querier_settings import QuerierSettings
    from mldkit.querier import Standing
    from mldkit.render.message_json import Json


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """One thing that goes on without the querier."""

    family: Family
    what: str
    """`version`, `variables`, `other-queriers`, `router-port` or `members`."""
    left_ns: int | None
    """From now on; None: until another query says otherwise."""
    text: str

    @property
    def as_json(self) -> Json:
        """Return it as an entry of `left_behind`."""
        seconds = None if self.left_ns is None else round(self.left_ns / SECOND, 3)
        return {"family": family_name(self.family), "what": self.what, "seconds": seconds}


def of(
    standings: Sequence[Standing], settings: Mapping[Family, QuerierSettings], now_ns: int
) -> list[LeftBehind]:
    """Return what the queries of this querier still do to others, family by family."""
    return [
        one
        for standing in standings
        if standing.asked_ns is not None
        for one in _of_family(standing, settings[standing.family], now_ns - standing.asked_ns)
        if one.left_ns != 0
    ]


def lines(remains: Sequence[LeftBehind]) -> Iterator[str]:
    """Give what people read: one line where both families say the same."""
    families: dict[str, list[str]] = {}
    for one in remains:
        families.setdefault(one.text, []).append(repr(one.family))
    for words, names in families.items():
        yield words.replace(_NAMES, " and ".join(names))


_NAMES = "%"
_USUAL = Variables()


def _of_family(
    standing: Standing, settings: QuerierSettings, since_ns: int
) -> Iterator[LeftBehind]:
    """Give what is left of one family, `since_ns` after its last General Query."""
    family, variables = standing.family, settings.announced

    def left(lasts_ns: int) -> int:
        return max(lasts_ns - since_ns, 0)

    if standing.version != family.current_version:
        # Older queries announce nothing: hosts reckon with the defaults (RFC 9776 §8.12).
        stays_ns = left(_USUAL.older_host_ns)
        words = f"hosts go on in {family!r}v{standing.version} for {_seconds(stays_ns)},"
        yield LeftBehind(family, "version", stays_ns, f"{words} and their reports name no sources")
    elif variables.robustness != _USUAL.robustness or variables.interval_ns != _USUAL.interval_ns:
        words = (
            f"Linux hosts keep robustness {variables.robustness} and interval"
            f" {duration_text(variables.interval_ns)} of {_NAMES} until somebody else asks"
        )
        yield LeftBehind(family, "variables", None, words)
    # A setting of the bridge, whatever is announced: mcast_querier_interval
    # (net/bridge/br_multicast.c:br_multicast_mark_router).
    port_ns = left(_USUAL.other_querier_ns)
    words = f"snooping switches go on sending groups of {_NAMES} here"
    still = f"a Linux bridge by default for {_seconds(port_ns)}"
    yield LeftBehind(family, "router-port", port_ns, f"{words}, {still}")
    if not standing.is_querier:
        return
    silent_ns = left(variables.other_querier_ns)
    words = f"{_NAMES} queriers with a higher address stay silent for {_seconds(silent_ns)}"
    yield LeftBehind(family, "other-queriers", silent_ns, words)
    lives_ns = left(variables.membership_ns(DEFAULT_PROFILE))
    bridge = f"a Linux bridge by default after {_seconds(left(_USUAL.older_host_ns))}"
    words = f"with no other querier of {_NAMES} switches forget who listens"
    words = f"{words} after {_seconds(lives_ns)}, {bridge}; then streams stop"
    yield LeftBehind(family, "members", lives_ns, words)


def _seconds(time_ns: int) -> str:
    """Return whole seconds: nobody's timer is known better."""
    return duration_text(round(time_ns / SECOND) * SECOND)
