# cython: language_level=3, boundscheck=True, wraparound=False, initializedcheck=True
# cython: cdivision=True, embedsignature=False, binding=False
"""The sweep of capture files and the reading of plain messages, compiled.

Every index is checked: octets of strangers are read here, perhaps as root. A mistake is an
IndexError, as in Python, and never a read outside of what was given.

::

    sweep_pcap    |record|record|record|...    offsets of all, indexes of those that are not dull
    read_plain    Ethernet | tags | IPv4 or IPv6 | query or report of the current version
"""

from cpython cimport array
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
import array

from mldkit.model.datagram import Datagram, Decoded, LinkType
from mldkit.model.family import IGMP, MLD
from mldkit.model.messages import GroupRecord, Query, Report
from mldkit.model import messages as m
from mldkit.model import protocol_numbers as numbers

ctypedef const unsigned char[::1] Octets

cdef enum:
    ETHERNET = 1
    RAW = 101
    SLL = 113
    IPV4_LINK = 228
    IPV6_LINK = 229
    IPV4 = 0x0800
    IPV6 = 0x86DD
    MAX_TAGS = 8
    TO_TUNNEL = 1
    FROM_TUNNEL = 2

SWEPT = frozenset((ETHERNET, RAW, SLL, IPV4_LINK, IPV6_LINK))
"""Link types of which frames are told apart here."""

cdef bytes _table(octets, int value=1):
    kinds = bytearray(256)
    for octet in octets:
        kinds[octet] = value
    return bytes(kinds)

cdef bytes _ports():
    """Return for each port whether a tunnel is known by it, as destination or as source."""
    kinds = bytearray(1 << 16)
    for port in numbers.TUNNEL_PORTS:
        kinds[port] |= TO_TUNNEL
    for port in numbers.ANSWERING_TUNNELS:
        kinds[port] |= FROM_TUNNEL
    return bytes(kinds)

# Protocols behind which the decoder has to look: tables of 256 octets, 1 where it has.
cdef bytes LOOK_IPV4 = _table((numbers.IGMP, *numbers.IP_CARRIERS))
cdef bytes LOOK_IPV6 = _table(
    (*numbers.IPV6_EXTENSIONS, *numbers.IP_CARRIERS, numbers.FRAGMENT)
)
cdef bytes LOOK_ICMPV6 = _table(m.MLD_TYPES)
cdef bytes PORTS = _ports()
cdef bint ORDINARY_TAGS = numbers.VLAN_ETHERTYPES == {0x8100, 0x88A8, 0x9100}
assert ORDINARY_TAGS and numbers.MAX_VLAN_TAGS == MAX_TAGS


cdef inline bint _is_tag(int ethertype):
    return ethertype == 0x8100 or ethertype == 0x88A8 or ethertype == 0x9100


cdef inline int _pair(Octets octets, Py_ssize_t at) except -1:
    return octets[at] << 8 | octets[at + 1]


cdef bint _is_dull(
    Octets octets, Py_ssize_t start, Py_ssize_t end, int link_type, bint data
) except -1:
    """Return whether a frame is certainly none that `Sieve.passes` lets pass.

    It may say no of one that would not pass, as whoever asks judges those again.
    """
    cdef Py_ssize_t at = start
    cdef int ethertype, tags = 0
    if link_type == ETHERNET:
        at += 12
    elif link_type == SLL:
        if end - at < 16 or _pair(octets, at + 2) in (770, 803, 824):
            return False
        at += 14
    if link_type == ETHERNET or link_type == SLL:
        if end - at < 2:
            return False
        ethertype = _pair(octets, at)
        while _is_tag(ethertype):
            at += 4
            tags += 1
            if tags > MAX_TAGS or end - at < 2:
                return False
            ethertype = _pair(octets, at)
        at += 2
    else:
        if end <= at:
            return False
        ethertype = IPV4 if octets[at] >> 4 == 4 else IPV6
    if ethertype == IPV4:
        return _is_dull_ipv4(octets, at, end, data)
    return ethertype == IPV6 and _is_dull_ipv6(octets, at, end, data)


cdef bint _is_dull_ipv4(Octets octets, Py_ssize_t at, Py_ssize_t end, bint data) except -1:
    cdef int protocol
    if end - at < 20 or octets[at] >> 4 != 4:
        return False
    if data and octets[at + 16] & 0xF0 == 0xE0:
        return False
    protocol = octets[at + 9]
    if protocol == 17:
        return _is_no_tunnel(octets, at + (octets[at] & 15) * 4, end)
    return not LOOK_IPV4[protocol]


