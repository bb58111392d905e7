"""The rows of advice: none is missing, none says what cannot be typed."""

from __future__ import annotations

import shlex

import pytest

from mldkit.advice.advice import BRIDGE, Advice
from mldkit.advice.table import MODULES, ROWS, cure, grounds, named_rule, near_names
from mldkit.analysis.diagnosis import RANK
from mldkit.analysis.rules import BY_ID
from mldkit.cli.main import VERBS, build_parser

ACTED_ON = [row for row in ROWS.values() if row.grounds[0].severity != "info"]
LINES = [line for row in ROWS.values() for line in row.confirm] + [
    line for row in ROWS.values() for one in row.cures for line in one.do
]
NAMES = {
    "FILE": "a.pcap",
    "GROUP": "239.1.1.1",
    "SOURCE.pcapng": "a",
    "MEMBER.pcapng": "b",
    "HOST.pcapng": "a",
    "ROUTER.pcapng": "b",
}
OWN = sorted({line for line in LINES if line.startswith("mldkit ")})


def test_every_rule_has_one_row() -> None:
    rules = [row.rule for module in MODULES for row in module.ROWS]

    assert sorted(rules) == sorted(BY_ID)


@pytest.mark.parametrize("row", ACTED_ON, ids=[row.rule for row in ACTED_ON])
def test_what_can_be_worse_than_a_remark_says_what_to_do(row: Advice) -> None:
    assert row.brief
    assert row.confirm
    assert row.cures
    assert row.leave_alone


@pytest.mark.parametrize("rule", BY_ID)
def test_a_row_has_grounds_for_the_severity_of_its_rule(rule: str) -> None:
    assert grounds(rule, BY_ID[rule].severity)


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_a_row_reads_as_all_others_do(row: Advice) -> None:
    severities = [ground.severity for ground in row.grounds]
    phrases = [*(ground.when for ground in row.grounds), row.brief, row.leave_alone]

    assert row.meaning[0].isupper()
    assert row.meaning.endswith(".")
    assert severities == sorted(set(severities), key=RANK.__getitem__)
    assert not any(phrase.endswith((".", ";", ":")) for phrase in phrases)
    assert all(phrase[0].islower() or phrase[0] in "IM" for phrase in phrases if phrase)
    assert len(row.brief) <= 100


def test_what_a_bridge_is_told_can_be_typed() -> None:
    lines = [
        line for row in ROWS.values() for one in row.cures if one.where == BRIDGE for line in one.do
    ]

    assert lines
    for line in lines:
        assert line.startswith(("ip link set br0 ", "bridge link set dev eth1 ", "# ")), line


@pytest.mark.parametrize("line", OWN)
def test_our_own_commands_exist(line: str) -> None:
    words = [NAMES.get(word, word) for word in shlex.split(line.replace("--frame N", "--frame 1"))]

    build_parser(words[1]).parse_args(words[1:])

    assert words[1] in VERBS


def test_our_own_commands_are_among_what_confirms() -> None:
    assert len(OWN) >= 10


@pytest.mark.parametrize(
    ("name", "rule"),
    [("D-01", "D-01"), ("d-01", "D-01"), ("D1", "D-01"), (" v_4 ", "V-04"), ("D-19", "V-04"),
     ("m-30", "V-01")],
)  # fmt: skip
def test_a_rule_has_many_names(name: str, rule: str) -> None:
    found = named_rule(name)

    assert found is not None
    assert found.id == rule


@pytest.mark.parametrize("name", ["", "D", "D-99", "01", "D-01x", "querier", "D-" + "1" * 5000])
def test_other_words_name_no_rule(name: str) -> None:
    assert named_rule(name) is None


def test_names_that_look_alike_are_found() -> None:
    assert "V-04" in near_names("v-044")
    assert near_names("querier") == []


def test_one_line_says_what_to_do_and_another_one_why() -> None:
    assert cure("D-01") == "give this link a querier"
    assert cure("V-02") is None
    assert cure("Z-01") is None
    assert "flood" in (grounds("D-01", "info") or "")
    assert grounds("V-02", "error") is None
    assert grounds("Z-01", "info") is None
