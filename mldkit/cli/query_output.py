"""What `query` prints: a table for people, the documents of the contract for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.cli.message_json import Json, message_json, messages_json
from mldkit.cli.message_text import plural
from mldkit.cli.output import note, print_json, print_table
from mldkit.model.addresses import mac_text, text
from mldkit.model.units import MILLISECOND

if TYPE_CHECKING:
    import argparse

    from mldkit.query import Answer, GroupState, HostState, Result


def milliseconds(delay_ns: int | None) -> float | None:
    """Return a delay in milliseconds with the microseconds behind the point."""
    return None if delay_ns is None else round(delay_ns / MILLISECOND, 3)


def answer_json(answer: Answer) -> Json:
    """Return the JSON object of one answer."""
    return {
        **message_json(answer.decoded),
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
                "filter_mode": "EXCLUDE" if state.exclude else "INCLUDE",
                "sources": [text(source) for source in state.sources],
                "version": state.version,
                "delay_ms": milliseconds(state.delay_ns),
            }
            for state in host.groups.values()
        ],
    }


def print_result(args: argparse.Namespace, result: Result, dropped: int) -> None:
    """Print the outcome in the form that was asked for; ndjson was printed as it came."""
    if args.format == "json":
        document = {
            "schema": "mldkit.query/1",
            "queries": messages_json(result.queries),
            "answers": [answer_json(answer) for answer in result.answers],
            "hosts": [_host_json(host) for host in result.hosts()],
            "dropped": dropped,
            "interrupted": result.interrupted,
        }
        print_json(document)
    elif args.format == "text":
        _print_text(result)
    for line in _remarks(result, dropped):
        note(args, f"note: {line}")


def _print_text(result: Result) -> None:
    hosts = result.hosts()
    if not hosts:
        print("nobody answered")
        return
    rows = [
        (text(host.address), mac_text(host.mac) if host.mac else "-", *_cells(state))
        for host in hosts
        for state in host.groups.values()
    ]
    headings = ("host", "MAC", "group", "mode", "sources", "version", "delay")
    print_table(headings, rows, right={"delay"}, merge=2)
    groups = len({state.group for host in hosts for state in host.groups.values()})
    macs = {host.mac or host.address for host in hosts}
    print(f"{plural(len(macs), 'host')}, {plural(groups, 'group')}")


def _cells(state: GroupState) -> tuple[str, str, str, str, str]:
    protocol = "IGMP" if len(state.group) == 4 else "MLD"
    sources = ", ".join(map(text, state.sources))
    if not sources:
        sources = "any" if state.exclude else "none"
    elif state.exclude:
        sources = f"all but {sources}"
    delay = "-" if state.delay_ns is None else f"{state.delay_ns / MILLISECOND:.1f} ms"
    return (
        text(state.group),
        "EXCLUDE" if state.exclude else "INCLUDE",
        sources,
        f"{protocol}v{state.version}",
        delay + (" late" if state.late else ""),
    )


def _remarks(result: Result, dropped: int) -> list[str]:
    lines = []
    queriers = {query.datagram.source: query for query in result.other_queries}
    for source in queriers:
        lines.append(f"another querier was heard meanwhile: {text(source)}")
    if result.changes:
        lines.append(f"{plural(result.changes, 'message')} of joins or leaves came meanwhile")
    if dropped:
        lines.append(f"the kernel dropped {plural(dropped, 'frame')}: answers may be missing")
    if not result.queries:
        lines.append("the own query was not seen to leave; delays are unknown")
    if result.interrupted:
        lines.append("interrupted: the list is what came until then")
    return lines
