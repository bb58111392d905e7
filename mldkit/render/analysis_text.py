"""How the result of an analysis looks as text: the ten lines, then the tables."""

from __future__ import annotations

from heapq import nsmallest
from typing import TYPE_CHECKING

from mldkit.analysis.facts import host_address
from mldkit.model.addresses import text
from mldkit.model.units import SECOND
from mldkit.model.words import seconds_text, short_names
from mldkit.render.devices import print_devices
from mldkit.render.explain import what_to_do
from mldkit.render.flapping import folded
from mldkit.render.for_people import day_text, for_people
from mldkit.render.summary import summary
from mldkit.render.terminal import (
    SEVERITY_STYLES,
    line_printer,
    print_table,
    printable,
    rule_line,
)
from mldkit.render.words import filter_text, frames_text, place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from mldkit.analysis.diagnosis import Diagnosis
    from mldkit.analysis.facts import LinkKey
    from mldkit.analysis.result import AnalysisResult
    from mldkit.analysis.stays import Stay
    from mldkit.model.addresses import Address

_MOST_ROWS = 300
_MOST_SOURCES = 4
_MOST_STREAMS = 50
_MOST_ALIKE = 10
"""Findings of one rule on one link."""
_MOST_FRAMES_SHOWN = 6


def print_analysis(
    result: AnalysisResult,
    today_ns: int,
    groups: Iterable[Address] = (),
    hosts: Iterable[Address] = (),
) -> None:
    """Print what was found; `groups` and `hosts` are those that somebody asked about.

    `today_ns` is the time now, in nanoseconds since the epoch: of another day the date is told.
    """
    emit = line_printer()
    result = for_people(result)
    lines = summary(result, result.known_packets)
    for line in lines:
        emit(printable(line))
    told = [*lines, *(entry.detail for entry in result.findings)]
    if (day := day_text(told, result, today_ns)) is not None:
        emit(day, "dim")
    reported = {stay.group for _, stay in result.stays()}
    for group in sorted(set(groups) - reported)[:_MOST_ALIKE]:
        emit(f"Nobody reported to be a member of {text(group)}.", "yellow")
    for host in sorted(set(hosts) - _heard(result))[:_MOST_ALIKE]:
        emit(f"No message of {text(host)} was heard.", "yellow")
    _print_queriers(result)
    _print_rows(result)
    _print_streams(result)
    names = short_names([capture.name for capture in result.captures])
    print_devices(result.devices, names)
    if result.findings:
        emit("")
        emit("findings", "bold")
        _print_findings(result.findings, names, emit)
    hint = what_to_do(result.findings)
    if hint is not None:
        emit("")
        emit(hint, "bold")


def _heard(result: AnalysisResult) -> set[Address]:
    """Return who sent a message that is told of: members, queriers, and who is blamed for one."""
    heard = {host_address(stay.host) for _, stay in result.stays()}
    heard.update(one.address for link in result.links for one in link.queriers.known)
    heard.update(entry.host for entry in result.findings)
    return heard.union(*(device.addresses for device in result.devices))


def _print_findings(
    findings: Sequence[Diagnosis], names: list[str], emit: Callable[..., None]
) -> None:
    alike: dict[tuple[object, ...], list[Diagnosis]] = {}
    for entry in findings:
        alike.setdefault((entry.id, entry.severity, entry.link), []).append(entry)
    for entries in alike.values():
        style = SEVERITY_STYLES[entries[0].severity]
        for entry in entries[:_MOST_ALIKE]:
            emit(printable(_finding_text(entry, names)), style)
        if len(entries) > _MOST_ALIKE:
            more = len(entries) - _MOST_ALIKE
            emit(f"{more:,} more of {entries[0].id}; --json has all, --group and --host choose")


def _print_queriers(result: AnalysisResult) -> None:
    rows = [
        (
            printable(place(link.key)),
            text(querier.address),
            f"v{querier.version}",
            f"{querier.general_queries:,}",
            _seconds(querier.announced_ns),
            _seconds(querier.observed_ns),
            "yes" if link.queriers.elected == querier else "no",
        )
        for link in result.links
        for querier in link.queriers.known
    ]
    if rows:
        print("\nqueriers")
        numbers = {"queries", "announced", "observed"}
        headings = ("link", "address", "version", "queries", "announced", "observed", "elected")
        print_table(headings, rows[:_MOST_ROWS], right=numbers, merge=1)
        if len(rows) > _MOST_ROWS:
            print(f"{len(rows) - _MOST_ROWS:,} more; --json has all")


def _print_rows(result: AnalysisResult) -> None:
    stays = {link.key: folded(link, result.findings) for link in result.links}
    count = sum(map(len, stays.values()))
    if not count:
        return
    print("\nmemberships")
    shown: list[tuple[LinkKey, Stay]] = []
    for link in sorted(result.links, key=lambda link: str(link.key)):
        # Of hundreds of thousands of rows only the first ones are sorted.
        room = _MOST_ROWS - len(shown)
        first = nsmallest(room, stays[link.key], key=lambda stay: (stay.group, stay.from_ns))
        shown += [(link.key, stay) for stay in first]
    rows = [
        (
            printable(place(key)),
            text(stay.group),
            text(host_address(stay.host)),
            filter_text(stay.exclude, stay.sources, _MOST_SOURCES),
            f"v{stay.version}",
            f"{(stay.from_ns - result.begun_ns) / SECOND:.3f}",
            f"{(stay.to_ns - result.begun_ns) / SECOND:.3f}",
            stay.ended_by,
        )
        for key, stay in shown
    ]
    headings = ("link", "group", "host", "wants", "version", "from s", "to s", "ended by")
    print_table(headings, rows, right={"from s", "to s"}, merge=2)
    if count > _MOST_ROWS:
        print(f"{count - _MOST_ROWS:,} more; --json has all, --group and --host choose")


def _print_streams(result: AnalysisResult) -> None:
    streams = [(link.key, stream) for link in result.links for stream in link.streams]
    if not streams:
        return
    print("\ndata")
    rows = [
        (
            printable(place(key)),
            text(stream.group),
            text(stream.source),
            f"{stream.packets:,}",
            f"{(stream.first_ns - result.begun_ns) / SECOND:.3f}",
            f"{(stream.last_ns - result.begun_ns) / SECOND:.3f}",
            str(stream.hop_limit),
        )
        for key, stream in streams[:_MOST_STREAMS]
    ]
    headings = ("link", "group", "source", "packets", "from s", "to s", "lowest TTL")
    numbers = {"packets", "from s", "to s", "lowest TTL"}
    print_table(headings, rows, right=numbers, merge=2)
    if len(streams) > _MOST_STREAMS:
        print(f"{len(streams) - _MOST_STREAMS:,} more; --json has all")


def _finding_text(entry: Diagnosis, names: list[str]) -> str:
    line = rule_line(entry.rule, entry.severity, entry.detail_of_host)
    where = f" ({place(entry.link)})" if entry.link is not None else ""
    times = f" {entry.count:,} times" if entry.count > 1 else ""
    capture = names[entry.capture] if len(names) > 1 else None
    frames = frames_text(entry.frames, _MOST_FRAMES_SHOWN, capture)
    return f"{line}{where}{times}" + (f"; {frames}" if frames else "")


def _seconds(value_ns: int | None) -> str:
    return "-" if value_ns is None else seconds_text(value_ns)
