"""What goes wrong on a link with the real Linux bridge as querier, and whether `analyze` says so.

All scenarios run at the same time, each on a hub of its own, with intervals of a second instead
of two minutes; bridges, hosts and timers are the kernel's.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from mldkit.cli.main import main
from mldkit.link import clock
from mldkit.link.capture_writer import CaptureWriter
from mldkit.link.device import PacketSocket
from tests.kernel.link_scenes import GROUP4, GROUP6, HOST, OLDER, Scene

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Namespace

    Tell = Callable[["Scene"], None]
    Diagnose = Callable[[Tell], "Diagnosis"]

pytestmark = pytest.mark.netns

LENGTH_S = 13.5


def healthy(scene: Scene) -> None:
    host = scene.host()
    scene.at(0, scene.querier(1).up)
    scene.at(2, host.join)
    scene.at(6, host.leave)


def no_querier(scene: Scene) -> None:
    scene.at(1, scene.host().join)


def querier_dies(scene: Scene) -> None:
    host, querier = scene.host(), scene.querier(1)
    scene.at(0, querier.up)
    scene.at(1, host.join)
    scene.at(4, querier.stop)
    scene.at(9, host.join_another)


def two_queriers(scene: Scene) -> None:
    scene.at(1, scene.host().join)
    scene.at(0, scene.querier(5).up)
    scene.at(4, scene.querier(1).up)


def two_that_do_not_hear_each_other(scene: Scene) -> None:
    scene.at(1, scene.host().join)
    scene.at(0, scene.querier(1, isolated=True).up)
    scene.at(0, scene.querier(5, isolated=True).up)


def older_querier(scene: Scene) -> None:
    host = scene.host()
    scene.at(1, host.join)
    scene.at(7, host.leave)
    scene.at(0, scene.querier(1, OLDER).up)


def querier_gets_older(scene: Scene) -> None:
    scene.at(1, scene.host().join)
    querier = scene.querier(1)
    scene.at(0, querier.up)
    scene.at(4, querier.set, OLDER)


def no_answers(scene: Scene) -> None:
    mute, sound = scene.host(1), scene.host(2)
    scene.at(0, scene.querier(1).up)
    scene.at(1, mute.join)
    scene.at(1, sound.join)
    scene.at(4, mute.fall_silent)


def silent_leave(scene: Scene) -> None:
    gone, stays = scene.host(1), scene.host(2)
    scene.at(0, scene.querier(1).up)
    scene.at(1, gone.join)
    scene.at(1, stays.join)
    scene.at(4, scene.switch.ip, f"link set {gone.port} down")


def flapping(scene: Scene) -> None:
    scene.at(1, scene.host().join)
    slow = scene.querier(5, "mcast_query_interval 3000 mcast_querier_interval 300")
    scene.at(0, slow.up)
    lower = scene.querier(1)
    for second in (1, 7):
        scene.at(second, lower.up)
        scene.at(second + 1.2, lower.down)


def no_address(scene: Scene) -> None:
    scene.at(1, scene.host().join)
    scene.at(0, scene.querier(1, "mcast_query_use_ifaddr 0").up)


SCENARIOS = (
    healthy, no_querier, querier_dies, two_queriers, two_that_do_not_hear_each_other,
    older_querier, querier_gets_older, no_answers, silent_leave, flapping, no_address,
)  # fmt: skip


@dataclass(frozen=True)
class Diagnosis:
    """What `analyze` says of one scenario."""

    document: dict[str, Any]
    code: int

    @property
    def errors(self) -> set[str]:
        return self._ids("error")

    @property
    def warnings(self) -> set[str]:
        return self._ids("warning")

    @property
    def words(self) -> str:
        return "\n".join(self.document["summary"])

    def _ids(self, severity: str) -> set[str]:
        return {item["id"] for item in self.document["findings"] if item["severity"] == severity}

    def ended(self, group: str) -> dict[str, str]:
        """How the stays of a group ended, by host."""
        rows = self.document["memberships"]
        return {row["host"]: row["ended_by"] for row in rows if row["group"] == group}

    def findings(self, rule: str) -> list[dict[str, Any]]:
        return [item for item in self.document["findings"] if item["id"] == rule]


@pytest.fixture(scope="module")
def recordings(
    make_common_namespace: Callable[[], Namespace], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """Run all scenarios at once; give their captures by name."""
    switch = make_common_namespace()
    scenes: dict[str, Scene] = {}
    for number, tell in enumerate(SCENARIOS):
        scenes[tell.__name__] = Scene(number, switch, make_common_namespace)
        tell(scenes[tell.__name__])
    with switch.entered():
        listeners = {
            name: PacketSocket(scene.hub, promiscuous=True) for name, scene in scenes.items()
        }
    events = sorted(
        (event for scene in scenes.values() for event in scene.events), key=lambda event: event[0]
    )
    begun = time.monotonic()
    for second, action in [*events, (LENGTH_S, lambda: None)]:
        time.sleep(max(begun + second - time.monotonic(), 0))
        action()
    folder = tmp_path_factory.mktemp("scenarios")
    paths = {}
    for name, listener in listeners.items():
        paths[name] = folder / f"{name}.pcapng"
        with listener, CaptureWriter(str(paths[name])) as writer:
            while (frame := listener.receive(clock.now_ns())) is not None:
                writer.write(frame)
    for scene in scenes.values():
        for host in scene.hosts:
            host.close()
    return paths


@pytest.fixture
def diagnose(recordings: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> Diagnose:
    """Analyse the recording of a scenario."""

    def run(scenario: Tell) -> Diagnosis:
        code = main(["analyze", "--json", str(recordings[scenario.__name__])])
        return Diagnosis(json.loads(capsys.readouterr().out), code)

    return run


def test_a_bridge_that_does_its_work_is_no_fault(diagnose: Diagnose) -> None:
    found = diagnose(healthy)

    assert (found.code, found.errors, found.warnings) == (0, set(), set())
    for querier in (r"10\.9\.0\.1, IGMPv3", "fe80::ff:fe00:1, MLDv2"):
        asks = rf"querier is {querier}, announces 1 s, asks every 1(\.\d)? s"
        assert re.search(asks, found.words)
    assert "IGMP on hub0: the leave was asked about after" in found.words
    assert found.ended(GROUP4) == {HOST: "leave"}
    assert found.document["responses"]["count"] > 10
    assert found.document["responses"]["late"] == 0


def test_a_capture_of_seconds_cannot_tell_that_nobody_queries(diagnose: Diagnose) -> None:
    found = diagnose(no_querier)

    assert (found.code, found.errors, found.warnings) == (0, set(), set())
    assert found.words.count("too short to tell whether a querier is missing") == 2


def test_a_querier_that_stops_is_missed_after_its_own_interval(diagnose: Diagnose) -> None:
    found = diagnose(querier_dies)

    assert (found.code, found.errors, found.warnings) == (0, set(), {"D-01"})
    assert {item["family"] for item in found.findings("D-01")} == {"ipv4", "ipv6"}
    assert re.search(r"no querier in \d+ s, since 10\.9\.0\.1 fell silent at", found.words)
    assert re.search(r"no querier in \d+ s, since fe80::ff:fe00:1 fell silent at", found.words)
    assert found.ended(GROUP4) == {HOST: "expiry"}


def test_an_election_between_bridges_is_no_fault(diagnose: Diagnose) -> None:
    found = diagnose(two_queriers)

    assert (found.code, found.errors, found.warnings) == (0, set(), set())
    assert "querier is 10.9.0.1, IGMPv3" in found.words
    assert "took over from 10.9.0.5 at" in found.words
    elected = {item["address"] for item in found.document["queriers"] if item["elected"]}
    assert elected == {"10.9.0.1", "fe80::ff:fe00:1"}


def test_bridges_that_do_not_hear_each_other_both_query(diagnose: Diagnose) -> None:
    found = diagnose(two_that_do_not_hear_each_other)

    # The bridges are members too, of the group of router discovery, and hear one querier only.
    assert (found.code, found.errors - {"D-07"}) == (1, {"D-02"})
    assert {item["host"] for item in found.findings("D-02")} == {"10.9.0.5", "fe80::ff:fe00:5"}
    assert HOST not in {item["host"] for item in found.findings("D-07")}


def test_a_link_of_older_versions_has_the_faults_of_the_bridge_only(diagnose: Diagnose) -> None:
    found = diagnose(older_querier)

    # After an older leave the bridge asks once, and all hosts instead of the group
    # (net/bridge/br_multicast.c:br_multicast_leave_group; RFC 2236 §3, §9; RFC 2710 §4, §8).
    assert (found.code, found.errors, found.warnings) == (1, {"D-20"}, set())
    assert {item["host"] for item in found.findings("D-20")} == {"10.9.0.1", "fe80::ff:fe00:1"}
    # Asked once is asked: how often is a setting (RFC 9776 §8.9), so this is a remark.
    leaves = found.findings("D-11")
    assert {item["host"] for item in leaves} == {HOST, "fe80::ff:fe00:101"}
    assert all("1 of 2 specific queries followed" in item["detail"] for item in leaves)
    # It joined when the older querier was there, so nobody knows what else it could speak.
    assert "1 host in an older version" in found.words
    assert f"{HOST} fell back" not in found.words


def test_a_querier_that_gets_older_takes_the_hosts_along(diagnose: Diagnose) -> None:
    found = diagnose(querier_gets_older)

    assert (found.code, found.errors, found.warnings) == (1, {"D-06"}, set())
    assert f"{HOST} fell back to IGMPv2 because of 10.9.0.1" in found.words
    assert "fe80::ff:fe00:101 fell back to MLDv1 because of fe80::ff:fe00:1" in found.words


@pytest.mark.parametrize("scenario", [no_answers, silent_leave])
def test_a_member_that_answers_no_more_is_named_and_expires(
    diagnose: Diagnose, scenario: Tell
) -> None:
    found = diagnose(scenario)

    assert (found.code, found.errors, found.warnings) == (1, {"D-07"}, set())
    assert {item["host"] for item in found.findings("D-07")} == {HOST, "fe80::ff:fe00:101"}
    assert f"{HOST} is member of {GROUP4} and did not answer" in found.words
    assert found.ended(GROUP4) == {HOST: "expiry", "10.9.0.102": "capture-end"}
    assert found.ended(GROUP6)["fe80::ff:fe00:101"] == "expiry"


def test_a_querier_that_comes_and_goes_is_flapping(diagnose: Diagnose) -> None:
    found = diagnose(flapping)

    assert found.findings("D-03")
    # The slow querier waits longer than the quick one announced; the bridge of the quick one
    # is member of the group of router discovery while it is up.
    assert found.errors <= {"D-07"}
    assert found.warnings <= {"D-01", "D-03", "D-07"}
    assert HOST not in {item["host"] for item in found.findings("D-07")}
    assert re.search(r"the querier changed [34] times", found.words)


def test_a_switch_without_an_address_queries_but_is_not_elected(diagnose: Diagnose) -> None:
    found = diagnose(no_address)

    assert (found.code, found.errors, found.warnings) == (0, set(), set())
    assert found.findings("D-23")
    assert "querier is 0.0.0.0 (a snooping switch, no elected querier)" in found.words
