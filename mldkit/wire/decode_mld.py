"""MLD messages: RFC 2710, RFC 9777 and RFC 4286, ICMPv6 types 130 to 132, 143, 151 to 153.

::

    query    |130|code|sum| MRC |resv| group (16) |flags S QRV|QQIC|N| sources ...
    report   |143|code|sum|flags| M  | records ...
    record   |type|aux |N  | group (16) | sources ... | aux data (aux x 4 octets)

The contract of `read` is that of `mldkit.wire.decode_igmp.read`.
"""

from __future__ import annotations

import struct

from mldkit.model import messages as m
from mldkit.model.datagram import Malformed
from mldkit.model.messages import (
    Leave,
    LegacyReport,
    Query,
    RouterAdvertisement,
    RouterSolicitation,
    RouterTermination,
)
from mldkit.wire.records import Reading, read_current_query, read_report

_PAIR = struct.Struct("!HH")


def read(data: bytes, start: int, end: int, claimed: int) -> Reading:
    """Read one MLD message whose type is one of `MLD_TYPES`."""
    cut = claimed > end
    kind = data[start]
    octets = end - start
    if kind == m.MLD_V2_REPORT and octets >= 8:
        return read_report(data, start, end, 16, cut=cut)
    if octets < 4:
        return None, None if cut else _short("V-09", claimed - start, 4, end), ()
    if kind == m.MLD_QUERY:
        return _query(data, start, end, claimed)
    if kind in (m.MLD_MRD_SOLICITATION, m.MLD_MRD_TERMINATION):
        known = RouterSolicitation if kind == m.MLD_MRD_SOLICITATION else RouterTermination
        return known(data[start + 1], data[start + 4 : end]), None, ()
    needed = 8 if kind in (m.MLD_MRD_ADVERTISEMENT, m.MLD_V2_REPORT) else 24
    if octets < needed:
        return None, None if cut else _short("V-10", claimed - start, needed, end), ()
    if kind == m.MLD_MRD_ADVERTISEMENT:
        interval, robustness = _PAIR.unpack_from(data, start + 4)
        trailing = data[start + 8 : end]
        return RouterAdvertisement(data[start + 1], interval, robustness, trailing), None, ()
    delay, reserved = _PAIR.unpack_from(data, start + 4)
    known_legacy = LegacyReport if kind == m.MLD_V1_REPORT else Leave
    group = data[start + 8 : start + 24]
    trailing = data[start + 24 : end]
    return known_legacy(1, group, delay, data[start + 1], reserved, trailing), None, ()


def _short(rule: str, length: int, needed: int, end: int) -> Malformed:
    return Malformed(rule, f"the message has {length} octets, its fixed part needs {needed}", end)


def _query(data: bytes, start: int, end: int, claimed: int) -> Reading:
    length = claimed - start
    if end - start < 24:
        if claimed > end:
            return None, None, ()
        reason = f"the query has {length} octets; 24 or at least 28 make a version"
        return None, Malformed("V-09", reason, end), ()
    delay, reserved = _PAIR.unpack_from(data, start + 4)
    group = data[start + 8 : start + 24]
    code = data[start + 1]
    if length == 24:
        return Query(1, group, delay, code=code, reserved=reserved), None, ()
    if length < 28:
        reason = f"the query has {length} octets; 24 or at least 28 make a version"
        malformed = Malformed("V-09", reason, end)
        return Query(None, group, delay, code=code, reserved=reserved), malformed, ()
    if end - start < 28:
        # The capture cut the rest: what the query asks for cannot be told.
        return Query(None, group, delay, code=code, reserved=reserved), None, ()
    head = Query(2, group, delay, code=code, reserved=reserved)
    return read_current_query(data, start + 24, end, head, cut=claimed > end)
