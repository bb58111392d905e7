"""What `query` prints: a table for people, the documents of the contract for programs."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING

from mldkit.model.addresses import is_unspecified, mac_text, text
from mldkit.model.family import family_of
from mldkit.model.units import MILLISECOND
from mldkit.model.words import counted, hosts_text
from mldkit.query import MOST_ANSWERS
from mldkit.render.account import account_json
from mldkit.render.message_json import Json, message_json, messages_json
from mldkit.render.terminal import line_printer, note, output_columns, print_json, print_table
from mldkit.render.words import filter_mode
from mldkit.wire.validity import judge

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from mldkit.link.account import Account
    from mldkit.query import Answer, GroupState, HostState, QueryResult

_NARROWEST_SOURCES = 16


def milliseconds(delay_ns: int | None) -> float | None:
    """Return a delay in milliseconds with the microseconds behind the point."""
    return None if delay_ns is None else round(delay_ns / MILLISECOND, 3)


def answer_json(answer: Answer) -> Json:
    """Return the JSON object of one answer."""
    return {
        **message_json(judge(answer.decoded)),
        "query": answer.query,
        "delay_ms": milliseconds(answer.delay_ns),
        "late": answer.late,
    }


def _host_json(host: HostState) -> Json:
    return {
        "address": text(host.address),
        "mac": mac_text(host.mac) if host.mac else None,
        "groups": [
            {
                "group": text(state.group),
                "filter_mode": filter_mode(state.exclude),
                "sources": [text(source) for source in state.sources],
                "version": state.version,
                "delay_ms": milliseconds(state.delay_ns),
            }
            for state in host.groups.values()
        ],
    }


def print_result(args: argparse.Namespace, result: QueryResult, account: Account) -> None:
    """Print the outcome in the form that was asked for; ndjson was printed as it came."""
    if args.format == "json":
        document = {
            "schema": "mldkit.query/1",
            "queries": messages_json(result.queries),
            "answers": [answer_json(answer) for answer in result.answers],
            "hosts": [_host_json(host) for host in result.hosts()],
            **account_json(account),
            "interrupted": result.is_partial,
        }
        print_json(document)
    elif args.format == "text":
        _print_text(result)
    for line in _remarks(result, account.dropped):
        note(args, f"note: {line}")


def _print_text(result: QueryResult) -> None:
    hosts = result.hosts()
    if not hosts:
        print("nobody answered until then" if result.is_partial else "nobody answered")
        return
    rows = [
        (text(host.address), mac_text(host.mac) if host.mac else "-", *_cells(state))
        for host in hosts
        for state in host.groups.values()
    ]
    headings = ("host", "MAC", "group", "mode", "sources", "version", "delay")
    columns = output_columns()
    if columns is not None and _table_columns(headings, *rows) > columns:
        _print_by_host(hosts, columns)
    else:
        print_table(headings, rows, right={"delay"}, merge=2)
    groups = len({state.group for host in hosts for state in host.groups.values()})
    print(f"{hosts_text(map(_identity, hosts))}, {counted(groups, 'group')}")


def _identity(host: HostState) -> tuple[bytes, bytes | None]:
    """Return address and MAC; hosts without an address are told apart by their MACs."""
    if is_unspecified(host.address):
        return host.address + (host.mac or b""), host.mac
    return host.address, host.mac


def _table_columns(*rows: Sequence[str]) -> int:
    """Return how wide a table is: every column as its longest cell, two blanks between."""
    return sum(max(map(len, cells)) + 2 for cells in zip(*rows, strict=True)) - 2


def _print_by_host(hosts: Sequence[HostState], columns: int) -> None:
    """Print a block for each host: no address is broken where the terminal is narrow."""
    emit = line_printer()
    listed = [(host, [_cells(state) for state in host.groups.values()]) for host in hosts]
    every = [cells for _, rows in listed for cells in rows]
    group_columns = max(len(cells[0]) for cells in every)
    delay_columns = max(len(cells[4]) for cells in every)
    for host, rows in listed:
        emit(f"{text(host.address)}  {mac_text(host.mac) if host.mac else '-'}", "bold")
        for group, mode, sources, version, delay in rows:
            head = f"  {group:<{group_columns}}  {mode}  {version:<6}  {delay:>{delay_columns}}  "
            lines = wrap(
                sources,
                max(columns, len(head) + _NARROWEST_SOURCES),
                initial_indent=head,
                subsequent_indent=" " * len(head),
                break_long_words=False,
            )
            for line in lines:
                emit(line)


def _cells(state: GroupState) -> tuple[str, str, str, str, str]:
    sources = ", ".join(map(text, state.sources))
    if not sources:
        sources = "any" if state.exclude else "none"
    elif state.exclude:
        sources = f"all but {sources}"
    delay = "-" if state.delay_ns is None else f"{state.delay_ns / MILLISECOND:.1f} ms"
    return (
        text(state.group),
        filter_mode(state.exclude),
        sources,
        f"{family_of(state.group)!r}v{state.version}",
        delay + (" late" if state.late else ""),
    )


def _remarks(result: QueryResult, dropped: int) -> list[str]:
    lines = []
    macs: dict[bytes, list[str]] = {}
    for host in result.hosts():
        if host.mac and not is_unspecified(host.address):
            macs.setdefault(host.address, []).append(mac_text(host.mac))
    for address, theirs in macs.items():
        if len(theirs) > 1:
            lines.append(f"{text(address)} answers from {len(theirs)} MACs: {', '.join(theirs)}")
    queriers = {query.datagram.source: query for query in result.other_queries}
    for source in queriers:
        lines.append(f"another querier was heard meanwhile: {text(source)}")
    if result.changes:
        lines.append(f"{counted(result.changes, 'message')} of joins or leaves came meanwhile")
    if result.left_out:
        answers = counted(result.left_out, "more answer")
        lines.append(f"{answers} came and found no room: at most {MOST_ANSWERS:,} are listed")
    if result.elsewhere:
        reports = counted(result.elsewhere, "report")
        lines.append(f"{reports} came with other VLAN tags than the query and are not listed")
    if dropped:
        lines.append(f"the kernel dropped {counted(dropped, 'frame')}: answers may be missing")
    if not result.queries:
        lines.append("the own query was not seen to leave; delays are unknown")
    if result.is_partial:
        lines.append("interrupted: the list is what came until then")
    return lines
