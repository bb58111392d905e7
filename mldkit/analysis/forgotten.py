"""Members that a snooping switch forgot, so that their data stopped, and why they did not report.

::

    host A   --- report ------- report ------- report ------- report ---       behind another port
    host B   - report . . . . . . . . . . . . . . . . . . . . . . . . . report ---
    data     =======================================                    ==========
                      |<--------- lifetime --------->|

In IGMPv2 and MLDv1 a host that hears the report of another one says nothing itself. A snooping
switch remembers ports by the reports that come from them, so it must not let hosts hear those of
others (RFC 4541 §2.1.1 1); where it does, it forgets the ports of those that kept silent (D-41).
Nothing else stops data a lifetime after the last report of a host and brings them back with its
next one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from mldkit.analysis.facts import host_address
from mldkit.analysis.lifetimes import OLD_MEMBERSHIP_S, may_have_forgotten
from mldkit.analysis.stays import LEAVE
from mldkit.model.addresses import text
from mldkit.model.units import SECOND
from mldkit.model.words import clock_text
from mldkit.wire.rules import INFO, WARNING

if TYPE_CHECKING:
    from mldkit.analysis.audience import Audience
    from mldkit.analysis.ledger import Ledger
    from mldkit.analysis.stays import Row
    from mldkit.analysis.streams import Pause, Stream

_AT_ONCE_NS = SECOND
_BRIDGE_S = (OLD_MEMBERSHIP_S,)
"""The Linux bridge goes by a setting of its own, whatever is announced."""


class _Forgotten(NamedTuple):
    """A member whose stream stopped a lifetime after its last report."""

    row: Row
    stream: Stream
    pause: Pause
    came_back: bool
    """Whether the data went on at once with its next report."""

    @property
    def after_ns(self) -> int:
        """How long after its last report the stream stopped."""
        return self.pause.from_ns - self.row.last_ns


def judge(audience: Audience, ledger: Ledger) -> None:
    """D-41, and what becomes of members that answer nobody (D-07)."""
    for streams in audience.flows.values():
        for stream in streams:
            for pause, is_end in audience.pauses(stream):
                _judge_pause(audience, ledger, stream, pause, is_end=is_end)


def _judge_pause(
    audience: Audience, ledger: Ledger, stream: Stream, pause: Pause, *, is_end: bool
) -> None:
    rows = audience.stays[stream.group]
    variables = audience.traffic.state.queriers.variables
    for row in rows:
        after_ns = pause.from_ns - row.last_ns
        if row.ended_by == LEAVE or not may_have_forgotten(variables, after_ns, _BRIDGE_S):
            continue
        others = [
            other
            for other in rows
            if other.host != row.host
            and other.from_ns < pause.from_ns < other.to_ns
            and other.last_ns > row.last_ns
        ]
        forgotten = _Forgotten(row, stream, pause, _came_back(row, rows, pause))
        if not others:
            _tell_silent(audience, ledger, forgotten)
        elif all(_is_older(audience, one) for one in (row, *others)):
            _tell_suppressed(audience, ledger, forgotten, others[0])
        else:
            continue
        if forgotten.came_back or is_end:
            audience.explained.add(id(stream))
        return


def _came_back(row: Row, rows: list[Row], pause: Pause) -> bool:
    """Return whether data went on at once when a host was heard again."""
    return any(
        again.host == row.host and 0 <= pause.until_ns - again.from_ns <= _AT_ONCE_NS
        for again in rows
    )


def _is_older(audience: Audience, row: Row) -> bool:
    return row.version != audience.traffic.key.family.current_version


def _tell_silent(audience: Audience, ledger: Ledger, forgotten: _Forgotten) -> None:
    """Tell with the silence of a member that its stream stopped when it was forgotten."""
    group, pause = forgotten.stream.group, forgotten.pause
    note = (
        f"; the stream to {text(group)} stopped {forgotten.after_ns / SECOND:.0f} s after that, at"
        f" {clock_text(pause.from_ns)}, as it does where a switch forgets a member"
    )
    state = audience.traffic.state
    for capture in state.captures:
        ledger.note("D-07", state.key, capture, host_address(forgotten.row.host), note)


def _tell_suppressed(audience: Audience, ledger: Ledger, forgotten: _Forgotten, other: Row) -> None:
    """D-41; a remark where data did not come back, since the end of a stream may be chance."""
    host, group = host_address(forgotten.row.host), forgotten.stream.group
    detail = (
        f"{text(host)} did not report {text(group)} while {text(host_address(other.host))}"
        f" did, and {forgotten.after_ns / SECOND:.0f} s after its last report the stream stopped"
    )
    if forgotten.came_back:
        detail += ", to go on with its next one"
    detail += ": a snooping switch must not let hosts hear what silences them, reports of others"
    place = audience.end._replace(frame=0, time_ns=forgotten.pause.from_ns)
    ledger.add(
        "D-41", audience.traffic.key, place, detail, host=host, group=group,
        severity=WARNING if forgotten.came_back else INFO,
    )  # fmt: skip
