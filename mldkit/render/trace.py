"""What `trace` prints: one tree an act for people, the objects of `mldkit.trace/1`.

::

    12:00:01.204117  join ff15::77 by vlc (4711): 33:33:00:00:00:77 into the list of the device
      ipv6_sock_mc_join                    net/ipv6/mcast.c
        __ipv6_dev_mc_inc
          igmp6_group_added
            dev_mc_add                     net/core/dev_addr_lists.c
      +8.7 ms  mld_ifc_work                net/ipv6/mcast.c; 2 jiffies, set in mld_ifc_start_work
        mld_sendpack                       sent: MLDv2 report: TO_EX ff15::77
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from mldkit.model.addresses import group_mac, mac_text, text
from mldkit.model.messages import Report
from mldkit.model.units import MICROSECOND, MILLISECOND, SECOND
from mldkit.model.words import counted
from mldkit.render.message_json import Json, message_json, number, time_text
from mldkit.render.message_text import record_text, summary_text
from mldkit.render.terminal import printable
from mldkit.trace.functions import BY_NAME
from mldkit.trace.tables import FLAGS
from mldkit.wire.validity import judge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mldkit.model.datagram import Decoded
    from mldkit.trace.act import Act, Part
    from mldkit.trace.calls import Call
    from mldkit.trace.story import Story

SCHEMA = "mldkit.trace/1"
_COLUMN = 44
_SENDERS = ("mld_sendpack", "igmpv3_sendpack", "igmp6_send", "igmp_send_report")
_MOST_RECORDS = 4
# include/uapi/linux/if.h
_FLAGS = ((0x1, "link"), (0x100, "promiscuous mode"), (0x200, "all multicast"))


def act_json(act: Act) -> Json:
    """Return the object of one act."""
    return {
        "time": time_text(act.time_ns),
        "act": act.kind,
        "process": {"pid": act.process.pid, "name": printable(act.process.name)}
        if act.process
        else None,
        "interface": act.interface,
        "group": text(act.group) if act.group else None,
        "mac": mac_text(mac) if (mac := _mac(act)) else None,
        "tree": [_call_json(act, act.beginning.call, act.beginning)],
        "changes": [
            {"table": c.table, "entry": c.entry or None, "before": c.before, "after": c.after}
            for c in act.changes
        ],
        "frames": [message_json(judge(decoded)) for decoded in act.frames()],
        "announced": act.announced or None,
        "outcome": outcome(act),
        "put_off_to": time_text(act.taken_over_by.time_ns) if act.taken_over_by else None,
        "cut": act.is_cut,
    }


def _call_json(act: Act, call: Call, part: Part) -> Json:
    row = BY_NAME.get(call.name)
    children = [_call_json(act, child, part) for child in call.children]
    for later in act.parts:
        if later.armed_by is call:
            children.append(
                _call_json(act, later.call, later)
                | {"after_us": _us(later.delay_ns), "jiffies": later.jiffies, "deferred": True}
            )
    return {
        "function": call.name,
        "symbol": call.symbol,
        "file": row.file if row else None,
        "delay_us": _us(call.time_ns - act.beginning.call.time_ns),
        "duration_us": None if call.end_ns is None else _us(call.end_ns - call.time_ns),
        "tail_call": call.restored,
        "deferred": False,
        "children": children,
    }


def _us(time_ns: int) -> int | float:
    return number(time_ns, MICROSECOND)


def document(story: Story, acts: list[Json]) -> Json:
    """Return the whole document."""
    return {
        "schema": SCHEMA,
        **_head(story),
        "acts": acts,
        "lost": story.lost,
        "not_seen": story.unseen,
    }


def _head(story: Story) -> dict[str, Any]:
    begun = story.beginning
    return {
        "kernel": begun.kernel if begun else None,
        "interface": begun.interface if begun else None,
        "driver": begun.driver or None if begun else None,
        "tracer": begun.tracer if begun else None,
        "cannot_be_seen": list(begun.missing) if begun else [],
    }


def act_lines(act: Act, *, dated: bool = True) -> Iterator[str]:
    """Give what people read about one act; without `dated` no clock time and no pid."""
    stamp = f"{_clock(act.time_ns)}  " if dated else ""
    who = ""
    if act.process is not None:
        who = f" by {printable(act.process.name)}" + (f" ({act.process.pid})" if dated else "")
    yield f"{stamp}{_title(act)}{who}: {outcome(act)}"
    for part in act.parts:
        yield from _part_lines(part)
    for change in act.changes:
        where = " ".join(filter(None, (change.table, change.entry)))
        yield f"  {where}: {change.before or 'absent'} -> {change.after or 'absent'}"
    if act.is_cut:
        yield "  entries of the tracer were lost here: there may have been more"


def _clock(time_ns: int) -> str:
    """Return the time of day, UTC, to the microsecond."""
    seconds, rest_ns = divmod(time_ns, SECOND)
    hours, minutes = seconds // 3600 % 24, seconds // 60 % 60
    return f"{hours:02}:{minutes:02}:{seconds % 60:02}.{rest_ns // MICROSECOND:06}"


def _title(act: Act) -> str:
    if act.kind == "query":
        heard = (summary_text(decoded) for decoded in act.frames() if not decoded.frame.outgoing)
        return next(heard, act.kind).partition(", ")[0]
    what = text(act.group) if act.group else mac_text(act.mac) if act.mac else ""
    if act.kind in ("join", "leave"):
        return f"{act.kind} {what}".strip()
    row = BY_NAME.get(act.beginning.call.name)
    said = f"{act.kind}: {row.role if row else act.beginning.call.name}"
    return f"{said}, {what}" if what else said


def shape(act: Act) -> tuple[Any, ...]:
    """Return what two acts have in common that differ in their addresses alone."""
    calls = tuple(tuple(call.name for call in part.call.walk()) for part in act.parts)
    what = tuple((c.table, c.before is None, c.after is None) for c in act.changes)
    return act.kind, act.process, calls, what, len(list(act.frames()))


def alike_line(count: int, last: Act) -> str:
    """Return the line for acts that had the same course as the one before them."""
    what = text(last.group) if last.group else mac_text(last.mac) if last.mac else last.kind
    return f"  and {counted(count, 'act')} more with the same course, the last one {what}"


def _part_lines(part: Part) -> Iterator[str]:
    notes = []
    if part.armed_by is not None:
        timer = "at once" if part.jiffies is None else counted(part.jiffies, "jiffy", "jiffies")
        notes.append(f"{timer}, set in {part.armed_by.name}")
    prefix = ""
    if part.armed_by is not None:
        prefix = f"+{part.delay_ns / MILLISECOND:.1f} ms  "
    frames = iter(part.frames)
    heard = [d for d in part.frames if not d.frame.outgoing]
    notes += [f"heard: {_message(decoded)}" for decoded in heard]
    sent = iter([decoded for decoded in frames if decoded.frame.outgoing])
    yield from _call_lines(part.call, _Place(1, "", prefix), notes, sent)
    for decoded in sent:  # where what sends could not be seen
        yield f"    sent: {_message(decoded)}"


class _Place(NamedTuple):
    """Where a line stands."""

    depth: int
    file: str
    """Of the call above it."""
    prefix: str = ""


def _call_lines(
    call: Call, place: _Place, notes: list[str], sent: Iterator[Decoded]
) -> Iterator[str]:
    row = BY_NAME.get(call.name)
    here = row.file if row else ""
    said = [] if not here or place.file in here.split(", ") else [here]
    said += notes
    if call.restored:
        said.append("(tail call)")
    if call.name in _SENDERS and any(e.name == "net_dev_xmit" for e in call.happened()):
        decoded = next(sent, None)
        if decoded is not None:
            said.append(f"sent: {_message(decoded)}")
    name = f"{'  ' * place.depth}{place.prefix}{call.name}"
    yield f"{name:<{_COLUMN}}{' '.join(('', *('; '.join(said),)))}".rstrip() if said else name
    for child, times in _folded(call.children):
        again = [f"{times} times"] if times > 1 else []
        yield from _call_lines(child, _Place(place.depth + 1, here), again, sent)


def _folded(calls: list[Call]) -> Iterator[tuple[Call, int]]:
    """Give calls, and how often each came in a row where it called nothing."""
    place = 0
    while place < len(calls):
        call, until = calls[place], place + 1
        while (
            until < len(calls)
            and calls[until].name == call.name
            and not call.children
            and not calls[until].children
        ):
            until += 1
        yield call, until - place
        place = until


def _message(decoded: Decoded) -> str:
    message = decoded.datagram.message
    if not isinstance(message, Report):
        return summary_text(decoded)
    shown = [record_text(record) for record in message.records[:_MOST_RECORDS]]
    more = len(message.records) - len(shown)
    name = f"{decoded.family.name.upper()}v{decoded.version}"
    return f"{name} report: {', '.join(shown)}" + (f", and {more} more" if more > 0 else "")


def _mac(act: Act) -> bytes | None:
    return act.mac or (group_mac(act.group) if act.group else None)


def _flags(act: Act) -> list[str]:
    """Return what became of the flags of the device, in words."""
    said = []
    for change in act.changes:
        if change.table == FLAGS and change.before and change.after:
            before, after = int(change.before, 16), int(change.after, 16)
            for bit, name in _FLAGS:
                if (before ^ after) & bit:
                    said.append(f"{name} {'on' if after & bit else 'off'}")
    return said


def outcome(act: Act) -> str:
    """Return in a few words what came of an act."""
    said = []
    macs = [change for change in act.changes if change.table == "dev_mcast"]
    added = [change.entry for change in macs if change.before is None]
    removed = [change.entry for change in macs if change.after is None]
    kept = [change for change in macs if change.before and change.after]
    for listed, what in ((added, "into"), (removed, "out of")):
        if len(listed) == 1:
            said.append(f"{listed[0]} {what} the list of the device")
        elif listed:
            said.append(f"{len(listed)} MACs {what} the list of the device")
    said += _flags(act)
    said += [f"{change.entry} is listed with {change.after}" for change in kept]
    if act.kind != "query" and not act.called("__dev_set_rx_mode") and not macs:
        said.append("the device is not touched")
    sent = sum(decoded.frame.outgoing for decoded in act.frames())
    if sent:
        said.append(f"{counted(sent, 'message')} sent")
    if act.taken_over_by is not None:
        said.append("what it put off came with a later act, which set the same timer")
    if act.called("__dev_set_rx_mode"):
        return "; ".join(said) or "the driver was called, its list is the same"
    return "; ".join(said) or "nothing came of it"
