"""Acts from observations: which call began what, whose device it was, what came of it later.

::

    lines -> entries -> trees -+-> begins an act, where its probes name the device
                               `-> continues one, where its timer or work item was set by it
    frames, tables ------------> put to the acts in whose time they fall

Acts of other devices and of other namespaces are left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.model.addresses import group_mac
from mldkit.model.units import MILLISECOND, SECOND
from mldkit.trace import devices
from mldkit.trace.act import Act, Part, Process
from mldkit.trace.calls import CallTrees
from mldkit.trace.functions import BY_NAME
from mldkit.trace.observation import (
    Announced,
    Beginning,
    Ending,
    Line,
    Sighting,
    Tables,
    frame_of,
)
from mldkit.trace.put_off import PutOff, own_key
from mldkit.trace.sightings import Sightings
from mldkit.trace.tables import Rows, changes, device_names, rows_of
from mldkit.trace.text import Happened, Lost, TraceText, number, octets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mldkit.trace.calls import Call
    from mldkit.trace.observation import Observation
    from mldkit.trace.text import Entry

_STILL_NS = 20 * MILLISECOND
"""A line that is older than this has its stack behind it already."""
_FORGOTTEN_NS = 2 * SECOND
_DEVICE_MATTERS = ("__dev_set_rx_mode", "ipv6_mc_up", "ipv6_mc_down", "ip_mc_up", "ip_mc_down")


class Story:
    """Takes observations in; gives acts that are over."""

    def __init__(self) -> None:
        self.beginning: Beginning | None = None
        self.lost = 0
        """Entries that found no room."""
        self.unseen: dict[str, int] = {}
        """Functions that were called for this interface more often than was seen."""
        self.text = TraceText()
        self._trees = CallTrees()
        self._devices = devices.Devices()
        self._put_off = PutOff()
        self._open: list[Act] = []
        self._untabled: list[Act] = []
        """Acts since the last reading of the tables."""
        self._rows: Rows | None = None
        self._sightings = Sightings()
        self._announced = ""

    @property
    def is_pending(self) -> bool:
        """Whether something that an act put off is still to come."""
        return bool(self._put_off) or bool(self._open)

    def feed(self, observation: Observation) -> Iterator[Act]:
        """Take one observation in; give the acts that are over with it."""
        if isinstance(observation, Line):
            for entry in self.text.feed(observation.text):
                self._take(entry)
        elif isinstance(observation, Sighting):
            if self.beginning is not None:
                frame = frame_of(observation, self.beginning.interface)
                self._sightings.add(observation.time_ns + self.beginning.wall_offset_ns, frame)
        elif isinstance(observation, Tables):
            yield from self._look(observation)
        elif isinstance(observation, Announced):
            self._announced = observation.what
        elif isinstance(observation, Ending):
            self.lost = max(self.lost, observation.lost)
            yield from self.end()
            self.unseen = self._devices.unseen(observation.calls, self._interface)
        else:
            self.beginning = observation

    def end(self) -> Iterator[Act]:
        """Give all acts, over or not."""
        for entry in self.text.flush():
            self._take(entry)
        for call in self._trees.end():
            self._place(call)
        for call in self._put_off.kept():
            self._begin(call)
        yield from self._over(None)

    def _look(self, tables: Tables) -> Iterator[Act]:
        for entry in self.text.flush(tables.time_ns - _STILL_NS):
            self._take(entry)
        for call in self._trees.idle(tables.time_ns):
            self._place(call)
        if tables.texts:
            self._devices.names = device_names(tables.texts)
            self._compare(rows_of(tables.texts))
        yield from self._over(tables.time_ns)

    def _take(self, entry: Entry) -> None:
        if isinstance(entry, Happened):
            if entry.name == devices.LISTED:
                if self.beginning is not None and entry.pid == self.beginning.pid:
                    self._devices.learn(entry)
                return
            self._devices.count(entry)
        for call in self._trees.feed(entry):
            self._place(call)
        if isinstance(entry, Lost):
            self.lost += entry.entries
            return
        for call in self._trees.idle(entry.time_ns):
            self._place(call)

    def _place(self, call: Call) -> None:
        """Put a tree where it belongs: to the act that put it off, or to a new one."""
        act = self._put_off.resume(call)
        if act is not None:
            self._read(act, call)
        elif own_key(call) is not None:
            self._put_off.keep(call)
        else:
            self._begin(call)

    def _begin(self, call: Call) -> None:
        named = set(self._devices.of_call(call))
        if named and self._interface not in named:
            return
        act = Act(
            kind=_kind(call),
            time_ns=call.time_ns - (self.beginning.wall_offset_ns if self.beginning else 0),
            process=_process(call),
            interface=self._interface if named else "",
            parts=[Part(call)],
            announced=self._announced,
        )
        # Before its tree is read, which may continue it at once.
        self._open.append(act)
        self._untabled.append(act)
        self._read(act, call)
        if not (named and _matters(call)) and not self._put_off.has(act) and len(act.parts) == 1:
            self._open.remove(act)
            self._untabled.remove(act)

    def _read(self, act: Act, call: Call) -> None:
        """Take from a tree what it says of the act, and what it puts off."""
        tick_ns = self.beginning.tick_ns if self.beginning else 0
        for inner in call.walk():
            act.is_cut = act.is_cut or inner.cut
            for event in inner.events:
                self._put_off.arm(act, inner, event, tick_ns)
                if self._devices.of(event) != self._interface:
                    continue
                act.interface = self._interface
                act.group = act.group or _group(event)
                mac = octets(event.fields.get("mac", ""))
                if act.mac is None and mac is not None and len(mac) == 6:
                    act.mac = mac
        for orphan in self._put_off.kept():
            self._place(orphan)

    @property
    def _interface(self) -> str:
        return self.beginning.interface if self.beginning else ""

    def _compare(self, rows: Rows) -> None:
        """Put what changed in the tables to the acts since the last reading."""
        before, self._rows = self._rows, rows
        acts, self._untabled = self._untabled, []
        if before is None:
            return
        for change in changes(before, rows):
            fitting = [act for act in acts if change.key and change.key in (act.group, act.mac)]
            for act in (fitting or acts)[-1:]:
                act.changes.append(change)
        for act in acts:
            _name_by_changes(act)

    def _over(self, now_ns: int | None) -> Iterator[Act]:
        """Give acts that wait for nothing any more, in the order of their beginning."""
        if now_ns is not None:
            for call in self._put_off.kept(now_ns):
                self._begin(call)
        waiting = self._put_off.waited_for(now_ns)
        if now_ns is not None:
            waiting |= {id(act) for act in self._untabled}
        done = [act for act in self._open if id(act) not in waiting]
        self._open = [act for act in self._open if id(act) in waiting]
        for act in sorted(done, key=lambda act: act.time_ns):
            if act.interface:
                self._sightings.give_to(act)
                yield act
        if now_ns is not None and not self._open:
            self._sightings.forget_before(now_ns - _FORGOTTEN_NS)


def _kind(call: Call) -> str:
    for inner in call.walk():
        row = BY_NAME.get(inner.name)
        if row is not None and row.act:
            return row.act
    return "filter"


def _name_by_changes(act: Act) -> None:
    """Let the group of an act be one that it changed: others were only looked at."""
    changed = [c.key for c in act.changes if c.table in ("igmp", "igmp6") and None in c[2:4]]
    if changed and act.group not in changed:
        act.group = next((c for c in changed if act.mac in (None, group_mac(c))), changed[0])


def _process(call: Call) -> Process | None:
    row = BY_NAME.get(call.name)
    if row is not None and row.interrupts:
        return None  # whoever happened to run there
    for event in call.happened():
        if event.pid == call.pid and event.fields.get("comm"):
            return Process(call.pid, event.fields["comm"])
    return Process(call.pid, call.task)


def _matters(call: Call) -> bool:
    """Return whether groups or the list of the device were touched.

    Devices have notifiers that hear of much that has nothing to do with groups.
    """
    row = BY_NAME.get(call.name)
    if row is not None and row.interrupts:
        return True
    return any(
        inner.name in _DEVICE_MATTERS
        or any(event.fields.keys() & {"group", "number", "mac"} for event in inner.events)
        for inner in call.walk()
    )


def _group(event: Happened) -> bytes | None:
    listed = octets(event.fields.get("group", ""))
    if listed is not None:
        return listed if len(listed) in (4, 16) else None
    value = number(event.fields.get("number", ""))
    # A number in network order, read on a machine of the other order.
    return None if value is None or value >> 32 else value.to_bytes(4, "little")
