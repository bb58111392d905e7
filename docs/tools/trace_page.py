"""Print docs/trees.md from the recordings: `python -m docs.tools.trace_page`."""

from __future__ import annotations

import gzip
import sys
from typing import TYPE_CHECKING

from docs.tools.record_trace import PLACE
from mldkit.render.trace import act_lines, alike_line
from mldkit.trace.functions import BY_NAME, FUNCTIONS
from mldkit.trace.observation import read
from mldkit.trace.story import Story

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mldkit.trace.act import Act
    from mldkit.trace.calls import Call

KERNELS = ("6.12", "6.1", "6.18")
"""The first one is printed whole, the others where they differ."""
_MOST_BY_HAND = 1

HEAD = """\
# The way of a join, as three kernels went it

Printed by `python -m docs.tools.trace_page` from what the tracers of three Debian kernels wrote
while a guest did these acts (`mldkit trace --on qemu`, [trace.md](trace.md)). CI boots a kernel and
holds its trees against these. The driver is e1000e on the device that QEMU emulates.

A function stands under the one that called it, its file where it is another one than above. What
was put off comes behind it with the time that it really took, the timer that was drawn and the
function that set it. Below the trees stand the rows of /proc/net that changed.

On 6.12 and 6.18 the tracer tells the nesting itself. On 6.1 it gives stacks, from which a caller
is missing whose last act was the call; such a call is put back and marked `(tail call)`.
"""


def stories() -> dict[str, tuple[Story, list[Act]]]:
    """Return what was recorded on each kernel, the acts in the order of their beginning."""
    found = {}
    for kernel in KERNELS:
        story = Story()
        with gzip.open(PLACE / f"linux-{kernel}.jsonl.gz", "rt") as lines:
            acts = [act for each in read(lines) for act in story.feed(each)]
        found[kernel] = story, sorted(acts, key=lambda act: act.time_ns)
    return found


def page() -> str:
    """Return the page."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    told = stories()
    yield HEAD
    yield "## What can be seen\n"
    yield "| function | what it does | " + " | ".join(_name(told, k) for k in KERNELS) + " |"
    yield "| --- " * (2 + len(KERNELS)) + "|"
    for row in FUNCTIONS:
        if row.family != "driver":
            seen = (_seen(told[kernel][0], told[kernel][1], row.name) for kernel in KERNELS)
            yield f"| `{row.name}` | {row.role.replace('|', ' or ')} | {' | '.join(seen)} |"
    first = KERNELS[0]
    for announced, acts in _by_announcement(told[first][1]).items():
        yield f"\n## {announced[0].upper()}{announced[1:]}\n"
        yield from _tree(acts)
        for kernel in KERNELS[1:]:
            other = _by_announcement(told[kernel][1]).get(announced, [])
            yield from _other(kernel, acts, other)
    yield ""


def _name(told: dict[str, tuple[Story, list[Act]]], kernel: str) -> str:
    begun = told[kernel][0].beginning
    return begun.kernel.removesuffix("-amd64") if begun else kernel


def _seen(story: Story, acts: list[Act], name: str) -> str:
    """Return how a function was seen: its symbol where that is another one."""
    if story.beginning is None or name in story.beginning.missing:
        return "-"
    symbols = {call.symbol for act in acts for call in act.calls() if call.name == name}
    changed = symbols - {name}
    return f"`{min(changed)}`" if changed else "yes" if symbols else "not called"


def _by_announcement(acts: list[Act]) -> dict[str, list[Act]]:
    found: dict[str, list[Act]] = {}
    for act in acts:
        found.setdefault(act.announced, []).append(act)
    return found


def _tree(acts: list[Act]) -> Iterator[str]:
    yield "```"
    alike = [act for act in acts if act.beginning.call.name == "dev_mc_add_global"]
    for act in acts:
        if act not in alike[_MOST_BY_HAND:]:
            yield from act_lines(act, dated=False)
    if alike[_MOST_BY_HAND:]:
        yield alike_line(len(alike) - _MOST_BY_HAND, alike[-1])
    yield "```"


def _other(kernel: str, acts: list[Act], others: list[Act]) -> Iterator[str]:
    """Say what another kernel does otherwise."""
    if list(map(shape, acts)) == list(map(shape, others)):
        yield f"\nLinux {kernel}: the same calls."
        return
    before, after = _edges(acts), _edges(others)
    more, less = (_told(first - second) for first, second in ((after, before), (before, after)))
    said = [f"only here {more}"] if more else []
    said += [f"not here {less}"] if less else []
    yield f"\nLinux {kernel}: {'; '.join(said) or 'the same calls, in another order'}.\n"
    yield from _tree(others)


def shape(act: Act) -> tuple[object, ...]:
    """Return what an act called, without what depends on how many groups there are."""
    return tuple(_shape(part.call) for part in act.parts)


def _shape(call: Call) -> tuple[object, ...]:
    children: list[object] = []
    for child in call.children:
        below = _shape(child)
        if not children or children[-1] != below:
            children.append(below)
    return (call.name, *children)


def _edges(acts: list[Act]) -> set[tuple[str, str]]:
    return {
        (call.parent.name if call.parent else "", call.name)
        for act in acts
        for call in act.calls()
        if call.name in BY_NAME
    }


def _told(edges: set[tuple[str, str]]) -> str:
    shown = sorted(f"`{above}` > `{name}`" if above else f"`{name}`" for above, name in edges)
    return ", ".join(shown)


if __name__ == "__main__":
    sys.stdout.write(page())