cdef bint _is_dull_ipv6(Octets octets, Py_ssize_t at, Py_ssize_t end, bint data) except -1:
    cdef int following
    if end - at < 41 or octets[at] >> 4 != 6:
        return False
    if data and octets[at + 24] == 0xFF:
        return False
    following = octets[at + 6]
    if following == 17:
        return _is_no_tunnel(octets, at + 40, end)
    if following == 58:
        # Neighbor Advertisements tell who was answered.
        return not LOOK_ICMPV6[octets[at + 40]] and not (data and octets[at + 40] == 136)
    return not LOOK_IPV6[following]


cdef bint _is_no_tunnel(Octets octets, Py_ssize_t at, Py_ssize_t end) except -1:
    if end - at < 4:
        return False
    return not (
        PORTS[_pair(octets, at + 2)] & TO_TUNNEL or PORTS[_pair(octets, at)] & FROM_TUNNEL
    )


cdef inline long long _number(Octets octets, Py_ssize_t at, bint big) except -1:
    """Return 32 bits in the byte order of a file."""
    if big:
        return (
            <long long>octets[at] << 24 | octets[at + 1] << 16
            | octets[at + 2] << 8 | octets[at + 3]
        )
    return (
        <long long>octets[at + 3] << 24 | octets[at + 2] << 16
        | octets[at + 1] << 8 | octets[at]
    )


def sweep_pcap(
    Octets octets, Py_ssize_t position, Py_ssize_t header, Py_ssize_t limit, bint big,
    int link_type, bint data,
):
    """Pass over the whole packets from `position` on.

    `header` is the length of a record's header, `limit` the largest packet to believe. Returns the
    offset of each record and of what follows the last one, as an array, and the indexes of
    packets that are not dull.
    """
    cdef Py_ssize_t filled = octets.shape[0], captured, count = 0
    cdef array.array offsets = array.array("q")
    cdef list found = []
    array.resize_smart(offsets, 1)
    offsets.data.as_longlongs[0] = position
    while position + header <= filled:
        captured = _number(octets, position + 8, big)
        if captured > limit or captured > filled - position - header:
            break
        if not _is_dull(
            octets, position + header, position + header + captured, link_type, data
        ):
            found.append(count)
        position += header + captured
        count += 1
        array.resize_smart(offsets, count + 1)
        offsets.data.as_longlongs[count] = position
    return offsets, found


def sweep_pcapng(
    Octets octets, Py_ssize_t position, list limits, bint big, int link_type, bint data
):
    """Pass over the sound Enhanced Packet Blocks from `position` on.

    `limits` has the largest packet to believe for each interface, -1 for those of another link
    type. Returns as `sweep_pcap` does, with the offsets of the length before each block, and the
    interface of each packet as an array, empty where there is only one.
    """
    cdef Py_ssize_t filled = octets.shape[0], captured, length, limit, count = 0
    cdef long long interface
    cdef bint is_shared = len(limits) > 1
    cdef array.array offsets = array.array("q"), owners = array.array("q")
    cdef list found = []
    array.resize_smart(offsets, 1)
    offsets.data.as_longlongs[0] = position - 4
    while filled - position >= 32 and _number(octets, position, big) == 6:
        length = _number(octets, position + 4, big)
        interface = _number(octets, position + 8, big)
        captured = _number(octets, position + 20, big)
        if interface >= len(limits) or length > filled - position:
            break
        limit = limits[<Py_ssize_t>interface]
        if captured + 32 > length or captured > limit:
            break
        if _number(octets, position + length - 4, big) != length:
            break
        if not _is_dull(
            octets, position + 28, position + 28 + captured, link_type, data
        ):
            found.append(count)
        if is_shared:
            array.resize_smart(owners, count + 1)
            owners.data.as_longlongs[count] = interface
        position += length
        count += 1
        array.resize_smart(offsets, count + 1)
        offsets.data.as_longlongs[count] = position - 4
    return offsets, found, owners


# --- messages ---------------------------------------------------------------------------------

cdef enum:
    IGMP_QUERY = 0x11
    IGMP_V3_REPORT = 0x22
    MLD_QUERY = 130
    MLD_V2_REPORT = 143

cdef tuple NOTHING = ()
cdef bytes EMPTY = b""
cdef object _new_tuple = tuple.__new__
cdef object _new_datagram = Datagram.__new__
cdef object _new_decoded = Decoded.__new__
cdef object _new_query = Query.__new__
cdef object _new_report = Report.__new__


cdef inline int _word(bytes data, Py_ssize_t at) except -1:
    return data[at] << 8 | data[at + 1]


cdef bytes _cut(bytes data, Py_ssize_t at, Py_ssize_t end):
    """Return `data[at:end]`, or raise IndexError where that is not all inside."""
    if not 0 <= at <= end <= len(data):
        raise IndexError("a field ends outside of its frame")
    return PyBytes_FromStringAndSize(PyBytes_AS_STRING(data) + at, end - at)


