"""Rules of nftables with three values, and rules that make no sense at all."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mldkit.link.firewall_rules import FirewallRules
from mldkit.model.addresses import parse
from mldkit.path.firewall import ACCEPT, DROP, Ruleset
from mldkit.path.packet_match import Packet

PACKET = Packet(parse("10.9.0.1"), parse("239.1.2.3"), 17, incoming="eth1")


def ruleset(*rules: list[dict[str, Any]], policy: str = "accept", **more: Any) -> Ruleset:
    chain = {
        "family": "inet",
        "table": "t",
        "name": "c",
        "hook": "input",
        "prio": 0,
        "policy": policy,
    }
    entries = [{"chain": chain}, *more.get("also", ())]
    entries += [
        {"rule": {"family": "inet", "table": "t", "chain": "c", "expr": expr}} for expr in rules
    ]
    return Ruleset(FirewallRules(tuple(entries)))


def match(left: object, right: object, op: str = "==") -> dict[str, Any]:
    return {"match": {"op": op, "left": left, "right": right}}


DADDR = {"payload": {"protocol": "ip", "field": "daddr"}}
PORT = {"payload": {"protocol": "udp", "field": "dport"}}
STATE = {"ct": {"key": "state"}}


@pytest.mark.parametrize(
    ("rules", "policy", "possible"),
    [
        ([], "accept", {ACCEPT}),
        ([], "drop", {DROP}),
        ([[match(DADDR, "239.1.2.3"), {"drop": None}]], "accept", {DROP}),
        ([[match(DADDR, "239.1.2.4"), {"drop": None}]], "accept", {ACCEPT}),
        ([[match(DADDR, "239.1.2.4", "!="), {"drop": None}]], "accept", {DROP}),
        ([[match(PORT, 5000), {"drop": None}]], "accept", {ACCEPT, DROP}),
        ([[match(PORT, 5000), {"accept": None}]], "drop", {ACCEPT, DROP}),
        (
            [[match(STATE, "established"), {"accept": None}], [{"drop": None}]],
            "accept",
            {ACCEPT, DROP},
        ),
        ([[match(STATE, "new"), {"drop": None}], [{"drop": None}]], "accept", {DROP}),
        ([[{"accept": None}], [{"drop": None}]], "drop", {ACCEPT}),
        ([[{"counter": {"packets": 3}}, {"return": None}]], "drop", {DROP}),
        ([[{"limit": {"rate": 1}}, {"drop": None}]], "accept", {ACCEPT, DROP}),
        ([[{"xt": None}]], "accept", {ACCEPT, DROP}),
        ([[{"jump": {"target": "nowhere"}}]], "accept", {ACCEPT, DROP}),
        ([[{"log": None}, {"mangle": {}}]], "accept", {ACCEPT}),
        ([[match(DADDR, {"range": ["239.1.2.0", "239.1.2.9"]}), {"drop": None}]], "accept", {DROP}),
        ([[match(DADDR, "@unheard"), {"drop": None}]], "accept", {ACCEPT, DROP}),
        (
            [[match({"fib": {"result": "type"}}, "unicast"), {"drop": None}]],
            "accept",
            {ACCEPT, DROP},
        ),
    ],
)
def test_what_can_come_of_a_packet(
    rules: list[list[dict[str, Any]]], policy: str, possible: set[str]
) -> None:
    assert ruleset(*rules, policy=policy).judge(PACKET, "input").possible == possible


def test_a_chain_that_calls_itself_ends() -> None:
    loop = {
        "rule": {"family": "inet", "table": "t", "chain": "l", "expr": [{"jump": {"target": "l"}}]}
    }
    chain = {"chain": {"family": "inet", "table": "t", "name": "l"}}
    outcome = ruleset([{"jump": {"target": "l"}}], also=(chain, loop)).judge(PACKET, "input")
    assert outcome.possible == {ACCEPT, DROP}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ("match", "left", "right", "op", "payload", "meta", "key", "set", "prefix", "range",
             "addr", "len", "elem", "val", "jump", "goto", "target", "drop", "counter", "protocol")
        ), inner, max_size=3,
    ),
    max_leaves=8,
)  # fmt: skip


@given(st.lists(st.lists(JSON, max_size=3), max_size=3))
def test_whatever_nft_prints_is_no_traceback(rules: list[list[Any]]) -> None:
    outcome = ruleset(*rules).judge(PACKET, "input")
    assert outcome.possible <= {ACCEPT, DROP}
    assert outcome.possible
