"""What `macfilter explain` prints about one frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mldkit.macfilter.collide import colliding, groups_of, number_of_groups
from mldkit.macfilter.devices import EXACT
from mldkit.model.addresses import mac_text, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mldkit.macfilter.devices import Device
    from mldkit.macfilter.receive_filter import ReceiveFilter
    from mldkit.macfilter.subject import FilterSubject

SCHEMA = "mldkit.macfilter/1"
_SHOWN = 4


def frame_json(
    subject: FilterSubject, receive_filter: ReceiveFilter, wanted: int
) -> dict[str, Any]:
    """Return the object of one frame, with up to `wanted` groups that share its fate."""
    verdict = receive_filter.accepts(subject.mac)
    sharing = groups_of(subject.mac)
    if subject.group is not None:
        sharing = (subject.group, *(group for group in sharing if group != subject.group))
    entry: dict[str, Any] = {
        "input": subject.given,
        "mac": mac_text(subject.mac),
        "groups": [text(group) for group in sharing],
        "verdict": str(verdict.outcome),
        "reason": verdict.reason,
        "bit": verdict.bit,
        "groups_in_all": number_of_groups(subject.mac),
        "after_the_filter": subject.after_filter(verdict.outcome),
    }
    if wanted:
        rule = receive_filter.device.rule
        hopeless = rule is not None and verdict.bit is None
        found = [] if hopeless else colliding(rule, subject.mac, subject.group, wanted)
        entry["collisions"] = [text(group) for group in found]
    return entry


def frame_lines(subject: FilterSubject, frame: dict[str, Any], device: Device) -> Iterator[str]:
    """Yield what people read about one frame."""
    yield f"{subject.given}  {frame['mac']}" if subject.group else subject.given
    where = "an exact list" if device is EXACT else device.id
    yield f"  {where}: {frame['verdict']}, {frame['reason']}"
    if frame["after_the_filter"]:
        yield f"  then {frame['after_the_filter']}"
    if frame["bit"] is not None and device.rule is not None:
        yield f"  hash bit {device.rule.shown(frame['bit'])} of {device.rule.table_bits}"
    others = [
        group for group in frame["groups"] if subject.group is None or group != frame["groups"][0]
    ]
    if others:
        more = ", ..." if frame["groups_in_all"] > _SHOWN + 1 else ""
        count = frame["groups_in_all"]
        number = "2^88" if count > 32 else str(count)
        yield f"  same MAC: {', '.join(others[:_SHOWN])}{more} ({number} groups in all)"
    else:
        yield "  no group has this MAC"
    if frame.get("collisions"):
        what = "same bit" if device.rule is not None else "same MAC"
        yield f"  {what}: {', '.join(frame['collisions'])}"
