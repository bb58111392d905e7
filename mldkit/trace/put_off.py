"""What acts put off: timers and work items, and the trees that run when their time has come.

::

    timer_start          timer = W + 0x20, function delayed_work_timer_fn    delayed work W
                         timer = T, function igmp_ifc_timer_expire           timer T
    workqueue_queue_work work struct = W                                     work W, at once
    mld_ifc_work, ...    self = W or T                                       it runs

The tree that runs may be over before the tree that set its timer is, so it may have to wait for it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mldkit.model.units import SECOND
from mldkit.trace.act import Part
from mldkit.trace.functions import BY_NAME
from mldkit.trace.text import number

if TYPE_CHECKING:
    from mldkit.trace.act import Act
    from mldkit.trace.calls import Call
    from mldkit.trace.text import Happened

_TIMER_OF_WORK = 0x20
"""struct delayed_work: its timer follows the work item (data, two list pointers, function)."""
_LATE_NS = 2 * SECOND
_PATIENCE_NS = 12 * SECOND
"""What is put off for longer is not waited for: answers come within 10 s of most queries."""
_ORPHAN_NS = SECOND
_OTHERS = ("net/core/", "drivers/", "net/packet/")
_ADDRESSES = "net/ipv6/addrconf.c"
_DETECTION = ("addrconf_dad", "addrconf_mod_dad")
"""Other work of addresses (lifetimes, router solicitations) has nothing to do with groups."""


@dataclass(slots=True)
class _Armed:
    """A timer or work item that somebody set."""

    act: Act
    by: Call
    time_ns: int
    jiffies: int | None
    due_ns: int


class PutOff:
    """Knows which act waits for what."""

    def __init__(self) -> None:
        self._armed: dict[int, list[_Armed]] = defaultdict(list)
        self._orphans: list[Call] = []

    def __bool__(self) -> bool:
        """Whether something is still to come."""
        return any(self._armed.values())

    def arm(self, act: Act, call: Call, event: Happened, tick_ns: int) -> None:
        """Note what an event of a call puts off, if it does."""
        if not _puts_off(call):
            return
        jiffies = None
        if event.name == "timer_start":
            key = number(event.fields.get("timer", ""))
            if key is not None and event.fields.get("function") == "delayed_work_timer_fn":
                key -= _TIMER_OF_WORK
            timeout = event.fields.get("timeout", "")
            jiffies = int(timeout) if timeout.lstrip("-").isdecimal() else None
        elif event.name == "workqueue_queue_work":
            key = number(event.fields.get("struct", ""))
        else:
            return
        length_ns = (jiffies or 0) * tick_ns
        if key is None or length_ns > _PATIENCE_NS:
            return
        # Who sets a timer anew has taken it over from himself.
        self._armed[key] = [armed for armed in self._armed[key] if armed.act is not act]
        due_ns = event.time_ns + length_ns
        self._armed[key].append(_Armed(act, call, event.time_ns, jiffies, due_ns))

    def resume(self, call: Call) -> Act | None:
        """Put a tree to the last act that set its timer, and return that one.

        Earlier ones are over: the tree does their work, too.
        """
        key = own_key(call)
        if key is None:
            return None
        setters = [armed for armed in self._armed[key] if armed.time_ns <= call.time_ns]
        if not setters:
            return None
        self._armed[key] = [armed for armed in self._armed[key] if armed.time_ns > call.time_ns]
        last = setters[-1]
        for armed in setters:
            if armed.act is not last.act:
                armed.act.taken_over_by = last.act
        last.act.parts.append(Part(call, last.by, last.time_ns, last.jiffies))
        return last.act

    def keep(self, call: Call) -> None:
        """Keep a tree until the one that set its timer is over."""
        self._orphans.append(call)

    def kept(self, before_ns: int | None = None) -> list[Call]:
        """Take trees out again: all, or those that have waited in vain."""
        taken = self._orphans
        self._orphans = []
        if before_ns is not None:
            self._orphans = [call for call in taken if before_ns - call.time_ns <= _ORPHAN_NS]
            taken = [call for call in taken if before_ns - call.time_ns > _ORPHAN_NS]
        return taken

    def waited_for(self, now_ns: int | None) -> set[int]:
        """Return the ids of acts of which something is still to come; None: of none."""
        waiting: set[int] = set()
        for key, listed in list(self._armed.items()):
            kept = [a for a in listed if now_ns is not None and now_ns < a.due_ns + _LATE_NS]
            waiting |= {id(armed.act) for armed in kept}
            if kept:
                self._armed[key] = kept
            else:
                del self._armed[key]
        return waiting

    def has(self, act: Act) -> bool:
        """Return whether an act has put something off."""
        return any(armed.act is act for listed in self._armed.values() for armed in listed)


def own_key(call: Call) -> int | None:
    """Return the timer or work item that runs in a tree."""
    for event in call.events:
        if event.name == call.name and "self" in event.fields:
            return number(event.fields["self"])
    return None


def _puts_off(call: Call) -> bool:
    """Return whether a timer that is set here is one of groups or of an address."""
    row = BY_NAME.get(call.name)
    if row is None or row.file.startswith(_OTHERS):
        return False
    return row.file != _ADDRESSES or row.name.startswith(_DETECTION)
