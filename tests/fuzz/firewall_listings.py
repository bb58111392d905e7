"""Target `firewall`: the rules that `nft -j list ruleset` prints, of whatever version it is.

Whatever JSON it is, a packet may be accepted or dropped or both; what may drop it has words.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from mldkit.link.firewall_rules import FirewallRules
from mldkit.model.addresses import parse
from mldkit.path.firewall import ACCEPT, DROP, Ruleset
from mldkit.path.packet_match import Packet
from tests.fuzz.target import Target, hold

if TYPE_CHECKING:
    from collections.abc import Iterator

_PACKETS = (
    Packet(parse("10.9.0.1"), parse("239.1.1.1"), 17, "eth1", port=5000),
    Packet(None, parse("ff15::1"), 17, "eth1"),
    Packet(parse("fe80::1"), parse("ff02::16"), 58, None, "eth1"),
)
_HOOKS = ("prerouting", "input", "ingress")


def one_input(data: bytes) -> int:
    """Hold the invariant against a listing; return how many objects it has."""
    try:
        listed = json.loads(data)["nftables"]
        objects = tuple(each for each in listed if isinstance(each, dict))
    except (ValueError, KeyError, TypeError, RecursionError):
        return 0  # as who reads it does
    ruleset = Ruleset(FirewallRules(objects))
    for packet in _PACKETS:
        for hook in _HOOKS:
            outcome = ruleset.judge(packet, hook)
            hold(outcome.possible, "something becomes of a packet")
            hold(outcome.possible <= {ACCEPT, DROP}, "it is accepted or dropped")
            hold(DROP not in outcome.possible or outcome.dropping, "what may drop it is named")
            hold(all(isinstance(words, str) for words in outcome.dropping), "in words")
    return len(objects)


def _rule(*statements: dict[str, Any]) -> dict[str, Any]:
    where = {"family": "inet", "table": "t", "chain": "in", "handle": 4}
    return {"rule": {**where, "expr": list(statements)}}


def _match(left: object, right: object, operation: str = "==") -> dict[str, Any]:
    return {"match": {"op": operation, "left": left, "right": right}}


def seeds() -> Iterator[bytes]:
    """Give a listing with everything that is known, and each of its parts alone."""
    chain = {"family": "inet", "table": "t", "name": "in", "type": "filter", "hook": "input",
             "prio": 0, "policy": "drop"}  # fmt: skip
    daddr = {"payload": {"protocol": "ip", "field": "daddr"}}
    parts = [
        {"set": {"family": "inet", "table": "t", "name": "s", "type": "ipv4_addr",
                 "elem": ["239.1.1.1", {"prefix": {"addr": "232.0.0.0", "len": 8}}]}},
        _rule(_match(daddr, "@s"), {"counter": {"packets": 3, "bytes": 90}}, {"accept": None}),
        _rule(_match({"meta": {"key": "iifname"}}, "eth*"), {"jump": {"target": "own"}}),
        _rule(_match({"payload": {"protocol": "udp", "field": "dport"}},
                     {"set": [{"range": [4000, 6000]}, 53]}), {"drop": None}),
        _rule({"limit": {"rate": 5, "per": "second"}}, {"return": None}),
        _rule(_match({"ct": {"key": "state"}}, ["established"], "in"), {"goto": {"target": "in"}}),
        _rule({"xt": {"type": "match", "name": "addrtype"}}, {"reject": {"type": "icmp"}}),
        _rule({"vmap": {"key": daddr, "data": {"set": [["239.1.1.1", {"drop": None}]]}}}),
    ]  # fmt: skip
    own = {"chain": {"family": "inet", "table": "t", "name": "own", "handle": 2}}
    head = [{"metainfo": {"version": "1.0.9"}}, {"table": {"family": "inet", "name": "t"}},
            {"chain": chain}, own]  # fmt: skip
    yield json.dumps({"nftables": [*head, *parts]}).encode()
    for part in parts:
        yield json.dumps({"nftables": [*head, part]}).encode()


TARGET = Target(
    "firewall",
    one_input,
    seeds,
    (b'"expr": [', b"{}", b"[]", b"null", b"true", b"-1", b'"', b'{"accept": null}', b'"prio": ',
     b'{"match": ', b'"op": "!="', b'"op": "in"', b'{"set": ', b'"elem": ', b'{"elem": {"val": ',
     b'{"prefix": ', b'{"range": [', b'"@s"', b'{"jump": {"target": "in"}}', b'"hook": "input"'),
    "objects",
    8192,
)  # fmt: skip
