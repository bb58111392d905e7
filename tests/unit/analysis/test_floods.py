"""Whatever strangers send: what is kept has a bound, and the next real join is told."""

from __future__ import annotations

import gc
import types
from typing import TYPE_CHECKING

import pytest

from mldkit.analysis import identifications, limits
from mldkit.analysis.engine import Analysis
from mldkit.analysis.limits import MOST_LIVE
from mldkit.model.datagram import Frame
from mldkit.model.units import MILLISECOND, SECOND
from mldkit.testing.stage import BEGIN_NS, Stage
from tests.unit.analysis.forger import FAMILIES, KINDS, Forger

if TYPE_CHECKING:
    from mldkit.analysis.events import Event
    from mldkit.model.family import Family

pytestmark = pytest.mark.long

FEW = 1200
SMALL = {what: max(count // 500, 20) for what, count in MOST_LIVE.items()} | {
    limits.RESERVED: 40,
    limits.RESERVED_HOSTS: 30,
    limits.QUERIERS: 40,
}
"""Bounds that a small flood goes far beyond."""
HOSTS = 10
SPACE_NS = 10 * MILLISECOND
"""So far apart that a flood lasts longer than whatever is awaited for seconds."""


class Site:
    """A live link with hosts that answer a querier, and a stranger."""

    def __init__(self, family: Family, most: dict[str, int] | None = None) -> None:
        self.told: list[Event] = []
        self.analysis = Analysis(listener=self.told.append, with_data=False, most=most or SMALL)
        self.now_ns = BEGIN_NS
        self.analysis.intake.begun_ns = BEGIN_NS
        self.family = family
        self.forger = Forger(family)
        self._frames = 0

    def see(self, data: bytes) -> None:
        self._frames += 1
        self.now_ns += SPACE_NS
        frame = Frame(data, self.now_ns, self._frames, interface="eth0")
        self.analysis.see(frame)

    def pass_on(self, seconds: float) -> None:
        self.now_ns += round(seconds * SECOND)
        self.analysis.poll(self.now_ns)
        self.analysis.forget()

    def play(self, stage: Stage) -> None:
        for frame in stage.frames():
            self.see(frame.data)

    def ask(self) -> None:
        stage = Stage(self.family)
        stage.query(0)
        self.play(stage)

    def answer(self) -> None:
        """Let the hosts answer."""
        stage = Stage(self.family)
        for host in range(1, HOSTS + 1):
            stage.report(host, "IS_EX", host, host=host)
        self.play(stage)

    def settle(self, questions: int) -> None:
        """Let the hosts answer so many General Queries."""
        for _ in range(questions):
            self.ask()
            self.answer()
            self.pass_on(120)

    def flood(self, kind: str, first: int, count: int) -> None:
        forge = KINDS[kind]
        for number in range(first, first + count):
            self.see(forge(self.forger, number))
            if number % 400 == 0:
                self.pass_on(0)

    def real_members(self) -> set[tuple[bytes, bytes]]:
        hosts = {Stage(self.family).host(number) for number in range(1, HOSTS + 1)}
        rows = (row for link in self.analysis.links.values() for row in link.memberships.rows())
        return {(row.host, row.group) for row in rows if row.host in hosts}

    def joins(self, group: int, host: int = 50) -> list[Event]:
        """Let a host join that nobody knows; return the events of that."""
        self.told.clear()
        stage = Stage(self.family)
        stage.report(0, "TO_EX", group, host=host)
        self.play(stage)
        return [event for event in self.told if event.kind == "join"]


def kept(analysis: Analysis) -> int:
    """Return how many objects an analysis holds."""
    seen: set[int] = set()
    waiting: list[object] = [analysis]
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, type | types.ModuleType | types.FunctionType):
            continue
        seen.add(id(one))
        waiting.extend(gc.get_referents(one))
    return len(seen)


def most_kept(site: Site, kind: str, turn: int) -> int:
    """Return how many objects are held at most in one half of a flood.

    Each link has tables of its own, of which the places are swept away in pieces: what is held
    rises and falls, so more of a flood is looked at.
    """
    steps = 12 if "vlan" in kind or kind == "session" else 1
    found = []
    for step in range(turn * steps, (turn + 1) * steps):
        site.flood(kind, step * (FEW // min(steps, 3)), FEW // min(steps, 3))
        site.told.clear()
        found.append(kept(site.analysis))
    return max(found)


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_kept_does_not_grow_and_the_next_join_is_told(
    kind: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identifications, "_MOST_SENDERS", 50)
    site = Site(FAMILIES[name])
    site.settle(3)
    before = site.real_members()
    first = most_kept(site, kind, 0)

    later = most_kept(site, kind, 1)

    # Whatever is kept of each message is one object at least, mostly ten.
    assert later < first + FEW // 2
    assert len(before) == HOSTS
    assert site.real_members() == before
    (event,) = site.joins(200)
    assert (event.host, event.group) == (Stage(site.family).host(50), Stage(site.family).group(200))


def test_links_on_which_nothing_happens_any_more_are_given_back() -> None:
    site = Site(FAMILIES["igmp"], dict(MOST_LIVE))
    site.settle(3)
    site.flood("vlan", 0, 400)
    assert len(site.analysis.links) == 401

    for _ in range(4):
        site.settle(5)

    # Those of before, on which hosts still answer.
    assert len(site.analysis.links) == 1
    assert len(site.real_members()) == HOSTS
    assert site.analysis.room.stays.taken == HOSTS


def test_after_a_flood_of_everything_all_room_is_given_back() -> None:
    site = Site(FAMILIES["mld"])
    site.settle(3)
    for kind in KINDS:
        site.flood(kind, 0, 60)
    # A query or two may have said that memberships live for long.
    for _ in range(60):
        site.pass_on(600)

    room = site.analysis.room
    assert (room.stays.taken, room.reserved, room.reserved_hosts, room.reserved_links) == (
        0,
        0,
        0,
        0,
    )
    assert (room.past_stays, room.open_specific) == (0, 0)
    kept_of = room.kept()
    assert [what for what in ("repeats", "recent", "leaves") if kept_of.get(what)] == []
