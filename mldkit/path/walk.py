"""One frame on its way, stage by stage, and where it ends.

Every stage is judged by itself; the first one that drops the frame is where it ends. What comes
after it says what it would do all the same, because a way can be broken twice.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mldkit.macfilter.receive_filter import Passage
from mldkit.path import (
    bridge_stage,
    device_stages,
    firewall_stages,
    host_stages,
    socket_stages,
    vlan_stage,
)
from mldkit.path.firewall import Ruleset
from mldkit.path.stage import Stage, StageResult

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mldkit.macfilter.devices import Device
    from mldkit.path.frame import PathFrame
    from mldkit.path.reading import Reading
    from mldkit.path.socket_stages import SocketVerdict

NOT_REACHED = "not reached"


@dataclass(frozen=True, slots=True)
class Walk:
    """The way of one frame."""

    frame: PathFrame
    results: tuple[StageResult, ...]
    """In the order of the kernel."""
    sockets: tuple[SocketVerdict, ...]

    @property
    def end(self) -> StageResult | None:
        """The stage that drops it, None where none does for certain."""
        return next((r for r in self.results if r.verdict is Passage.DROPPED), None)

    @property
    def unknown(self) -> tuple[StageResult, ...]:
        """The stages of which it cannot be told."""
        return tuple(r for r in self.results if r.verdict is Passage.UNKNOWN)

    @property
    def verdict(self) -> Passage:
        """What becomes of it in the end."""
        if self.end is not None:
            return Passage.DROPPED
        return Passage.UNKNOWN if self.unknown else Passage.PASSES


class Walker:
    """Walks frames through one reading; what they share is made once."""

    def __init__(self, reading: Reading, device: Device | None = None) -> None:
        """Take a reading; `device` is the model of its card, by default its driver's."""
        self.reading = reading
        self.model = device or device_stages.model_of(reading)
        self.filter = device_stages.receive_filter(reading, self.model)
        self.wrong_registers = device_stages.wrong_registers(reading, self.filter)
        """Where the card disagrees with its list; None where that is not known."""
        self._ruleset = Ruleset(reading.rules)

    def walk(self, frame: PathFrame) -> Walk:
        """Return the way of a frame."""
        reading, ruleset = self.reading, self._ruleset
        sockets = socket_stages.judge_sockets(reading, frame)
        results = [
            device_stages.card(reading, frame, self.filter, self.wrong_registers),
            device_stages.xdp(reading),
            device_stages.tap_point(reading),
            device_stages.traffic_control(reading),
            vlan_stage.vlan(reading, frame),
            bridge_stage.bridge(reading, frame),
            firewall_stages.before_routing(reading, ruleset, frame),
            host_stages.group(reading, frame),
            host_stages.reverse_path(reading, frame),
            firewall_stages.at_input(reading, ruleset, frame),
            socket_stages.source_filter(reading, frame, sockets),
            socket_stages.sockets_stage(reading, frame, sockets),
        ]
        if socket_stages.interface_refuses(reading, frame):
            # ip_check_mc_rcu asks for the filter together with the group: nothing in between.
            results = [_passed_over(result) for result in results]
        return Walk(frame, tuple(_until_the_end(results)), sockets)


def _passed_over(result: StageResult) -> StageResult:
    if result.stage not in (Stage.REVERSE_PATH, Stage.NETFILTER_INPUT) or result.verdict is None:
        return result
    reason = "not reached: the filter of the interface is looked at with the group"
    return StageResult(result.stage, None, reason)


def _until_the_end(results: Iterable[StageResult]) -> Iterable[StageResult]:
    has_ended = False
    for result in results:
        if not has_ended or result.verdict is None:
            yield result
        else:
            would = f"; would be dropped too: {result.reason}"
            reason = NOT_REACHED + (would if result.verdict is Passage.DROPPED else "")
            yield replace(result, verdict=None, reason=reason, details=())
        has_ended = has_ended or result.verdict is Passage.DROPPED
