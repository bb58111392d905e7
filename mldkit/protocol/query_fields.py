"""What a query says besides its group, in times instead of codes, and the query that says it.

::

    wanted            version 3 of IGMP, 2 of MLD        older versions
    response time     code, exact or rounded down        linear; IGMPv1 has none, hosts take 10 s
    robustness        QRV                                not carried
    interval          QQIC in seconds                    not carried
    S flag, sources   carried                            refused

Whoever sends queries (`mldkit query`, a querier) builds them here, so that both round alike
(RFC 9776 §4.1, RFC 9777 §5.1; older versions RFC 9776 §7.3.1, RFC 9777 §8.3.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from mldkit.errors import UsageError
from mldkit.model import codes
from mldkit.model.family import (
    DEFAULT_QUERY_INTERVAL_NS,
    DEFAULT_RESPONSE_NS,
    DEFAULT_ROBUSTNESS,
    IGMP,
    Family,
)
from mldkit.model.messages import Query
from mldkit.model.units import SECOND

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mldkit.model.addresses import Address


class Rounding(NamedTuple):
    """A time that the fields of a query cannot say exactly, in nanoseconds."""

    wanted_ns: int
    sent_ns: int


class UnsayableError(UsageError):
    """A version has no field for what is wanted; `field` is the attribute of `QueryFields`."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True)
class QueryFields:
    """The fields of the queries of one family and version; times in nanoseconds."""

    family: Family
    version: int
    response_ns: int = DEFAULT_RESPONSE_NS
    robustness: int = DEFAULT_ROBUSTNESS
    interval_ns: int = DEFAULT_QUERY_INTERVAL_NS
    suppress: bool = False

    @property
    def is_current(self) -> bool:
        """Whether it is the version with robustness, interval, sources and S flag."""
        return self.version == self.family.current_version

    @property
    def has_response_time(self) -> bool:
        """Whether the queries say how long hosts have to answer."""
        return (self.family, self.version) != (IGMP, 1)

    @property
    def response_code(self) -> int:
        """The code of the longest response time not above the wanted one; 0 in IGMPv1."""
        family = self.family
        if not self.has_response_time:
            return 0
        value = self.response_ns // family.response_unit_ns
        if self.is_current:
            return codes.encode(value, width=family.response_code_width)
        return min(value, (1 << family.response_code_width) - 1)

    def query(self, group: Address | None = None, sources: Sequence[Address] = ()) -> Query:
        """Return the General Query, or the query for a group or for sources of it."""
        asked = self.family.unspecified if group is None else group
        if not self.is_current:
            return Query(self.version, asked, self.response_code)
        interval_code = codes.encode(self.interval_ns // SECOND, width=8)
        return Query(
            self.version,
            asked,
            self.response_code,
            self.suppress,
            self.robustness,
            interval_code,
            tuple(sources),
        )

    def check(self, sources: Sequence[Address] = ()) -> None:
        """Raise UnsayableError for what this version has no field for."""
        name = f"{self.family!r}v{self.version}"
        if not self.is_current and sources:
            raise UnsayableError("version", f"{name} queries cannot carry sources")
        if not self.is_current and self.suppress:
            raise UnsayableError("version", f"{name} queries cannot carry the S flag")
        # In IGMPv2 a response time of 0 says that the query is one of version 1 (RFC 2236 §4).
        if (self.family, self.version) == (IGMP, 2) and not self.response_code:
            raise UnsayableError("response_ns", f"{name} carries 0.1s to 25.5s")

    def roundings(self) -> Iterator[tuple[str, Rounding]]:
        """Give what receivers read otherwise than it is wanted: attribute and times."""
        query = self.query()
        if query.interval_ns is not None and query.interval_ns != self.interval_ns:
            yield "interval_ns", Rounding(self.interval_ns, query.interval_ns)
        if query.max_response_ns != self.response_ns:
            yield "response_ns", Rounding(self.response_ns, query.max_response_ns)
