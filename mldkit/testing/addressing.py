"""Addresses by numbers: what each router, host, group and source of a test is called.

Routers, hosts and sources have numbers from 1 on; a test that says "host 2" means the same address
whether it looks at the querier, at the analysis or at this kernel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.model.addresses import parse
from mldkit.model.family import IGMP

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mldkit.model.addresses import Address
    from mldkit.model.family import Family

_ROUTER, _HOST, _SOURCE = 1, 100, 201
"""Ends of the addresses of the first of each: routers win elections in order of their numbers."""


class Addressing:
    """The addresses of one family."""

    def __init__(self, family: Family) -> None:
        self.family = family

    def address(self, last: int) -> Address:
        """Return a link-local or 10.9.0.x address."""
        return parse(f"10.9.0.{last}" if self.family is IGMP else f"fe80::{last:x}")

    def router(self, number: int = 1) -> Address:
        """Return the address of a router."""
        return self.address(_ROUTER + number - 1)

    def host(self, number: int = 1) -> Address:
        """Return the address of a host."""
        return self.address(_HOST + number - 1)

    def group(self, number: int = 1) -> Address:
        """Return a group."""
        return parse(f"239.1.1.{number}" if self.family is IGMP else f"ff05::1:{number:x}")

    def source(self, number: int) -> Address:
        """Return a source of data, of which there are more than one octet can count."""
        end = _SOURCE + number - 1
        in_ipv4 = f"10.0.{end >> 8}.{end & 0xFF}"
        return parse(in_ipv4 if self.family is IGMP else f"2001:db8::{end:x}")

    def sources(self, numbers: Iterable[int]) -> tuple[Address, ...]:
        """Return several sources in the order of their addresses."""
        return tuple(self.source(number) for number in sorted(numbers))


def numbers_of(sources: Iterable[Address]) -> set[int]:
    """Return the numbers of sources."""
    return {int.from_bytes(source[-2:], "big") - _SOURCE + 1 for source in sources}
