"""Calls as trees, from entries in the order of time.

::

    function_graph   entered and left: one stack of open calls for each task
    function         entered, with its callers: the open calls are those that the callers name

A stack lacks a caller whose last act the call was (a tail call): the processor has left it
already. Where the callers in the source (`Function.callers`) name a call that came just before,
it is put back under that one and marked. What runs in an interrupt is a tree of its own, whatever
it interrupted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mldkit.model.units import MILLISECOND
from mldkit.trace.functions import BY_NAME, plain
from mldkit.trace.text import Entered, Happened, Left, Lost

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mldkit.trace.text import Entry

# Where a soft interrupt begins; what called it has nothing to do with it.
_INTERRUPTS = frozenset(
    ("handle_softirqs", "__do_softirq", "do_softirq", "__irq_exit_rcu", "irq_exit_rcu")
)
_IDLE_NS = 50 * MILLISECOND
_MOST_OPEN = 64
_MOST_TASKS = 4096


@dataclass(slots=True, eq=False)
class Call:
    """One call of a function."""

    name: str
    symbol: str
    time_ns: int
    pid: int
    task: str
    parent: Call | None = None
    children: list[Call] = field(default_factory=list)
    events: list[Happened] = field(default_factory=list)
    end_ns: int | None = None
    """None: when it was left was not seen."""
    restored: bool = False
    """A tail call that was put back under its caller."""
    cut: bool = False
    """Entries were lost while it was open: more may have happened."""

    def walk(self) -> Iterator[Call]:
        """Give the call and all below it, in their order."""
        yield self
        for child in self.children:
            yield from child.walk()

    def happened(self) -> Iterator[Happened]:
        """Give the events of the call and of all below it."""
        for call in self.walk():
            yield from call.events


class CallTrees:
    """Builds trees; gives each when its outermost call is over."""

    def __init__(self) -> None:
        self._open: dict[tuple[int, int], list[Call]] = {}
        """The open calls of each task, the outermost one first."""
        self._by_stack: dict[tuple[int, int], int] = {}
        """Tasks whose calls are known from stacks, and when the last one was."""
        self._early: dict[tuple[int, int], Happened] = {}
        """Probes that came in front of their call."""

    def feed(self, entry: Entry) -> Iterator[Call]:
        """Take an entry in; give trees that are over."""
        if isinstance(entry, Lost):
            yield from self.end(cut=True)
            return
        key = _context(entry)
        if isinstance(entry, Happened):
            yield from self._happened(key, entry)
        elif isinstance(entry, Left):
            yield from self._left(key, entry)
        elif entry.stack is None:
            yield from self._entered(key, entry)
        else:
            yield from self._entered_from(key, entry, entry.stack)

    def idle(self, now_ns: int) -> Iterator[Call]:
        """Give trees that stacks have built and that nothing has been added to for a while."""
        for key, last_ns in list(self._by_stack.items()):
            if now_ns - last_ns > _IDLE_NS:
                yield from self._finish(key)

    def end(self, *, cut: bool = False) -> Iterator[Call]:
        """Give all trees, over or not."""
        for key in list(self._open):
            for call in self._open[key]:
                call.cut = call.cut or cut
            yield from self._finish(key)

    def _call(self, key: tuple[int, int], entry: Entered) -> Call:
        call = Call(plain(entry.symbol), entry.symbol, entry.time_ns, entry.pid, entry.task)
        early = self._early.pop(key, None)
        if early is not None and early.name == entry.symbol:
            call.events.append(early)
        return call

    def _finish(self, key: tuple[int, int]) -> Iterator[Call]:
        """Give up the open calls of a task: each one without a caller is a tree."""
        self._by_stack.pop(key, None)
        for call in self._open.pop(key, ()):
            if call.parent is None:
                yield call

    def _happened(self, key: tuple[int, int], event: Happened) -> Iterator[Call]:
        last_ns = self._by_stack.get(key)
        if last_ns is not None and event.time_ns - last_ns > _IDLE_NS:
            yield from self._finish(key)
        opened = self._open.get(key)
        if event.name in BY_NAME:
            # The probe of a function: some kernels write it in front of the call, some behind.
            if opened and opened[-1].symbol == event.name and not opened[-1].events:
                opened[-1].events.append(event)
            else:
                self._early[key] = event
        elif opened and event.stack is None:
            opened[-1].events.append(event)
        elif opened and event.stack is not None:
            place, _ = _place(opened, _known(event.stack))
            if place:
                opened[place - 1].events.append(event)

    def _entered(self, key: tuple[int, int], entry: Entered) -> Iterator[Call]:
        opened = self._open.setdefault(key, [])
        if len(opened) >= _MOST_OPEN or len(self._open) > _MOST_TASKS:
            yield from self.end(cut=True)
            opened = self._open.setdefault(key, [])
        call = self._call(key, entry)
        row = BY_NAME.get(call.name)
        if opened and not (row is not None and row.interrupts):
            call.parent = opened[-1]
            opened[-1].children.append(call)
        opened.append(call)

    def _left(self, key: tuple[int, int], entry: Left) -> Iterator[Call]:
        opened = self._open.get(key, [])
        name = plain(entry.symbol)
        if not any(call.name == name for call in opened):
            return
        while opened:
            call = opened.pop()
            is_it = call.name == name
            call.cut = call.cut or not is_it
            call.end_ns = entry.time_ns
            if call.parent is None:
                yield call
            if is_it:
                break
        if not opened:
            self._open.pop(key, None)

    def _entered_from(
        self, key: tuple[int, int], entry: Entered, stack: tuple[str, ...]
    ) -> Iterator[Call]:
        callers = _known(stack)
        call = self._call(key, entry)
        path = self._open.get(key, [])
        place, is_complete = _place(path, callers)
        restored = _restored(path, place, call.name) if is_complete else None
        if restored is not None:
            place, call.restored = restored, True
        if place == 0:
            yield from self._finish(key)
            path = self._open[key] = []
        if len(self._open) > _MOST_TASKS:
            yield from self.end(cut=True)
            path = self._open[key] = []
            place = 0
        del path[place:]
        if path:
            call.parent = path[-1]
            path[-1].children.append(call)
        call.cut = not is_complete
        path.append(call)
        self._by_stack[key] = entry.time_ns


def _context(entry: Entered | Left | Happened) -> tuple[int, int]:
    """Return what has a stack of its own: a task, or an interrupt on a processor."""
    if entry.interrupts:
        return entry.pid, -1 - entry.cpu
    return entry.pid, 0 if entry.pid else entry.cpu + 1


def _known(stack: tuple[str, ...]) -> list[str]:
    """Return the functions of a stack that have a row, the outermost one first."""
    until = next((n for n, name in enumerate(stack) if plain(name) in _INTERRUPTS), len(stack))
    names = (plain(name) for name in reversed(stack[:until]))
    return [name for name in names if name in BY_NAME]


def _place(path: list[Call], callers: list[str]) -> tuple[int, bool]:
    """Return how much of the open path the callers confirm, and whether it holds all of them.

    A call that ended with a tail call is missing among the callers, and the one below it is not.
    """
    kept = found = 0
    for place, call in enumerate(path):
        if found == len(callers):
            break
        if call.name == callers[found]:
            found += 1
            kept = place + 1
        elif not (place + 1 < len(path) and path[place + 1].restored):
            break
    return kept, found == len(callers)


def _restored(path: list[Call], place: int, name: str) -> int | None:
    """Return where a tail call belongs: below the last of its callers that came just before."""
    row = BY_NAME.get(name)
    if row is None or (place and path[place - 1].name in row.callers):
        return None
    found = None
    for index in range(place, len(path)):
        # One that was called in the usual way would keep its caller on the stack.
        if index > place and not path[index].restored:
            break
        if path[index].name in row.callers:
            found = index + 1
    return found
