"""The text of a tracing instance, taken apart: what was entered, left, happened, and was lost.

Two tracers write what is read here (Linux kernel/trace/trace_output.c, trace_functions_graph.c)::

    117.421677 |   0)   python-136   |               |  ipv6_sock_mc_join() {
    117.421967 |   0)   python-136   |   71.967 us   |    __hw_addr_add_ex();
    117.422298 |   0)   python-136   |   412.255 us  |  } /* __ipv6_dev_mc_inc */
    117.422290 |   0)   python-136   |               |  /* timer_start: timer=ff14.. [timeout=2] */

          python-92      [000] ...1.    28.793857: __ipv6_dev_mc_inc <-__ipv6_sock_mc_join
          python-92      [000] ...1.    28.793865: <stack trace>
     => __ipv6_dev_mc_inc
     => __ipv6_sock_mc_join
          python-92      [000] d..1.    28.794464: timer_start: timer=ffff88801fdb88c8 [timeout=2]

`function_graph` says when a function was entered and left; it is understood by its nesting.
`function` says that it was entered, and with `func_stack_trace` from where; events get their
stack by the option `stacktrace`. Names of tasks are
whatever somebody called his process, so a line may look like anything; what is not understood is
counted and passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from mldkit.model.units import MICROSECOND


class Entered(NamedTuple):
    """A function was entered."""

    time_ns: int
    cpu: int
    pid: int
    task: str
    interrupts: bool
    """Whether it ran in an interrupt of the task, where the tracer says so."""
    symbol: str
    stack: tuple[str, ...] | None
    """Its callers, the nearest one first; None where nesting says it."""


class Left(NamedTuple):
    """A function was left."""

    time_ns: int
    cpu: int
    pid: int
    task: str
    interrupts: bool
    symbol: str


class Happened(NamedTuple):
    """An event."""

    time_ns: int
    cpu: int
    pid: int
    task: str
    interrupts: bool
    name: str
    fields: Mapping[str, str]
    stack: tuple[str, ...] | None = None
    """Where it happened, the nearest function first; None where nesting says it."""


class Lost(NamedTuple):
    """Entries that found no room in the buffer of a processor."""

    cpu: int
    entries: int


Entry = Entered | Left | Happened | Lost

_LOST = re.compile(r"^CPU:(\d+) \[LOST (\d+) EVENTS\]")
_GRAPH = re.compile(
    r"^\s*(\d+)\.(\d{6}) \|\s+(\d+)\) (.*?)-(\d+)\s+\|[^|]*\|\s*(.*?)\s*$"
)  # fmt: skip
# The third flag says what was interrupted: s or h where a soft or hard interrupt runs.
_PLAIN = re.compile(r"^\s*(.*?)-(\d+)\s+\[(\d+)\] \S\S(\S)\S{1,4}\s+(\d+)\.(\d{6}): (.*?)\s*$")
_INTERRUPT = "hHsSzZ"
_SYMBOL = r"([A-Za-z_][\w.]*)(?: \[[\w-]+\])?"
_OPENED = re.compile(rf"^{_SYMBOL}\(\) \{{")
_LEAF = re.compile(rf"^{_SYMBOL}\(\);")
_CLOSED = re.compile(rf"^\}} /\* {_SYMBOL}")
_COMMENT = re.compile(r"^/\* (\w+): (.*?) \*/$")
_ENTERED = re.compile(rf"^{_SYMBOL} <-\S+")
_EVENT = re.compile(r"^(\w+): (.*)$")
_CALLER = re.compile(r"^ => (\S+)")
_FIELD = re.compile(r"(\w+)=(\{[^}]*\}|[^\s\]]*)")
_COMM = re.compile(r' comm="(.*)"$')
_STACK = "<stack trace>"
_KNOWN_NOISE = re.compile(r"^\s*(#|$|-{10}|\d+\)\s.*=>|={10}|<)")


class TraceText:
    """Reads a trace line by line; a line may belong to the entry before it."""

    def __init__(self) -> None:
        self.unread = 0
        """Lines that are neither an entry nor known to be none."""
        self._held: Entered | Happened | None = None
        self._callers: list[str] = []

    def feed(self, line: str) -> Iterator[Entry]:
        """Give the entries that are complete with this line."""
        caller = _CALLER.match(line)
        if caller:
            if self._held is not None:
                self._callers.append(caller[1])
            return
        graph = _GRAPH.match(line)
        if graph:
            yield from self.flush()
            yield from self._graph(graph)
            return
        plain = _PLAIN.match(line)
        if plain:
            if plain[7] == _STACK:
                return
            yield from self.flush()
            self._plain(plain)
            return
        lost = _LOST.match(line)
        if lost:
            yield from self.flush()
            yield Lost(int(lost[1]), int(lost[2]))
        elif not _KNOWN_NOISE.match(line):
            self.unread += 1

    def flush(self, until_ns: int | None = None) -> Iterator[Entry]:
        """Give the entry that was waiting for its callers, if it is as old as `until_ns`."""
        held = self._held
        if held is None or (until_ns is not None and held.time_ns > until_ns):
            return
        self._held = None
        callers, self._callers = self._callers, []
        if isinstance(held, Happened):
            yield held._replace(stack=tuple(callers)) if callers else held
            return
        # In front of the function itself stand trampolines of the tracer.
        own = callers.index(held.symbol) + 1 if held.symbol in callers else 0
        yield held._replace(stack=tuple(callers[own:]))

    def _graph(self, found: re.Match[str]) -> Iterator[Entry]:
        task, pid = found[4].strip(), int(found[5])
        place = (_time_ns(found[1], found[2]), int(found[3]), pid, task, False)
        said = found[6]
        if match := _OPENED.match(said):
            yield Entered(*place, match[1], None)
        elif match := _LEAF.match(said):
            yield Entered(*place, match[1], None)
            yield Left(*place, match[1])
        elif match := _CLOSED.match(said):
            yield Left(*place, match[1])
        elif match := _COMMENT.match(said):
            yield Happened(*place, match[1], _fields(match[2]))
        else:
            self.unread += 1

    def _plain(self, found: re.Match[str]) -> None:
        task, pid, interrupts = found[1].strip(), int(found[2]), found[4] in _INTERRUPT
        place = (_time_ns(found[5], found[6]), int(found[3]), pid, task, interrupts)
        if match := _ENTERED.match(found[7]):
            self._held = Entered(*place, match[1], ())
        elif match := _EVENT.match(found[7]):
            self._held = Happened(*place, match[1], _fields(match[2]))
        else:
            self.unread += 1


def _time_ns(seconds: str, microseconds: str) -> int:
    return int(seconds + microseconds) * MICROSECOND


def _fields(text: str) -> dict[str, str]:
    """Return the fields of an event; the name of a task comes last and may hold anything."""
    fields: dict[str, str] = {}
    task = _COMM.search(text)
    if task:
        fields["comm"] = task[1]
        text = text[: task.start()]
    for name, value in _FIELD.findall(text):
        fields.setdefault(name, value)
    return fields


def octets(value: str) -> bytes | None:
    """Return an array of octets as a probe event prints it, `{0xff,0x15,..}`."""
    try:
        return bytes(int(word, 16) for word in value.strip("{}").split(","))
    except ValueError:
        return None


def number(value: str) -> int | None:
    """Return a pointer or number in hexadecimal, with 0x or without."""
    try:
        return int(value, 16)
    except ValueError:
        return None
