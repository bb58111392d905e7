"""How a comparison of two captures looks: what `analyze --compare A B` prints."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from mldkit.model.addresses import text
from mldkit.model.family import family_of
from mldkit.model.messages import Report
from mldkit.model.units import SECOND
from mldkit.model.words import counted, named
from mldkit.render.message_json import Json, number
from mldkit.render.message_text import summary_text
from mldkit.render.terminal import json_text, line_printer, print_json

if TYPE_CHECKING:
    from mldkit.comparison import CapturedMessage, Comparison, Proxy

SCHEMA = "mldkit.compare/1"
_MOST_RECORDS = 4


def print_comparison(output_format: str, result: Comparison, names: tuple[str, str]) -> None:
    """Print what is on one side only or was changed, as text, one document or a line for each.

    `names` are those of the captures A and B.
    """
    if output_format == "text":
        _print_text(result, *names)
    elif output_format == "json":
        print_json(comparison_json(result))
    else:
        for line in _lines(result):
            sys.stdout.write(json_text(line) + "\n")


def comparison_json(result: Comparison) -> Json:
    """Return the document of one comparison."""
    offset_ns = result.offset_ns
    return {
        "schema": SCHEMA,
        "offset_s": None if offset_ns is None else number(offset_ns, SECOND),
        "matched": result.matched,
        "only_a": [seen.frame for seen in result.only_a],
        "only_b": [seen.frame for seen in result.only_b],
        "elsewhere": [seen.frame for seen in result.elsewhere],
        "outside_a": [seen.frame for seen in result.outside_a],
        "outside_b": [seen.frame for seen in result.outside_b],
        "proxies": [_proxy_json(proxy) for proxy in result.proxies],
        "changed": [
            {"a": change.a, "b": change.b, "fields": list(change.fields)}
            for change in result.changed
        ],
    }


def _proxy_json(proxy: Proxy) -> Json:
    return {
        "source": text(proxy.source),
        "version": proxy.version,
        "hosts": list(map(text, proxy.hosts)),
        "groups": list(map(text, proxy.groups)),
        "sources_lost": list(map(text, proxy.lost)),
        "frames": list(proxy.frames),
    }


def _proxy_text(proxy: Proxy) -> str:
    line = (
        f"D-36: a switch between them reports in place of the hosts, as a reporting proxy:"
        f" {text(proxy.source)} in {family_of(proxy.source)!r}v{proxy.version} for"
        f" {named(proxy.groups)}, instead of {named(proxy.hosts)}"
    )
    if proxy.lost:
        line += f"; the sources that they want of {named(proxy.lost)} are lost"
    return f"{line} ({counted(len(proxy.frames), 'message')} of those only in B)"


def _lines(result: Comparison) -> list[Json]:
    document = comparison_json(result)
    lines: list[Json] = [{"only": "a", "frame": frame} for frame in document["only_a"]]
    lines += [{"only": "b", "frame": frame} for frame in document["only_b"]]
    return lines + list(document["changed"])


def _records(seen: CapturedMessage) -> str:
    message = seen.decoded.datagram.message
    if not isinstance(message, Report):
        return ""
    shown = " ".join(map(str, message.records[:_MOST_RECORDS]))
    return f": {shown}" + (" ..." if len(message.records) > _MOST_RECORDS else "")


def _print_text(result: Comparison, name_a: str, name_b: str) -> None:
    emit = line_printer()
    offset_ns = result.offset_ns
    clocks = "no message is on both sides, so the clocks cannot be compared"
    if offset_ns is not None:
        clocks = f"the clock of B is {offset_ns / SECOND:+.6f} s from that of A"
    emit(f"{counted(result.matched, 'message')} on both sides; {clocks}.")
    for name, missing, other, beyond in (
        (name_a, result.only_a, name_b, result.outside_a),
        (name_b, result.only_b, name_a, result.outside_b),
    ):
        if missing:
            emit(f"only in {name}: {counted(len(missing), 'message')}", "bold red")
            for seen in missing:
                datagram = seen.decoded.datagram
                route = f"{text(datagram.source)} > {text(datagram.destination)}"
                emit(f"  frame {seen.frame}: {route}  {summary_text(seen.decoded)}{_records(seen)}")
        if beyond:
            count = counted(len(beyond), "message")
            emit(
                f"{count} of those only in {name}: before the first packet of {other} or after its"
                " last, when it may not have been looked at"
            )
    for proxy in result.proxies:
        emit(_proxy_text(proxy), "yellow")
    if result.elsewhere:
        count = counted(len(result.elsewhere), "message")
        emit(
            f"{count} of those only in {name_b}: from hosts behind other ports, whose reports a"
            " snooping switch sends to routers only"
        )
    for change in result.changed:
        fields = ", ".join(change.fields)
        emit(f"changed between: frame {change.a} of A, frame {change.b} of B: {fields}", "yellow")
