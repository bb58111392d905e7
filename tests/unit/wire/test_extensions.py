"""The catalogue of malformed input, M-57 and M-58: the extensions of RFC 9279."""

from __future__ import annotations

import struct

import pytest

from mldkit.model.addresses import parse
from mldkit.model.messages import Query, Report
from mldkit.testing.frames import ids, query, read, record, report
from mldkit.wire.validity import find

ANY6 = bytes(16)

E_FLAG = 0x80
TLV = struct.pack("!HH", 65534, 2) + b"ab"


@pytest.mark.parametrize(
    ("tail", "expected", "found"),
    [
        (b"", {"X-03"}, 0),
        (TLV + b"\0", {"X-03"}, 0),
        (TLV + b"\0\0\0", {"X-03"}, 0),
        (struct.pack("!HH", 65534, 200) + b"ab", {"X-03"}, 0),
        (struct.pack("!HH", 0, 0), set(), 1),
        (TLV, {"X-04"}, 1),
        (struct.pack("!HH", 0, 0) * 300, set(), 300),
    ],
    ids=["none", "1 left", "3 left", "too long", "no-op", "unknown", "many"],
)
def test_m57_extensions_are_read_whole_or_not_at_all(
    tail: bytes, expected: set[str], found: int
) -> None:
    decoded = read(query(ANY6, bits=E_FLAG | 2) + tail, "ff02::1")
    message = decoded.datagram.message

    assert isinstance(message, Query)
    assert ids(decoded) == expected
    assert len(message.extensions) == found
    assert message.trailing == (tail if expected == {"X-03"} else b"")
    assert decoded.malformed is None, "the message itself still counts"


def test_m57_a_report_has_its_flag_in_the_first_of_sixteen_bits() -> None:
    octets = report(0x22, 1, record(parse("239.1.1.1")), flags=0x8000) + TLV
    message = read(octets, "224.0.0.22").datagram.message

    assert isinstance(message, Report)
    assert [(item.type, item.value) for item in message.extensions] == [(65534, b"ab")]


def test_m58_without_the_flag_extensions_are_trailing_octets() -> None:
    decoded = read(query(ANY6) + TLV, "ff02::1")

    assert ids(decoded) == {"V-15"}


def test_x04_thousands_of_unknown_types_are_one_short_finding() -> None:
    items = b"".join(struct.pack("!HH", kind, 0) for kind in range(1, 16000))
    (finding,) = find(read(query(ANY6, bits=E_FLAG | 2) + items, "ff02::1"))

    assert finding.detail == "extension of type 1, 2, 3 and 15996 more"
