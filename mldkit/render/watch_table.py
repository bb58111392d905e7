"""The table of `watch` on a terminal: groups as sections, cut to the screen, redrawn in place.

::

    eth1  up   IGMPv3 querier 10.0.0.1, next query in 38 s
    3 groups, 3 hosts, 128 messages, 0 dropped

    Group / host           Mode  Sources       Reported    Delay  Expires
    ff3e::8000:1                 2 hosts
      fe80::2              IN    2001:db8::1      3.2 s  0.412 s    256 s
    and 12 more

    12:04:11 join 10.0.0.2 239.1.2.3
"""

from __future__ import annotations

from collections import deque
from heapq import nsmallest
from typing import TYPE_CHECKING, NamedTuple

from rich.console import Console, Group
from rich.live import Live
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from mldkit.analysis.facts import host_address
from mldkit.analysis.words import place
from mldkit.model.addresses import is_unspecified, text
from mldkit.model.units import MILLISECOND, SECOND
from mldkit.render.message_text import plural
from mldkit.render.terminal import SEVERITY_STYLES, printable
from mldkit.watch import LinkEvent

if TYPE_CHECKING:
    from rich.console import RenderableType

    from mldkit.analysis.link_state import LinkState
    from mldkit.analysis.stays import Row
    from mldkit.watch import Told, Watch

REFRESH_NS = 250 * MILLISECOND
EVENTS_SHOWN = 5
_MOST_QUERIERS = 4
_OTHER_LINES = 6
"""Counts, blank lines, heading of the table and its rule, and `and N more`."""
_SOURCES_SHOWN = 3
_DAY_S = 86_400


class Shown(NamedTuple):
    """A line of the table."""

    link: LinkState
    group: bytes
    row: Row | None
    """None in the heading of a group."""
    members: int


class LiveTable:
    """Draws a watch on a terminal; use it as a context manager."""

    def __init__(self, watch: Watch, console: Console | None = None) -> None:
        self._watch = watch
        self._console = console or Console(highlight=False)
        self._recent: deque[Told] = deque(maxlen=EVENTS_SHOWN)
        self._next_ns = 0
        self._live = Live(console=self._console, auto_refresh=False, vertical_overflow="crop")

    def __enter__(self) -> LiveTable:
        """Begin to draw."""
        self._live.__enter__()
        return self

    def __exit__(self, *problem: object) -> None:
        """Leave the last state on the screen and give the cursor back."""
        self._live.__exit__(None, None, None)

    def tell(self, event: Told) -> None:
        """Show an event below the table."""
        self._recent.append(event)

    def refresh(self, now_ns: int, wall_ns: int, extra: str = "") -> None:
        """Draw again unless that was done a moment ago."""
        if now_ns < self._next_ns:
            return
        self._next_ns = now_ns + REFRESH_NS
        self._live.update(self.picture(wall_ns, extra), refresh=True)

    def picture(self, wall_ns: int, extra: str = "") -> RenderableType:
        """Return what stands on the screen at a moment; `extra` is a line below the counts."""
        head = self._head(wall_ns, extra)
        foot = [_event_line(event) for event in self._recent]
        room = self._console.size.height - len(head) - _OTHER_LINES - len(foot) - 1
        shown, left_out = lines_of(list(self._watch.analysis.links.values()), max(room, 3))
        parts: list[RenderableType] = [*head, Text(), _table(shown, wall_ns)]
        if left_out:
            parts.append(Text(f"and {left_out:,} more", style="dim"))
        if foot:
            parts += [Rule("events", align="left", style="dim"), *foot]
        return Group(*parts)

    def _head(self, wall_ns: int, extra: str) -> list[Text]:
        watch = self._watch
        links = [link for link in watch.analysis.links.values() if link.messages]
        state = Text.assemble((printable(watch.interface), "bold"), "  ")
        state.append(watch.state, "green" if watch.state == "up" else "bold red")
        lines = [_querier_line(link, wall_ns) for link in links[:_MOST_QUERIERS]]
        groups = sum(len(link.memberships.groups) for link in links)
        hosts = {row.host for link in links for row in link.memberships.rows()}
        counts = [
            plural(groups, "group"), plural(len(hosts), "host"), plural(watch.messages, "message"),
        ]  # fmt: skip
        state.append(f"  {', '.join(counts)}", "dim")
        dropped = f", {watch.dropped:,} dropped by the kernel"
        state.append(dropped, "bold red" if watch.dropped else "dim")
        head = [state, *([Text(extra, "dim")] if extra else []), *lines]
        for line in head:
            line.no_wrap, line.overflow = True, "ellipsis"
        return head


