"""The stages of a device: its card, programs in front of everything, the tap point."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mldkit.macfilter.devices import EXACT, device_of
from mldkit.macfilter.receive_filter import BROADCAST, Passage, ReceiveFilter
from mldkit.macfilter.register_dump import expected_of
from mldkit.model.addresses import group_mac, mac_text, text
from mldkit.path import vlan_stage
from mldkit.path.stage import Counter, Stage, StageResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mldkit.macfilter.devices import Device
    from mldkit.path.frame import PathFrame
    from mldkit.path.reading import Reading

WITHOUT_CARD = {
    "bridge": "a bridge has no card of its own; the frame came in by one of its ports",
    "bond": "a bond has no card of its own; the frame came in by one of its ports",
    "team": "a team has no card of its own; the frame came in by one of its ports",
    "vxlan": "a tunnel has no receive filter",
    "geneve": "a tunnel has no receive filter",
    "gre": "a tunnel has no receive filter",
    "wireguard": "a tunnel has no receive filter",
}
_LOOPBACK_HARDWARE = 772


def model_of(reading: Reading) -> Device | None:
    """Return the row of the driver of the card, None where the table has none."""
    name = reading.card.kind if reading.card.kind in ("macvlan", "ipvlan") else reading.driver.name
    return device_of(name, reading.release, reading.chip)


def receive_filter(reading: Reading, device: Device | None) -> ReceiveFilter:
    """Return the filter of the card as this machine has programmed it, by the row `device`.

    Without a row it is an exact list, which tells what every driver lets in.
    """
    names = {
        group_mac(entry.group): text(entry.group)
        for entry in reversed(reading.state.groups)
        if entry.index in (reading.card.index, reading.named.index)
    }
    return ReceiveFilter(
        device=device or EXACT,
        multicast=reading.multicast,
        own=reading.card.mac,
        unicast=reading.unicast,
        promiscuous=reading.card.takes_everything,
        all_multicast=reading.card.takes_all_multicast,
        names=names,
    )


def wrong_registers(reading: Reading, programmed: ReceiveFilter) -> tuple[str, ...] | None:
    """Return where the registers of the card disagree with its list; None where that is not known.

    It is the same for all frames, and costs as much as hundreds of them.
    """
    if reading.dumped is None or programmed.device is EXACT:
        return None
    return tuple(reading.dumped.differences(expected_of(programmed)))


def card(
    reading: Reading, frame: PathFrame, programmed: ReceiveFilter, wrong: Sequence[str] | None
) -> StageResult:
    """Judge what the card does, by its filters and by what is `wrong` with its registers."""
    result = _by_registers(reading, _by_address(reading, frame, programmed), wrong)
    closed = vlan_stage.closed_to(reading, frame)
    if result.verdict is Passage.DROPPED or closed is None:
        return result
    verdict, reason = closed
    name = reading.card.name
    confirm = f"tcpdump -e -i {name} vlan sees it where tcpdump -p -e -i {name} vlan does not"
    return replace(result, verdict=verdict, reason=reason, confirm=confirm, cure="")


def _by_registers(
    reading: Reading, result: StageResult, wrong: Sequence[str] | None
) -> StageResult:
    """Say whether what is in the registers of the card is what the list says should be there."""
    dumped = reading.dumped
    if dumped is None or wrong is None:
        return result
    if not wrong:
        return replace(result, reason=f"{result.reason}; its registers agree ({dumped.words()})")
    # What it does to this frame can be read from neither of them.
    reason = f"{result.reason}, but its registers disagree with the list: {'; '.join(wrong)}"
    confirm = f"ethtool -d {reading.card.name}"
    return replace(result, verdict=Passage.UNKNOWN, reason=reason, confirm=confirm, cure="")


def _by_address(reading: Reading, frame: PathFrame, programmed: ReceiveFilter) -> StageResult:
    """Judge what the card does to where the frame goes."""
    of = reading.card
    counter = Counter(f"frames received by {of.name}", of.counts.received)
    confirm = f"ip -s link show dev {of.name}"
    if not of.is_up:
        return StageResult(
            Stage.CARD,
            Passage.DROPPED,
            f"{of.name} is down",
            counter,
            f"ip link show dev {of.name}",
            cure=f"ip link set {of.name} up",
        )
    if not of.is_running:
        reason = f"{of.name} has no carrier: nothing is at the other end of its cable"
        confirm = f"ip link show dev {of.name}"
        return StageResult(Stage.CARD, Passage.DROPPED, reason, counter, confirm)
    if of.hardware_type == _LOOPBACK_HARDWARE:
        reason = "loopback has no card: only frames of this host itself are seen here"
        return StageResult(Stage.CARD, Passage.PASSES, reason, counter, confirm)
    if of.kind in WITHOUT_CARD:
        return StageResult(Stage.CARD, Passage.PASSES, WITHOUT_CARD[of.kind], counter, confirm)
    verdict = programmed.accepts(frame.mac)
    if programmed.device is EXACT:
        return _without_model(reading, frame, verdict.outcome, counter)
    outcome, reason = verdict.outcome, verdict.reason
    if outcome is Passage.DROPPED and programmed.device.doubt and frame.mac[0] & 1:
        outcome, reason = Passage.UNKNOWN, f"{reason}, but {programmed.device.doubt}"
    if of.kind == "tun":
        reason = f"{reason}; what the program at its other end hands over is for it to decide"
    if outcome is not Passage.PASSES:
        confirm = f"tcpdump -i {of.name} sees it where tcpdump -p -i {of.name} does not"
    cure = ""
    if outcome is Passage.DROPPED and frame.mac[0] & 1:
        name = text(frame.group) if frame.group else mac_text(frame.mac)
        cure = f"join {name} on {reading.named.name}, or ip link set {of.name} allmulticast on"
    return StageResult(Stage.CARD, outcome, reason, counter, confirm, cure)


def _without_model(
    reading: Reading, frame: PathFrame, outcome: Passage, counter: Counter
) -> StageResult:
    """Judge a card of which no row is known by what holds for every driver."""
    of = reading.card
    driver = reading.driver.name or of.kind
    who = f"the driver {driver} is not in the table" if driver else "no driver tells its name"
    confirm = f"tcpdump -i {of.name} sees it where tcpdump -p -i {of.name} does not"
    if outcome is Passage.PASSES:
        reason = "all multicast is switched on" if of.takes_all_multicast else "it is in the list"
        if of.takes_everything:
            reason = "promiscuous mode"
        elif frame.mac == BROADCAST:
            reason = "broadcast"
        reason = f"{reason}, which every driver heeds ({who})"
        return StageResult(Stage.CARD, Passage.PASSES, reason, counter, confirm)
    reason = f"{mac_text(frame.mac)} is not in the list, and {who}"
    return StageResult(Stage.CARD, Passage.UNKNOWN, reason, counter, confirm)


def xdp(reading: Reading) -> StageResult:
    """Judge programs that run before the kernel has a frame at all."""
    programs = {(d.name, *entry) for d in (reading.card, reading.named) for entry in d.xdp}
    if not programs:
        return StageResult(Stage.XDP, None, "no XDP program")
    words = ", ".join(
        _program(reading, number, f"{where} on {name}" if where else f"on {name}")
        for name, where, number in sorted(programs)
    )
    dropped = sum(v for k, v in reading.driver_counters.items() if k.endswith("xdp_drops"))
    counter = None
    if any(name.endswith("xdp_drops") for name in reading.driver_counters):
        counter = Counter("xdp_drops of the driver", dropped)
    number = min(number for _, _, number in programs)
    return StageResult(
        Stage.XDP,
        Passage.UNKNOWN,
        f"XDP program {words}: what it does cannot be known from outside",
        counter,
        f"bpftool prog show id {number}; ethtool -S {reading.card.name}",
    )


def tap_point(reading: Reading) -> StageResult:
    """Say that packet sockets see it (net/core/dev.c: ptype_all)."""
    confirm = f"tcpdump -p -n -i {reading.card.name}"
    return StageResult(Stage.TAP, Passage.PASSES, "tcpdump sees it", confirm=confirm)


def traffic_control(reading: Reading) -> StageResult:
    """Judge classifiers at the ingress."""
    found = []
    for index, programs in reading.programs.items():
        name = reading.name(index)
        found += [f"filter {kind} on {name}" for kind in programs.classifiers]
        found += [
            f"program {_program(reading, number, f'on {name}')}" for number in programs.tcx or ()
        ]
    if found:
        return StageResult(
            Stage.TC,
            Passage.UNKNOWN,
            f"{', '.join(found)}: what it does cannot be known from outside",
            confirm=f"tc -s filter show dev {reading.card.name} ingress; bpftool net",
        )
    return StageResult(Stage.TC, None, "no filter at the ingress")


def _program(reading: Reading, number: int, where: str) -> str:
    name = reading.program_names.get(number)
    return f"{name} (number {number}, {where})" if name else f"number {number} ({where})"
