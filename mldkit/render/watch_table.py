"""The table of `watch` on a terminal: groups as sections, cut to the screen, redrawn in place.

::

    eth1  up  3 groups, 3 hosts, 128 messages, 0 dropped by the kernel
    IGMPv3 querier 10.0.0.1, next query in 38 s

    Group / host           Mode  Sources       Reported    Delay  Expires
    ff3e::8000:1                 2 hosts
      fe80::2              IN    2001:db8::1      3.2 s  0.412 s    256 s
    and 12 more

    12:04:11 join 10.0.0.2 239.1.2.3
"""

from __future__ import annotations

from collections import deque
from typing import IO, TYPE_CHECKING, cast

from rich.console import Console, Group
from rich.live import Live
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from mldkit.model.addresses import is_unspecified, text
from mldkit.model.units import MILLISECOND, SECOND
from mldkit.model.words import counted, hosts_text
from mldkit.render.left_out import left_out_text, shortage_text
from mldkit.render.outbox import OutboxFile
from mldkit.render.terminal import SEVERITY_STYLES, printable
from mldkit.watch import LinkEvent

if TYPE_CHECKING:
    from rich.console import RenderableType

    from mldkit.analysis.glance import Glance, MemberGlance, MemberLine, QuerierGlance
    from mldkit.model.family import Family
    from mldkit.render.outbox import Outbox
    from mldkit.watch import Watch, WatchEvent

REFRESH_NS = 250 * MILLISECOND
EVENTS_SHOWN = 5
_MOST_QUERIERS = 4
_MOST_LEFT_OUT = 3
_OTHER_LINES = 6
"""Counts, blank lines, heading of the table and its rule, and `and N more`."""
_SOURCES_SHOWN = 3
_DAY_S = 86_400


class LiveTable:
    """Draws a watch on a terminal; use it as a context manager."""

    def __init__(
        self, watch: Watch, console: Console | None = None, outbox: Outbox | None = None
    ) -> None:
        """Draw on a console, or on a terminal behind an outbox, which is never waited for."""
        self._watch = watch
        self._outbox = outbox
        if outbox is not None:
            console = Console(file=cast("IO[str]", OutboxFile(outbox)), highlight=False)
        self._console = console or Console(highlight=False)
        self._recent: deque[WatchEvent] = deque(maxlen=EVENTS_SHOWN)
        self._next_ns = 0
        self._live = Live(console=self._console, auto_refresh=False, vertical_overflow="crop")

    def __enter__(self) -> LiveTable:
        """Begin to draw."""
        self._live.__enter__()
        return self

    def __exit__(self, *problem: object) -> None:
        """Leave the last state on the screen and give the cursor back."""
        self._live.__exit__(None, None, None)
        if self._outbox is not None:
            self._outbox.drain()

    def tell(self, event: WatchEvent) -> None:
        """Show an event below the table."""
        self._recent.append(event)

    def refresh(self, now_ns: int, extra: str = "") -> None:
        """Draw again unless that was done a moment ago, or the terminal has not taken it yet."""
        if self._outbox is not None:
            self._outbox.flush()
        is_behind = self._outbox is not None and not self._outbox.is_empty
        if now_ns < self._next_ns or is_behind:
            return
        self._next_ns = now_ns + REFRESH_NS
        self._live.update(self.picture(self._watch.now_ns(), extra), refresh=True)

    def picture(self, now_ns: int, extra: str = "") -> RenderableType:
        """Return what stands on the screen at a time of the watch; `extra` is one more line."""
        head = self._head(self._watch.glance(), now_ns, extra)
        foot = [_event_line(event) for event in self._recent]
        room = self._console.size.height - len(head) - _OTHER_LINES - len(foot) - 1
        shown, left_out = self._watch.members(max(room, 3))
        parts: list[RenderableType] = [*head, Text(), _table(shown, now_ns)]
        if left_out:
            parts.append(Text(f"and {left_out:,} more", style="dim"))
        if foot:
            parts += [Rule("events", align="left", style="dim"), *foot]
        return Group(*parts)

    def _head(self, seen: Glance, now_ns: int, extra: str) -> list[Text]:
        watch = self._watch
        state = Text.assemble((printable(watch.interface), "bold"), "  ")
        state.append(watch.state, "green" if watch.state == "up" else "bold red")
        lines = [_querier_line(querier, now_ns) for querier in seen.queriers[:_MOST_QUERIERS]]
        counts = [
            counted(seen.groups, "group"),
            hosts_text(seen.hosts),
            counted(watch.messages, "message"),
        ]
        state.append(f"  {', '.join(counts)}", "dim")
        count = watch.account.dropped
        dropped = f", {count:,} dropped by the kernel"
        if watch.last_loss_ns is not None:
            dropped += f", the last at {_time_of_day(watch.last_loss_ns)}"
        state.append(dropped, "bold red" if count else "dim")
        left_out = [item for item in watch.left_out if not item.is_over]
        lines += [Text(left_out_text(item), "bold yellow") for item in left_out[:_MOST_LEFT_OUT]]
        if len(left_out) > _MOST_LEFT_OUT:
            more = len(left_out) - _MOST_LEFT_OUT
            lines.append(Text(f"and {more} more limits are reached", "bold yellow"))
        head = [state, *([Text(extra, "dim")] if extra else []), *lines]
        for line in head:
            line.no_wrap, line.overflow = True, "ellipsis"
        return head


