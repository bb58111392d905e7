"""What `zap` prints: how long switches take, what was lost, and one JSON object a switch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.model.addresses import text
from mldkit.model.units import MILLISECOND, SECOND
from mldkit.model.words import counted
from mldkit.render.message_json import Json, number
from mldkit.render.terminal import note, print_json
from mldkit.zap.switch import Spread

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from mldkit.zap.switch import Switch

SCHEMA = "mldkit.zap/1"
_BARS = 10
_BAR_COLUMNS = 40


def print_result(
    args: argparse.Namespace, switches: Sequence[Switch], dropped: int, *, is_partial: bool
) -> bool:
    """Print the result in the form that was asked for; return whether a leave was too slow."""
    slow = [] if args.fast_ns is None else [one for one in switches if _is_slow(one, args.fast_ns)]
    if args.format == "ndjson":
        for one in switches:
            print_json(switch_json(one))
    elif args.format == "json":
        print_json(
            {
                "schema": SCHEMA,
                "interface": args.interface,
                "switches": [switch_json(one) for one in switches],
                "join_delay_ms": _spread_json([one.join_delay_ns for one in switches]),
                "leave_delay_ms": _spread_json([one.leave_delay_ns for one in switches]),
                "overlap_ms": _spread_json([one.overlap_ns for one in switches]),
                "key_frame_ms": _spread_json([one.key_frame_ns for one in switches]),
                "slow_leaves": len(slow),
                "dropped": dropped,
                "interrupted": is_partial,
            }
        )
    else:
        for line in text_lines(switches):
            print(line)
    for line in _notes(switches, dropped):
        note(args, f"note: {line}")
    for one in slow:
        ended = one.leave_delay_ns
        how = "did not end" if ended is None else f"ended after {_time(ended)}"
        note(args, f"slow: {text(one.before)} {how}, expected within {_time(args.fast_ns)}")
    return bool(slow)


def _is_slow(switch: Switch, limit_ns: int) -> bool:
    """Return whether the old channel went on too long; one that never came ended nowhere."""
    if switch.left_ns is None:
        return False
    delay_ns = switch.leave_delay_ns
    return switch.goes_on if delay_ns is None else delay_ns > limit_ns


def switch_json(switch: Switch) -> Json:
    """Return the JSON object of one switch."""
    viewing = switch.viewing
    return {
        "from": text(switch.before),
        "to": text(switch.after),
        "join_delay_ms": _milliseconds(switch.join_delay_ns),
        "leave_delay_ms": _milliseconds(switch.leave_delay_ns),
        "overlap_ms": _milliseconds(switch.overlap_ns),
        "key_frame_ms": _milliseconds(switch.key_frame_ns),
        "was_there": switch.was_there,
        "goes_on": switch.goes_on,
        "shared": switch.is_shared,
        "datagrams": 0 if viewing is None else viewing.datagrams,
        "lost": viewing.lost if viewing is not None and viewing.is_rtp else None,
        "gaps": viewing.gaps if viewing is not None and viewing.is_rtp else None,
        "discontinuities": 0 if viewing is None else viewing.discontinuities,
    }


def _milliseconds(time_ns: int | None) -> float | int | None:
    return None if time_ns is None else number(time_ns, MILLISECOND)


def _spread_json(delays: Sequence[int | None]) -> Json | None:
    spread = Spread.of(delays)
    if spread is None:
        return None
    return {
        "min": spread.min_ns / MILLISECOND,
        "median": spread.median_ns / MILLISECOND,
        "p95": spread.p95_ns / MILLISECOND,
        "max": spread.max_ns / MILLISECOND,
    }


def text_lines(switches: Sequence[Switch]) -> Iterator[str]:
    """Give the table of delays, the losses, and how the join delays spread."""
    rows = (
        ("join delay", [one.join_delay_ns for one in switches], "report to first datagram"),
        ("leave delay", [one.leave_delay_ns for one in switches], "leave to last datagram"),
        ("overlap", [one.overlap_ns for one in switches], "both channels at once"),
        ("key frame", [one.key_frame_ns for one in switches], "report to first picture"),
    )
    for name, delays, meaning in rows:
        spread = Spread.of(delays)
        if spread is None:
            if name != "key frame":
                yield f"{name:12}  not measured: {meaning}"
            continue
        yield (
            f"{name:12}  min {_time(spread.min_ns):>9}  median {_time(spread.median_ns):>9}"
            f"  95 % {_time(spread.p95_ns):>9}  most {_time(spread.max_ns):>9}  {meaning}"
        )
    yield _losses(switches)
    yield from _histogram([one.join_delay_ns for one in switches])


def _losses(switches: Sequence[Switch]) -> str:
    viewings = [one.viewing for one in switches if one.viewing is not None]
    datagrams = sum(one.datagrams for one in viewings)
    rtp = [one for one in viewings if one.is_rtp]
    if rtp:
        received = sum(one.datagrams for one in rtp)
        words = f"{sum(one.lost for one in rtp):,} of {counted(received, 'datagram')} (RTP)"
        gaps = sum(one.gaps for one in rtp)
        words += f" in {counted(gaps, 'gap')}" if gaps else ""
    else:
        words = f"not known: {counted(datagrams, 'datagram')} without RTP sequence numbers"
    jumps = sum(one.discontinuities for one in viewings)
    if jumps:
        words += f"; {counted(jumps, 'jump')} of MPEG-TS continuity counters"
    return f"{'lost':12}  {words}"


def _histogram(delays: Sequence[int | None]) -> Iterator[str]:
    """Give how many joins took how long, in classes of the same width."""
    known = [delay for delay in delays if delay is not None]
    if len(known) < _BARS or max(known) == min(known):
        return
    width_ns = (max(known) - min(known)) / _BARS
    counts = [0] * _BARS
    for delay in known:
        counts[min(int((delay - min(known)) / width_ns), _BARS - 1)] += 1
    yield ""
    for index, count in enumerate(counts):
        begin_ns = round(min(known) + index * width_ns)
        bar = "#" * round(count * _BAR_COLUMNS / max(counts))
        yield f"{_time(begin_ns):>12}  {bar} {count}".rstrip()


def _notes(switches: Sequence[Switch], dropped: int) -> Iterator[str]:
    there = sum(one.was_there for one in switches)
    if there:
        yield (
            f"{counted(there, 'channel')} of {len(switches)} came before the join: somebody else"
            " behind this port wants it, nothing cuts it here, or --every is too short"
        )
    goes_on = sum(one.goes_on for one in switches)
    if goes_on:
        yield f"{counted(goes_on, 'channel')} of {len(switches)} went on after the leave"
    silent = sum(one.viewing is None or not one.viewing.datagrams for one in switches)
    if silent:
        yield f"{counted(silent, 'channel')} of {len(switches)} never came: is anybody sending?"
    if dropped:
        yield f"the kernel dropped {counted(dropped, 'packet')}: losses may be our own"


def _time(time_ns: int) -> str:
    if time_ns >= SECOND:
        return f"{time_ns / SECOND:.2f} s"
    return f"{time_ns / MILLISECOND:.1f} ms"
