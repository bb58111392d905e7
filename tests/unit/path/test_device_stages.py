"""Cards of all kinds, VLANs and bonds, as their kernels would tell of them."""

from __future__ import annotations

import dataclasses
import struct
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest

from mldkit.link.bridge_state import BridgePort, BridgeSettings
from mldkit.link.ethtool import Driver
from mldkit.link.return_route import ReturnRoute
from mldkit.macfilter import register_dump
from mldkit.macfilter.devices import DEVICES, SortingPlace
from mldkit.macfilter.receive_filter import Passage
from mldkit.model.addresses import parse
from mldkit.path.stage import Stage
from mldkit.path.walk import Walker
from tests.unit.path.readings import device, frame, reading

if TYPE_CHECKING:
    from mldkit.path.stage import StageResult
    from mldkit.path.walk import Walk

GROUP, SAME_BIT, STRANGER = "239.1.2.3", "239.99.2.3", "239.1.2.4"


def at(walked: Walk, stage: Stage) -> StageResult:
    return next(result for result in walked.results if result.stage is stage)


def test_a_card_of_a_known_driver_drops_and_the_rest_is_not_reached() -> None:
    found = reading([device(2, "eth0")], named="eth0", joined=(GROUP,), driver=Driver("e1000e"))
    walker = Walker(found)
    outcomes = {group: walker.walk(frame(group)) for group in (GROUP, SAME_BIT, STRANGER)}
    verdicts = [at(walked, Stage.CARD).verdict for walked in outcomes.values()]
    assert verdicts == [Passage.PASSES, Passage.PASSES, Passage.DROPPED]
    dropped = outcomes[STRANGER]
    assert {result.verdict for result in dropped.results[1:]} == {None}
    assert "allmulticast on" in at(dropped, Stage.CARD).cure
    end = outcomes[SAME_BIT].end
    assert end is not None
    assert end.stage is Stage.GROUP
    assert walker.filter.fill_text().startswith("1 address listed, 1 of 4,096 hash bits set")


@pytest.mark.parametrize("driver", ["xyzzy", ""])
def test_of_a_driver_that_nobody_knows_only_the_list_is_known(driver: str) -> None:
    found = reading([device(2, "eth0")], named="eth0", joined=(GROUP,), driver=Driver(driver))
    walker = Walker(found)
    assert at(walker.walk(frame(GROUP)), Stage.CARD).verdict is Passage.PASSES
    unknown = at(walker.walk(frame(STRANGER)), Stage.CARD)
    assert unknown.verdict is Passage.UNKNOWN
    assert ("xyzzy is not in the table" if driver else "no driver tells") in unknown.reason


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"promiscuity": 1}, "promiscuous"),
        ({"allmulti": 1}, "all multicast"),
        ({"flags": 0x1143}, "promiscuous"),
    ],
)
def test_an_open_card_lets_strangers_in(more: dict[str, Any], words: str) -> None:
    for driver in ("e1000e", "xyzzy"):
        card = device(2, "eth0", **more)
        found = reading([card], named="eth0", joined=(GROUP,), driver=Driver(driver))
        result = at(Walker(found).walk(frame(STRANGER)), Stage.CARD)
        assert result.verdict is Passage.PASSES
        assert words in result.reason


@pytest.mark.parametrize(
    ("control", "verdict", "words"),
    [
        (0, Passage.DROPPED, "its registers agree (RCTL.UPE 0, RCTL.MPE 0, RCTL.VFE 0)"),
        (1 << 4, Passage.UNKNOWN, "disagree with the list: RCTL.MPE is 1, 0 was expected"),
    ],
)
def test_registers_that_disagree_with_the_list(control: int, verdict: Passage, words: str) -> None:
    dump = struct.pack("=32I", 0, 0, control, *(0,) * 29)
    found = reading(
        [device(2, "eth0")], named="eth0", joined=(GROUP,), driver=Driver("e1000e"),
        dumped=register_dump.decode("e1000e", dump),
    )  # fmt: skip
    result = at(Walker(found).walk(frame(STRANGER)), Stage.CARD)
    assert (result.verdict, words in result.reason) == (verdict, True)


def test_registers_are_compared_once_for_all_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = mock.Mock(wraps=register_dump.expected_of)
    monkeypatch.setattr("mldkit.path.device_stages.expected_of", counted)
    found = reading(
        [device(2, "eth0")], named="eth0", joined=(GROUP,), driver=Driver("e1000e"),
        dumped=register_dump.decode("e1000e", bytes(128)),
    )  # fmt: skip
    walker = Walker(found)
    assert all("agree" in at(walker.walk(frame(GROUP)), Stage.CARD).reason for _ in range(50))
    assert counted.call_count == 1


@pytest.mark.parametrize(("flags", "words"), [(0x1002, "is down"), (0x1003, "no carrier")])
def test_a_device_that_is_off(flags: int, words: str) -> None:
    found = reading([device(2, "eth0", flags=flags)], named="eth0", driver=Driver("igb"))
    end = Walker(found).walk(frame(GROUP)).end
    assert end is not None
    assert (end.stage, words in end.reason) == (Stage.CARD, True)


def test_a_vlan_is_looked_at_with_the_card_below_it() -> None:
    card = device(2, "eth0")
    vlan = device(3, "eth0.5", "vlan", lower=2, vlan=5)
    found = reading(
        [card, vlan], named="eth0.5", card="eth0", joined=(GROUP,), driver=Driver("igb"),
        features=frozenset(("rx-vlan-filter",)),
    )  # fmt: skip
    walked = Walker(found).walk(frame(GROUP))
    assert at(walked, Stage.CARD).verdict is Passage.PASSES
    tag = at(walked, Stage.VLAN)
    assert (tag.verdict, "tag 5" in tag.reason) == (Passage.PASSES, True)
    assert "the card can filter VLANs" in tag.reason
    assert at(walked, Stage.GROUP).verdict is Passage.PASSES
    assert at(Walker(found).walk(frame(STRANGER)), Stage.CARD).verdict is Passage.DROPPED


