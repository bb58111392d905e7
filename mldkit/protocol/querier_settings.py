"""How a querier of one family is set up, and the queries that follow from it.

::

    General Query              every interval, to all hosts       max response = QRI
    Group-Specific Query       when somebody left, to the group   max response = LMQI
    ... and-Source-Specific    when sources are unwanted          max response = LMQI

Versions before the current one carry no robustness, interval, sources or S flag, and their
response time is linear (RFC 9776 §7.3.1, RFC 9777 §8.3.1).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mldkit.errors import UsageError
from mldkit.model import codes
from mldkit.model.family import DEFAULT_RESPONSE_NS, IGMP, Family
from mldkit.model.units import SECOND
from mldkit.protocol.query_fields import QueryFields
from mldkit.protocol.variables import DEFAULT_PROFILE, Variables

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mldkit.model.addresses import Address
    from mldkit.model.messages import Query

LARGEST_ROBUSTNESS = 7
"""What QRV can carry (RFC 9776 §4.1.6)."""
LONGEST_INTERVAL_NS = codes.decode(0xFF, width=8) * SECOND
"""What QQIC can carry (RFC 9776 §4.1.7, RFC 9777 §5.1.9)."""


@dataclass(frozen=True, slots=True)
class QuerierSettings:
    """One family of a querier; the constructor raises UsageError for what cannot be."""

    family: Family
    version: int
    variables: Variables = field(default_factory=Variables)
    last_member_interval_ns: int = SECOND
    """LMQI; a group is asked for robustness times, so long after each other."""
    profile: str = DEFAULT_PROFILE
    mtu: int = 1500

    def __post_init__(self) -> None:
        """Refuse what the fields of a query cannot say or the RFC forbids."""
        family, variables = self.family, self.variables
        if self.version not in family.versions:
            raise UsageError(f"there is no {family!r}v{self.version}")
        if not 1 <= variables.robustness <= LARGEST_ROBUSTNESS:
            raise UsageError(f"the robustness of a querier is 1 to {LARGEST_ROBUSTNESS}")
        if variables.interval_ns < SECOND:
            raise UsageError("the query interval is announced in seconds, 1 s at least")
        if min(self.response_ns, self.last_member_interval_ns) < family.response_unit_ns:
            unit_ms = family.response_unit_ns // 1_000_000
            raise UsageError(f"{family!r} carries no response time below {unit_ms} ms")
        if self.response_ns >= variables.interval_ns:
            shorter = " or a shorter response time" if self.has_response_time else ""
            raise UsageError(
                f"{family!r}v{self.version}: the response time of {self.response_ns / SECOND:g} s "
                f"is not below the query interval of {variables.interval_ns / SECOND:g} s",
                hint=f"take a longer interval{shorter} (RFC 9776 §8.3, RFC 9777 §9.3)",
            )
        if self.version == family.current_version and variables.interval_ns > LONGEST_INTERVAL_NS:
            raise UsageError(
                f"the query interval is announced, {LONGEST_INTERVAL_NS // SECOND} s at most",
                hint="others would take this one for gone (RFC 9776 §4.1.7, RFC 9777 §5.1.9)",
            )

    @property
    def has_response_time(self) -> bool:
        """Whether the queries say how long hosts have to answer."""
        return (self.family, self.version) != (IGMP, 1)

    @property
    def response_ns(self) -> int:
        """Time that hosts have for a General Query; IGMPv1 hosts take 10 s."""
        return self.variables.response_ns if self.has_response_time else DEFAULT_RESPONSE_NS

    @property
    def announced(self) -> Variables:
        """What others learn from the General Queries, which may be rounded down on the wire."""
        query = self.general_query(self.version)
        interval_ns = query.interval_ns or self.variables.interval_ns
        response_ns = query.max_response_ns or self.response_ns
        return Variables(self.variables.robustness, interval_ns, response_ns)

    @property
    def startup_interval_ns(self) -> int:
        """Startup Query Interval: time between the first queries (RFC 9776 §8.6, RFC 9777 §9.6)."""
        return self.variables.interval_ns // 4

    @property
    def startup_count(self) -> int:
        """How many queries come at that interval (RFC 9776 §8.7, RFC 9777 §9.7)."""
        return self.variables.robustness

    @property
    def most_sources(self) -> int:
        """How many sources a query can carry without fragments."""
        family = self.family
        room = self.mtu - family.header_octets - family.query_octets
        return max(room // family.address_octets, 1)

    def general_query(self, version: int) -> Query:
        """Return the General Query in a version."""
        return self._fields(version, self.response_ns).query()

    def group_query(
        self, version: int, group: Address, sources: Sequence[Address] = (), *, suppress: bool
    ) -> Query:
        """Return the query for a group or for sources of it."""
        fields = self._fields(version, self.last_member_interval_ns, suppress=suppress)
        return fields.query(group, sources)

    def _fields(self, version: int, response_ns: int, *, suppress: bool = False) -> QueryFields:
        robustness, interval_ns = self.variables.robustness, self.variables.interval_ns
        return QueryFields(self.family, version, response_ns, robustness, interval_ns, suppress)