cdef long _sum(bytes data, Py_ssize_t at, Py_ssize_t end) except -1:
    """Return the sum of 16-bit words modulo 65,535; an odd octet at the end is padded."""
    cdef unsigned long long total = 0
    while at + 1 < end:
        total += data[at] << 8 | data[at + 1]
        at += 2
    if at < end:
        total += data[at] << 8
    return total % 0xFFFF


def read_plain(frame, known):
    """Return the message in an Ethernet frame that is plain, None for Python to read it.

    Plain are queries and reports of IGMPv3 and MLDv2, and older queries, in headers without
    anything odd, all octets and sums right. `known` are the `KnownRecords` of the reader.
    """
    cdef bytes data = frame.data
    cdef Py_ssize_t at = 12, end = len(data)
    cdef int ethertype
    cdef tuple vlan = NOTHING
    if frame.link_type != ETHERNET or end < 34:
        return None
    ethertype = _word(data, 12)
    while _is_tag(ethertype):
        if len(vlan) == MAX_TAGS or end - at < 22:
            return None
        vlan += (_word(data, at + 2) & 0x0FFF,)
        at += 4
        ethertype = _word(data, at)
    at += 2
    if ethertype == IPV4:
        return _read_igmp(frame, known, data, at, end, vlan)
    if ethertype == IPV6:
        return _read_mld(frame, known, data, at, end, vlan)
    return None


cdef object _read_igmp(
    object frame, object known, bytes data, Py_ssize_t start, Py_ssize_t end, tuple vlan
):
    cdef Py_ssize_t header, claimed, at
    cdef object router_alert = None, message
    if end - start < 28 or data[start + 9] != 2:
        return None
    if data[start] == 0x46:
        header = 24
        if _word(data, start + 20) != 0x9404 or _word(data, start + 22) != 0:
            return None
        router_alert = 0
    elif data[start] == 0x45:
        header = 20
    else:
        return None
    claimed = start + _word(data, start + 2)
    if claimed > end or claimed - start < header + 8 or _word(data, start + 6) & 0x3FFF:
        return None
    at = start + header
    if _sum(data, start, at) or _sum(data, at, claimed):
        return None
    if data[at] == IGMP_V3_REPORT:
        message = _read_report(known, data, at, claimed, 4)
    elif data[at] == IGMP_QUERY:
        message = _read_igmp_query(data, at, claimed)
    else:
        return None
    if message is None:
        return None
    return _decoded(
        frame, IGMP, data, at, claimed, message, vlan, router_alert, _cut(data, start + 12, start + 16),
        _cut(data, start + 16, start + 20), data[start + 8], data[start + 1],
    )


cdef object _read_mld(
    object frame, object known, bytes data, Py_ssize_t start, Py_ssize_t end, tuple vlan
):
    cdef Py_ssize_t length, claimed, at
    cdef long total
    cdef object message
    if end - start < 56 or data[start] >> 4 != 6 or data[start + 6] != 0:
        return None
    length = _word(data, start + 4)
    claimed = start + 40 + length
    if claimed > end or length < 16:
        return None
    # Hop-by-hop header of ICMPv6 with Router Alert for MLD and two octets of padding.
    if _word(data, start + 40) != 0x3A00 or _word(data, start + 42) != 0x0502:
        return None
    if _word(data, start + 44) != 0:
        return None
    if _word(data, start + 46) != 0x0100 and _word(data, start + 46) != 0:
        return None
    at = start + 48
    # The pseudo-header counts too (RFC 8200 §8.1).
    total = _sum(data, at, claimed) + _sum(data, start + 8, start + 40) + (claimed - at) + 58
    if total % 0xFFFF:
        return None
    if data[at] == MLD_V2_REPORT:
        message = _read_report(known, data, at, claimed, 16)
    elif data[at] == MLD_QUERY:
        message = _read_mld_query(data, at, claimed)
    else:
        return None
    if message is None:
        return None
    return _decoded(
        frame, MLD, data, at, claimed, message, vlan, 0, _cut(data, start + 8, start + 24),
        _cut(data, start + 24, start + 40), data[start + 7],
        (data[start] & 15) << 4 | data[start + 1] >> 4,
    )


cdef object _decoded(
    object frame, object family, bytes data, Py_ssize_t at, Py_ssize_t end, object message,
    tuple vlan, object router_alert, bytes source, bytes destination, int hop_limit,
    int traffic_class,
):
    """Fill the slots of both rows: the constructors of data classes take four times as long."""
    datagram = _new_datagram(Datagram)
    datagram.source = source
    datagram.destination = destination
    datagram.message = message
    datagram.hop_limit = hop_limit
    datagram.traffic_class = traffic_class
    datagram.router_alert = router_alert
    datagram.link_source = _cut(data, 6, 12)
    datagram.link_destination = _cut(data, 0, 6)
    datagram.vlan = vlan
    datagram.circuit = NOTHING
    decoded = _new_decoded(Decoded)
    decoded.frame = frame
    decoded.family = family
    decoded.datagram = datagram
    decoded.type = data[at]
    decoded.offset = at
    decoded.length = end - at
    decoded.checksum = "ok"
    decoded.checksum_value = _word(data, at + 2)
    decoded.malformed = None
    decoded.remarks = NOTHING
    decoded.tunnel = None
    return decoded


