"""The moment anything is left out it is told, and when that is over."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from mldkit.analysis import limits
from mldkit.analysis.engine import Analysis
from mldkit.analysis.limits import MOST, MOST_LIVE, MOST_OF_ONE, enlarged
from mldkit.analysis.shortage import QUIET_NS
from mldkit.model.units import SECOND
from mldkit.render.analysis_json import event_json
from mldkit.render.left_out import left_out_text, shortage_text
from mldkit.render.outbox import Outbox
from mldkit.render.watch_table import LiveTable
from mldkit.testing.stage import BEGIN_NS, Stage
from mldkit.watch import Watch
from tests.unit.analysis.forger import FAMILIES
from tests.unit.analysis.test_floods import Site
from tests.unit.scripted_link import ALWAYS_UP, NAME, Scripted

if TYPE_CHECKING:
    from mldkit.analysis.events import Event
    from mldkit.model.family import Family

SILENT = {
    limits.RESERVED,
    limits.RESERVED_HOSTS,
    limits.RESERVED_LINKS,
    limits.ALL_CHANGES,
}
"""Bounds of what nobody is told: who finds no reserved room has that of all, and changes have one
line for both of their bounds."""
STAYS = {**MOST, limits.STAYS: 5}


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> Family:
    return FAMILIES[request.param]


def left_out_events(site: Site) -> list[Event]:
    return [event for event in site.told if event.kind == "left-out"]


def test_an_event_tells_what_is_left_out_and_another_when_that_is_over(family: Family) -> None:
    site = Site(family, STAYS)
    for number in range(5):
        site.see(site.forger.join(number))
    assert left_out_events(site) == []

    site.see(site.forger.join(5))
    begun_ns = site.now_ns
    site.see(site.forger.join(6))
    last_ns = site.now_ns
    site.pass_on(QUIET_NS / SECOND)
    (begun,) = left_out_events(site)
    site.pass_on(0.001)
    begun, over = left_out_events(site)

    assert begun.left_out is not None
    assert over.left_out is not None
    assert (begun.time_ns, begun.left_out.what, begun.left_out.count) == (begun_ns, "stays", 1)
    assert (over.time_ns, over.left_out.count) == (last_ns + QUIET_NS, 2)
    assert (begun.left_out.is_over, over.left_out.is_over) == (False, True)
    assert (over.left_out.since_ns, over.left_out.last_ns) == (begun_ns, last_ns)


def test_a_shortage_that_comes_again_is_told_again(family: Family) -> None:
    site = Site(family, STAYS)
    for number in range(7):
        site.see(site.forger.join(number))
    # Nobody polls in between, as in a capture.
    site.now_ns += QUIET_NS + SECOND
    site.see(site.forger.join(7))

    told = [
        (one.left_out.is_over, one.left_out.count) for one in left_out_events(site) if one.left_out
    ]
    assert told == [(False, 1), (True, 2), (False, 3)]
    (left,) = site.analysis.left_out()
    assert left.since_ns == site.now_ns


def test_the_event_is_an_object_that_says_it_in_words(family: Family) -> None:
    site = Site(family, STAYS)
    for number in range(6):
        site.see(site.forger.join(number))
    (event,) = left_out_events(site)

    document = json.loads(json.dumps(event_json(event)))

    assert document["event"] == "left-out"
    assert (document["what"], document["until"]) == ("stays", None)
    assert (document["most"], document["count"]) == (5, 1)
    assert document["since"] == document["time"]
    assert document["detail"].startswith("no room: ")
    assert "1 membership" in document["detail"]


def test_other_events_carry_nothing_of_it(family: Family) -> None:
    site = Site(family, STAYS)
    site.see(site.forger.join(0))

    (event,) = [event for event in site.told if event.kind == "join"]
    assert "left_out" not in event_json(event)


def test_an_analysis_says_the_same_as_a_watch(family: Family) -> None:
    stage = Stage(family)
    for number in range(1, 8):
        stage.report(number, "IS_EX", number)
    texts = []
    for listener in (None, lambda _: None):
        analysis = Analysis(most=STAYS, listener=listener)
        analysis.intake.begun_ns = BEGIN_NS
        for frame in stage.frames():
            analysis.see(frame)
        result = analysis.finish(BEGIN_NS + 10 * SECOND)
        texts.append([left_out_text(item) for item in result.left_out])

    assert texts[0] == texts[1]
    name = family.name.upper()
    assert texts[0][0].startswith(f"{name}, since 2023-11-14 22:13:26 UTC: 2 memberships")


def test_what_is_left_out_of_several_links_names_none(family: Family) -> None:
    site = Site(family, STAYS)
    for number in range(8):
        site.see(site.forger.report(number, "TO_EX", site.forger.group(number), vlan=(number + 1,)))

    (left,) = site.analysis.left_out()
    assert left.link is None
    assert "VLAN" not in left_out_text(left)


def test_the_table_has_a_line_as_long_as_something_is_left_out(family: Family) -> None:
    watch = Watch(NAME, Scripted(ALWAYS_UP), lambda _: None)
    console = Console(width=160, height=30, record=True)
    table = LiveTable(watch, console, Outbox(1))
    watch.analysis.most = STAYS
    watch.analysis.start()
    site = Site(family, STAYS)
    site.analysis = watch.analysis
    for number in range(6):
        site.see(site.forger.join(number))

    console.print(table.picture(site.now_ns))
    during = console.export_text()
    site.pass_on(QUIET_NS / SECOND + 1)
    console.print(table.picture(site.now_ns))

    assert "1 membership" in during
    assert "since 2023-11-14" in during
    assert "1 membership" not in console.export_text()


@pytest.mark.parametrize(
    "what",
    sorted({*MOST, *MOST_OF_ONE} - {"reserved", "reserved-hosts", "reserved-links", "all-changes"}),
)
def test_everything_that_can_be_left_out_has_words(what: str) -> None:
    item = limits.LeftOut(None, 1234, what, 5678, BEGIN_NS, BEGIN_NS)

    assert shortage_text(item).startswith("no room: since 2023-11-14 22:13:20 UTC: 1,234 ")


def test_room_is_enlarged_as_a_whole() -> None:
    assert enlarged(MOST, 3) == {what: 3 * count for what, count in MOST.items()}
    assert MOST.keys() == MOST_LIVE.keys()
    assert all(MOST_LIVE[what] <= count for what, count in MOST.items())
