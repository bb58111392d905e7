"""What the rules of nftables do with one packet, as far as that is certain.

A rule is a row of statements: matches first, then what is done. What a match would need to know and
nobody does (the state of a connection, a port that was not named, a rate) may match or not, so each
rule has a set of possible outcomes, and a chain the union of what its rules can lead to::

    outcome of a rule    next | accept | drop | return
    outcome of a chain   accept | drop, from the first rule that must end it, or its policy

One element: that is what happens. Both: it cannot be told, and the rules that may drop are named.
Nothing is guessed from a statement that is not known here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mldkit.path.packet_match import fact, within
from mldkit.path.rule_words import chain_name, rule_text, statement_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mldkit.link.firewall_rules import FirewallRules
    from mldkit.path.packet_match import Packet
    from mldkit.path.rule_words import Json, Value

ACCEPT, DROP, NEXT, RETURN = "accept", "drop", "next", "return"
_WITHOUT_EFFECT = frozenset(
    ("counter", "log", "comment", "mangle", "notrack", "meta", "set", "ct helper", "flow")
)
_MOST_JUMPS = 16
_NOT_UNDERSTOOD = (
    *(AttributeError, IndexError, KeyError, RuntimeError, StopIteration, TypeError, ValueError),
)
"""What comes of a rule that has another form than any that is known here."""
_FAMILIES = {4: ("ip", "inet"), 16: ("ip6", "inet")}


@dataclass(slots=True)
class Outcome:
    """What the rules of a hook can do with a packet."""

    possible: frozenset[str]
    dropping: list[str] = field(default_factory=list)
    """The rules that drop it, or may, in words."""
    counted: int | None = None
    """Packets that the first of them has counted."""
    chain: str = ""
    """Where the first of them stands: family, table, chain."""
    rules: int = 0
    """How many rules the hook has in all."""


class Ruleset:
    """The rules of one network namespace by chain."""

    def __init__(self, rules: FirewallRules) -> None:
        self.chains: list[Json] = []
        self.rules: dict[tuple[str, str, str], list[Json]] = {}
        self.sets: dict[tuple[str, str, str], Json] = {}
        for each in rules.objects:
            for kind, entry in each.items():
                if not _is_named(kind, entry):
                    continue
                if kind == "chain":
                    self.chains.append(entry)
                elif kind == "rule":
                    self.rules.setdefault(_place(entry, "chain"), []).append(entry)
                elif kind in ("set", "map"):
                    self.sets[_place(entry, "name")] = entry

    def judge(
        self, packet: Packet, hook: str, families: tuple[str, ...] = (), device: str | None = None
    ) -> Outcome:
        """Return what the chains of a hook can do with a packet, in the order of their priority.

        `families` are those of nftables, by default the packet's own; `device` is the interface of
        a chain of the family netdev.
        """
        wanted = families or _FAMILIES[len(packet.destination)]
        chains = [
            chain
            for chain in self.chains
            if chain.get("hook") == hook
            and chain.get("family") in wanted
            and (device is None or device in _listed(chain.get("dev", ())))
        ]
        outcome = Outcome(frozenset((ACCEPT,)))
        judge = _Judge(self, packet, outcome)
        for chain in sorted(chains, key=_priority):
            possible = judge.chain(chain, 0)
            policy = DROP if chain.get("policy") == DROP else ACCEPT
            ends = {policy if each in (NEXT, RETURN) else each for each in possible}
            if policy == DROP and possible & {NEXT, RETURN}:
                _note(outcome, chain, f"policy of {chain_name(chain)}: drop", None)
            if DROP in ends:
                outcome.possible |= {DROP}
            if ACCEPT not in ends:
                outcome.possible = frozenset((DROP,))
                break
        return outcome


class _Judge:
    """One packet on its way through chains; what it finds it notes in the outcome."""

    def __init__(self, ruleset: Ruleset, packet: Packet, outcome: Outcome) -> None:
        self._ruleset = ruleset
        self._packet = packet
        self._outcome = outcome
        self._known: dict[tuple[str, str, str], frozenset[str]] = {}
        self._open: set[tuple[str, str, str]] = set()

    def chain(self, chain: Json, depth: int) -> frozenset[str]:
        """Return what can come of a chain: `next` is its end without a verdict.

        A chain is gone through once, however many rules lead to it.
        """
        key = (chain["family"], chain["table"], chain["name"])
        if key not in self._known:
            self._open.add(key)
            self._known[key] = frozenset(self._ends(key, depth))
            self._open.remove(key)
        return self._known[key]

    def _ends(self, key: tuple[str, str, str], depth: int) -> set[str]:
        possible: set[str] = set()
        for rule in self._ruleset.rules.get(key, ()):
            self._outcome.rules += 1
            try:
                ends = self._rule(rule, depth)
            except _NOT_UNDERSTOOD:
                # Another version of nft, with another form of something: it may do anything.
                _note(self._outcome, rule, f"may drop: a rule of {chain_name(rule)}", None)
                ends = {NEXT, ACCEPT, DROP}
            possible |= ends - {NEXT}
            if NEXT not in ends:
                return possible
        return possible | {NEXT}

    def _rule(self, rule: Json, depth: int) -> set[str]:
        is_certain = True
        counted = None
        for statement in rule.get("expr", ()):
            kind, value = statement_of(statement)
            if kind == "match" and isinstance(value, dict):
                matches = self._match(rule, value)
                if matches is False:
                    return {NEXT}
                is_certain = is_certain and matches is True
            elif kind == "counter" and isinstance(value, dict):
                counted = value.get("packets")
            elif kind in (ACCEPT, DROP, RETURN, "reject", "jump", "goto"):
                ends = self._verdict(rule, (kind, value), depth)
                if DROP in ends and kind in (DROP, "reject"):
                    _note(self._outcome, rule, rule_text(rule), counted)
                return ends if is_certain else ends | {NEXT}
            elif kind in ("queue", "vmap", "xt", "tproxy", "dnat", "redirect"):
                # A target or a match of iptables, or somebody else who decides.
                _note(self._outcome, rule, f"may drop: {rule_text(rule)}", counted)
                return {NEXT, ACCEPT, DROP}
            elif kind not in _WITHOUT_EFFECT:
                is_certain = False  # a rate, a quota, a match that is not known here
        return {NEXT}

    def _verdict(self, rule: Json, statement: tuple[str, Value], depth: int) -> set[str]:
        kind, value = statement
        if kind in (DROP, "reject"):
            return {DROP}
        if kind in (ACCEPT, RETURN):
            return {kind}
        name = value.get("target") if isinstance(value, dict) else None
        target = next(
            (
                chain
                for chain in self._ruleset.chains
                if _place(chain, "name") == (rule["family"], rule["table"], name)
            ),
            None,
        )
        # No kernel takes a jump in circles.
        if target is None or depth >= _MOST_JUMPS or _place(target, "name") in self._open:
            _note(self._outcome, rule, f"may drop: {rule_text(rule)}", None)
            return {NEXT, ACCEPT, DROP}
        ends = self.chain(target, depth + 1)
        back = NEXT if kind == "jump" else RETURN
        return {back if each in (NEXT, RETURN) else each for each in ends}

    def _match(self, rule: Json, match: Json) -> bool | None:
        """Return whether a match holds; None: that cannot be known."""
        known = fact(match.get("left"), self._packet)
        if known is None:
            return None
        if not known and statement_of(match.get("left"))[0] == "payload":
            return False  # nft asks for the protocol first, whatever it compares then
        found = self._contains(rule, match.get("right"), known)
        operation = match.get("op", "==")
        if found is None or operation not in ("==", "in", "!="):
            return None
        return found is not (operation == "!=")

    def _contains(self, rule: Json, wanted: Value, known: tuple[Value, ...]) -> bool | None:
        """Return whether one of the ways to write a known value is what a match wants."""
        if isinstance(wanted, dict):
            kind, value = statement_of(wanted)
            if kind == "set" and isinstance(value, list):
                return _any(self._contains(rule, each, known) for each in value)
            if kind in ("prefix", "range"):
                return within(kind, value, known)
            if kind == "elem" and isinstance(value, dict):
                return self._contains(rule, value.get("val"), known)
            return None
        if isinstance(wanted, str) and wanted.startswith("@"):
            named = self._ruleset.sets.get((rule["family"], rule["table"], wanted[1:]))
            elements = None if named is None else named.get("elem", [])
            if elements is None:
                return None
            return _any(self._contains(rule, each, known) for each in elements)
        if isinstance(wanted, list):
            return _any(self._contains(rule, each, known) for each in wanted)
        if isinstance(wanted, str) and wanted.endswith("*"):
            return any(str(each).startswith(wanted[:-1]) for each in known)
        return wanted in known


def _any(found: Iterable[bool | None]) -> bool | None:
    outcome: bool | None = False
    for each in found:
        if each:
            return True
        outcome = None if each is None else outcome
    return outcome


def _note(outcome: Outcome, entry: Json, words: str, counted: int | None) -> None:
    if not outcome.dropping:
        outcome.counted = counted
        outcome.chain = chain_name(entry)
    outcome.dropping.append(words)


def _priority(chain: Json) -> int:
    priority = chain.get("prio", 0)
    return priority if isinstance(priority, int) else 0


def _is_named(kind: str, entry: Value) -> bool:
    """Return whether it is an object that says in words which one it is."""
    if not isinstance(entry, dict):
        return False
    own = "chain" if kind == "rule" else "name"
    return all(isinstance(entry.get(word), str) for word in ("family", "table", own))


def _place(entry: Json, name: str) -> tuple[str, str, str]:
    return entry.get("family", ""), entry.get("table", ""), entry.get(name, "")


def _listed(value: Value) -> list[Value]:
    return value if isinstance(value, list) else [value]
