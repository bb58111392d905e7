"""VLAN tags: which of them the card lets in, and whose frame one makes (net/8021q/vlan_core.c).

::

    cable --tag 20--> card eth0 --> eth0.20      the VLAN device of the tag
          --tag 30--> card eth0                  no device has told the card this tag
          --no tag--> card eth0 --> eth0

A card that filters VLANs lets in what has no tag, tag 0, and the tags of its VLAN devices
(vlan_vid_add). The feature rx-vlan-filter says that its driver can do so, not that it does:
e1000e_set_rx_mode switches the filter on and at once writes RCTL as it was before. So only the
register tells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.macfilter.receive_filter import Passage
from mldkit.path.stage import Stage, StageResult

if TYPE_CHECKING:
    from mldkit.link.device_details import DeviceDetails
    from mldkit.path.frame import PathFrame
    from mldkit.path.reading import Reading

_FILTERS = "rx-vlan-filter"
_CONFIRM = "ip -d link show type vlan"


def closed_to(reading: Reading, frame: PathFrame) -> tuple[Passage, str] | None:
    """Return what the VLAN filter of the card does to a frame; None where it lets it in."""
    card, tag, dumped = reading.card, frame.vlan, reading.dumped
    if not tag or card.kind or tag in _above(reading):
        return None
    if dumped is None or dumped.vlan_filter is None or dumped.row.vlan_filter is None:
        if not _filters(reading):
            return None
        words = "can filter VLANs, and whether its driver has switched that on cannot be seen"
        return Passage.UNKNOWN, f"{card.name} {words}"
    if not dumped.vlan_filter:
        return None
    filters = f"{card.name} filters VLANs ({dumped.row.vlan_filter.name} is 1)"
    if card.master is not None:
        above = reading.name(card.master)
        return Passage.UNKNOWN, f"{filters}, and whether {above} told it tag {tag} is not known"
    return Passage.DROPPED, f"{filters}, and no VLAN device here has told it tag {tag}"


def vlan(reading: Reading, frame: PathFrame) -> StageResult:
    """Say whether the tag makes the frame one of the interface, or which tag it has to carry."""
    named, tag = reading.named, frame.vlan
    if named.kind == "vlan" and named.vlan is not None:
        if tag is None or tag == named.vlan:
            offload = ""
            if _filters(reading):
                offload = "; the card can filter VLANs, and the kernel has told it this one"
            reason = f"with tag {named.vlan} it goes from {reading.card.name} to {named.name}"
            confirm = f"ip -d link show dev {named.name}"
            return StageResult(Stage.VLAN, Passage.PASSES, f"{reason}{offload}", confirm=confirm)
        has = f"tag {tag}" if tag else "no tag"
        reason = f"it has {has}, and {named.name} takes tag {named.vlan} only"
        return _dropped(reason, _where(reading, tag))
    above = _above(reading)
    if tag:
        return _tagged(reading, tag)
    if above:
        words = ", ".join(f"{device.name} (tag {number})" for number, device in above.items())
        words = f"without a tag; with one it would go to {words}"
        return StageResult(Stage.VLAN, Passage.PASSES, words)
    return StageResult(Stage.VLAN, None, "no VLAN device here: frames without a tag")


def _tagged(reading: Reading, tag: int) -> StageResult:
    """Judge a frame with a tag for an interface that is no VLAN."""
    named, device = reading.named, _above(reading).get(tag)
    if device is not None:
        reason = f"with tag {tag} it goes to {device.name}, not to {named.name}"
        return _dropped(reason, _where(reading, tag))
    if named.master is not None or named.bridge is not None:
        above = named.name if named.bridge is not None else reading.name(named.master or 0)
        reason = f"what becomes of tag {tag} behind {above} is not looked at"
        return StageResult(Stage.VLAN, Passage.UNKNOWN, reason, confirm=_CONFIRM)
    cure = f"ip link add link {named.name} name {named.name}.{tag} type vlan id {tag}"
    return _dropped(f"no VLAN device of {named.name} takes tag {tag}", cure)


def _where(reading: Reading, tag: int | None) -> str:
    device = _above(reading).get(tag or 0, None if tag else reading.card)
    return f"look at {device.name}: macfilter explain -i {device.name}" if device else ""


def _dropped(reason: str, cure: str) -> StageResult:
    return StageResult(Stage.VLAN, Passage.DROPPED, reason, confirm=_CONFIRM, cure=cure)


def _filters(reading: Reading) -> bool:
    return reading.features is not None and _FILTERS in reading.features


def _above(reading: Reading) -> dict[int, DeviceDetails]:
    """Return the VLAN devices of the card by their tag."""
    return {
        device.vlan: device
        for device in reading.devices.values()
        if device.kind == "vlan" and device.vlan and device.lower == reading.card.index
    }
