"""Streams that stop or pause under members that stay, and what explains it.

::

    host A   --- report ------------------------------------ leave
    host B   ------ report -------------------------------------------------- report ---------
    data     ====================================================             ================
                                                         stopped at the leave    went on at once

A sender that ends looks the same as a network that cuts it off, so the stop alone is a remark.
What happens at both ends of a pause tells more: that data come back at once with a report of a
member says that something had forgotten it, and that they stopped within the Last Member Query
Interval after another host left says why (nobody can have been asked in so short a time).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from mldkit.analysis.facts import LAST_MEMBER_INTERVAL_NS, host_address
from mldkit.analysis.stays import LEAVE
from mldkit.analysis.traffic import is_waiting, wants
from mldkit.model.addresses import text
from mldkit.model.units import MILLISECOND, SECOND
from mldkit.model.words import clock_text, delay_text
from mldkit.wire.rules import INFO, WARNING

if TYPE_CHECKING:
    from mldkit.analysis.audience import Audience
    from mldkit.analysis.ledger import Ledger
    from mldkit.analysis.stays import Row
    from mldkit.analysis.streams import Pause, Stream

_AT_ONCE_NS = 100 * MILLISECOND
"""Within so long a time a switch takes in a report."""
_LATE_PACKETS = 2
"""Gaps after which the next packet should have come at the latest."""


class _Stop(NamedTuple):
    """A time without data under a member that waits for them."""

    pause: Pause
    row: Row
    is_end: bool
    """Whether the stream does not go on."""


def judge(audience: Audience, ledger: Ledger) -> None:
    """D-12 of streams that stop, and D-46."""
    for streams in list(audience.flows.values()):
        for stream in streams:
            if id(stream) in audience.explained:
                continue
            stops = _stops(audience, stream)
            back = [stop for stop in stops if _came_back(stop)]
            # Speech and alarms pause by themselves, again and again.
            if not stream.is_steady and 2 * len(back) <= stream.pause_count:
                continue
            for stop in stops:
                if stop in back and (left := _left_before(audience, stream, stop)) is not None:
                    _tell_fast_leave(audience, ledger, stream, stop, left)
                else:
                    _tell(audience, ledger, stream, stop, came_back=stop in back)


def _stops(audience: Audience, stream: Stream) -> list[_Stop]:
    """Return when a member waited in vain for a stream that had come before."""
    found = []
    for pause, is_end in audience.pauses(stream):
        others = audience.others(stream, pause)
        for row in audience.stays[stream.group]:
            if (
                row.from_ns < pause.from_ns < row.last_ns
                and (is_end or row.to_ns >= pause.until_ns)
                and is_waiting(row, stream)
                and not any(wants(row, other.source) for other in others)
            ):
                found.append(_Stop(pause, row, is_end))
                break
    return found


def _left_before(audience: Audience, stream: Stream, stop: _Stop) -> Row | None:
    """Return who left when a stream stopped: the next packet had been due after the leave."""
    stopped_ns = stop.pause.from_ns
    for row in audience.stays[stream.group]:
        if row.ended_by == LEAVE and row.host != stop.row.host and is_waiting(row, stream):
            after_ns = stopped_ns - row.to_ns
            if -_LATE_PACKETS * stop.pause.gap_ns <= after_ns < LAST_MEMBER_INTERVAL_NS:
                return row
    return None


def _came_back(stop: _Stop) -> bool:
    """Return whether data went on at once with a report of a member, with their next packet."""
    pause = stop.pause
    at_once_ns = min(_AT_ONCE_NS + _LATE_PACKETS * pause.gap_ns, LAST_MEMBER_INTERVAL_NS)
    return not stop.is_end and 0 <= pause.until_ns - pause.reported_ns <= at_once_ns


def _tell_fast_leave(
    audience: Audience, ledger: Ledger, stream: Stream, stop: _Stop, left: Row
) -> None:
    """D-46: what happens at both ends shows it, a sender that stops just then does not do both."""
    leaver, member = host_address(left.host), host_address(stop.row.host)
    detail = (
        f"the stream of {text(stream.source)} to {text(stream.group)} stopped at the leave of"
        f" {text(leaver)}, at {clock_text(left.to_ns)}, though {text(member)} is a member; it went"
        " on"
        f" after {delay_text(stop.pause.until_ns - stop.pause.from_ns)} with the next report of"
        f" {text(host_address(stop.pause.reporter))}: so does fast (immediate) leave at a port with"
        " more than one host"
    )
    ledger.add(
        "D-46", audience.traffic.key, audience.end._replace(frame=0, time_ns=left.to_ns), detail,
        host=leaver, group=stream.group,
    )  # fmt: skip


def _tell(
    audience: Audience, ledger: Ledger, stream: Stream, stop: _Stop, *, came_back: bool
) -> None:
    """D-12; a warning where a report brings the data back, a remark where nothing explains it."""
    pause = stop.pause
    silence_ns = pause.until_ns - pause.from_ns
    what = f"{text(stream.source)} to {text(stream.group)}"
    member = text(host_address(stop.row.host))
    if stop.is_end:
        detail = (
            f"{what} stopped at {clock_text(pause.from_ns)}, {silence_ns / SECOND:.0f} s before"
            f" the end of the capture, though {member} reported since"
        )
    else:
        detail = (
            f"{what} paused for {silence_ns / SECOND:.0f} s, from {clock_text(pause.from_ns)} to"
            f" {clock_text(pause.until_ns)}, though {member} stayed a member"
        )
    if came_back:
        reporter = text(host_address(pause.reporter))
        after = delay_text(pause.until_ns - pause.reported_ns)
        detail += f"; it came back {after} after a report of {reporter}: it had been forgotten"
    else:
        detail += "; whether the sender stopped or something cut it off is not seen here"
    ledger.add(
        "D-12", audience.traffic.key, audience.end._replace(frame=0, time_ns=pause.from_ns), detail,
        host=stream.source, group=stream.group, severity=WARNING if came_back else INFO,
        weight=silence_ns,
    )  # fmt: skip
