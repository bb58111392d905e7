"""`mldkit explain`: what it prints for people, for programs, and for names that are none."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from mldkit.advice.table import ROWS
from mldkit.analysis.rules import BY_ID
from mldkit.cli.main import main

if TYPE_CHECKING:
    from collections.abc import Callable

    Explain = Callable[..., str]

KEYS = {
    "id", "title", "severities", "reference", "meaning", "confirm", "cure", "leave_alone",
}  # fmt: skip


@pytest.fixture
def explain(capsys: pytest.CaptureFixture[str]) -> Explain:
    def run(*words: str) -> str:
        assert main(["explain", *words]) == 0
        return capsys.readouterr().out

    return run


def test_a_rule_is_explained_from_its_meaning_to_when_to_leave_it(explain: Explain) -> None:
    lines = explain("D-01").splitlines()

    assert lines[0].startswith("D-01  Hosts report, and nobody queries ")
    assert lines[0].endswith(BY_ID["D-01"].reference)
    labels = [line[:10].strip() for line in lines[1:] if not line.startswith(" ")]
    assert labels == ["Meaning", "Severity", "Confirm", "Cure", "Leave it"]
    (cure,) = (line for line in lines if line.startswith("Cure"))
    assert cure.split()[1:3] == ["Linux", "bridge"]
    assert any(line.endswith(" ip link set br0 type bridge mcast_querier 1") for line in lines)


def test_names_may_be_aliases_in_small_letters_and_more_than_one(explain: Explain) -> None:
    blocks = explain("d-19", "v4", "D-11").split("\n\n")

    assert [block[:4] for block in blocks] == ["V-04", "D-11"]
    assert "(also D-19)" in blocks[0]


@pytest.mark.parametrize("columns", ["80", "60", None])
def test_lines_fit_and_what_is_typed_stays_whole(
    monkeypatch: pytest.MonkeyPatch, explain: Explain, columns: str | None
) -> None:
    if columns is not None:
        monkeypatch.setenv("COLUMNS", columns)
    printed = explain(*BY_ID)

    long = [line for line in printed.splitlines() if len(line) > int(columns or 100)]
    typed = {line for rule in BY_ID for cure in ROWS[rule].cures for line in cure.do}
    typed |= {line for rule in BY_ID for line in ROWS[rule].confirm}
    assert {line.strip() for line in long} <= typed
    assert not long or columns == "60"
    for line in typed:
        if line.startswith(("ip ", "bridge ", "sysctl ")):
            assert f" {line}\n" in printed, line


def test_the_document_has_the_keys_of_the_contract(explain: Explain) -> None:
    document: dict[str, Any] = json.loads(explain("--json", "D-11", "D-01"))

    assert document["schema"] == "mldkit.explain/1"
    assert [rule["id"] for rule in document["rules"]] == ["D-11", "D-01"]
    for rule in document["rules"]:
        assert set(rule) == KEYS
        assert all(set(one) == {"severity", "when"} for one in rule["severities"])
        assert all(set(one) == {"where", "do"} for one in rule["cure"])
    bridge = document["rules"][1]["cure"][0]
    assert bridge["where"] == "Linux bridge"
    assert bridge["do"].splitlines()[-1] == "ip link set br0 type bridge mcast_querier 1"


def test_without_a_name_all_rules_are_listed(explain: Explain) -> None:
    table = explain().splitlines()
    rows = [json.loads(line) for line in explain("--format", "ndjson").splitlines()]

    assert [line.split()[0] for line in table[1:]] == list(BY_ID)
    assert [row["id"] for row in rows] == list(BY_ID)
    assert len(json.loads(explain("--json"))["rules"]) == len(BY_ID)


def test_a_name_that_is_none_is_answered_with_those_near_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["explain", "D-01", "V-044"]) == 2
    complaint = capsys.readouterr()
    assert complaint.out == ""
    assert "there is no rule 'V-044'" in complaint.err
    assert "V-04" in complaint.err.splitlines()[1]

    assert main(["explain", "querier"]) == 2
    assert capsys.readouterr().err.splitlines()[1] == "hint: mldkit explain lists all rules"