def _table(shown: list[MemberLine], now_ns: int) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", expand=True)
    table.add_column("Group / host", no_wrap=True, ratio=4, overflow="ellipsis")
    table.add_column("Mode", no_wrap=True, width=4)
    table.add_column("Sources", no_wrap=True, ratio=3, overflow="ellipsis")
    for heading in ("Reported", "Delay", "Expires"):
        table.add_column(heading, no_wrap=True, justify="right", width=9)
    several = len({line.link.vlan for line in shown}) > 1
    for line in shown:
        if line.member is None:
            vlan = f"  VLAN {'.'.join(map(str, line.link.vlan)) or 'none'}" if several else ""
            name = Text(text(line.group) + vlan, style="bold")
            table.add_row(name, "", Text(counted(line.members, "host"), style="dim"))
        else:
            table.add_row(*_cells(line.link.family, line.member, now_ns))
    return table


def _cells(family: Family, member: MemberGlance, now_ns: int) -> list[Text]:
    left_ns = max(member.deadline_ns - now_ns, 0)
    is_near = left_ns * 4 < member.deadline_ns - member.last_ns
    delay = "-" if member.delay_ns is None else f"{member.delay_ns / SECOND:.3f} s"
    return [
        Text(f"  {text(member.host)}"),
        _mode(family, member),
        Text(_sources(member)),
        Text(f"{max(now_ns - member.last_ns, 0) / SECOND:.1f} s"),
        Text(delay),
        Text(f"{left_ns / SECOND:.0f} s", style="bold yellow" if is_near else ""),
    ]


def _mode(family: Family, member: MemberGlance) -> Text:
    if member.version != family.current_version:
        return Text(f"v{member.version}", style="yellow")
    return Text("EX", style="blue") if member.exclude else Text("IN", style="green")


def _sources(member: MemberGlance) -> str:
    listed = ", ".join(map(text, member.sources[:_SOURCES_SHOWN]))
    if len(member.sources) > _SOURCES_SHOWN:
        listed += f" +{len(member.sources) - _SOURCES_SHOWN}"
    if member.exclude:
        return f"not {listed}" if listed else "any"
    return listed


def _querier_line(querier: QuerierGlance, now_ns: int) -> Text:
    link = querier.link
    name = link.family.name.upper()
    where = f" VLAN {'.'.join(map(str, link.vlan))}" if link.vlan else ""
    if querier.address is None:
        silence_ns = now_ns - querier.silent_since_ns
        is_missing = silence_ns > querier.silence_limit_ns
        words = "no querier" if is_missing else "no query yet"
        silence = f"{name}{where} {words}, {max(silence_ns, 0) / SECOND:.0f} s"
        return Text(silence, "yellow" if is_missing else "dim")
    line = Text(f"{name}v{querier.version}{where} querier ")
    line.append(text(querier.address), "bold")
    if is_unspecified(querier.address):
        line.append(" (a snooping switch)")
    left_ns = querier.due_ns - now_ns
    if left_ns >= 0:
        line.append(f", next query in {left_ns / SECOND:.0f} s", "dim")
    else:
        line.append(f", query overdue for {-left_ns / SECOND:.0f} s", "yellow")
    return line


def _event_line(event: WatchEvent) -> Text:
    line = Text(no_wrap=True, overflow="ellipsis")
    line.append(f"{_time_of_day(event.time_ns)} ", "dim")
    if isinstance(event, LinkEvent):
        line.append(f"link {printable(event.interface)} {event.text}", "bold")
        return line
    if event.finding is not None:
        found = event.finding
        style = SEVERITY_STYLES[found.severity]
        line.append(f"{found.severity} {found.id} ", style)
        line.append(printable(found.detail), style)
        return line
    if event.left_out is not None:
        line.append(shortage_text(event.left_out), "yellow" if not event.left_out.is_over else "")
        return line
    words = [event.kind, text(event.host) or "has gone, nobody queries"]
    if event.group:
        words.append(text(event.group))
    if event.kind == "change" and event.version is not None:
        words.append(f"in {event.link.family.name.upper()}v{event.version}")
    if event.sources:
        mode = "all but" if event.exclude else "only"
        words.append(f"{mode} {', '.join(map(text, event.sources[:_SOURCES_SHOWN]))}")
    line.append(" ".join(words), "")
    return line


def _time_of_day(time_ns: int) -> str:
    second = time_ns // SECOND % _DAY_S
    return f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
