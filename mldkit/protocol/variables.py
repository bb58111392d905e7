"""The variables that queriers agree on, and the times that follow from them.

::

    RV, QI, QRI              robustness, query interval, query response interval
    RV x QI + QRI / 2        without a General Query: the other querier has gone
    RV x QI + 2 x QRI        without a report: nobody listens any more
    RV x QI + QRI            without an older message: nobody of that version is left
    RV x LMQI                how long a group is asked for before it is given up

(RFC 9776 §8, RFC 9777 §9; LMQI is the Last Member, in MLD the Last Listener Query Interval.)
Each General Query carries the first three, so that whoever hears it can reckon in the same way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mldkit.model.addresses import is_unspecified
from mldkit.model.family import (
    DEFAULT_QUERY_INTERVAL_NS,
    DEFAULT_RESPONSE_NS,
    DEFAULT_ROBUSTNESS,
)

if TYPE_CHECKING:
    from mldkit.model.addresses import Address
    from mldkit.model.messages import Query

DEFAULT_PROFILE = "rfc9776"
_FORMER_PROFILE = "rfc3376"
PROFILES = (DEFAULT_PROFILE, _FORMER_PROFILE)
"""Which RFC says how long a membership lives."""


@dataclass(frozen=True, slots=True)
class Variables:
    """What a General Query says about its querier; zero and absent fields are the defaults."""

    robustness: int = DEFAULT_ROBUSTNESS
    interval_ns: int = DEFAULT_QUERY_INTERVAL_NS
    response_ns: int = DEFAULT_RESPONSE_NS

    @property
    def other_querier_ns(self) -> int:
        """Other Querier Present interval (RFC 9776 §8.5, RFC 9777 §9.5)."""
        return self.robustness * self.interval_ns + self.response_ns // 2

    @property
    def older_host_ns(self) -> int:
        """Older Host Present interval (RFC 9776 §8.13, RFC 9777 §9.13)."""
        return self.robustness * self.interval_ns + self.response_ns

    def membership_ns(self, profile: str) -> int:
        """Return how long a membership lives without a report (RFC 9776 §8.4, RFC 9777 §9.4).

        RV x QI + 2 x QRI; RFC 3376 and RFC 3810 had one QRI.
        """
        responses = 1 if profile == _FORMER_PROFILE else 2
        return self.robustness * self.interval_ns + responses * self.response_ns


def variables_of(query: Query) -> Variables:
    """Return the variables that a query announces (RFC 9776 §4.1.6, §4.1.7)."""
    return Variables(
        query.robustness or DEFAULT_ROBUSTNESS,
        query.interval_ns or DEFAULT_QUERY_INTERVAL_NS,
        query.max_response_ns,
    )


def election_rank(address: Address) -> tuple[bool, bytes]:
    """Return what the election compares; the lowest wins (RFC 9776 §6.6.2, RFC 9777 §7.6.2).

    IGMP compares whole addresses and lets 0.0.0.0, the address of snooping switches, win
    nothing (RFC 4541 §2.1.1); MLD compares the low 64 bits.
    """
    return is_unspecified(address), address[-8:]
