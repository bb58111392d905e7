"""Frames with and without a tag, on cards that filter VLANs and on others."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import pytest

from mldkit.link.bridge_state import BridgePort, BridgeSettings
from mldkit.link.ethtool import Driver
from mldkit.macfilter.receive_filter import Passage
from mldkit.macfilter.register_dump import decode
from mldkit.path.stage import Stage
from mldkit.path.walk import Walker
from tests.unit.path.readings import device, frame, reading

if TYPE_CHECKING:
    from mldkit.path.reading import Reading
    from mldkit.path.stage import StageResult

GROUP = "239.1.2.3"
PASSES, DROPPED, UNKNOWN = Passage.PASSES, Passage.DROPPED, Passage.UNKNOWN
FILTER_ON = decode("e1000e", struct.pack("=32I", 0, 0, 1 << 18, *(0,) * 29))
FILTER_OFF = decode("e1000e", bytes(128))
CAN_FILTER = frozenset(("rx-vlan-filter",))


def machine(named: str, *more_devices: Any, card: Any = None, **more: Any) -> Reading:
    """Return a card with the VLAN 20 on it."""
    below = card or device(2, "eth0")
    devices = [below, device(3, "eth0.20", "vlan", lower=2, vlan=20), *more_devices]
    fields = {"driver": Driver("e1000e")} | more
    return reading(devices, named=named, card="eth0", joined=(GROUP,), **fields)


def judged(found: Reading, tag: int | None) -> tuple[StageResult, StageResult]:
    """Return what the card and the VLAN stage say; a frame that ended is not judged again."""
    results = {r.stage: r for r in Walker(found).walk(frame(GROUP, vlan=tag)).results}
    return results[Stage.CARD], results[Stage.VLAN]


@pytest.mark.parametrize(
    ("named", "tag", "verdict", "words"),
    [
        ("eth0", None, PASSES, "eth0.20 (tag 20)"),
        ("eth0", 0, PASSES, "without a tag"),
        ("eth0", 20, DROPPED, "it goes to eth0.20, not to eth0"),
        ("eth0", 30, DROPPED, "no VLAN device of eth0 takes tag 30"),
        ("eth0.20", None, PASSES, "with tag 20"),
        ("eth0.20", 20, PASSES, "with tag 20"),
        ("eth0.20", 0, DROPPED, "it has no tag, and eth0.20 takes tag 20 only"),
        ("eth0.20", 30, DROPPED, "it has tag 30"),
    ],
)
def test_a_frame_belongs_to_the_device_of_its_tag(
    named: str, tag: int | None, verdict: Passage, words: str
) -> None:
    _, result = judged(machine(named), tag)
    assert (result.verdict, words in result.reason) == (verdict, True), result
    goes_elsewhere = verdict is DROPPED and tag != 30
    assert result.cure.startswith("look at") is goes_elsewhere


@pytest.mark.parametrize(
    ("more", "tag", "verdict", "words"),
    [
        ({"dumped": FILTER_ON}, 30, DROPPED, "RCTL.VFE is 1"),
        ({"dumped": FILTER_ON}, 20, PASSES, ""),
        ({"dumped": FILTER_ON}, 0, PASSES, ""),
        ({"dumped": FILTER_ON}, None, PASSES, ""),
        ({"dumped": FILTER_OFF, "features": CAN_FILTER}, 30, PASSES, ""),
        ({"features": CAN_FILTER}, 30, UNKNOWN, "cannot be seen"),
        ({"features": CAN_FILTER}, 20, PASSES, ""),
        ({"features": frozenset()}, 30, PASSES, ""),
    ],
)
def test_only_the_register_says_that_the_card_filters_vlans(
    more: dict[str, Any], tag: int | None, verdict: Passage, words: str
) -> None:
    result, _ = judged(machine("eth0", **more), tag)
    assert (result.verdict, words in result.reason) == (verdict, True), result


def test_what_a_bridge_does_with_tags_is_not_known() -> None:
    port = device(2, "eth0", master=4, port=BridgePort())
    above = device(4, "br0", "bridge", bridge=BridgeSettings())
    found = machine("eth0", above, card=port, host="br0", dumped=FILTER_ON)
    result, _ = judged(found, 30)
    assert (result.verdict, "br0" in result.reason) == (UNKNOWN, True)
    _, result = judged(machine("eth0", above, card=port, host="br0"), 30)
    assert (result.verdict, "br0" in result.reason) == (UNKNOWN, True)
