"""What `groups` prints: tables by interface for people, the documents of the contract.

::

    eth1  up, veth, IGMPv3
      group             users  wants       MAC                refs  timer
      ff02::1:ff00:99       1  any source  33:33:ff:00:00:99     1
        proxy: solicited-node of the proxied neighbour 2001:db8::99
"""

from __future__ import annotations

import shutil
import sys
import textwrap
from typing import TYPE_CHECKING

from mldkit.groups.listing import filter_text
from mldkit.groups.row import ReasonKind
from mldkit.groups.watch import EventKind
from mldkit.model.addresses import mac_text, text
from mldkit.model.units import SECOND
from mldkit.model.words import counted
from mldkit.render.message_json import Json, time_text
from mldkit.render.terminal import line_printer, printable
from mldkit.render.words import filter_mode

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mldkit.groups.row import GroupRow, ListedInterface, Listing, OtherMac, Process
    from mldkit.groups.watch import GroupsEvent
    from mldkit.link.kernel_sockets import KernelFilter
    from mldkit.path.suspicions import Suspicion

_HEADINGS = ("group", "users", "wants", "MAC", "refs", "timer")
_RIGHT = {"users", "refs", "timer"}
_WIDEST_FILTER = 20
_UNLIMITED = 100_000


def rows_document(listing: Listing, suspicions: Sequence[Suspicion] = ()) -> Json:
    """Return the JSON document of a listing."""
    return {
        "schema": "mldkit.groups/1",
        "groups": [row_json(row) for row in listing.rows],
        "invariants": [{"holds": i.holds, "text": i.text} for i in listing.invariants],
        "interfaces": [
            {
                "interface": state.name,
                "up": state.is_up,
                "kind": state.kind or None,
                "igmp_version": state.igmp_version,
                "promiscuity": state.promiscuity,
                "allmulti": state.allmulti,
            }
            for state in listing.interfaces
        ],
        "other_macs": [
            {
                "interface": other.interface,
                "mac": mac_text(other.mac),
                "references": other.references,
                "because": other.because,
            }
            for other in listing.other_macs
        ],
        "suspicions": list(map(suspicion_json, suspicions)),
    }


def suspicion_json(one: Suspicion) -> Json:
    """Return the JSON object of what may silence a member."""
    counter = one.counter
    return {
        "interface": one.interface,
        "group": None if one.group is None else text(one.group),
        "text": one.words,
        "counter": None if counter is None else {"name": counter.name, "value": counter.value},
        "cure": one.cure or None,
    }


def row_json(row: GroupRow) -> Json:
    """Return the JSON object of one group."""
    return {
        "interface": row.interface,
        "group": text(row.group),
        "users": row.users,
        "filter_mode": _mode(row.is_exclude),
        "sources": None if row.sources is None else list(map(text, row.sources)),
        "timer_s": _seconds(row.timer_ns),
        "flags": None if row.flags is None else list(row.flags),
        "mac": mac_text(row.mac) if row.mac else None,
        "mac_references": row.mac_references,
        "shares_mac_with": list(map(text, row.shares_mac_with)),
        "reasons": [{"kind": r.kind.value, "detail": r.detail} for r in row.reasons],
        "processes": None if row.processes is None else list(map(_process_json, row.processes)),
        "age_s": _seconds(row.age_ns),
        "unexplained_users": row.unexplained_users,
    }


def event_json(event: GroupsEvent) -> Json:
    """Return the JSON object of one change."""
    before, after = event.references or (None, None)
    return {
        "event": event.kind.value,
        "time": time_text(event.time_ns),
        "interface": event.interface,
        "group": None if event.group is None else text(event.group),
        "mac": mac_text(event.mac) if event.mac else None,
        "row": None if event.row is None else row_json(event.row),
        "before": None if event.before is None else row_json(event.before),
        "references": None if after is None else {"before": before, "after": after},
    }


def print_listing(listing: Listing) -> None:
    """Print every interface with its groups, then what does not hold."""
    say = line_printer()
    width = _width()
    for interface in listing.interfaces:
        rows = [row for row in listing.rows if row.interface == interface.name]
        others = [other for other in listing.other_macs if other.interface == interface.name]
        say(_heading(interface), "bold")
        for line, style in _lines(rows, others, width):
            say(line, style)
        if not rows:
            say("  listens to nothing")
    broken = [invariant for invariant in listing.invariants if not invariant.holds]
    for invariant in broken:
        say(f"the kernel's tables contradict each other: {invariant.text}", "bold red")
    if not broken and listing.invariants:
        say(f"{len(listing.invariants)} invariants of the kernel's tables hold", "dim")
    # With --watch it may be long until the next line.
    sys.stdout.flush()


def print_suspicions(suspicions: Sequence[Suspicion]) -> None:
    """Print what may silence a member, and what to do about each."""
    say = line_printer()
    if suspicions:
        say("what may silence a member:", "bold")
    for one in suspicions:
        say(f"  {printable(one.words)}", "yellow")
        if one.cure:
            say(f"    what to do: {printable(one.cure)}")
    sys.stdout.flush()


def print_events(events: Sequence[GroupsEvent], start_ns: int) -> None:
    """Print changes, a line each, with the time since the watch began at wall time `start_ns`."""
    say = line_printer()
    for event in events:
        say(f"{(event.time_ns - start_ns) / SECOND:9.3f} s  {printable(_event_line(event))}")
    sys.stdout.flush()


