"""What is traced: which tracer, which functions, which events, on the kernel that is here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mldkit.trace.devices import LISTED
from mldkit.trace.functions import FUNCTIONS, found_in

if TYPE_CHECKING:
    from mldkit.trace.tracefs import TracingInstance

GRAPH = "function_graph"
STACKS = "function"

_EVENTS = ("workqueue/workqueue_queue_work", "net/net_dev_xmit")
COUNTED = ("__ipv6_dev_mc_inc", "__ipv6_dev_mc_dec", "____ip_mc_inc_group", "__ip_mc_dec_group")
"""Each is called once for a group that is joined or left: so it is known how many were not seen."""
_TIMER_EVENT = "timer/timer_start"
_TIMERS = ("delayed_work_timer_fn", "igmp_ifc_timer_expire", "igmp_gq_timer_expire",
           "igmp_timer_expire")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tracing:
    """What this kernel lets be traced."""

    tracer: str
    found: dict[str, tuple[str, ...]]
    """Symbols of each function that can be seen."""
    unprobed: tuple[str, ...]
    """Functions of which no probe event could be made."""

    @property
    def missing(self) -> tuple[str, ...]:
        """Functions that cannot be seen: put into their callers, or not there at all.

        Drivers of other devices are not among them.
        """
        return tuple(
            row.name for row in FUNCTIONS if row.name not in self.found and row.family != "driver"
        )


def prepare(instance: TracingInstance) -> Tracing:
    """Set an instance up; `start` does the rest."""
    available = (instance.place / "available_filter_functions").read_text().splitlines()
    found = found_in(available)
    instance.set("trace_clock", "mono")
    instance.options(hash_ptr=0, func_stack_trace=1, record_tgid=0, funcgraph_abstime=1,
                     funcgraph_proc=1, funcgraph_cpu=1, funcgraph_tail=1, funcgraph_duration=1,
                     funcgraph_overhead=0, funcgraph_irqs=1)  # fmt: skip
    # By their places in the list: by name the kernel would compare each with all functions.
    wanted = {symbol for listed in found.values() for symbol in listed}
    places = [n for n, line in enumerate(available, 1) if line.split(maxsplit=1)[0] in wanted]
    instance.set("set_ftrace_filter", " ".join(map(str, places)) + "\n")
    unprobed = []
    instance.probe(LISTED, "dev=$arg2:x64")
    for row in FUNCTIONS:
        # A suffix means that the compiler may have moved the arguments.
        is_whole = row.arguments and row.name in found.get(row.name, ())
        if is_whole and not instance.probe(row.name, row.arguments):
            unprobed.append(row.name)
    for symbol in COUNTED:
        instance.count(symbol)
    _set_events(instance)
    # Some kernels refuse the better tracer to instances (6.1: EINVAL).
    graph = instance.set("current_tracer", GRAPH)
    if not graph:
        instance.options(stacktrace=1)
        instance.set("current_tracer", STACKS)
    return Tracing(GRAPH if graph else STACKS, found, tuple(unprobed))


def _set_events(instance: TracingInstance) -> None:
    for event in _EVENTS:
        instance.set(f"events/{event}/enable", "1")
    addresses = _addresses(_TIMERS)
    if addresses:  # without it every timer of the machine would come
        conditions = (f"function == {address}" for address in addresses)
        instance.set(f"events/{_TIMER_EVENT}/filter", " || ".join(conditions))
    instance.set(f"events/{_TIMER_EVENT}/enable", "1")


def _addresses(names: tuple[str, ...]) -> list[str]:
    """Return where functions are, in hexadecimal; none where the kernel hides it."""
    symbols = Path("/proc/kallsyms").read_bytes()
    found = []
    for name in names:
        match = re.search(rb"^([0-9a-f]+) \w %b$" % name.encode(), symbols, re.MULTILINE)
        if match and int(match[1], 16):
            found.append(f"0x{match[1].decode()}")
    return found
