"""The table of `watch`, drawn for screens of several sizes and read as a terminal shows it."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from mldkit.analysis.engine import Analysis
from mldkit.link import device
from mldkit.link.interfaces import Interface
from mldkit.model.units import SECOND
from mldkit.render.watch_table import EVENTS_SHOWN, LiveTable
from mldkit.testing.story import EPOCH_NS, Story
from mldkit.watch import LinkEvent, Watch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mldkit.model.datagram import Frame


class Silent:
    """A machine on whose link nothing is heard."""

    interface = Interface(1, "eth1", bytes(6), 1500, 1, is_up=True, is_running=True,
                          is_multicast=True)  # fmt: skip

    def now_ns(self) -> int:
        return 0

    def wall_ns(self) -> int:
        return EPOCH_NS

    def wait_ns(self, duration_ns: int) -> None:
        del duration_ns

    def boot_ns(self) -> int:
        return 0

    def interfaces(self) -> list[Interface]:
        return [self.interface]

    def names(self, index: int) -> list[tuple[int, str]]:
        del index
        return []

    def open(self, name: str) -> Silent:
        assert name == self.interface.name
        return self

    def stop(self) -> None:
        pass

    def rest(self) -> Iterator[Frame]:
        return iter(())

    taken = 0

    def take(self) -> None:
        pass

    def receive(self, until_ns: int | None = None) -> None:
        del until_ns

    def statistics(self) -> device.Statistics:
        return device.Statistics(0, 0)

    def close(self) -> None:
        pass


def screen(story: Story, second: float, *, height: int, width: int = 100) -> list[str]:
    """Return the lines that stand on a screen at a second of a story."""
    console = Console(file=io.StringIO(), width=width, height=height, highlight=False)
    watch = Watch("eth1", Silent(), lambda _: None)
    table = LiveTable(watch, console)
    watch.analysis = Analysis(listener=table.tell, with_data=False)
    for frame in story.in_order():
        watch.analysis.see(frame)
    with console.capture() as capture:
        console.print(table.picture(EPOCH_NS + round(second * SECOND)))
    return capture.get().splitlines()


def small() -> Story:
    story = Story("eth1")
    story.query(1, "10.0.0.1")
    story.report(1.5, "10.0.0.2", "IS_EX(239.1.2.3)", "IS_IN(232.1.1.1,{10.9.9.9})")
    story.older_report(2, "10.0.0.3", 2, "239.1.2.3")
    return story


def test_groups_are_sections_and_hosts_have_six_columns() -> None:
    lines = screen(small(), 11.5, height=40)

    start = next(index for index, line in enumerate(lines) if line.startswith("Group / host"))
    words = [line.split() for line in lines[start : start + 6]]
    assert words == [
        ["Group", "/", "host", "Mode", "Sources", "Reported", "Delay", "Expires"],
        ["232.1.1.1", "1", "host"],
        # Lifetime 2 x 125 + 2 x 10 s (RFC 9776 §8.4), reported 10 s ago.
        ["10.0.0.2", "IN", "10.9.9.9", "10.0", "s", "0.500", "s", "260", "s"],
        ["239.1.2.3", "2", "hosts"],
        ["10.0.0.2", "EX", "any", "10.0", "s", "0.500", "s", "260", "s"],
        ["10.0.0.3", "v2", "any", "9.5", "s", "1.000", "s", "260", "s"],
    ]
    assert "querier 10.0.0.1, next query in 114 s" in lines[1]


@pytest.mark.parametrize(("second", "words"), [
    (11, "IGMP no query yet, 10 s"),
    # RV x QI + QRI / 2 without a query (RFC 9776 §8.5)
    (311, "IGMP no querier, 310 s"),
])  # fmt: skip
def test_a_querier_is_missing_only_after_its_time(second: float, words: str) -> None:
    story = Story("eth1")
    story.report(1, "10.0.0.2", "IS_EX(239.1.2.3)")

    assert words in screen(story, second, height=40)[1]


@pytest.mark.parametrize("height", [16, 24, 50])
@pytest.mark.parametrize("hosts", [1, 40, 3000])
def test_the_picture_fits_the_screen_and_says_what_it_leaves_out(height: int, hosts: int) -> None:
    story = Story("eth1")
    story.query(0, "10.0.0.1")
    for number in range(hosts):
        host = f"10.1.{number // 250}.{number % 250 + 1}"
        story.report(1 + number / 1000, host, f"IS_EX(239.1.{number // 250}.{number % 50})")

    lines = screen(story, 10, height=height, width=80)

    assert len(lines) < height
    assert all(len(line) <= 80 for line in lines)
    shown = sum(line.startswith("  10.1.") for line in lines)
    left_out = sum(int(line.split()[1].replace(",", "")) for line in lines if line[:4] == "and ")
    assert shown + left_out == hosts


def test_the_last_events_stand_below_with_control_characters_escaped() -> None:
    story = small()
    lines = screen(story, 3, height=40)
    assert sum(" join " in line for line in lines) == 3

    watch = Watch("eth1", Silent(), lambda _: None)
    table = LiveTable(watch, Console(file=io.StringIO(), width=90, height=40))
    for number in range(EVENTS_SHOWN + 3):
        table.tell(LinkEvent(EPOCH_NS, "eth\x1b[31m1", "down", 0, f"went down {number}"))
    console = Console(file=io.StringIO(), width=90, height=40)
    with console.capture() as capture:
        console.print(table.picture(EPOCH_NS))
    text = capture.get()

    assert "\x1b" not in text
    assert "\\x1b[31m1 went down 7" in text
    assert text.count("went down") == EVENTS_SHOWN


def test_addresses_are_counted_and_devices_where_they_are_fewer() -> None:
    story = small()
    assert "2 groups, 2 hosts, 3 messages" in screen(story, 3, height=40)[0]

    # A story gives both the MAC 02:00:0a:00:00:02.
    story.report(2.5, "fe80::a00:2", "IS_EX(ff15::1)")
    assert "3 groups, 3 hosts on 2 devices, 4 messages" in screen(story, 3, height=40)[0]
