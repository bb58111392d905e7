"""Listings of nftables that no kernel test can have: other versions, other forms, many chains."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from mldkit.link.firewall_rules import FirewallRules
from mldkit.model.addresses import parse
from mldkit.path.firewall import ACCEPT, DROP, Outcome, Ruleset
from mldkit.path.packet_match import Packet

PACKET = Packet(parse("10.9.0.1"), parse("239.1.1.1"), 17, "eth1")
PLACE = {"family": "ip", "table": "t"}


def chain(name: str, **more: object) -> dict[str, Any]:
    return {"chain": {**PLACE, "name": name, **more}}


def rule(name: str, *statements: object) -> dict[str, Any]:
    return {"rule": {**PLACE, "chain": name, "expr": list(statements)}}


def judged(*objects: dict[str, Any], policy: object = "accept") -> Outcome:
    base = chain("in", hook="input", prio=0, policy=policy)
    return Ruleset(FirewallRules((base, *objects))).judge(PACKET, "input")


def test_a_pattern_for_the_interface_out_matches_no_packet_that_comes_in() -> None:
    left = {"meta": {"key": "oifname"}}
    dropping = rule("in", {"match": {"op": "==", "left": left, "right": "eth*"}}, {"drop": None})

    assert judged(dropping).possible == {ACCEPT}


@pytest.mark.parametrize(
    "statement",
    [
        "accept",
        {},
        {"match": None},
        {"match": {"left": {"payload": {"protocol": [], "field": {}}}}},
        {"jump": "own"},
        {"match": {"op": "==", "left": {"meta": {"key": "iifname"}}, "right": {"set": 5}}},
        {"match": {"op": "==", "left": {"meta": {"key": "iifname"}}, "right": {"set": [{}]}}},
    ],
    ids=repr,
)
def test_a_statement_of_another_form_may_do_anything_and_is_named(statement: object) -> None:
    outcome = judged(rule("in", statement, {"drop": None}))

    assert outcome.possible == {ACCEPT, DROP}
    assert any("ip t in" in words for words in outcome.dropping)


def test_a_policy_that_is_not_known_is_the_usual_one() -> None:
    assert judged(policy=["drop"]).possible == {ACCEPT}


def test_objects_without_a_name_are_no_chains_and_rules() -> None:
    nameless = {"chain": {"family": "ip", "hook": "input", "policy": "drop"}}

    assert judged(nameless, {"rule": {"expr": []}}, {"rule": 7}).possible == {ACCEPT}


def test_a_jump_in_circles_ends_and_is_named() -> None:
    outcome = judged(rule("in", {"goto": {"target": "in"}}))

    assert outcome.possible == {ACCEPT, DROP}
    assert outcome.dropping == ["may drop: ip t in: goto in"]


def test_a_chain_is_gone_through_once_however_many_rules_lead_to_it() -> None:
    names = ["in", *(f"c{number}" for number in range(14))]
    jumps = [
        rule(here, {"jump": {"target": there}})
        for here, there in pairwise(names)
        for _ in range(50)
    ]
    outcome = judged(*(chain(name) for name in names[1:]), *jumps, rule("c13", {"drop": None}))

    assert outcome.possible == {DROP}
    assert outcome.rules <= len(jumps) + 1
