"""Values to test with: hypothesis strategies for messages and datagrams of both families.

Everything drawn here has exactly one form on the wire and is read back as it was drawn: versions
agree with lengths and codes, the E flag is set exactly when there are extensions (or octets that
are none), auxiliary data fills whole words. What no sender means to send (a query of ten octets, a
count that lies) is not drawn.
"""

from __future__ import annotations

from typing import TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from mldkit.model import messages as m
from mldkit.model.addresses import Address, group_mac
from mldkit.model.datagram import Datagram
from mldkit.model.family import IGMP, MLD, Family

_Item = TypeVar("_Item")
_BYTE = st.integers(0, 0xFF)
_WORD = st.integers(0, 0xFFFF)


def addresses(family: Family) -> SearchStrategy[Address]:
    """Return any address."""
    octets = family.address_octets
    return st.binary(min_size=octets, max_size=octets) | st.just(family.unspecified)


def groups(family: Family) -> SearchStrategy[Address]:
    """Return multicast addresses."""
    if family is IGMP:
        return st.builds(lambda a, b: bytes((a,)) + b, st.integers(224, 239), _fixed(3))
    return st.builds(lambda b: b"\xff" + b, _fixed(15))


def records(family: Family) -> SearchStrategy[m.GroupRecord]:
    """Return report records of known and unknown types."""
    return st.builds(
        m.GroupRecord,
        st.integers(1, 6) | _BYTE,
        groups(family) | addresses(family),
        _tuples(addresses(family)),
        st.integers(0, 3).flatmap(lambda words: _fixed(4 * words)),
    )


def extensions() -> SearchStrategy[m.Extension]:
    """Return extensions of RFC 9279."""
    return st.builds(m.Extension, _WORD, st.binary(max_size=6))


@st.composite
def current_queries(draw: st.DrawFn, family: Family) -> m.Query:
    """Return IGMPv3 or MLDv2 queries."""
    flags, items, trailing = draw(_ending(m.QUERY_EXTENSION_FLAG))
    return m.Query(
        version=family.current_version,
        group=draw(groups(family) | addresses(family)),
        max_response_code=draw(_BYTE if family is IGMP else _WORD),
        suppress=draw(st.booleans()),
        robustness=draw(st.integers(0, 7)),
        interval_code=draw(_BYTE),
        sources=draw(_tuples(addresses(family))),
        flags=flags,
        code=draw(_only_mld(family, _BYTE)),
        reserved=draw(_only_mld(family, _WORD)),
        extensions=items,
        trailing=trailing,
    )


def older_queries(family: Family) -> SearchStrategy[m.Query]:
    """Return IGMPv1, IGMPv2 or MLDv1 queries."""
    if family is MLD:
        return st.builds(
            m.Query,
            st.just(1),
            addresses(family),
            _WORD,
            code=_BYTE,
            reserved=_WORD,
        )
    return st.builds(m.Query, st.just(1), addresses(family)) | st.builds(
        m.Query, st.just(2), addresses(family), st.integers(1, 255)
    )


@st.composite
def reports(draw: st.DrawFn, family: Family) -> m.Report:
    """Return IGMPv3 or MLDv2 reports."""
    flags, items, trailing = draw(_ending(m.REPORT_EXTENSION_FLAG))
    return m.Report(draw(_tuples(records(family))), flags, draw(_BYTE), items, trailing)


def older_reports(family: Family) -> SearchStrategy[m.LegacyReport]:
    """Return IGMPv1, IGMPv2 or MLDv1 reports."""
    return st.builds(
        m.LegacyReport,
        st.sampled_from((1, 2)) if family is IGMP else st.just(1),
        addresses(family),
        _BYTE if family is IGMP else _WORD,
        _only_mld(family, _BYTE),
        _only_mld(family, _WORD),
        st.binary(max_size=9),
    )


def leaves(family: Family) -> SearchStrategy[m.Leave]:
    """Return Leave Group or Done messages."""
    return st.builds(
        m.Leave,
        st.just(2 if family is IGMP else 1),
        addresses(family),
        _BYTE if family is IGMP else _WORD,
        _only_mld(family, _BYTE),
        _only_mld(family, _WORD),
        st.binary(max_size=9),
    )


def router_discovery() -> SearchStrategy[m.RouterDiscovery]:
    """Return the three messages of RFC 4286."""
    trailing = st.binary(max_size=9)
    return (
        st.builds(m.RouterAdvertisement, _BYTE, _WORD, _WORD, trailing)
        | st.builds(m.RouterSolicitation, _BYTE, trailing)
        | st.builds(m.RouterTermination, _BYTE, trailing)
    )


def messages(family: Family) -> SearchStrategy[m.Message]:
    """Return every membership and router discovery message of a family."""
    return (
        current_queries(family)
        | older_queries(family)
        | reports(family)
        | older_reports(family)
        | leaves(family)
        | router_discovery()
    )


@st.composite
def datagrams(draw: st.DrawFn) -> Datagram:
    """Return messages in envelopes of an Ethernet link, both link addresses included."""
    family = draw(st.sampled_from((IGMP, MLD)))
    destination = draw(groups(family) | addresses(family))
    return Datagram(
        source=draw(addresses(family)),
        destination=destination,
        message=draw(messages(family)),
        hop_limit=draw(st.just(1) | _BYTE),
        traffic_class=draw(st.just(family.traffic_class) | _BYTE),
        router_alert=draw(st.just(0) | st.none() | _WORD),
        link_source=draw(_fixed(6)),
        link_destination=draw(st.just(group_mac(destination)) | _fixed(6)),
        vlan=draw(_tuples(st.integers(0, 4095))),
    )


@st.composite
def _ending(draw: st.DrawFn, extension_flag: int) -> tuple[int, tuple[m.Extension, ...], bytes]:
    """Return flags, extensions and trailing octets that agree with each other."""
    flags = draw(st.integers(0, extension_flag - 1))
    items = draw(_tuples(extensions()))
    if items:
        return flags | extension_flag, items, b""
    # Fewer octets than the head of an extension: no list, so they stay octets.
    if draw(st.booleans()):
        return flags | extension_flag, (), draw(st.binary(max_size=3))
    return flags, (), draw(st.binary(max_size=9))


def _tuples(items: SearchStrategy[_Item]) -> SearchStrategy[tuple[_Item, ...]]:
    return st.lists(items, max_size=4).map(tuple)


def _fixed(octets: int) -> SearchStrategy[bytes]:
    return st.binary(min_size=octets, max_size=octets)


def _only_mld(family: Family, field: SearchStrategy[int]) -> SearchStrategy[int]:
    return field if family is MLD else st.just(0)
