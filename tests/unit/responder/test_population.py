"""Who the hosts of a responder are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mldkit.errors import UsageError
from mldkit.model.addresses import mac_text, parse, text
from mldkit.model.datagram import Decoded
from mldkit.model.family import IGMP, MLD
from mldkit.model.notation import parse_group_spec
from mldkit.model.units import SECOND
from mldkit.protocol.profile import PROFILE_NAMES
from mldkit.protocol.settings import parse_setting
from mldkit.responder.draws import DrawTable
from mldkit.responder.population import PopulationPlan, populate
from mldkit.testing.stage import Stage
from mldkit.wire.decode import decode
from mldkit.wire.split import split_report

if TYPE_CHECKING:
    from mldkit.responder.population import Population

INTERFACE_MAC = bytes.fromhex("52540012abcd")


def population(*groups: str, **options: object) -> Population:
    plan = PopulationPlan(tuple(map(parse_group_spec, groups)), (IGMP, MLD), 1, **options)  # type: ignore[arg-type]
    return populate(plan, INTERFACE_MAC, 1500, split_report)


def test_the_first_host_is_that_of_the_interface_and_the_others_are_told_apart() -> None:
    residents = population("239.1.1.1", count=3).residents

    assert [mac_text(known.mac) for known in residents] == [
        "52:54:00:12:ab:cd", "02:ab:cd:00:00:01", "02:ab:cd:00:00:02",
    ]  # fmt: skip
    # RFC 4291, appendix A: the universal bit is inverted, ff:fe stands in the middle.
    assert [list(map(text, known.addresses)) for known in residents] == [
        ["169.254.1.1", "fe80::5054:ff:fe12:abcd"],
        ["169.254.1.2", "fe80::ab:cdff:fe00:1"],
        ["169.254.1.3", "fe80::ab:cdff:fe00:2"],
    ]


def test_addresses_that_are_given_count_upwards() -> None:
    residents = population(
        "239.1.1.1", count=2, mac=bytes.fromhex("0200000000ff"),
        addresses=(parse("10.0.0.255"), parse("fe80::f")),
    ).residents  # fmt: skip

    assert mac_text(residents[1].mac) == "02:00:00:00:01:00"
    assert list(map(text, residents[1].addresses)) == ["10.0.1.0", "fe80::10"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"count": 65_025}, "65025 hosts do not fit into 169.254.1.1 to 169.254.254.255"),
        ({"count": 2, "addresses": (parse("255.255.255.255"),)}, "past the end"),
        ({"count": 2, "mac": b"\xff" * 6}, "the MAC of host 1 lies beyond"),
        ({"count": 2, "is_distinct": True}, "the groups of host 1 run past the multicast"),
    ],
)
def test_what_runs_out_is_named(options: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        population("239.255.255.255", **options)


def test_distinct_groups_follow_those_of_the_host_before() -> None:
    residents = population("239.1.1.1+2", "ff15::1", count=2, is_distinct=True).residents

    assert [[text(known.group) for known in one.memberships] for one in residents] == [
        ["239.1.1.1", "239.1.1.2", "ff15::1"],
        ["239.1.1.3", "239.1.1.4", "ff15::2"],
    ]


@pytest.mark.parametrize("profile", PROFILE_NAMES)
def test_more_groups_and_sources_than_a_socket_takes_are_joined(profile: str) -> None:
    sources = ",".join(f"10.0.0.{number}" for number in range(1, 31))
    (resident,) = population(
        "239.1.0.0+100", f"{sources}@232.1.1.1", "10.0.0.1@239.1.0.1", profile=profile
    ).residents
    resident.boot(0)

    assert len(resident.host.group_addresses(IGMP)) == 102  # and 224.0.0.1
    (record,) = (
        record
        for datagram in resident.host.prepare()
        for record in datagram.message.records  # type: ignore[union-attr]
        if record.group == parse("232.1.1.1")
    )
    assert len(record.sources) == 30
    resident.leave(1)
    assert resident.host.group_addresses(IGMP) == (IGMP.all_hosts,)


def test_draws_are_uniform_and_those_in_a_hurry_come_first() -> None:
    count, limit = 4000, 250
    table = DrawTable(3, count)
    order = table.by_hurry(range(count))
    drawn = [table.take(index) * limit >> 32 for index in order]

    assert drawn == sorted(drawn)
    assert (min(drawn), max(drawn)) == (0, limit - 1)
    # 16 draws a value are expected: chi squared with 249 degrees of freedom, 5 sigma.
    squares = sum((drawn.count(value) - 16) ** 2 / 16 for value in range(limit))
    assert 249 - 5 * 22.3 < squares < 249 + 5 * 22.3


def test_a_host_draws_the_same_whatever_the_others_do() -> None:
    one, many = DrawTable(9, 2), DrawTable(9, 50)
    for index in range(2, 50):
        many.take(index)

    assert [one.take(1) for _ in range(20)] == [many.take(1) for _ in range(20)]


def test_a_setting_is_that_of_every_host() -> None:
    setting = parse_setting("net.ipv4.conf.all.rp_filter", "1", "eth1")
    asked = Stage(IGMP)
    asked.query(0, router=1, response=1)
    (frame,) = asked.frames()
    query = decode(frame)
    assert isinstance(query, Decoded)
    for settings, answers in (((), 3), ((setting,), 0)):
        residents = population("239.1.1.1", count=3, settings=settings).residents
        for resident in residents:
            resident.boot(0)
            resident.host.settle()
            resident.host.receive(query, SECOND)
        found = [message for known in residents for message in known.host.poll(3 * SECOND)]
        assert len(found) == answers
