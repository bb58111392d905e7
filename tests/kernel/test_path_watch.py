"""`macfilter explain -i --watch`: the counters that rise while frames come in."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import pytest

from mldkit.path.stage import Stage
from tests.kernel.path_scene import FRAMES, PathScene

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from tests.conftest import Link

pytestmark = pytest.mark.netns

ARGUMENTS = ("macfilter", "explain", "-i", "eth1", "239.1.2.3", "--from", "192.0.2.7", "--watch")


@pytest.fixture
def scene(link: Link) -> Iterator[PathScene]:
    with PathScene(link) as scene:
        yield scene


def first_line(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    return child.stdout.readline()


def test_frames_that_end_are_seen_to_end(scene: PathScene) -> None:
    scene.host.sysctl("net.ipv4.conf.eth1.rp_filter", 1)
    scene.program().join(bytes((239, 1, 2, 3)))
    child = scene.host.spawn_mldkit(*ARGUMENTS, "--format", "ndjson")
    assert json.loads(first_line(child))["stage"] == "reverse-path"
    scene.send(source="192.0.2.7").assert_dropped(Stage.REVERSE_PATH)
    found: dict[str, int] = {}
    while found.get("TcpExtIPReversePathFilter", 0) < FRAMES:
        event = json.loads(first_line(child))
        assert event["event"] == "counters"
        for counter in event["counters"]:
            found[counter["name"]] = found.get(counter["name"], 0) + counter["rose"]
    assert found["frames received by eth1"] >= FRAMES
    child.send_signal(signal.SIGINT)
    assert child.wait(10) == 130


def test_an_interface_that_vanishes_ends_the_watch(scene: PathScene) -> None:
    child = scene.host.spawn_mldkit(*ARGUMENTS)
    assert "239.1.2.3 from 192.0.2.7 on eth1" in first_line(child)
    scene.host.ip("link delete eth1")
    output, errors = child.communicate(timeout=20)
    assert child.returncode == 3
    assert "eth1: the interface is gone" in errors
    assert "Traceback" not in output + errors


def test_the_time_is_over(scene: PathScene) -> None:
    done = scene.host.mldkit(*ARGUMENTS, "--duration", "100ms", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert isinstance(document["events"], list)
    assert document["frames"][0]["input"] == "239.1.2.3"
