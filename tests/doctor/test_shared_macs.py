"""Which MAC reports for whom: virtual routers, client bridges, changed cards, groups that share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mldkit.model.addresses import parse, parse_mac, text
from mldkit.model.family import IGMP
from mldkit.model.messages import GroupRecord, RecordType

if TYPE_CHECKING:
    from mldkit.testing.stage import Stage
    from tests.doctor.conftest import Doctor

VRRP, HSRP, CARD = "00:00:5e:00:01:33", "00:00:0c:9f:f0:0a", "02:00:00:00:77:01"


def answer(stage: Stage, *senders: tuple[int, str], rounds: int = 3) -> None:
    """Let a router ask, and hosts answer in turn, each from a MAC."""
    for round_ in range(rounds):
        stage.query(125 * round_)
        for place, (host, mac) in enumerate(senders):
            at = 125 * round_ + 2 + 2 * place
            stage.report(at, "IS_EX", 1, host=host, link_source=parse_mac(mac))


@pytest.mark.parametrize("mac", [VRRP, "00:00:5e:00:02:05", HSRP, "00:00:0c:07:ac:01"])
def test_two_routers_that_report_from_the_virtual_mac_are_warned_of(
    stage: Stage, doctor: Doctor, mac: str
) -> None:
    answer(stage, (1, mac), (2, mac))

    told = doctor(stage)

    (finding,) = told.findings("D-37")
    assert finding["severity"] == "warning"
    for name in (mac, text(stage.host(1)), text(stage.host(2))):
        assert name in finding["detail"]
    assert finding["frames"] == [3, 5, 6, 8, 9]
    assert mac in told.text


def test_a_virtual_router_that_fails_over_and_back_is_in_order(
    stage: Stage, doctor: Doctor
) -> None:
    for round_, host in enumerate((1, 1, 2, 2, 1, 1)):
        stage.query(125 * round_)
        stage.report(125 * round_ + 2, "IS_EX", 1, host=host, link_source=parse_mac(VRRP))

    assert "D-37" not in doctor(stage).ids


def test_a_virtual_router_and_its_members_in_good_order_raise_nothing(
    stage: Stage, doctor: Doctor
) -> None:
    # The active router has an address of its own and may use it with both MACs.
    answer(stage, (1, CARD), (1, VRRP), (2, "02:00:00:00:77:02"))

    assert "D-37" not in doctor(stage).ids


def test_two_hosts_behind_a_client_bridge_are_a_remark(stage: Stage, doctor: Doctor) -> None:
    answer(stage, (1, CARD), (2, CARD))

    told = doctor(stage)

    (finding,) = told.findings("D-37")
    assert finding["severity"] == "info"
    assert CARD in finding["detail"]
    assert "client bridge" in told.text
    assert told.code == 0


def test_a_host_that_gets_another_address_is_one_host(stage: Stage, doctor: Doctor) -> None:
    for round_, host in enumerate((1, 1, 2, 2, 2)):
        stage.query(125 * round_)
        stage.report(125 * round_ + 2, "IS_EX", 1, host=host, link_source=parse_mac(CARD))

    told = doctor(stage)

    assert told.ids == set()
    assert told.code == 0


def test_beside_a_host_of_the_same_mac_that_was_there_before_another_one_is_silent(
    stage: Stage, doctor: Doctor
) -> None:
    for round_ in range(5):
        stage.query(125 * round_)
        for host in (1, 2) if round_ < 2 else (2,):
            at = 125 * round_ + 2 + host
            stage.report(at, "IS_EX", 1, host=host, link_source=parse_mac(CARD))

    told = doctor(stage)

    assert told.severity("D-07") == "error"
    assert text(stage.host(1)) in told.findings("D-07")[0]["detail"]


def test_a_new_host_of_the_same_mac_in_another_group_answers_for_nobody(
    stage: Stage, doctor: Doctor
) -> None:
    for round_ in range(5):
        stage.query(125 * round_)
        host = 1 if round_ < 2 else 2
        stage.report(125 * round_ + 2, "IS_EX", host, host=host, link_source=parse_mac(CARD))

    assert doctor(stage).severity("D-07") == "error"


def test_a_host_without_an_address_is_nobody_else(stage: Stage, doctor: Doctor) -> None:
    mac = parse_mac(CARD)
    for round_ in range(4):
        at = 30 * round_
        stage.report(at, "TO_EX", 1, source=stage.family.unspecified, link_source=mac)
        stage.report(at + 1, "TO_EX", 1, link_source=mac)

    assert "D-37" not in doctor(stage).ids


def test_the_time_at_which_a_card_was_changed_is_said(stage: Stage, doctor: Doctor) -> None:
    new = "02:00:00:00:77:02"
    for round_, mac in enumerate((CARD, CARD, new, new)):
        stage.query(125 * round_)
        stage.report(125 * round_ + 2, "IS_EX", 1, link_source=parse_mac(mac))

    told = doctor(stage)

    (finding,) = told.findings("D-37")
    assert finding["severity"] == "info"
    assert finding["detail"].startswith(
        f"{text(stage.host(1))} reports from {new} since 22:17:32 UTC, before that from {CARD}"
    )
    assert finding["frames"] == [6]


def test_two_hosts_with_one_address_are_told_by_their_macs(stage: Stage, doctor: Doctor) -> None:
    other = "02:00:00:00:77:02"
    answer(stage, (1, CARD), (1, other))

    (finding,) = doctor(stage).findings("D-37")

    assert f"{CARD} and {other} by turns, 5 changes" in finding["detail"]
    assert finding["severity"] == "info"


def test_a_group_with_the_mac_of_all_nodes_is_told(stage: Stage, doctor: Doctor) -> None:
    names = ("225.0.0.1", "239.128.0.1") if stage.family is IGMP else ("ff12::1", "ff05::1:0:1")
    for number, name in enumerate(names):
        stage.query(125 * number)
        stage.records(125 * number + 2, [GroupRecord(RecordType.IS_EX, parse(name))])

    told = doctor(stage)

    (finding,) = told.findings("D-28")
    everybody = text(stage.family.all_hosts)
    assert finding["detail"].startswith(f"{everybody} and {names[0]} both use ")
    assert finding["count"] == 2
    assert finding["severity"] == "info"
    assert f"{everybody} without a report" in told.text


def test_the_groups_next_to_all_nodes_share_nothing(stage: Stage, doctor: Doctor) -> None:
    names = ("225.0.0.2", "239.0.1.1") if stage.family is IGMP else ("ff12::2", "ff12::1:1")
    stage.query(0)
    for number, name in enumerate(names):
        stage.records(2 + number, [GroupRecord(RecordType.TO_EX, parse(name))])

    assert "D-28" not in doctor(stage).ids
