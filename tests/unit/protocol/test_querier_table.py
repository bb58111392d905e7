"""The action table of routers, as the RFCs print it, against what the querier does.

The rows below are those of RFC 9776 §6.4.1, §6.4.2 and RFC 9777 §7.4.1, §7.4.2 (the text of
RFC 3376, RFC 3810): state, record, new state, actions. The test reads them, computes sets and
timers, and compares every state until all timers have ended.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mldkit.model.family import IGMP, MLD, Family
from mldkit.model.units import SECOND
from mldkit.testing.addressing import numbers_of
from tests.unit.protocol.router import Router

TABLE = """
INCLUDE (A)   | IS_IN (B) | INCLUDE (A+B)           | (B)=GMI
INCLUDE (A)   | IS_EX (B) | EXCLUDE (A*B,B-A)       | (B-A)=0; Delete (A-B); Group Timer=GMI
EXCLUDE (X,Y) | IS_IN (A) | EXCLUDE (X+A,Y-A)       | (A)=GMI
EXCLUDE (X,Y) | IS_EX (A) | EXCLUDE (A-Y,Y*A)       | (A-X-Y)=GMI; Delete (X-A); Delete (Y-A); \
Group Timer=GMI
INCLUDE (A)   | ALLOW (B) | INCLUDE (A+B)           | (B)=GMI
INCLUDE (A)   | BLOCK (B) | INCLUDE (A)             | Send Q(G,A*B)
INCLUDE (A)   | TO_EX (B) | EXCLUDE (A*B,B-A)       | (B-A)=0; Delete (A-B); Send Q(G,A*B); \
Group Timer=GMI
INCLUDE (A)   | TO_IN (B) | INCLUDE (A+B)           | (B)=GMI; Send Q(G,A-B)
EXCLUDE (X,Y) | ALLOW (A) | EXCLUDE (X+A,Y-A)       | (A)=GMI
EXCLUDE (X,Y) | BLOCK (A) | EXCLUDE (X+(A-Y),Y)     | (A-X-Y)=Group Timer; Send Q(G,A-Y)
EXCLUDE (X,Y) | TO_EX (A) | EXCLUDE (A-Y,Y*A)       | (A-X-Y)=Group Timer; Delete (X-A); \
Delete (Y-A); Send Q(G,A-Y); Group Timer=GMI
EXCLUDE (X,Y) | TO_IN (A) | EXCLUDE (X+A,Y-A)       | (A)=GMI; Send Q(G,X-A); Send Q(G)
"""
ROWS = [[cell.strip() for cell in line.split("|")] for line in TABLE.strip().splitlines()]
GMI_NS = (2 * 125 + 2 * 10) * SECOND
LMQT_NS = 2 * SECOND
BEGIN_NS, CHANGE_NS = 40 * SECOND, 60 * SECOND
Sets = dict[str, frozenset[int]]


def evaluate(expression: str, sets: Sets) -> frozenset[int]:
    """Return the value of `X+(A-Y)`: + union, * intersection, - difference, left to right."""
    words = re.findall(r"[A-Z]|[-+*()]", expression)

    def operand() -> frozenset[int]:
        word = words.pop(0)
        if word != "(":
            return sets[word]
        value = chained()
        assert words.pop(0) == ")"
        return value

    def chained() -> frozenset[int]:
        value = operand()
        while words and words[0] != ")":
            sign, right = words.pop(0), operand()
            value = {"+": value | right, "*": value & right, "-": value - right}[sign]
        return value

    found = chained()
    assert not words
    return found


@dataclass
class Expected:
    """State of a group with all its timers; 0: the timer of a source does not run."""

    exclude: bool
    ends: dict[int, int]
    group_ends: int = 0
    group_query: bool = False
    source_query: frozenset[int] = field(default_factory=frozenset)

    def after(self, now_ns: int) -> tuple[str, set[int], set[int]]:
        running = {source for source, end in self.ends.items() if end > now_ns}
        if self.exclude and self.group_ends > now_ns:
            return "EXCLUDE", running, set(self.ends) - running
        return "INCLUDE", running, set()


def sets_in(notation: str, sets: Sets) -> list[frozenset[int]]:
    """Return the sets of `EXCLUDE (X,Y)`: brackets of its own may stand inside."""
    inside = notation.partition(" ")[2][1:-1]
    return [evaluate(part, sets) for part in inside.split(",")]


def carry_out(row: list[str], before: Expected, listed: frozenset[int]) -> Expected:
    """Return what the row of the table makes of a state."""
    state, record, new_state, actions = row
    running = frozenset(source for source, end in before.ends.items() if end)
    names = re.findall(r"[A-Z]", state.partition(" ")[2])
    values = (running, frozenset(before.ends) - running)
    sets: Sets = dict(zip(names, values, strict=False))
    sets[record[-2]] = listed
    new_sets = sets_in(new_state, sets)
    after = Expected(
        new_state.startswith("EXCLUDE"),
        {source: before.ends.get(source, 0) for source in chain(*new_sets)},
        before.group_ends,
    )
    for action in actions.split("; "):
        if found := re.fullmatch(r"\((.*)\)=(GMI|0|Group Timer)", action):
            end = {"GMI": CHANGE_NS + GMI_NS, "0": 0, "Group Timer": before.group_ends}[found[2]]
            after.ends.update(dict.fromkeys(evaluate(found[1], sets), end))
        elif found := re.fullmatch(r"Delete \((.*)\)", action):
            assert not evaluate(found[1], sets) & set(after.ends)
        elif found := re.fullmatch(r"Send Q\(G,(.*)\)", action):
            after.source_query = evaluate(found[1], sets)
        elif action == "Send Q(G)":
            after.group_query = True
        else:
            assert action == "Group Timer=GMI"
            after.group_ends = CHANGE_NS + GMI_NS
    # The state in words and the timers of the actions are of one mind.
    assert {source for source, end in after.ends.items() if end} == new_sets[0]
    return after


def unasked(after: Expected) -> Expected:
    """Return the state of a router that is not the querier, which asks nothing."""
    return replace(after, group_query=False, source_query=frozenset())


def lowered(after: Expected) -> Expected:
    """Apply what sending a query means for the timers (RFC 9776 §6.6.3, RFC 9777 §7.6.3)."""
    for source in after.source_query:
        after.ends[source] = min(after.ends[source], CHANGE_NS + LMQT_NS)
    if after.group_query:
        after.group_ends = min(after.group_ends, CHANGE_NS + LMQT_NS)
    return after


def in_state(router: Router, state: str, first: frozenset[int], second: frozenset[int]) -> Router:
    """Return the router with a group in a state, all timers different from those of a change."""
    router.run(BEGIN_NS / SECOND)
    if state.startswith("EXCLUDE"):
        router.record("IS_EX", second)
        router.run(BEGIN_NS / SECOND + 5)
        if first:
            router.record("ALLOW", first)
    elif first:
        router.record("IS_IN", first)
    return router


def known(state: str, first: frozenset[int], second: frozenset[int]) -> Expected:
    exclude = state.startswith("EXCLUDE")
    begun_ns = BEGIN_NS + (5 * SECOND if exclude else 0)
    ends = dict.fromkeys(first, begun_ns + GMI_NS)
    if exclude:
        ends |= dict.fromkeys(second, 0)
    return Expected(exclude, ends, BEGIN_NS + GMI_NS if exclude else 0)


subsets = st.frozensets(st.integers(1, 6))


@pytest.mark.parametrize("family", [IGMP, MLD], ids=repr)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]} + {row[1]}")
@pytest.mark.parametrize("asks", [True, False], ids=["querier", "other"])
@settings(max_examples=30)
@given(lists=st.tuples(subsets, subsets, subsets))
def test_every_row_of_the_action_table(
    family: Family,
    row: list[str],
    asks: bool,
    lists: tuple[frozenset[int], ...],
) -> None:
    first, second, listed = lists
    second -= first
    before = known(row[0], first, second)
    result = carry_out(row, before, listed)
    expected = lowered(result) if asks else unasked(result)
    router = Router(family)
    if not asks:
        router.general(router=1)
    in_state(router, row[0], first, second)
    router.run(CHANGE_NS / SECOND)
    assert router.state() == before.after(CHANGE_NS)

    router.record(row[1].split()[0], listed)

    assert router.state() == expected.after(CHANGE_NS)
    asked = [query for _, query in router.queries(CHANGE_NS / SECOND) if not query.is_general]
    assert any(query.is_group_specific for query in asked) == expected.group_query
    named = [numbers_of(query.sources) for query in asked if query.sources]
    assert named == ([set(expected.source_query)] if expected.source_query else [])
    for end in sorted({*expected.ends.values(), expected.group_ends}):
        for moment in (end - 1, end):
            if moment >= CHANGE_NS:
                router.run(moment / SECOND)
                router.now_ns = moment
                assert router.state() == expected.after(moment)


def test_the_table_has_every_record_in_both_modes() -> None:
    kinds = {"IS_IN", "IS_EX", "TO_IN", "TO_EX", "ALLOW", "BLOCK"}
    assert {(row[0].split()[0], row[1].split()[0]) for row in ROWS} == {
        (mode, kind) for mode in ("INCLUDE", "EXCLUDE") for kind in kinds
    }
