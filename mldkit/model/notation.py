"""The notation that the command line, scripts and labs share.

::

    DURATION   10s  500ms  20us  1.5 (seconds)
    GROUP      [SOURCE{,SOURCE}@]ADDRESS[+COUNT]
    RECORD     TYPE(GROUP[,{SOURCE,SOURCE}])

Every parser raises `UsageError` with one line that quotes what was given.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from mldkit.errors import UsageError
from mldkit.model.addresses import Address, consecutive, is_multicast, parse
from mldkit.model.messages import GroupRecord, RecordType
from mldkit.model.units import MICROSECOND, MILLISECOND, SECOND

_DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(us|ms|s|m|min|h)?")
_UNITS = {
    None: SECOND,
    "us": MICROSECOND,
    "ms": MILLISECOND,
    "s": SECOND,
    "m": 60 * SECOND,
    "min": 60 * SECOND,
    "h": 3600 * SECOND,
}
_LONGEST_NS = 10**9 * SECOND
"""Thirty years: what clocks and timers of a machine can count to."""
_RECORD = re.compile(r"\s*([A-Za-z_]+)\(\s*([^,(){}\s]+)\s*(?:,\s*\{([^{}]*)\}\s*)?\)\s*")
_MAX_COUNT = 65536
_MOST_SHOWN = 40


class GroupSpec(NamedTuple):
    """Groups with the sources that were named for them; no sources means any source."""

    groups: tuple[Address, ...]
    sources: tuple[Address, ...]


def shortened(word: str) -> str:
    """Return a word as it stands in a message; of a very long one the beginning."""
    return word if len(word) <= _MOST_SHOWN else word[:_MOST_SHOWN] + "..."


def parse_duration(value: str) -> int:
    """Return a duration in nanoseconds."""
    match = _DURATION.fullmatch(value.strip())
    if match is None:
        raise UsageError(f"{value!r} is not a duration", hint="write 10s, 500ms, or seconds as 2.5")
    # Nearly no command has a duration, and all would wait for it to be loaded.
    from decimal import Decimal

    duration = Decimal(match[1]) * _UNITS[match[2]]
    if duration > _LONGEST_NS:
        raise UsageError(f"{shortened(value)!r} is longer than {_LONGEST_NS // SECOND} s")
    return int(duration)


def parse_address(value: str) -> Address:
    """Return a packed address."""
    try:
        return parse(value.strip())
    except ValueError as error:
        raise UsageError(f"{value!r} is not an IPv4 or IPv6 address") from error


def parse_group(value: str) -> Address:
    """Return a multicast address."""
    address = parse_address(value)
    if not is_multicast(address):
        raise UsageError(
            f"{value!r} is not a multicast group",
            hint="groups are 224.0.0.0 to 239.255.255.255 and ff00::/8",
        )
    return address


def parse_group_spec(value: str) -> GroupSpec:
    """Return the groups and sources of `[SOURCE{,SOURCE}@]GROUP[+COUNT]`."""
    head, at, tail = value.rpartition("@")
    base, plus, count_text = tail.partition("+")
    first = parse_group(base)
    count = 1
    if plus:
        # Of thousands of digits int() makes no number.
        is_number = count_text.isdecimal() and len(count_text) <= len(str(_MAX_COUNT))
        if not is_number or not 1 <= int(count_text) <= _MAX_COUNT:
            raise UsageError(
                f"{shortened(value)!r}: the count after + is a number from 1 to {_MAX_COUNT}"
            )
        count = int(count_text)
    sources = _parse_sources(head, first, value) if at else ()
    try:
        groups = consecutive(first, count)
    except ValueError as error:
        raise UsageError(f"{value!r}: {error}") from error
    if not is_multicast(groups[-1]):
        raise UsageError(f"{value!r}: {count} groups run past the multicast range")
    return GroupSpec(groups, sources)


def parse_record(value: str) -> GroupRecord:
    """Return the record of `TYPE(GROUP[,{SOURCE,SOURCE}])`."""
    match = _RECORD.fullmatch(value)
    if match is None:
        raise UsageError(
            f"{value!r} is not a record",
            hint="write TYPE(GROUP) or TYPE(GROUP,{SOURCE,SOURCE}), quoted for the shell",
        )
    name = match[1].upper()
    if name not in RecordType.__members__:
        known = " ".join(RecordType.__members__)
        raise UsageError(f"{match[1]!r} is not a record type", hint=f"record types: {known}")
    group = parse_group(match[2])
    listed = match[3]
    sources = _parse_sources(listed, group, value) if listed and listed.strip() else ()
    return GroupRecord(int(RecordType[name]), group, sources)


def _parse_sources(listed: str, group: Address, whole: str) -> tuple[Address, ...]:
    sources = tuple(parse_address(part) for part in listed.split(","))
    for source in sources:
        if len(source) != len(group):
            raise UsageError(f"{whole!r} mixes IPv4 and IPv6")
        if is_multicast(source):
            raise UsageError(f"{whole!r}: a source is a unicast address")
    return sources
