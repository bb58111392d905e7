"""Captures that raise a rule, and neighbours that do not, for rules about whole captures."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mldkit.model.family import MLD
from mldkit.testing.stage import Stage

if TYPE_CHECKING:
    from mldkit.model.datagram import Frame


def paused(*, by: float) -> list[Frame]:
    """Look at a link for 200 s, not for a time, and again."""
    stage = Stage(MLD)
    for begin in (0, 200 + by):
        stage.query(begin)
        stage.report(begin + 3, "IS_EX", 1)
        stage.chatter(begin, begin + 200)
    return stage.frames()


def on_two(*, down_at: float) -> list[Frame]:
    """Let a host speak on one interface, whose packets end, and then on another one."""
    first, second = Stage(MLD), Stage(MLD)
    for at in (0, 125, 250, 375):
        second.query(at)
        if at < down_at:
            first.query(at)
    first.report(3, "IS_EX", 1)
    first.chatter(0, down_at, every=2)
    second.report(253, "IS_EX", 1)
    frames = [
        replace(frame, interface=name)
        for name, stage in (("eth1", first), ("eth2", second))
        for frame in stage.frames()
    ]
    return sorted(frames, key=lambda frame: frame.time_ns or 0)


def asked_on(vlan: int) -> list[Frame]:
    """Let a host report without a tag, and a querier ask on a VLAN."""
    hosts, asked = Stage(MLD), Stage(MLD, vlan=(vlan,) if vlan else ())
    for at in (0, 125, 250, 375):
        asked.query(at)
        hosts.report(at + 3, "IS_EX", 1)
    return sorted([*hosts.frames(), *asked.frames()], key=lambda frame: frame.time_ns or 0)


IN_CAPTURES: dict[str, tuple[list[Frame], list[Frame]]] = {
    "D-40": (paused(by=210), paused(by=150)),
    "D-44": (on_two(down_at=200), on_two(down_at=380)),
    "D-50": (asked_on(7), asked_on(0)),
}
"""What shows in packets that hold no message, and on links beside each other."""
