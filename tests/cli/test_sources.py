"""`--source` of the verbs that send: one address a family, and no family is lost in silence."""

from __future__ import annotations

import json

import pytest

from mldkit.cli.main import main
from mldkit.model.addresses import parse

FOUR, SIX = "127.0.0.9", "fe80::9"
DRY_QUERY = ("query", "-i", "lo", "--dry-run", "--json")


def sources(output: str) -> set[str]:
    """Return where the frames of a dry run come from."""
    return {message["ip"]["src"] for message in json.loads(output)["sent"]}


@pytest.mark.parametrize(
    "command",
    [
        ("query", "-i", "lo"),
        ("querier", "-i", "lo"),
        ("report", "-i", "lo", "TO_EX(239.1.1.1)", "TO_EX(ff15::1)"),
    ],
    ids=lambda command: command[0],
)
def test_two_addresses_of_one_family_are_an_error(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, "--source", "10.0.0.1", "--source", "10.0.0.2"]) == 2
    assert capsys.readouterr().err == (
        "mldkit: argument --source: 10.0.0.1 and 10.0.0.2 are both IGMP\n"
        "hint: one address a family\n"
    )


def test_each_family_comes_from_its_own_address(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*DRY_QUERY, "--source", FOUR, "--source", SIX]) == 0
    output = capsys.readouterr()
    assert sources(output.out) == {FOUR, SIX}
    assert "left out" not in output.err


def test_records_of_both_families_take_both(capsys: pytest.CaptureFixture[str]) -> None:
    records = ("TO_EX(239.1.1.1)", "TO_EX(ff15::1)")
    command = ("report", "-i", "lo", *records, "--dry-run", "--json")
    assert main([*command, "--source", SIX, "--source", FOUR]) == 0
    assert sources(capsys.readouterr().out) == {FOUR, SIX}


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (("--source", FOUR), "MLD is left out: --source names IGMP only"),
        (("--source", SIX), "IGMP is left out: --source names MLD only"),
        (("--source", SIX, "--version", "mld1"), "IGMP is left out: --source names MLD only"),
        (("--source", SIX, "--set", "MLDv2Query.qrv=7"), "IGMP is left out: --source names MLD"),
    ],
)
def test_a_family_without_an_address_among_them_is_named(
    options: tuple[str, ...], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*DRY_QUERY, *options]) == 0
    notes = capsys.readouterr().err.splitlines()
    assert [one for one in notes if "left out" in one] == [
        next(one for one in notes if one.startswith(f"note: {line}"))
    ]


def test_what_the_line_says_takes_the_other_family_in_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    # The loopback interface has 127.0.0.1 and no link-local address.
    assert main([*DRY_QUERY, "-4", "-6", "--source", SIX]) == 0
    assert sources(capsys.readouterr().out) == {"127.0.0.1", SIX}

    assert main(list(DRY_QUERY)) == 0
    notes = capsys.readouterr().err
    advice = "(add -4 -6 --source fe80::ADDR)"
    assert f"MLD is left out: lo has no usable IPv6 link-local address {advice}" in notes


@pytest.mark.parametrize("group", ["224.0.0.1", "ff02::1"])
@pytest.mark.parametrize("verb", [("query",), ("report", "TO_EX(239.1.1.1)")], ids=len)
def test_a_group_is_nobodys_address(
    verb: tuple[str, ...], group: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(parse(group)) in (4, 16)
    assert main([*verb, "-i", "lo", "--source", group]) == 2
    assert f"argument --source: {group} is a group" in capsys.readouterr().err
