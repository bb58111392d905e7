"""Sources that no member wants, and members to whom nothing comes of those that they want.

::

    10.9.0.33 asks for 232.7.7.7 from .5    ------------------------------------------------
    .5 sends                                =====================
    .6 sends                                                      ==========================
                                                                  nobody asked for .6

Data of a source that nobody asked for reach a port because switches forward by group or by
hardware address; that alone is a remark. It is a warning where a member gets nothing meanwhile:
nothing comes of its source, and another one that nobody asked for sends to the same group. Whether
the source stopped or something cut it off is not seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.analysis.facts import host_address
from mldkit.analysis.stays import LEAVE
from mldkit.analysis.streams import is_pause
from mldkit.analysis.traffic import is_sender, wants
from mldkit.model.addresses import text
from mldkit.model.units import SECOND
from mldkit.model.words import clock_text, named
from mldkit.wire.rules import INFO, WARNING

if TYPE_CHECKING:
    from mldkit.analysis.audience import Audience
    from mldkit.analysis.ledger import Ledger
    from mldkit.analysis.stays import Row
    from mldkit.analysis.streams import Stream
    from mldkit.model.addresses import Address

_MOST_TOLD = 20
"""Members of one group that are told of."""
_LONG_NS = 10 * SECOND
"""A member that changes its sources gets both, or none, for a while."""


def judge(audience: Audience, ledger: Ledger) -> None:
    """D-43."""
    for group, flows in list(audience.flows.items()):
        rows = audience.stays[group]
        if not rows or all(row.exclude and not row.sources for row in rows):
            continue
        told: set[Address] = set()
        room = _MOST_TOLD
        for row in rows:
            others = _flows_in_vain(audience, row, flows)
            if others and room:
                room -= 1
                _tell_unserved(audience, ledger, row, others)
                told.update(stream.source for stream in others)
        for stream in flows:
            if stream.source not in told and _is_unwanted(audience, stream, rows):
                detail = f"{text(stream.source)} sends to {text(group)}, and no member wants it"
                ledger.add(
                    "D-43", audience.traffic.key, audience.end._replace(frame=0), detail,
                    host=stream.source, group=group, severity=INFO,
                )  # fmt: skip


def _until_ns(audience: Audience, row: Row) -> int:
    """Return until when a member surely listened: memberships end later than listening."""
    return row.to_ns if row.ended_by == LEAVE else min(row.to_ns, audience.end.time_ns)


def _since_ns(row: Row) -> int:
    """Return since when a member has the filter that it has at the end."""
    return row.changes[-1].time_ns if row.changes else row.from_ns


def _mean_gap_ns(stream: Stream) -> int:
    return (stream.last_ns - stream.first_ns) // max(stream.packets - 1, 1)


def _flows_in_vain(audience: Audience, row: Row, flows: list[Stream]) -> list[Stream]:
    """Return the streams that a member does not want, while nothing comes of what it wants."""
    wanted = [stream for stream in audience.streams[row.group] if wants(row, stream.source)]
    if (row.exclude and not row.sources) or any(is_sender(row, stream) for stream in wanted):
        return []
    since_ns = max([_since_ns(row), *(stream.last_ns for stream in wanted)])
    until_ns = _until_ns(audience, row)
    if any(not is_pause(until_ns - one.last_ns, _mean_gap_ns(one)) for one in wanted):
        return []
    return [
        stream
        for stream in flows
        if not wants(row, stream.source)
        and not is_sender(row, stream)
        and min(stream.ended_ns, until_ns) - max(stream.first_ns, since_ns) >= _LONG_NS
    ]


def _is_unwanted(audience: Audience, stream: Stream, rows: list[Row]) -> bool:
    """Return whether a stream comes for long, there are members, and none of them wants it."""
    if any(wants(row, stream.source) for row in rows):
        return False
    return any(
        min(stream.ended_ns, _until_ns(audience, row)) - max(stream.first_ns, _since_ns(row))
        >= _LONG_NS
        for row in rows
        if not is_sender(row, stream)
    )


def _tell_unserved(audience: Audience, ledger: Ledger, row: Row, others: list[Stream]) -> None:
    group = row.group
    member, senders = text(host_address(row.host)), named([stream.source for stream in others])
    verb = "sends" if len(others) == 1 else "send"
    rows = audience.stays[group]
    is_wanted = any(wants(one, stream.source) for stream in others for one in rows)
    since = clock_text(max(min(stream.first_ns for stream in others), row.from_ns))
    if row.exclude:
        only = "the only source" if len(others) == 1 else "the only sources"
        detail = f"{member} excludes {senders}, {only} of {text(group)}"
    else:
        wanted = [one for one in audience.streams[group] if one.source in row.sources]
        nothing = "nothing comes here"
        if wanted:
            last_ns = max(stream.last_ns for stream in wanted)
            nothing = f"nothing came here since {clock_text(last_ns)}"
        detail = (
            f"{member} asks for {named(row.sources)} in {text(group)}, of which {nothing};"
            f" {senders} {verb} since {since}"
        )
        detail += ", as other members want" if is_wanted else ", and no member wants it"
        audience.explained.update(map(id, wanted))
    # Who excludes the one that speaks may mean it; who shares a group waits for its own source.
    severity = INFO if row.exclude or is_wanted else WARNING
    ledger.add(
        "D-43", audience.traffic.key, audience.end._replace(frame=0, time_ns=row.from_ns), detail,
        host=host_address(row.host), group=group, severity=severity,
    )  # fmt: skip
