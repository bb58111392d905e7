"""The page of `analyze --html`: one file, no scripts, nothing fetched from anywhere.

The same content as the text: answers in words, findings with frame numbers and sections,
queriers, memberships, streams, and the pictures in between. Whatever comes from a capture or a
file name passes `escaped`: control and direction characters become visible, then HTML's own.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from mldkit.analysis.facts import host_address
from mldkit.analysis.stays import CAPTURE_END, EXPIRY
from mldkit.model.addresses import mac_text, text
from mldkit.model.units import SECOND
from mldkit.model.words import clock_text, counted, delay_text, seconds_text, short_names
from mldkit.render.advice_page import fold
from mldkit.render.analysis_page_style import style_sheet
from mldkit.render.devices import HEADINGS, device_rows
from mldkit.render.for_people import for_people
from mldkit.render.incidents import data_after_leaves
from mldkit.render.summary import summary
from mldkit.render.terminal import printable
from mldkit.render.words import filter_text, frames_text, place

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mldkit.analysis.diagnosis import Diagnosis
    from mldkit.analysis.result import AnalysisResult
    from mldkit.analysis.stays import Stay

MOST_ROWS = 5_000
MOST_FINDINGS = 500
"""Of one rule."""
_SHOWN_OF_RULE = 5
_MOST_FRAMES = 12
_MOST_NAMES = 3
"""Captures that a heading has room for."""
_MOST_SOURCES = 6


def escaped(value: str) -> str:
    """Return text from anywhere as harmless content or attribute value of a page."""
    return escape(printable(value), quote=True)


def page(
    result: AnalysisResult,
    drawings: Sequence[tuple[str, str]],
    notes: Sequence[str] = (),
) -> str:
    """Return the whole page; `drawings` are title and SVG element of each picture."""
    result = for_people(result)
    names = short_names([capture.name for capture in result.captures])
    heading = ", ".join(names) if len(names) <= _MOST_NAMES else counted(len(names), "capture")
    by_title = dict(drawings)
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escaped(heading)} - mldkit analyze</title>",
        f"<style>\n{style_sheet()}</style></head><body><main>",
        *_header(result, heading, names),
        '<ul class="answers card">',
        *(_answer(line) for line in summary(result, result.known_packets)),
        "</ul>",
        *_findings(result.findings, names),
        *_queriers(result, by_title.pop("Queriers", None)),
        *_leaves(result),
        *_memberships(result, by_title.pop("Memberships", None)),
        *_streams(result),
        *_devices(result, names),
    ]
    for title, svg in by_title.items():
        parts += [f"<h2>{escaped(title)}</h2>", _figure(svg)]
    parts += [f'<p class="muted">{escaped(line)}</p>' for line in notes]
    parts.append(
        "<footer>Made by mldkit analyze. Memberships are counted by "
        f"{escaped(result.profile.replace('rfc', 'RFC '))}; times in tables are seconds since the "
        "first packet.</footer></main></body></html>\n"
    )
    return "\n".join(parts)


def _header(result: AnalysisResult, heading: str, names: Sequence[str]) -> Iterator[str]:
    length_s = (result.ended_ns - result.begun_ns) / SECOND
    facts = [counted(result.packets, "packet"), counted(result.messages, "message")]
    if result.packets:
        facts.append(f"{length_s:,.1f} s from {clock_text(result.begun_ns)}")
    yield f"<header><h1>{escaped(heading)}</h1>"
    if len(names) > _MOST_NAMES:
        yield f'<p class="muted">{escaped(", ".join(names))}</p>'
    yield f'<p class="muted">{escaped(", ".join(facts))}</p>'
    for capture in result.captures:
        if capture.damage is not None:
            where = f"{capture.name}: damaged at octet {capture.damage.offset}"
            yield f'<p class="expiry">{escaped(f"{where}: {capture.damage.reason}")}</p>'
    yield "</header>"


def _answer(line: str) -> str:
    severity = next((word for word in ("error", "warning") if line.startswith(f"{word} ")), "")
    kind = f' class="{severity}"' if severity else ""
    return f"<li{kind}>{escaped(line)}</li>"


def _findings(findings: Sequence[Diagnosis], names: Sequence[str]) -> Iterator[str]:
    yield f"<h2>Findings<small>{_counts(findings)}</small></h2>"
    if not findings:
        yield '<p class="muted">Nothing was found to be wrong.</p>'
    by_rule: dict[tuple[str, str], list[Diagnosis]] = {}
    for entry in findings:
        by_rule.setdefault((entry.severity, entry.id), []).append(entry)
    for (severity, name), entries in by_rule.items():
        rule = entries[0].rule
        yield (
            f'<div class="finding card {severity}">'
            f'<span class="tag">{severity} {escaped(name)}</span>'
            f"<b>{escaped(rule.title)}</b>"
            f'<p class="place">{escaped(rule.reference)}</p>'
        )
        yield from (_entry(entry, names) for entry in entries[:_SHOWN_OF_RULE])
        if len(entries) > _SHOWN_OF_RULE:
            yield f"<details><summary>{len(entries) - _SHOWN_OF_RULE:,} more</summary>"
            yield from (_entry(entry, names) for entry in entries[_SHOWN_OF_RULE:MOST_FINDINGS])
            if len(entries) > MOST_FINDINGS:
                yield f"<p>{len(entries) - MOST_FINDINGS:,} are left out; --json has all.</p>"
            yield "</details>"
        yield from fold(entries[0])
        yield "</div>"


def _entry(entry: Diagnosis, names: Sequence[str]) -> str:
    where = _where(entry, names)
    host = text(entry.host)
    if host and host not in entry.detail:
        where = f"{host} · {where}" if where else host
    behind = f' <span class="place">{escaped(where)}</span>' if where else ""
    return f"<p>{escaped(entry.detail)}{behind}</p>"


def _counts(findings: Sequence[Diagnosis]) -> str:
    words = {"error": "error", "warning": "warning", "info": "remark"}
    found = [
        counted(count, word)
        for severity, word in words.items()
        if (count := sum(entry.severity == severity for entry in findings))
    ]
    return escaped(", ".join(found))


def _where(entry: Diagnosis, names: Sequence[str]) -> str:
    parts = []
    if entry.link is not None:
        parts.append(place(entry.link))
    if entry.count > 1:
        parts.append(f"{entry.count:,} times")
    if entry.frames:
        capture = names[entry.capture] if len(names) > 1 else None
        parts.append(frames_text(entry.frames, _MOST_FRAMES, capture))
    return " · ".join(parts)


def _queriers(result: AnalysisResult, svg: str | None) -> Iterator[str]:
    rows = [
        [
            ("", place(link.key)),
            ("address", text(querier.address)),
            ("address", mac_text(querier.mac) if querier.mac else ""),
            ("", f"v{querier.version}"),
            ("number", f"{querier.general_queries:,}"),
            ("number", _seconds(querier.announced_ns)),
            ("number", _seconds(querier.observed_ns)),
            ("", "yes" if link.queriers.elected == querier else "no"),
        ]
        for link in result.links
        for querier in link.queriers.known
    ]
    yield "<h2>Queriers</h2>"
    if svg:
        yield _figure(svg)
    if not rows:
        yield '<p class="muted">No querier was heard.</p>'
        return
    headings = ("link", "address", "MAC", "version", "queries", "announced", "observed", "elected")
    yield from _table(headings, rows[:MOST_ROWS])
    yield from _rest(len(rows))


def _memberships(result: AnalysisResult, svg: str | None) -> Iterator[str]:
    found = list(result.stays())
    stays = counted(len(found), "stay")
    yield f"<h2>Memberships<small>{stays} of a host in a group</small></h2>"
    if svg:
        yield _figure(svg)
    if not found:
        yield '<p class="muted">No host reported a group.</p>'
        return
    ordered = sorted(found, key=lambda item: (place(item[0]), item[1].group, item[1].from_ns))
    rows = [
        [
            ("", place(key)),
            ("address", text(row.group)),
            ("address", text(host_address(row.host))),
            ("wide", filter_text(row.exclude, row.sources, _MOST_SOURCES)),
            ("", f"v{row.version}"),
            ("number", f"{(row.from_ns - result.begun_ns) / SECOND:,.3f}"),
            ("number", f"{(row.to_ns - result.begun_ns) / SECOND:,.3f}"),
            ("expiry" if row.ended_by == EXPIRY else "", _end(row)),
            ("number", f"{row.reports:,}"),
        ]
        for key, row in ordered[:MOST_ROWS]
    ]
    headings = (
        "link", "group", "host", "wants", "version", "from", "to", "ended by", "reports",
    )  # fmt: skip
    yield from _table(headings, rows, merge=2)
    yield from _rest(len(ordered))


def _leaves(result: AnalysisResult) -> Iterator[str]:
    rows = []
    for link in result.links:
        leaves = link.leaves
        if leaves.count:
            after = data_after_leaves(link).values()
            rows.append(
                [
                    ("", place(link.key)),
                    ("number", f"{leaves.count:,}"),
                    ("number", f"{leaves.asked:,}"),
                    ("number", _delay(leaves.delays.median_ns)),
                    ("number", _delay(leaves.delays.longest_ns)),
                    ("number", _seconds(max(after, default=None))),
                ]
            )
    if rows:
        yield "<h2>Leaves<small>and how soon the querier asks who is left</small></h2>"
        headings = (
            "link", "leaves", "asked about", "median delay", "slowest", "data went on at most",
        )  # fmt: skip
        yield from _table(headings, rows)


def _streams(result: AnalysisResult) -> Iterator[str]:
    rows = [
        [
            ("", place(link.key)),
            ("address", text(stream.group)),
            ("address", text(stream.source)),
            ("number", f"{stream.packets:,}"),
            ("number", f"{(stream.first_ns - result.begun_ns) / SECOND:,.3f}"),
            ("number", f"{(stream.last_ns - result.begun_ns) / SECOND:,.3f}"),
            ("number", str(stream.hop_limit)),
        ]
        for link in result.links
        for stream in link.streams
    ]
    if rows:
        yield "<h2>Data to groups</h2>"
        headings = ("link", "group", "source", "packets", "first", "last", "lowest TTL")
        yield from _table(headings, rows[:MOST_ROWS])
        yield from _rest(len(rows))


def _devices(result: AnalysisResult, names: Sequence[str]) -> Iterator[str]:
    if not result.devices:
        return
    yield "<h2>Devices</h2>"
    rows = [
        [("", link), ("address", mac), ("address", addresses), ("", roles), ("wide", grounds)]
        for link, mac, addresses, roles, grounds in device_rows(result.devices[:MOST_ROWS], names)
    ]
    yield from _table(HEADINGS, rows)
    yield from _rest(len(result.devices))


def _table(
    headings: Sequence[str], rows: Sequence[Sequence[tuple[str, str]]], *, merge: int = 1
) -> Iterator[str]:
    """Give a table; the first `merge` cells are invisible where they repeat those above."""
    yield '<div class="card scroll"><table><thead><tr>'
    for (kind, _), heading in zip(rows[0], headings, strict=True):
        css = ' class="number"' if kind == "number" else ""
        yield f"<th{css}>{escaped(heading)}</th>"
    yield "</tr></thead><tbody>"
    previous: list[tuple[str, str]] = []
    for row in rows:
        same = previous == list(row[:merge])
        previous = list(row[:merge])
        cells = []
        for index, (kind, value) in enumerate(row):
            names = [kind] if kind else []
            if index < merge:
                names.append("same")
            css = f' class="{" ".join(names)}"' if names else ""
            cells.append(f"<td{css}>{escaped(value)}</td>")
        yield f'<tr class="{"again" if same else "first"}">{"".join(cells)}</tr>'
    yield "</tbody></table></div>"


def _rest(count: int) -> Iterator[str]:
    """Say how many of so many rows a table has no room for."""
    if count > MOST_ROWS:
        yield f'<p class="muted">{count - MOST_ROWS:,} more; --json has all.</p>'


def _figure(svg: str) -> str:
    return f'<figure class="card">{svg}</figure>'


def _end(row: Stay) -> str:
    return "still member" if row.ended_by == CAPTURE_END else row.ended_by


def _delay(value_ns: int | None) -> str:
    return "-" if value_ns is None else delay_text(value_ns)


def _seconds(value_ns: int | None) -> str:
    return "-" if value_ns is None else seconds_text(value_ns)
