"""The parts that IGMPv3 and MLDv2 share: source lists, report records, octets at the end.

::

    query tail   |flags S QRV|QQIC|  N  | source x N | extensions or trailing octets
    report       |type|code|sum|flags| M  | record x M | extensions or trailing octets
    record       |type|aux |  N  | group | source x N | aux data, aux x 4 octets

Both families differ only in the size of an address. Counts are believed only as far as octets
are there: a claim of 65,535 records costs one comparison.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, TypeAlias

from mldkit.model.datagram import Malformed, Remark
from mldkit.model.messages import GroupRecord, Message, Query, Report
from mldkit.wire.extensions import read_extensions
from mldkit.wire.known_records import KnownRecords

if TYPE_CHECKING:
    from mldkit.model.addresses import Address
    from mldkit.model.messages import Extension

Reading: TypeAlias = tuple[Message | None, Malformed | None, tuple[Remark, ...]]
"""The message as far as it could be read, where it broke, and what was odd."""

Tail: TypeAlias = tuple[tuple["Extension", ...], bytes, tuple[Remark, ...]]

_REPORT = struct.Struct("!HH")
_QUERY_TAIL = struct.Struct("!BBH")
_RECORD = {4: struct.Struct("!BBH4s"), 16: struct.Struct("!BBH16s")}
_RECORD_COUNTS = struct.Struct("!xBH")
_MAX_KEPT_STRUCT = 366
_source_structs: dict[int, dict[int, struct.Struct]] = {4: {}, 16: {}}
_new = tuple.__new__
known_records = KnownRecords()
"""What was read so far, for the whole process."""


def read_sources(data: bytes, at: int, count: int, octets: int) -> tuple[Address, ...]:
    """Return `count` addresses of `octets` octets from `at`; the caller checked the bounds."""
    known = _source_structs[octets]
    found = known.get(count)
    if found is None:
        if count > _MAX_KEPT_STRUCT:
            stop = at + count * octets
            return tuple([data[i : i + octets] for i in range(at, stop, octets)])
        found = known[count] = struct.Struct(f"{octets}s" * count)
    return found.unpack_from(data, at)


def read_tail(data: bytes, at: int, end: int, *, extended: bool, cut: bool) -> Tail:
    """Return extensions, trailing octets and remarks for what follows the last field."""
    rest = data[at:end]
    if not extended or cut:
        return (), rest, ()
    extensions, reason = read_extensions(rest)
    if reason is not None:
        return (), rest, (Remark("X-03", reason),)
    return extensions, b"", ()


def read_current_query(data: bytes, at: int, end: int, head: Query, *, cut: bool) -> Reading:
    """Return `head` completed by the octets from `at`: flags, codes and sources."""
    bits, interval_code, count = _QUERY_TAIL.unpack_from(data, at)
    octets = len(head.group)
    at += 4
    present = min(count, (end - at) // octets)
    sources = read_sources(data, at, present, octets)
    at += octets * present
    malformed = None
    tail: Tail = ((), b"", ())
    if present == count:
        tail = read_tail(data, at, end, extended=bool(bits & 0x80), cut=cut)
    elif not cut:
        reason = f"the query claims {count} sources and has {present}"
        malformed = Malformed("V-10", reason, at)
    message = Query(
        head.version,
        head.group,
        head.max_response_code,
        bool(bits & 8),
        bits & 7,
        interval_code,
        sources,
        bits >> 4,
        head.code,
        head.reserved,
        tail[0],
        tail[1],
    )
    return message, malformed, tail[2]


def read_report(data: bytes, start: int, end: int, octets: int, *, cut: bool) -> Reading:
    """Return the report at `start`; the caller saw that its first eight octets are there."""
    flags, count = _REPORT.unpack_from(data, start + 4)
    code = data[start + 1]
    records, at, malformed = _read_records(data, start + 8, end, octets, count)
    if malformed is not None:
        if cut:
            return Report(records, flags, code), None, ()
        return Report(records, flags, code), malformed, _broken_aux_data(data, at, end)
    if at == end and not flags & 0x8000:
        return Report(records, flags, code), None, ()
    tail = read_tail(data, at, end, extended=bool(flags & 0x8000), cut=cut)
    return Report(records, flags, code, tail[0], tail[1]), None, tail[2]


def _read_records(
    data: bytes, at: int, end: int, octets: int, count: int
) -> tuple[tuple[GroupRecord, ...], int, Malformed | None]:
    """Return whole records, the offset after them, and where a broken one starts."""
    if known_records.rest > 0:
        known_records.rest -= 1
        return _read_each(data, at, end, octets, count)
    records: list[GroupRecord] = []
    known = known_records.by_octets
    head = 4 + octets
    start = at
    for _ in range(count):
        body = at + head
        if body > end:
            return _read_each(data, start, end, octets, count)
        aux_words, sources_count = _RECORD_COUNTS.unpack_from(data, at)
        stop = body + octets * sources_count + 4 * aux_words
        if stop > end:
            return _read_each(data, start, end, octets, count)
        raw = data[at:stop]
        try:
            records.append(known[raw])
        except KeyError:
            (record,), _, _ = _read_each(data, at, stop, octets, 1)
            records.append(record)
            known_records.add(raw, record)
        at = stop
    known_records.asked += count
    return tuple(records), at, None


def _read_each(
    data: bytes, at: int, end: int, octets: int, count: int
) -> tuple[tuple[GroupRecord, ...], int, Malformed | None]:
    """Do what `_read_records` does for records that were not seen before."""
    records: list[GroupRecord] = []
    unpack = _RECORD[octets].unpack_from
    structs = _source_structs[octets]
    head = 4 + octets
    for _ in range(count):
        body = at + head
        if body > end:
            return tuple(records), at, _missing_record(len(records), count, at, end)
        kind, aux_words, sources_count, group = unpack(data, at)
        after = body + octets * sources_count
        stop = after + 4 * aux_words
        if stop > end:
            reason = f"record {len(records) + 1} claims {stop - at} octets, {end - at} are left"
            return tuple(records), at, Malformed("V-10", reason, at)
        if sources_count == 0:
            sources: tuple[Address, ...] = ()
        elif sources_count in structs:
            sources = structs[sources_count].unpack_from(data, body)
        else:
            sources = read_sources(data, body, sources_count, octets)
        aux_data = data[after:stop] if aux_words else b""
        records.append(_new(GroupRecord, (kind, group, sources, aux_data)))
        at = stop
    return tuple(records), at, None


def _broken_aux_data(data: bytes, at: int, end: int) -> tuple[Remark, ...]:
    """Return the remark on auxiliary data that the broken record at `at` claims."""
    if end - at >= 8 and data[at + 1]:
        return (Remark("V-14", f"the broken record claims {data[at + 1]} words of auxiliary data"),)
    return ()


def _missing_record(read: int, count: int, at: int, end: int) -> Malformed:
    """Return what is wrong where a record should start and its fixed part is not there."""
    if at == end:
        return Malformed("V-11", f"the report claims {count} records and has {read}", at)
    reason = f"record {read + 1} ends after {end - at} octets of its fixed part"
    return Malformed("V-10", reason, at)
