"""The short cut around the rules says what the rules say, and remembers a bounded amount."""

from __future__ import annotations

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from mldkit.model.addresses import consecutive, group_mac, parse, text
from mldkit.model.datagram import Datagram, Decoded, Frame
from mldkit.model.family import IGMP, MLD, Family
from mldkit.model.messages import GroupRecord, Query, RecordType, Report
from mldkit.wire.decode import decode
from mldkit.wire.encode import encode_frame
from mldkit.wire.screening import RULES as SCREENED
from mldkit.wire.screening import has_plain_records, is_plain
from mldkit.wire.validity import RULES, find

GROUPS = {
    IGMP: ("224.0.0.1", "224.0.0.2", "225.0.0.1", "232.1.1.1", "239.1.1.1", "10.0.0.1", "0.0.0.0"),
    MLD: ("ff02::1", "ff01::5", "ff02::16", "ff05::1", "ff3e::1", "ff0f::1", "2001:db8::1", "::"),
}
SOURCES = {
    IGMP: ("10.0.0.1", "10.0.0.2", "0.0.0.0", "239.1.1.1", "240.0.0.1", "255.255.255.255"),
    MLD: ("2001:db8::1", "2001:db8::2", "fe80::1", "::", "ff05::1", "::1"),
}
SENDERS = {
    IGMP: ("10.0.0.1", "0.0.0.0", "127.0.0.1", "224.0.0.5"),
    MLD: ("fe80::1", "::", "fe80:1::1", "2001:db8::1"),
}
DESTINATIONS = {IGMP: ("224.0.0.22", "224.0.0.1"), MLD: ("ff02::16", "ff02::1")}
MACS = ("01005e000016", "333300000016", "020000000001", "ffffffffffff")


def mostly(first: object, *others: object) -> st.SearchStrategy[object]:
    return st.sampled_from((*(first,) * 6, *others))


def records(family: Family) -> st.SearchStrategy[GroupRecord]:
    return st.builds(
        GroupRecord,
        st.sampled_from((1, 2, 3, 4, 5, 6, 6, 5, 0, 7)),
        st.sampled_from([parse(text) for text in GROUPS[family]]),
        st.lists(st.sampled_from([parse(text) for text in SOURCES[family]]), max_size=3).map(tuple),
        mostly(b"", b"aux."),
    )


@st.composite
def nearly_plain(draw: st.DrawFn) -> Datagram:
    """Reports with at most a few things that some rule minds."""
    family = draw(st.sampled_from((IGMP, MLD)))
    listed = tuple(draw(st.lists(records(family), max_size=3)))
    fields = [(0, 0, b"")] * 6 + [(1, 0, b""), (0, 1, b""), (0, 0, b"x")]
    flags, code, trailing = draw(st.sampled_from(fields))
    report = Report(listed, flags, code, (), trailing)
    text = [draw(mostly(*values[family])) for values in (SENDERS, DESTINATIONS)]
    source, destination = (parse(str(value)) for value in text)
    right_mac = MACS[0] if family is IGMP else MACS[1]
    return Datagram(
        source,
        destination,
        report,
        hop_limit=draw(mostly(1, 64)),  # type: ignore[arg-type]
        traffic_class=draw(mostly(family.traffic_class, 0x20)),  # type: ignore[arg-type]
        router_alert=draw(mostly(0, 1, None)),  # type: ignore[arg-type]
        link_source=bytes(6),
        link_destination=bytes.fromhex(str(draw(mostly(right_mac, *MACS)))),
    )


def minded_by_each_rule(decoded: Decoded) -> set[str]:
    """Return the rules that mind something, each asked by itself."""
    return {
        rule.id
        for rule in RULES
        if rule.check is not None
        and (not rule.kinds or decoded.kind in rule.kinds)
        and rule.check(decoded) is not None
    }


@given(nearly_plain())
def test_a_plain_report_is_one_that_no_rule_minds(datagram: Datagram) -> None:
    decoded = decode(Frame(encode_frame(datagram)))
    assert isinstance(decoded, Decoded)
    message = datagram.message
    assert isinstance(message, Report)

    minded = minded_by_each_rule(decoded)
    assert {finding.id for finding in find(decoded)} == minded
    assert not (is_plain(decoded) and minded)
    assert not (has_plain_records(message.records) and minded & SCREENED)


@st.composite
def nearly_plain_query(draw: st.DrawFn) -> Datagram:
    """Queries with at most a few things that some rule minds."""
    family = draw(st.sampled_from((IGMP, MLD)))
    group = parse(draw(st.sampled_from((text(family.unspecified), *GROUPS[family]))))
    listed = draw(st.lists(st.sampled_from(SOURCES[family]), max_size=2)) if any(group) else []
    query = Query(
        family.current_version,
        group,
        draw(st.sampled_from((0, 100, 125, 10000))) % (1 << family.response_code_width),
        draw(st.booleans()),
        draw(mostly(2, 0, 1, 7)),  # type: ignore[arg-type]
        draw(mostly(125, 0, 5)),  # type: ignore[arg-type]
        tuple(map(parse, listed)),
        draw(mostly(0, 1)),  # type: ignore[arg-type]
        trailing=draw(mostly(b"", b"x")),  # type: ignore[arg-type]
    )
    right = group if any(group) else family.all_hosts
    destination = draw(mostly(right, family.all_hosts))
    return Datagram(
        parse(str(draw(mostly(*SENDERS[family])))),
        destination,  # type: ignore[arg-type]
        query,
        hop_limit=draw(mostly(1, 64)),  # type: ignore[arg-type]
        traffic_class=draw(mostly(family.traffic_class, 0x20)),  # type: ignore[arg-type]
        router_alert=draw(mostly(0, 1, None)),  # type: ignore[arg-type]
        link_source=bytes(6),
        link_destination=draw(mostly(group_mac(right), bytes(6))),  # type: ignore[arg-type]
    )


@given(nearly_plain_query())
def test_a_plain_query_is_one_that_no_rule_minds(datagram: Datagram) -> None:
    decoded = decode(Frame(encode_frame(datagram)))
    assert isinstance(decoded, Decoded)

    minded = minded_by_each_rule(decoded)
    assert {finding.id for finding in find(decoded)} == minded
    assert not (is_plain(decoded) and minded)


def test_a_query_as_linux_bridges_send_it_is_plain() -> None:
    for family, source in ((IGMP, "10.0.0.1"), (MLD, "fe80::1")):
        query = Query(family.current_version, family.unspecified, 100, False, 2, 125)
        datagram = Datagram(
            parse(source), family.all_hosts, query, 1, family.traffic_class, router_alert=0
        )
        decoded = decode(Frame(encode_frame(datagram)))
        assert isinstance(decoded, Decoded)
        assert is_plain(decoded)


def test_long_source_lists_are_not_remembered_without_end() -> None:
    first = parse("2001:db8::1")
    tracemalloc.start()
    for number in range(2000):
        sources = consecutive((int.from_bytes(first) + (number << 16)).to_bytes(16), 80)
        assert has_plain_records((GroupRecord(RecordType.ALLOW, parse("ff05::1"), sources),))
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    # All of them would be 160,000 addresses, 9 MB.
    assert kept < 5_000_000
