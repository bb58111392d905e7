"""The job `query` on a scripted link: what counts as an answer, and what a host is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest

from mldkit import query as query_job
from mldkit.errors import LinkError
from mldkit.model.addresses import parse, text
from mldkit.model.datagram import Datagram, Frame
from mldkit.model.messages import GroupRecord, LegacyReport, Message, Query, RecordType, Report
from mldkit.model.units import MILLISECOND, SECOND
from mldkit.query import Asker, ExpectedMember, QueryResult, Schedule, has_general_query
from mldkit.wire.encode import encode_frame

MAC = bytes.fromhex("020000000002")
OWN = bytes.fromhex("020000000001")
G4, G6 = parse("239.1.2.3"), parse("ff15::1")
QUERY4 = Datagram(
    parse("10.9.0.1"), parse("224.0.0.1"), Query(3, bytes(4), 10, False, 2, 125), link_source=OWN
)
QUERY6 = Datagram(
    parse("fe80::1"), parse("ff02::1"), Query(2, bytes(16), 1000, False, 2, 125), link_source=OWN
)


class ScriptedLink:
    """Clock and device in one: sent frames come back as outgoing copies, then the script."""

    def __init__(self, script: Sequence[tuple[int, bytes]]) -> None:
        self.now_ns = 0
        self._waiting = list(script)
        self._copies: list[Frame] = []

    def clock(self) -> int:
        return self.now_ns

    def send(self, frame: bytes) -> None:
        self._copies.append(Frame(frame, self.now_ns, outgoing=True))

    def receive(self, until_ns: int | None = None) -> Frame | None:
        assert until_ns is not None
        if self._copies:
            return self._copies.pop(0)
        if self._waiting and self._waiting[0][0] <= until_ns:
            at_ns, data = self._waiting.pop(0)
            self.now_ns = at_ns
            return Frame(data, at_ns)
        self.now_ns = until_ns
        return None


def sent(
    message: Message, destination: str, source: str, *, mac: bytes = MAC, vlan: tuple[int, ...] = ()
) -> bytes:
    return encode_frame(
        Datagram(parse(source), parse(destination), message, link_source=mac, vlan=vlan)
    )


def ask(
    script: Sequence[tuple[int, bytes]],
    *queries: Datagram,
    count: int = 1,
) -> QueryResult:
    link = ScriptedLink([(at_ms * MILLISECOND, data) for at_ms, data in script])
    asker = Asker(link, link.clock)
    frames = [encode_frame(query) for query in queries or (QUERY4, QUERY6)]
    return asker.run(frames, Schedule(count, 2 * SECOND, 2 * SECOND))


def is_in(group: bytes, *sources: str) -> GroupRecord:
    return GroupRecord(RecordType.IS_IN, group, tuple(map(parse, sources)))


def test_answers_of_both_families_are_paired_and_listed_by_host() -> None:
    result = ask(
        [
            (300, sent(Report((GroupRecord(2, G4),)), "224.0.0.22", "10.9.0.2")),
            (400, sent(Report((is_in(G6, "2001:db8::1"),)), "ff02::16", "fe80::2")),
        ]
    )

    assert [(answer.query, answer.delay_ns) for answer in result.answers] == [
        (0, 300 * MILLISECOND),
        (1, 400 * MILLISECOND),
    ]
    hosts = result.hosts()
    assert [text(host.address) for host in hosts] == ["10.9.0.2", "fe80::2"]
    assert hosts[0].groups[G4].exclude
    assert hosts[1].groups[G6].sources == (parse("2001:db8::1"),)


def test_a_source_list_split_over_two_reports_is_one_list() -> None:
    result = ask(
        [
            (100, sent(Report((is_in(G6, "2001:db8::1"),)), "ff02::16", "fe80::2")),
            (101, sent(Report((is_in(G6, "2001:db8::2"),)), "ff02::16", "fe80::2")),
        ],
        QUERY6,
    )

    (host,) = result.hosts()
    assert host.groups[G6].sources == (parse("2001:db8::1"), parse("2001:db8::2"))
    assert host.groups[G6].delay_ns == 100 * MILLISECOND


def test_the_answer_to_a_second_query_replaces_the_first() -> None:
    result = ask(
        [
            (100, sent(Report((is_in(G6, "2001:db8::1"),)), "ff02::16", "fe80::2")),
            (2100, sent(Report((is_in(G6, "2001:db8::2"),)), "ff02::16", "fe80::2")),
        ],
        QUERY6,
        count=2,
    )

    (host,) = result.hosts()
    assert host.groups[G6].sources == (parse("2001:db8::2"),)
    assert [answer.query for answer in result.answers] == [0, 1]


class SlowLink(ScriptedLink):
    """A device whose transmit queue is full: each frame takes 400 ms to leave."""

    def __init__(self) -> None:
        super().__init__(())
        self.left_ns: list[int] = []

    def send(self, frame: bytes) -> None:
        self.now_ns += 400 * MILLISECOND
        self.left_ns.append(self.now_ns)
        super().send(frame)


def test_queries_are_apart_from_when_they_left() -> None:
    link = SlowLink()
    asker = Asker(link, link.clock)
    schedule = Schedule(3, SECOND, SECOND, spacing_ns=SECOND)
    asker.run([encode_frame(QUERY4), encode_frame(QUERY6)], schedule)

    four = link.left_ns[::2]
    assert [later - earlier for earlier, later in pairwise(four)] == [1800 * MILLISECOND] * 2


@pytest.mark.parametrize(
    ("queries", "expected"),
    [
        ((QUERY4,), True),
        ((replace(QUERY4, vlan=(5,)), QUERY6), True),
        ((replace(QUERY4, message=Query(3, G4, 10, False, 2, 125), destination=G4),), False),
        ((replace(QUERY6, message=Report(())),), False),
    ],
)
def test_a_general_query_is_known_by_its_octets(
    queries: tuple[Datagram, ...], expected: bool
) -> None:
    assert has_general_query([encode_frame(one) for one in queries]) is expected


def test_joins_and_leaves_meanwhile_are_counted_and_are_no_answers() -> None:
    result = ask(
        [(50, sent(Report((GroupRecord(RecordType.TO_EX, G6),)), "ff02::16", "fe80::2"))], QUERY6
    )

    assert result.answers == []
    assert result.changes == 1


def test_older_reports_answer_for_any_source() -> None:
    result = ask([(50, sent(LegacyReport(1, G6), "ff15::1", "fe80::2"))], QUERY6)

    (host,) = result.hosts()
    assert host.groups[G6].exclude
    assert host.groups[G6].version == 1


def test_hosts_without_an_address_are_told_apart_by_their_mac() -> None:
    report = Report((GroupRecord(2, G4),))
    result = ask(
        [
            (50, sent(report, "224.0.0.22", "0.0.0.0")),
            (60, sent(report, "224.0.0.22", "0.0.0.0", mac=bytes.fromhex("020000000003"))),
        ],
        QUERY4,
    )

    assert [host.mac for host in result.hosts()] == [MAC, bytes.fromhex("020000000003")]
    assert [answer.delay_ns for answer in result.answers] == [50 * MILLISECOND, 60 * MILLISECOND]


def test_two_macs_with_one_address_are_two_hosts_in_the_list() -> None:
    report = Report((GroupRecord(2, G4),))
    other = bytes.fromhex("020000000003")
    result = ask(
        [
            (50, sent(report, "224.0.0.22", "10.9.0.2")),
            (60, sent(report, "224.0.0.22", "10.9.0.2", mac=other)),
        ],
        QUERY4,
    )

    assert [(text(host.address), host.mac) for host in result.hosts()] == [
        ("10.9.0.2", MAC),
        ("10.9.0.2", other),
    ]


def test_a_priority_tag_names_no_vlan() -> None:
    # IEEE 802.1Q, table 9-2: VLAN id 0 says nothing about the VLAN; a host answers untagged.
    query = encode_frame(replace(QUERY4, vlan=(0,)))
    report = sent(Report((GroupRecord(2, G4),)), "224.0.0.22", "10.9.0.2")
    link = ScriptedLink([(50 * MILLISECOND, report)])

    result = Asker(link, link.clock).run([query], Schedule(1, SECOND, SECOND))

    assert [text(host.address) for host in result.hosts()] == ["10.9.0.2"]


def test_other_vlans_and_damaged_reports_are_left_out() -> None:
    report = Report((GroupRecord(2, G4),))
    good = sent(report, "224.0.0.22", "10.9.0.2")
    result = ask(
        [
            (50, sent(report, "224.0.0.22", "10.9.0.2", vlan=(5,))),
            (60, good[:-1] + bytes((good[-1] ^ 1,))),
        ],
        QUERY4,
    )

    assert result.answers == []
    assert result.elsewhere == 1


def test_a_query_of_somebody_else_is_remembered() -> None:
    other = sent(Query(2, bytes(16), 1000, False, 2, 125), "ff02::1", "fe80::9")
    result = ask([(50, other)], QUERY6)

    assert [text(query.datagram.source) for query in result.other_queries] == ["fe80::9"]


def test_an_interrupt_keeps_what_came_until_then() -> None:
    class Interrupted(ScriptedLink):
        def receive(self, until_ns: int | None = None) -> Frame | None:
            frame = super().receive(until_ns)
            if frame is None:
                raise KeyboardInterrupt
            return frame

    link = Interrupted([(50, sent(Report((GroupRecord(2, G4),)), "224.0.0.22", "10.9.0.2"))])
    result = Asker(link, link.clock).run([encode_frame(QUERY4)], Schedule(1, SECOND, SECOND))

    assert result.interrupted
    assert len(result.answers) == 1


@pytest.mark.parametrize(
    ("group", "source", "mac", "expected"),
    [
        ("239.1.2.3", None, None, True),
        ("239.1.2.3", None, MAC, True),
        ("239.1.2.3", None, OWN, False),
        ("239.1.2.4", None, None, False),
        ("239.1.2.3", "10.0.0.9", None, False),
        ("239.1.2.3", "10.0.0.8", None, True),
        ("232.1.1.1", "10.0.0.9", None, True),
        ("232.1.1.1", "10.0.0.8", None, False),
    ],
)
def test_expectations_look_at_group_source_and_mac(
    group: str, source: str | None, mac: bytes | None, *, expected: bool
) -> None:
    records = (
        GroupRecord(RecordType.IS_EX, G4, (parse("10.0.0.9"),)),
        is_in(parse("232.1.1.1"), "10.0.0.9"),
    )
    result = ask([(50, sent(Report(records), "224.0.0.22", "10.9.0.2"))], QUERY4)
    wanted = ExpectedMember("", parse(group), parse(source) if source else None, mac)

    assert wanted.is_met(result.hosts()) is expected


class FailingLink(ScriptedLink):
    """The interface goes at the end of the script."""

    def receive(self, until_ns: int | None = None) -> Frame | None:
        frame = super().receive(until_ns)
        if frame is None:
            raise LinkError("eth1: the interface went down")
        return frame


def test_an_interface_that_goes_leaves_what_came_until_then() -> None:
    report = sent(Report((GroupRecord(2, G4),)), "224.0.0.22", "10.9.0.2")
    link = FailingLink([(300 * MILLISECOND, report)])

    result = Asker(link, link.clock).run([encode_frame(QUERY4)], Schedule(1, SECOND, SECOND))

    assert isinstance(result.failure, LinkError)
    assert result.is_partial
    assert [text(host.address) for host in result.hosts()] == ["10.9.0.2"]


def test_a_link_that_fails_before_the_query_left_has_no_result() -> None:
    class Dead(ScriptedLink):
        def send(self, frame: bytes) -> None:
            raise LinkError(f"eth1: the interface is down, {len(frame)} octets stay here")

    link = Dead([])

    with pytest.raises(LinkError, match="is down"):
        Asker(link, link.clock).run([encode_frame(QUERY4)], Schedule(1, SECOND, SECOND))


def test_the_own_query_coming_back_is_no_other_querier() -> None:
    result = ask([(1, encode_frame(QUERY4))], QUERY4)

    assert result.other_queries == []


@pytest.mark.parametrize("most", [1, 2])
def test_answers_beyond_all_measure_are_counted(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query_job, "MOST_ANSWERS", most)
    script = [
        (20 + number, sent(Report((is_in(G4, "10.0.0.9"),)), "224.0.0.22", f"10.9.0.{number + 2}"))
        for number in range(2)
    ]

    result = ask(script)

    assert (len(result.answers), result.left_out) == (most, 2 - most)


@pytest.mark.parametrize("most", [1, 2])
def test_other_queriers_beyond_all_measure_are_not_kept(
    most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query_job, "MOST_OTHER_QUERIES", most)
    general = Query(3, bytes(4), 10, False, 2, 125)
    script = [(20 + one, sent(general, "224.0.0.1", f"10.9.0.{one + 2}")) for one in range(2)]

    assert len(ask(script).other_queries) == most