def _width() -> int:
    """Return how wide lines may be: a pipe gets whole lines."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else _UNLIMITED


def _heading(interface: ListedInterface) -> str:
    facts = ["up" if interface.is_up else "down"]
    facts += [interface.kind] if interface.kind else []
    if interface.igmp_version is not None:
        facts.append(f"IGMPv{interface.igmp_version}")
    if interface.promiscuity:
        facts.append(f"wants all frames (promiscuity {interface.promiscuity})")
    if interface.allmulti:
        facts.append(f"wants all multicast (allmulti {interface.allmulti})")
    return f"{printable(interface.name)}  {', '.join(facts)}"


def _lines(
    rows: Sequence[GroupRow], others: Sequence[OtherMac], width: int
) -> Iterator[tuple[str, str]]:
    cells = [_HEADINGS, *map(_cells, rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_HEADINGS))]
    # A group too long for the terminal gets a line of its own.
    widths[0] = min(widths[0], max(width - sum(widths[1:]) - 2 * len(widths), len(_HEADINGS[0])))
    for number, line in enumerate(cells if rows else ()):
        group, *rest = line
        if len(group) > widths[0]:
            yield f"  {group}", ""
            group = ""
        aligned = (
            cell.rjust(size) if heading in _RIGHT else cell.ljust(size)
            for heading, cell, size in zip(_HEADINGS, (group, *rest), widths, strict=True)
        )
        yield "  " + "  ".join(aligned).rstrip(), "" if number else "dim"
        for remark in _remarks(rows[number - 1]) if number else ():
            yield from ((part, "") for part in _wrapped(remark, width))
    for other in others:
        remark = f"{mac_text(other.mac)} is in the device's list without a group of this host"
        yield from (
            (part, "")
            for part in textwrap.wrap(
                f"{remark}: {counted(other.references, 'reference')} ({other.because})",
                width,
                initial_indent="  ",
                subsequent_indent="    ",
            )
        )


def _cells(row: GroupRow) -> tuple[str, ...]:
    wants = filter_text(row.is_exclude, row.sources)
    if len(wants) > _WIDEST_FILTER:
        wants = f"{'all but' if row.is_exclude else 'only'} {len(row.sources or ()):,} sources"
    references = "-" if row.mac_references is None else str(row.mac_references)
    timer = "" if row.timer_ns is None else f"{row.timer_ns / SECOND:.2f} s"
    mac = mac_text(row.mac) if row.mac else "-"
    return text(row.group), str(row.users), wants, mac, references, timer


def _remarks(row: GroupRow) -> Iterator[str]:
    """Yield the reasons and what else is worth a line of its own."""
    for reason in row.reasons:
        named = reason.kind in (ReasonKind.SOCKET, ReasonKind.UNKNOWN)
        yield printable(f"{reason.kind.value}: {reason.detail}" if not named else reason.detail)
    if len(filter_text(row.is_exclude, row.sources)) > _WIDEST_FILTER:
        yield filter_text(row.is_exclude, row.sources)
    if row.shares_mac_with:
        yield f"shares its MAC with {', '.join(map(text, row.shares_mac_with))}"
    if row.flags is not None and len(row.group) == 16:
        words = [word for word in row.flags if word not in ("loaded", "timer running")]
        if "loaded" not in row.flags:
            words.insert(0, "not loaded into the device's list")
        if words:
            yield ", ".join(words)
    elif row.flags and "last reporter" in row.flags:
        yield "last reporter"


def _wrapped(remark: str, width: int) -> list[str]:
    return textwrap.wrap(
        remark,
        width,
        initial_indent="    ",
        subsequent_indent="      ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _event_line(event: GroupsEvent) -> str:
    if event.references is not None and event.mac is not None:
        before, after = event.references
        where = f"{mac_text(event.mac)} in the device's list"
        return f"{event.interface}  {where}: {before} -> {after} references"
    group = text(event.group) if event.group else ""
    line = f"{event.interface}  {event.kind.value} {group}"
    if event.row is None:
        return f"{line}: lived too short to be looked at"
    if event.kind is EventKind.CHANGED and event.before is not None:
        return f"{line}: {_difference(event.before, event.row)}"
    wants = filter_text(event.row.is_exclude, event.row.sources)
    owners = "; ".join(f"{r.kind.value}: {r.detail}" for r in event.row.reasons)
    return f"{line}, {wants}: {owners}"


def _difference(before: GroupRow, after: GroupRow) -> str:
    parts = []
    if before.users != after.users:
        parts.append(f"users {before.users} -> {after.users}")
    wanted = [filter_text(row.is_exclude, row.sources) for row in (before, after)]
    if wanted[0] != wanted[1]:
        parts.append(f"{wanted[0]} -> {wanted[1]}")
    gone = [r.detail for r in before.reasons if r not in after.reasons]
    come = [r.detail for r in after.reasons if r not in before.reasons]
    parts += [f"no longer {detail}" for detail in gone] + [f"now {detail}" for detail in come]
    if not parts:
        parts.append(f"flags {before.flags} -> {after.flags}")
    return ", ".join(parts)


def _process_json(process: Process) -> Json:
    return {
        "pid": process.pid,
        "name": process.name,
        "sockets": [_socket_json(one) for one in process.sockets],
    }


def _socket_json(one: KernelFilter) -> Json:
    return {
        "descriptor": one.descriptor,
        "filter_mode": _mode(one.is_exclude),
        "sources": list(map(text, one.sources)),
    }


def _mode(is_exclude: bool | None) -> str | None:  # noqa: FBT001
    return None if is_exclude is None else filter_mode(is_exclude)


def _seconds(duration_ns: int | None) -> float | None:
    return None if duration_ns is None else round(duration_ns / SECOND, 3)