cdef object _read_igmp_query(bytes data, Py_ssize_t at, Py_ssize_t end):
    cdef Py_ssize_t length = end - at
    cdef int code = data[at + 1]
    if length == 8:
        version = 1 if code == 0 else 2
        return _query(version, _cut(data, at + 4, at + 8), code, 0, 0, NOTHING, 0, 0)
    if length < 12 or length != 12 + 4 * <Py_ssize_t>_word(data, at + 10):
        return None
    if data[at + 8] & 0x80:
        return None
    return _query(
        3, _cut(data, at + 4, at + 8), code, data[at + 8], data[at + 9],
        _sources(data, at + 12, _word(data, at + 10), 4), 0, 0,
    )


cdef object _read_mld_query(bytes data, Py_ssize_t at, Py_ssize_t end):
    cdef Py_ssize_t length = end - at
    if length == 24:
        return _query(
            1, _cut(data, at + 8, at + 24), _word(data, at + 4), 0, 0, NOTHING, data[at + 1],
            _word(data, at + 6),
        )
    if length < 28 or length != 28 + 16 * <Py_ssize_t>_word(data, at + 26):
        return None
    if data[at + 24] & 0x80:
        return None
    return _query(
        2, _cut(data, at + 8, at + 24), _word(data, at + 4), data[at + 24], data[at + 25],
        _sources(data, at + 28, _word(data, at + 26), 16), data[at + 1], _word(data, at + 6),
    )


cdef object _query(
    int version, bytes group, int response_code, int bits, int interval_code, tuple sources,
    int code, int reserved,
):
    query = _new_query(Query)
    query.version = version
    query.group = group
    query.max_response_code = response_code
    query.suppress = bool(bits & 8)
    query.robustness = bits & 7
    query.interval_code = interval_code
    query.sources = sources
    query.flags = bits >> 4
    query.code = code
    query.reserved = reserved
    query.extensions = NOTHING
    query.trailing = EMPTY
    return query


cdef tuple _sources(bytes data, Py_ssize_t at, Py_ssize_t count, Py_ssize_t octets):
    """Return addresses; the caller saw that they fit."""
    cdef list found = []
    cdef Py_ssize_t number
    if count == 0:
        return NOTHING
    for number in range(count):
        found.append(_cut(data, at, at + octets))
        at += octets
    return tuple(found)


cdef object _read_report(
    object known, bytes data, Py_ssize_t start, Py_ssize_t end, Py_ssize_t octets
):
    """Return a report of which the records end with the message, None for any other."""
    cdef Py_ssize_t count = _word(data, start + 6), at = start + 8, stop, body, number
    cdef bint asks
    cdef list records = []
    cdef dict by_octets
    cdef bytes raw
    if data[start + 4] & 0x80:
        return None
    # Looked at before anything is counted or remembered: Python may have to read it yet.
    for number in range(count):
        if end - at < 4 + octets:
            return None
        at += 4 + octets + octets * <Py_ssize_t>_word(data, at + 2) + 4 * data[at + 1]
        if at > end:
            return None
    if at != end:
        return None
    asks = known.rest <= 0
    if not asks:
        known.rest -= 1
    by_octets = known.by_octets
    at = start + 8
    for number in range(count):
        body = at + 4 + octets
        stop = body + octets * <Py_ssize_t>_word(data, at + 2) + 4 * data[at + 1]
        if asks:
            raw = _cut(data, at, stop)
            record = by_octets.get(raw)
            if record is None:
                record = _record(data, at, body, stop, octets)
                known.add(raw, record)
        else:
            record = _record(data, at, body, stop, octets)
        records.append(record)
        at = stop
    if asks:
        known.asked += count
    report = _new_report(Report)
    report.records = tuple(records)
    report.flags = _word(data, start + 4)
    report.code = data[start + 1]
    report.extensions = NOTHING
    report.trailing = EMPTY
    return report


cdef object _record(
    bytes data, Py_ssize_t at, Py_ssize_t body, Py_ssize_t stop, Py_ssize_t octets
):
    cdef Py_ssize_t count = _word(data, at + 2)
    cdef Py_ssize_t after = body + octets * count
    cdef tuple values = (
        data[at], _cut(data, at + 4, body), _sources(data, body, count, octets),
        _cut(data, after, stop) if stop > after else EMPTY,
    )
    return _new_tuple(GroupRecord, values)