def lines_of(links: list[LinkState], room: int) -> tuple[list[Shown], int]:
    """Return the lines that fit, and how many memberships do not."""
    shown: list[Shown] = []
    total = 0
    placed = 0
    for link in sorted(links, key=lambda link: place(link.key)):
        groups = link.memberships.groups
        total += sum(map(len, groups.values()))
        # Sorting tens of thousands of groups four times a second for a screen of forty is waste.
        for group in nsmallest(max(room, 0), groups):
            members = groups[group]
            if len(shown) + 2 > room:
                break
            shown.append(Shown(link, group, None, len(members)))
            for host in nsmallest(room - len(shown), members):
                shown.append(Shown(link, group, members[host], 0))
                placed += 1
    return shown, total - placed


def _table(shown: list[Shown], wall_ns: int) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", expand=True)
    table.add_column("Group / host", no_wrap=True, ratio=4, overflow="ellipsis")
    table.add_column("Mode", no_wrap=True, width=4)
    table.add_column("Sources", no_wrap=True, ratio=3, overflow="ellipsis")
    for heading in ("Reported", "Delay", "Expires"):
        table.add_column(heading, no_wrap=True, justify="right", width=9)
    several = len({line.link.key.vlan for line in shown}) > 1
    for link, group, row, members in shown:
        if row is None:
            vlan = f"  VLAN {'.'.join(map(str, link.key.vlan)) or 'none'}" if several else ""
            name = Text(text(group) + vlan, style="bold")
            table.add_row(name, "", Text(plural(members, "host"), style="dim"))
        else:
            table.add_row(*_cells(link, row, wall_ns))
    return table


def _cells(link: LinkState, row: Row, wall_ns: int) -> list[Text]:
    left_ns = max(row.deadline_ns - wall_ns, 0)
    is_near = left_ns * 4 < row.deadline_ns - row.last_ns
    delay = "-" if row.delay_ns is None else f"{row.delay_ns / SECOND:.3f} s"
    return [
        Text(f"  {text(host_address(row.host))}"),
        _mode(link, row),
        Text(_sources(row)),
        Text(f"{max(wall_ns - row.last_ns, 0) / SECOND:.1f} s"),
        Text(delay),
        Text(f"{left_ns / SECOND:.0f} s", style="bold yellow" if is_near else ""),
    ]


def _mode(link: LinkState, row: Row) -> Text:
    if row.version != link.key.family.current_version:
        return Text(f"v{row.version}", style="yellow")
    return Text("EX", style="blue") if row.exclude else Text("IN", style="green")


def _sources(row: Row) -> str:
    listed = ", ".join(map(text, row.sources[:_SOURCES_SHOWN]))
    if len(row.sources) > _SOURCES_SHOWN:
        listed += f" +{len(row.sources) - _SOURCES_SHOWN}"
    if row.exclude:
        return f"not {listed}" if listed else "any"
    return listed


def _querier_line(link: LinkState, wall_ns: int) -> Text:
    name = link.key.family.name.upper()
    where = f" VLAN {'.'.join(map(str, link.key.vlan))}" if link.key.vlan else ""
    acting = link.queriers.acting
    if acting is None:
        since_ns = link.queriers.silence.last_general_ns or link.queriers.silence.begun_ns
        silence_s = max(wall_ns - since_ns, 0) / SECOND
        is_missing = wall_ns - since_ns > link.queriers.silence.limit_ns
        words = "no querier" if is_missing else "no query yet"
        return Text(f"{name}{where} {words}, {silence_s:.0f} s", "yellow" if is_missing else "dim")
    line = Text(f"{name}v{acting.version}{where} querier ")
    line.append(text(acting.address), "bold")
    if is_unspecified(acting.address):
        line.append(" (a snooping switch)")
    left_ns = acting.last_ns + acting.variables.interval_ns - wall_ns
    if left_ns >= 0:
        line.append(f", next query in {left_ns / SECOND:.0f} s", "dim")
    else:
        line.append(f", query overdue for {-left_ns / SECOND:.0f} s", "yellow")
    return line


def _event_line(event: Told) -> Text:
    second = event.time_ns // SECOND % _DAY_S
    line = Text(no_wrap=True, overflow="ellipsis")
    line.append(f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d} ", "dim")
    if isinstance(event, LinkEvent):
        line.append(f"link {printable(event.interface)} {event.text}", "bold")
        return line
    if event.finding is not None:
        found = event.finding
        style = SEVERITY_STYLES[found.severity]
        line.append(f"{found.severity} {found.id} ", style)
        line.append(printable(found.detail), style)
        return line
    words = [event.kind, text(event.host) or "has gone, nobody queries"]
    if event.group:
        words.append(text(event.group))
    if event.sources:
        mode = "all but" if event.exclude else "only"
        words.append(f"{mode} {', '.join(map(text, event.sources[:_SOURCES_SHOWN]))}")
    line.append(" ".join(words), "")
    return line
