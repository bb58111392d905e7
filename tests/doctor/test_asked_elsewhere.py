"""Hosts report in one VLAN, and the querier asks in others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.testing.stage import Stage

if TYPE_CHECKING:
    from tests.doctor.conftest import Doctor

ROUNDS = (0, 125, 250, 375)


def asked(stage: Stage, *vlans: int) -> list[Stage]:
    """Return links on which a querier asks and nobody is."""
    stages = [Stage(stage.family, vlan=(vlan,) if vlan else ()) for vlan in vlans]
    for one in stages:
        for at in ROUNDS:
            one.query(at)
    return stages


def test_queries_on_other_vlans_only_are_told_where_the_hosts_are(
    stage: Stage, doctor: Doctor
) -> None:
    for at in ROUNDS:
        stage.report(at + 3, "IS_EX", 1)

    told = doctor([stage, *asked(stage, 311, 312, 331, 332, 411)])

    (finding,) = told.findings("D-50")
    assert finding["severity"] == "info"
    assert finding["vlan"] == []
    assert "queries come on VLAN 311, 312, 331 and 2 more only" in told.text


def test_hosts_on_a_vlan_are_told_of_queries_without_a_tag(stage: Stage, doctor: Doctor) -> None:
    tagged = Stage(stage.family, vlan=(20,))
    for at in ROUNDS:
        tagged.report(at + 3, "IS_EX", 1)

    told = doctor([tagged, *asked(stage, 0)])

    (finding,) = told.findings("D-50")
    assert finding["vlan"] == [20]
    assert finding["detail"] == "queries come without a tag only, reports on VLAN 20"


def test_a_vlan_with_a_querier_of_its_own_is_not_asked_elsewhere(
    stage: Stage, doctor: Doctor
) -> None:
    for at in ROUNDS:
        stage.query(at)
        stage.report(at + 3, "IS_EX", 1)

    told = doctor([stage, *asked(stage, 311)])

    assert told.ids == set()


def test_another_interface_is_another_network(stage: Stage, doctor: Doctor) -> None:
    for at in ROUNDS:
        stage.report(at + 3, "IS_EX", 1)

    told = doctor([stage, *asked(stage, 0)], interfaces=("eth0", "eth1"))

    assert "D-01" in told.ids
    assert "D-50" not in told.ids


def test_a_priority_tag_is_no_vlan(stage: Stage, doctor: Doctor) -> None:
    tagged = Stage(stage.family, vlan=(0,))
    for at in ROUNDS:
        tagged.report(at + 3, "IS_EX", 1)

    told = doctor([tagged, *asked(stage, 0)])

    assert told.code == 0
    assert told.ids.isdisjoint({"D-01", "D-50"})
    (row,) = told.document["memberships"]
    assert (row["vlan"], row["reports"]) == ([], 4)
