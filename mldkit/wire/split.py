"""Reports that do not fit: split over packets or truncated (RFC 9776 §4.2.17, RFC 9777 §5.2.16).

The rules are those of the kernel (net/ipv6/mcast.c:add_grec, net/ipv4/igmp.c:add_grec):

- a record starts in the packet that is being filled when it, or its first source, fits there;
- IS_EX and TO_EX go into a packet of their own when they do not fit the rest of this one, and
  are truncated when they do not fit a whole packet: the missing sources stay unreported;
- the other types are continued in the next packet under a header of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.errors import BuildError
from mldkit.model.messages import GroupRecord, RecordType, Report

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mldkit.model.family import Family

_LARGEST_PACKET = 65535
_TRUNCATED = (RecordType.IS_EX, RecordType.TO_EX)


def records_room(family: Family, mtu: int) -> int:
    """Return the octets that a packet of `mtu` octets has for records.

    No packet has more than 65,535: loopback interfaces have an MTU above that.
    """
    return min(mtu, _LARGEST_PACKET) - family.header_octets - family.report_octets


def split_report(records: Iterable[GroupRecord], family: Family, mtu: int) -> tuple[Report, ...]:
    """Return reports that carry `records` in order, each at most `mtu` octets with its headers.

    Raises BuildError when not even one record with one source fits.
    """
    packer = _Packer(family, records_room(family, mtu))
    if packer.size < family.record_octets + family.address_octets:
        raise BuildError(f"an MTU of {mtu} octets is too small for a report")
    listed = tuple(records)
    octets = sum(
        family.record_octets + len(record.aux_data) + family.address_octets * len(record.sources)
        for record in listed
    )
    if octets <= packer.size:
        return (Report(listed),) if listed else ()
    for record in listed:
        packer.add(record)
    return packer.finish()


class _Packer:
    """Fill packets record by record."""

    def __init__(self, family: Family, size: int) -> None:
        self.size = size
        self._header = family.record_octets
        self._address = family.address_octets
        self._room = size
        self._records: list[GroupRecord] = []
        self._reports: list[Report] = []

    def add(self, record: GroupRecord) -> None:
        """Append one record, opening packets as needed."""
        fixed = self._header + len(record.aux_data)
        needed = fixed + self._address * len(record.sources)
        if fixed + (self._address if record.sources else 0) > self.size:
            octets = len(record.aux_data)
            raise BuildError(f"a record with {octets} octets of auxiliary data fits no packet")
        if not record.sources:
            self._ensure(fixed)
            self._append(record, fixed)
        elif record.type in _TRUNCATED:
            self._ensure(needed)
            fits = min(len(record.sources), (self._room - fixed) // self._address)
            kept = record._replace(sources=record.sources[:fits])
            self._append(kept, fixed + self._address * fits)
        else:
            self._split(record, fixed)

    def _split(self, record: GroupRecord, fixed: int) -> None:
        left = record.sources
        while left:
            self._ensure(fixed + self._address)
            fits = min(len(left), (self._room - fixed) // self._address)
            self._append(record._replace(sources=left[:fits]), fixed + self._address * fits)
            left = left[fits:]

    def _ensure(self, octets: int) -> None:
        """Open a new packet when this one holds something and has no room for `octets`."""
        if self._room < octets and self._records:
            self._close()

    def _append(self, record: GroupRecord, octets: int) -> None:
        self._records.append(record)
        self._room -= octets

    def _close(self) -> None:
        self._reports.append(Report(tuple(self._records)))
        self._records = []
        self._room = self.size

    def finish(self) -> tuple[Report, ...]:
        """Return all reports, the one being filled included."""
        if self._records:
            self._close()
        return tuple(self._reports)
