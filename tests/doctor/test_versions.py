"""Who speaks an older version, and because of whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.model.addresses import text

if TYPE_CHECKING:
    from mldkit.model.family import Family
    from mldkit.testing.stage import Stage
    from tests.doctor.conftest import Doctor


def _names(family: Family) -> tuple[str, str]:
    """Return the older version and the current one in words."""
    name, current = family.name.upper(), family.current_version
    return f"{name}v{current - 1}", f"{name}v{current}"


def test_a_host_that_was_never_heard_in_a_newer_version_did_not_fall_back(
    stage: Stage, doctor: Doctor
) -> None:
    older = stage.family.current_version - 1
    stage.older_report(0, 1)
    for round_ in range(4):
        stage.query(10 + 125 * round_, version=older)
        stage.older_report(15 + 125 * round_, 1)

    told = doctor(stage)

    assert "fell back" not in told.text
    assert "1 host in an older version" in told.text


def test_a_host_that_spoke_the_current_version_fell_back_because_of_the_querier(
    stage: Stage, doctor: Doctor
) -> None:
    older, _ = _names(stage.family)
    stage.query(0)
    stage.report(3, "IS_EX", 1)
    stage.query(60, router=2, version=stage.family.current_version - 1)
    stage.older_report(63, 1)

    told = doctor(stage)

    host, router = text(stage.host()), text(stage.router(2))
    assert f"{host} fell back to {older} because of {router}, which asked so from" in told.text


def test_an_older_query_for_one_group_is_named_as_the_cause(stage: Stage, doctor: Doctor) -> None:
    older, current = _names(stage.family)
    stage.query(0)
    stage.report(3, "IS_EX", 1, 2)
    stage.query(20, 1, version=stage.family.current_version - 1, response=1)
    stage.older_report(20.4, 1)
    stage.query(125)
    for group in (1, 2):
        stage.older_report(128 + group, group)

    told = doctor(stage)

    host, router, group_asked = (
        text(address) for address in (stage.host(), stage.router(), stage.group(1))
    )
    assert (
        f"{host} fell back to {older} because of {router}, which asked for single groups in it from"
    ) in told.text
    assert "though no querier asks" not in told.text
    (finding,) = told.findings("D-39")
    assert finding["severity"] == "warning"
    assert finding["detail"].startswith(
        f"{router} asks for {group_asked} in {older}, General Queries are {current}"
    )
    # What hosts do about it is not certain, so nobody is blamed for the version it speaks.
    assert "D-09" not in told.ids


def test_an_older_query_for_a_group_of_older_hosts_is_a_remark(
    stage: Stage, doctor: Doctor
) -> None:
    older = stage.family.current_version - 1
    stage.query(0)
    stage.older_report(3, 1)
    stage.report(4, "IS_EX", 2, host=2)
    stage.query(20, 1, version=older, response=1)
    stage.older_report(20.4, 1)

    told = doctor(stage)

    assert told.severity("D-39") == "info"
    assert "no member of this one is known to speak a newer version" in told.text


def test_an_older_querier_may_ask_for_groups_in_its_version(stage: Stage, doctor: Doctor) -> None:
    older = stage.family.current_version - 1
    stage.query(0, version=older)
    stage.older_report(3, 1)
    stage.leave(20, 1)
    stage.query(20.1, 1, version=older, response=1)
    stage.query(21.1, 1, version=older, response=1)

    assert "D-39" not in doctor(stage).ids


def test_a_host_comes_back_when_the_older_querier_has_gone(stage: Stage, doctor: Doctor) -> None:
    _, current = _names(stage.family)
    stage.query(0)
    stage.report(3, "IS_EX", 1)
    stage.query(60, router=2, version=stage.family.current_version - 1)
    stage.older_report(63, 1)
    for round_ in range(1, 5):
        stage.query(125 * round_)
        if round_ < 3:
            stage.older_report(125 * round_ + 3, 1)
        else:
            stage.report(125 * round_ + 3, "IS_EX", 1)

    told = doctor(stage)

    assert f"and came back to {current}" in told.text
    (row,) = told.document["memberships"]
    versions = [change["version"] for change in row["changes"]]
    number = stage.family.current_version
    assert versions == [number, number - 1, number]
