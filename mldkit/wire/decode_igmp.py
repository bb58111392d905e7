"""IGMP messages: RFC 1112, RFC 2236, RFC 9776 and RFC 4286.

::

    query    |0x11|code|sum| group          |flags S QRV|QQIC|N| sources ...   (from 12 octets)
    report   |0x22|   0|sum| flags |   M    | records ...
    record   |type|aux |N  | group          | sources ... | aux data (aux x 4 octets)

`read(data, start, end, claimed)` returns `(message, malformed, remarks)`. `end` is where the
octets end, `claimed` where the IP header says that the message ends; they differ only in
frames that the capture cut, and a message that runs out for that reason is not malformed.
"""

from __future__ import annotations

import struct

from mldkit.model import messages as m
from mldkit.model.datagram import Malformed
from mldkit.model.messages import (
    Leave,
    LegacyReport,
    Message,
    Other,
    Query,
    RouterAdvertisement,
    RouterSolicitation,
    RouterTermination,
)
from mldkit.wire.records import Reading, read_current_query, read_report

_PAIR = struct.Struct("!HH")


def read(data: bytes, start: int, end: int, claimed: int) -> Reading:
    """Read one IGMP message."""
    length = claimed - start
    if end - start < 1:
        return None, None if claimed > end else _short(length, end), ()
    kind = data[start]
    if kind == m.IGMP_V3_REPORT and end - start >= 8:
        return read_report(data, start, end, 4, cut=claimed > end)
    if kind in (m.IGMP_MRD_SOLICITATION, m.IGMP_MRD_TERMINATION) and end - start >= 4:
        known = RouterSolicitation if kind == m.IGMP_MRD_SOLICITATION else RouterTermination
        return known(data[start + 1], data[start + 4 : end]), None, ()
    if end - start < 8:
        if kind not in _KNOWN and end - start >= 4:
            return Other(kind, data[start:end]), None, ()
        return None, None if claimed > end else _short(length, end), ()
    if kind == m.IGMP_QUERY:
        return _query(data, start, end, claimed)
    if kind in _KNOWN:
        return _fixed(kind, data, start, end), None, ()
    return Other(kind, data[start:end]), None, ()


_KNOWN = frozenset(
    (
        m.IGMP_QUERY,
        m.IGMP_V1_REPORT,
        m.IGMP_V2_REPORT,
        m.IGMP_LEAVE,
        m.IGMP_V3_REPORT,
        m.IGMP_MRD_ADVERTISEMENT,
        m.IGMP_MRD_SOLICITATION,
        m.IGMP_MRD_TERMINATION,
    )
)
MEMBERSHIP_TYPES = _KNOWN
"""Types that give an entry without being asked for."""


def _short(length: int, end: int) -> Malformed:
    return Malformed(
        "V-09", f"the message has {max(length, 0)} octets, no IGMP message is so short", end
    )


def _fixed(kind: int, data: bytes, start: int, end: int) -> Message:
    """Read a message of eight octets: older reports, leaves, router advertisements."""
    code = data[start + 1]
    trailing = data[start + 8 : end]
    if kind == m.IGMP_MRD_ADVERTISEMENT:
        interval, robustness = _PAIR.unpack_from(data, start + 4)
        return RouterAdvertisement(code, interval, robustness, trailing)
    group = data[start + 4 : start + 8]
    if kind == m.IGMP_LEAVE:
        return Leave(2, group, code, trailing=trailing)
    return LegacyReport(1 if kind == m.IGMP_V1_REPORT else 2, group, code, trailing=trailing)


def _query(data: bytes, start: int, end: int, claimed: int) -> Reading:
    length = claimed - start
    code = data[start + 1]
    group = data[start + 4 : start + 8]
    if length == 8:
        return Query(1 if code == 0 else 2, group, code), None, ()
    if length < 12:
        reason = f"the query has {length} octets; 8 or at least 12 make a version"
        return Query(None, group, code), Malformed("V-09", reason, end), ()
    if end - start < 12:
        # The capture cut the rest: what the query asks for cannot be told.
        return Query(None, group, code), None, ()
    head = Query(3, group, code)
    return read_current_query(data, start + 8, end, head, cut=claimed > end)