def test_a_frame_without_a_tag_does_not_go_to_the_vlan() -> None:
    devices = [device(2, "eth0"), device(3, "eth0.5", "vlan", lower=2, vlan=5)]
    found = reading(devices, named="eth0", joined=(GROUP,), driver=Driver("igb"))
    assert "eth0.5 (tag 5)" in at(Walker(found).walk(frame(GROUP)), Stage.VLAN).reason


def test_the_ip_layer_sees_the_frame_of_a_port_on_the_bond() -> None:
    devices = [device(2, "eth0", master=4), device(4, "bond0", "bond")]
    found = reading(devices, named="eth0", host="bond0", joined=(GROUP,), driver=Driver("igb"))
    walked = Walker(found).walk(frame(GROUP))
    assert "joined on bond0" in at(walked, Stage.GROUP).reason


@pytest.mark.parametrize("row", DEVICES, ids=lambda row: row.id)
def test_every_row_gives_a_verdict_with_a_reason(row: object) -> None:
    found = reading([device(2, "eth0")], named="eth0", joined=(GROUP,), driver=Driver("x"))
    walker = Walker(found, row)  # type: ignore[arg-type]
    for group in (GROUP, STRANGER):
        result = at(walker.walk(frame(group)), Stage.CARD)
        assert result.reason
        assert result.verdict in tuple(Passage)
    if row.kind is SortingPlace.FILTER:  # type: ignore[attr-defined]
        assert at(walker.walk(frame(GROUP)), Stage.CARD).verdict is Passage.PASSES


@pytest.mark.parametrize(
    ("chip", "model"), [(0x10D3, "e1000e"), (0x15D7, "e1000e-ich"), (None, None)]
)
def test_the_table_of_an_e1000e_is_that_of_its_chip(chip: int | None, model: str | None) -> None:
    card = device(2, "eth0")
    found = reading([card], named="eth0", joined=(GROUP,), driver=Driver("e1000e"), chip=chip)
    walker = Walker(found)
    assert (walker.model.id if walker.model else None) == model
    # 239.1.18.3 falls on the bit of 239.1.2.3 in a table of 1,024 bits, and beside it in 4,096.
    verdict = at(walker.walk(frame("239.1.18.3")), Stage.CARD).verdict
    expected = {"e1000e": Passage.DROPPED, "e1000e-ich": Passage.PASSES, None: Passage.UNKNOWN}
    assert verdict is expected[model]


@pytest.mark.parametrize("driver", ["r8169", "stmmac", "virtio_net"])
def test_what_nobody_can_see_of_a_card_leaves_a_doubt(driver: str) -> None:
    found = reading([device(2, "eth0")], named="eth0", joined=(GROUP,), driver=Driver(driver))
    walker = Walker(found)
    assert at(walker.walk(frame(GROUP)), Stage.CARD).verdict is Passage.PASSES
    dropped = at(walker.walk(frame(STRANGER)), Stage.CARD)
    assert dropped.verdict is Passage.UNKNOWN
    assert ", but " in dropped.reason


def test_a_kernel_with_another_behaviour_has_another_row() -> None:
    base = reading([device(2, "eth0")], named="eth0", driver=Driver("r8169"))
    rows = []
    for release in ("6.1.0-57-amd64", "6.18.15+deb13-amd64"):
        model = Walker(dataclasses.replace(base, release=release)).model
        assert model is not None
        rows.append(model.kernels)
    assert rows == ["before Linux 6.8", "Linux 6.8 and later"]


@pytest.mark.parametrize(("state", "verdict"), [(4, Passage.DROPPED), (3, Passage.PASSES)])
def test_a_port_that_the_spanning_tree_blocks(state: int, verdict: Passage) -> None:
    port = device(2, "p1", "veth", master=4, port=BridgePort(state=state))
    above = device(4, "br0", "bridge", bridge=BridgeSettings())
    found = reading([port, above], named="p1", host="br0", joined=(GROUP,), driver=Driver("veth"))
    result = at(Walker(found).walk(frame(GROUP)), Stage.BRIDGE)
    assert result.verdict is verdict


def test_a_bridge_that_filters_vlans_is_left_open() -> None:
    port = device(2, "p1", "veth", master=4, port=BridgePort())
    above = device(4, "br0", "bridge", bridge=BridgeSettings(filters_vlans=True))
    found = reading([port, above], named="p1", host="br0", joined=(GROUP,), driver=Driver("veth"))
    assert at(Walker(found).walk(frame(GROUP)), Stage.BRIDGE).verdict is Passage.UNKNOWN


def test_the_routes_of_a_vrf_are_not_those_of_the_host() -> None:
    devices = [device(2, "eth0", master=4), device(4, "red", "vrf")]
    source = parse("192.0.2.7")
    found = reading(
        devices, named="eth0", joined=(GROUP,), driver=Driver("igb"), reverse_path_filter=1,
        routes={source: ReturnRoute()},
    )  # fmt: skip
    walked = Walker(found).walk(frame(GROUP, "192.0.2.7"))
    assert at(walked, Stage.REVERSE_PATH).verdict is Passage.UNKNOWN
    alone = dataclasses.replace(found, devices={2: device(2, "eth0")})
    assert at(Walker(alone).walk(frame(GROUP, "192.0.2.7")), Stage.REVERSE_PATH).verdict is (
        Passage.DROPPED
    )
