"""What differs between IGMP and MLD on the wire, as data.

Everything else in mldkit is written once for both: a group address implies its family
(`family_of`), so no call takes a second parameter that could disagree.
"""

from __future__ import annotations

from dataclasses import dataclass

from mldkit.model.addresses import Address, parse
from mldkit.model.units import MILLISECOND, SECOND


@dataclass(frozen=True, slots=True, eq=False)
class Family:
    """The constants of one protocol. Two instances exist: `IGMP` and `MLD`.

    They are compared and hashed by identity: families are part of keys that every message needs.

    A row of data.
    """

    name: str
    """`igmp` or `mld`, as the `protocol` key of the JSON has it."""
    ip_version: int
    address_octets: int
    unspecified: Address
    all_hosts: Address
    """Destination of General Queries."""
    all_routers: Address
    """Destination of Leave Group and Done messages and of Multicast Router Solicitations."""
    reports: Address
    """Destination of version 3 (IGMP) and version 2 (MLD) reports."""
    all_snoopers: Address
    """Destination of Multicast Router Advertisements and Terminations (RFC 4286)."""
    current_version: int
    versions: tuple[int, ...]
    response_code_width: int
    response_unit_ns: int
    traffic_class: int
    """Type of service or traffic class of messages that Linux sends."""
    record_octets: int
    """Size of a record without sources."""
    query_octets: int
    """Size of a current-version query without sources."""
    report_octets: int
    """Size of a current-version report without records."""
    header_octets: int
    """Size of the IP header with Router Alert, before the message."""

    def __repr__(self) -> str:
        return self.name.upper()

    def __reduce__(self) -> str:
        """Pickle as the name in this module: there are no copies of a family."""
        return self.name.upper()


IGMP = Family(
    name="igmp",
    ip_version=4,
    address_octets=4,
    unspecified=bytes(4),
    all_hosts=parse("224.0.0.1"),
    all_routers=parse("224.0.0.2"),
    reports=parse("224.0.0.22"),
    all_snoopers=parse("224.0.0.106"),
    current_version=3,
    versions=(1, 2, 3),
    response_code_width=8,
    response_unit_ns=100 * MILLISECOND,
    traffic_class=0xC0,
    record_octets=8,
    query_octets=12,
    report_octets=8,
    header_octets=24,
)

MLD = Family(
    name="mld",
    ip_version=6,
    address_octets=16,
    unspecified=bytes(16),
    all_hosts=parse("ff02::1"),
    all_routers=parse("ff02::2"),
    reports=parse("ff02::16"),
    all_snoopers=parse("ff02::6a"),
    current_version=2,
    versions=(1, 2),
    response_code_width=16,
    response_unit_ns=MILLISECOND,
    traffic_class=0,
    record_octets=20,
    query_octets=28,
    report_octets=8,
    header_octets=48,
)

IPV6_LEAST_MTU = 1280
"""Octets that every IPv6 link carries; with a smaller MTU there is no IPv6 (RFC 8200 §5)."""
DEFAULT_ROBUSTNESS = 2
DEFAULT_QUERY_INTERVAL_NS = 125 * SECOND
DEFAULT_RESPONSE_NS = 10 * SECOND


def family_of(address: Address) -> Family:
    """Return the family that an address belongs to."""
    return IGMP if len(address) == 4 else MLD
