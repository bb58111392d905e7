"""Predictions of receive filters against this kernel: every frame that has a verdict, both ways."""

from __future__ import annotations

import dataclasses
import json
import random
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mldkit.cli.main import main
from mldkit.errors import UnsupportedError
from mldkit.link import ethtool
from mldkit.link.device import PacketSocket
from mldkit.macfilter.devices import find_device
from mldkit.macfilter.hashes import CRC_LE_HIGH_6
from mldkit.macfilter.pair import flags_of_others
from mldkit.macfilter.probes import Probe
from mldkit.macfilter.receive_filter import BROADCAST, ReceiveFilter
from mldkit.macfilter.tap import Tap
from mldkit.macfilter.vehicles import TapVehicle, VethVehicle
from mldkit.model.addresses import group_mac, parse, parse_mac

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Link, Namespace

pytestmark = pytest.mark.netns

OWN = parse_mac("02:00:00:00:00:02")
GROUPS = tuple(map(parse, ("239.1.2.3", "ff15::4321:1234")))


def checked(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    code = main(["macfilter", "check", "--json", *arguments])
    captured = capsys.readouterr()
    assert code == 0, captured.out[-3000:] + captured.err
    document: dict[str, Any] = json.loads(captured.out)
    assert document["schema"] == "mldkit.macfilter/1"
    return document


def observed(document: dict[str, Any], **wanted: str) -> Counter[tuple[str, str]]:
    return Counter(
        (frame["verdict"], frame["observed"])
        for frame in document["frames"]
        if all(frame[key] == value for key, value in wanted.items())
    )


def test_five_thousand_verdicts_on_three_vehicles_are_all_right(
    capsys: pytest.CaptureFixture[str],
) -> None:
    document = checked(capsys)

    assert document["vehicle"] == "tap,macvlan,bridge"
    assert document["wrong"] == 0
    assert document["known"] >= 5000
    assert observed(document).keys() >= {("passes", "passed"), ("dropped", "dropped")}
    assert ("passes", "dropped") not in observed(document)
    assert ("dropped", "passed") not in observed(document)
    for frame in document["frames"]:
        assert frame.keys() >= {"input", "mac", "groups", "verdict", "reason", "bit", "mode"}
        assert frame["layer"] == "none" or frame["observed"] == "passed"
        assert not frame["unjoined_socket"]
    assert {frame["layer"] for frame in document["frames"]} == {"none", "device", "ip", "socket"}


def test_a_tap_filters_in_default_mode_and_not_in_the_others(
    capsys: pytest.CaptureFixture[str],
) -> None:
    document = checked(capsys, "--on", "tap", "--group", "239.1.2.3+3", "ff15::1:1+3")
    for state in ("few groups", "many groups"):
        default = observed(document, state=state, mode="default")
        assert default["dropped", "dropped"] > 100
        assert default["passes", "passed"] > 20
        groups = observed(document, state=state, mode="allmulticast", kind="foreign")
        assert set(groups) == {("passes", "passed")}
        unicast = observed(document, state=state, mode="allmulticast", kind="foreign unicast")
        assert set(unicast) == {("dropped", "dropped")}
        assert set(observed(document, state=state, mode="promisc")) == {("passes", "passed")}
    for state in ("control: no filter", "control: filter off again"):
        assert set(observed(document, state=state)) == {("passes", "passed")}
    reasons = " ".join(frame["reason"] for frame in document["frames"])
    assert "(239.1.2.3)" in reasons
    assert "exact entry" in reasons
    assert "shared with" in reasons


def test_the_kernel_counts_as_many_drops_as_were_predicted(
    make_namespace: Callable[[], Namespace],
) -> None:
    with make_namespace().entered():
        vehicle = TapVehicle(GROUPS, 7)
        with vehicle.held:
            results = vehicle.run().results
            table = Path("/proc/thread-self/net/dev").read_text()
    (line,) = (line for line in table.splitlines() if line.strip().startswith("nic0:"))
    sent_and_dropped = int(line.partition(":")[2].split()[11])
    assert sent_and_dropped == sum(result.verdict.outcome == "dropped" for result in results)


def test_a_model_with_another_rule_is_found_wrong(
    make_namespace: Callable[[], Namespace],
) -> None:
    vehicle = TapVehicle(GROUPS, 7)
    vehicle.device = dataclasses.replace(vehicle.device, rule=CRC_LE_HIGH_6)
    with make_namespace().entered(), vehicle.held:
        results = vehicle.run().results
    wrong = Counter(result.trial.state for result in results if result.is_wrong)
    assert set(wrong) == {"many groups"}
    assert wrong["many groups"] > 100


def test_what_nobody_read_does_not_cost_the_frames_of_a_trial(
    make_namespace: Callable[[], Namespace],
) -> None:
    """Sockets of the host that nobody watched meanwhile are full when a trial begins."""
    with make_namespace().entered():
        vehicle = VethVehicle(GROUPS[:1], 7)
        with vehicle.held:
            vehicle.run()
            before = len(vehicle.proof.results)
            probe = Probe("joined", group_mac(GROUPS[0]), GROUPS[0])
            sender = vehicle.runner.sender
            vehicle.cable.send([sender.frame(probe, 0)] * 2000)
            vehicle.try_state("after a flood")
            results = vehicle.proof.results[before:]
    assert results
    assert not any(result.is_wrong for result in results)


@pytest.fixture
def nic(make_namespace: Callable[[], Namespace]) -> Iterator[tuple[Tap, PacketSocket]]:
    """A tap whose filter is free to be programmed, and a socket that sends on it."""
    namespace = make_namespace()
    with namespace.entered():
        try:
            tap = Tap("nic0")
        except UnsupportedError as error:
            pytest.skip(error.message)
        namespace.sysctl("net.ipv6.conf.nic0.disable_ipv6", 1)
        namespace.ip("link set nic0 up")
        with PacketSocket("nic0", all_multicast=False) as sender:
            yield tap, sender
        tap.close()


def passing(nic: tuple[Tap, PacketSocket], macs: list[bytes]) -> set[bytes]:
    tap, sender = nic
    found: set[bytes] = set()
    for start in range(0, len(macs), 50):
        sender.send_many(mac + OWN + b"\x88\xb5" + bytes(50) for mac in macs[start : start + 50])
        while (frame := tap.read()) is not None:
            found.add(frame[:6])
    return found


@pytest.mark.parametrize("number", [0, 1, 6, 7, 14, 40, 200])
def test_a_tap_decides_as_the_model_to_the_bit(number: int, nic: tuple[Tap, PacketSocket]) -> None:
    source = random.Random(number)
    listed = tuple(b"\x33\x33" + source.randbytes(4) for _ in range(number))
    macs = [*listed, BROADCAST, OWN, *(b"\x02" + source.randbytes(5) for _ in range(20))]
    macs += [b"\x01\x00\x5e" + source.randbytes(3) for _ in range(300)]

    # The request returns how many entries match exactly.
    assert nic[0].set_filter((OWN, BROADCAST, *listed)) == min(number + 2, 8)
    model = ReceiveFilter(find_device("tap"), listed, OWN)
    assert passing(nic, macs) == {mac for mac in macs if model.accepts(mac).outcome == "passes"}

    nic[0].set_filter((OWN, BROADCAST, *listed), all_multicast=True)
    model = ReceiveFilter(find_device("tap"), listed, OWN, all_multicast=True)
    assert passing(nic, macs) == {mac for mac in macs if model.accepts(mac).outcome == "passes"}


def test_a_unicast_address_behind_the_eighth_leaves_the_tap_open(
    nic: tuple[Tap, PacketSocket],
) -> None:
    source = random.Random(1)
    secondary = tuple(b"\x02" + source.randbytes(5) for _ in range(7))
    macs = [b"\x02" + source.randbytes(5) for _ in range(50)]
    assert nic[0].set_filter((OWN, BROADCAST, *secondary)) == 0
    assert passing(nic, macs) == set(macs)
    model = ReceiveFilter(find_device("tap"), (), OWN, secondary)
    assert all(model.accepts(mac).outcome == "passes" for mac in macs)


def test_the_flag_for_all_multicast_does_nothing_without_an_address(
    nic: tuple[Tap, PacketSocket],
) -> None:
    nic[0].set_filter((), all_multicast=True)
    strangers = [b"\x02\x00\x00\x00\x01" + bytes((number,)) for number in range(20)]
    assert passing(nic, strangers) == set(strangers)


def test_macvlan_passes_what_is_listed_and_few_others(
    capsys: pytest.CaptureFixture[str],
) -> None:
    document = checked(capsys, "--on", "macvlan")
    assert len(document["statements"]) == 3
    for statement in document["statements"]:
        assert statement["holds"]
        assert statement["passed"] < statement["frames"] / 2
    twins = observed(document, kind="twin")
    assert set(twins) == {("passes", "passed")}
    unknown = observed(document, mode="default", kind="foreign")
    assert set(unknown) == {("unknown", "passed"), ("unknown", "dropped")}
    assert set(observed(document, mode="allmulticast", kind="foreign")) == {("passes", "passed")}


def test_macvlan_keeps_a_group_that_was_left_until_the_next_change(
    capsys: pytest.CaptureFixture[str],
) -> None:
    document = checked(capsys, "--on", "macvlan")
    left = observed(document, state="after a leave", kind="left")
    assert left == {("unknown", "passed"): 1}
    afterwards = observed(document, state="after the next change", kind="left")
    assert afterwards["unknown", "dropped"] > afterwards["unknown", "passed"]


def test_a_bridge_with_a_querier_forwards_by_group_and_floods_without(
    capsys: pytest.CaptureFixture[str],
) -> None:
    document = checked(capsys, "--on", "bridge")
    for kind in ("same mac", "foreign"):
        here = observed(document, state="querier, member port", kind=kind)
        assert set(here) == {("dropped", "dropped")}
        for control in ("control: no querier", "control: no snooping"):
            for port in ("member port", "port without members"):
                flooded = observed(document, state=f"{control}, {port}", kind=kind)
                assert set(flooded) == {("passes", "passed")}
    joined = observed(document, state="querier, member port", kind="joined")
    elsewhere = observed(document, state="querier, port without members", kind="joined")
    assert set(joined) == {("passes", "passed")}
    assert set(elsewhere) == {("dropped", "dropped")}
    # A querier of one family says nothing about the other, and a router port gets everything.
    one = observed(document, state="querier of IPv4, port without members", kind="foreign")
    assert one == {("dropped", "dropped"): 100, ("passes", "passed"): 100}
    router = observed(document, state="querier, router port", kind="foreign")
    assert set(router) == {("passes", "passed")}


def test_veth_filters_nothing_and_the_tool_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    document = checked(capsys, "--on", "veth")
    assert set(observed(document)) == {("passes", "passed")}
    assert any("proves nothing about filters" in line for line in document["notes"])


def test_a_wrong_prediction_is_found_on_a_real_pair(link: Link) -> None:
    pair = ("-i", "eth1", "--peer", f"{link.far.name}/eth1", "--json")
    before = link.near.read("/proc/net/dev_mcast")

    right = link.near.mldkit("macfilter", "check", *pair)
    assert right.returncode == 0, right.stderr
    document = json.loads(right.stdout)
    assert (document["vehicle"], document["wrong"]) == ("veth", 0)

    wrong = link.near.mldkit("macfilter", "check", *pair, "--nic", "e1000e")
    assert wrong.returncode == 1
    document = json.loads(wrong.stdout)
    predicted = observed(document)["dropped", "passed"]
    assert document["wrong"] == predicted > 100

    # Neither groups nor flags are left behind.
    assert link.near.read("/proc/net/dev_mcast") == before
    with link.near.entered():
        assert flags_of_others("eth1") == (False, False)


@pytest.mark.parametrize("mode", ["bridge", "vepa", "private"])
def test_a_macvlan_of_ones_own_is_checked_by_its_driver(mode: str, link: Link) -> None:
    link.near.ip(f"link add mv0 link eth1 type macvlan mode {mode}")
    link.near.ip("link set mv0 up")
    link.near.ip("address add 10.9.0.77/24 dev mv0")
    link.near.wait_for_ipv6("mv0")
    done = link.near.mldkit(
        "macfilter", "check", "-i", "mv0", "--peer", f"{link.far.name}/eth1", "--json"
    )
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert (document["vehicle"], document["wrong"]) == ("macvlan", 0)
    assert ("unknown", "dropped") in observed(document)


def test_flags_that_ip_link_hides_are_seen(link: Link) -> None:
    with link.near.entered(), PacketSocket("eth1", all_multicast=True):
        assert flags_of_others("eth1") == (False, True)
        assert "ALLMULTI" not in link.near.ip("link show eth1")
    with link.near.entered(), PacketSocket("eth1", all_multicast=False, promiscuous=True):
        assert flags_of_others("eth1") == (True, False)
        assert "PROMISC" not in link.near.ip("link show eth1")


def test_what_stands_above_a_device_opens_it(link: Link) -> None:
    link.near.ip("link add mv0 link eth1 type macvlan mode bridge")
    with link.near.entered():
        assert flags_of_others("eth1") == (False, False)
        link.near.ip("link set mv0 up")
        # veth has no filter for unicast addresses, so the kernel makes it promiscuous instead.
        assert flags_of_others("eth1") == (True, False)
    link.far.ip("link add br0 type bridge")
    link.far.ip("link set eth1 master br0")
    with link.far.entered():
        assert flags_of_others("eth1") == (True, True)


def test_a_promiscuous_interface_is_predicted_as_one(link: Link) -> None:
    pair = ("-i", "eth1", "--peer", f"{link.far.name}/eth1", "--json", "--nic", "e1000e")
    link.near.ip("link set eth1 promisc on")
    done = link.near.mldkit("macfilter", "check", *pair)
    document = json.loads(done.stdout)
    assert document["wrong"] == 0
    assert document["notes"] == ["eth1 is promiscuous already: it filters nothing now"]


def test_the_driver_is_the_one_that_ethtool_names(link: Link) -> None:
    link.near.ip("link add br0 type bridge")
    with link.near.entered():
        assert ethtool.driver("eth1").name == "veth"
        assert ethtool.driver("br0").name == "bridge"
        assert ethtool.driver("nothing").name == ""
    done = link.near.mldkit("macfilter", "check", "-i", "br0", "--peer", f"{link.far.name}/eth1")
    assert done.returncode == 2
    assert "the driver bridge is not in the table: name one with --nic" in done.stderr
