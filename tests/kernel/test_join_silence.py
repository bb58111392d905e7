"""`join --receive` on a silence: what was checked after three seconds, and what is suspicious."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.kernel.path_scene import FRAMES, GROUP4, PathScene

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Link

pytestmark = pytest.mark.netns

JOIN = ("join", "-i", "eth1", "239.1.2.3", "--receive", "--port", "20300", "--format", "ndjson")


@pytest.fixture
def scene(link: Link) -> Iterator[PathScene]:
    with PathScene(link) as scene:
        yield scene


def silence(scene: PathScene, *more: str, source: str | None = None) -> dict[str, Any]:
    """Return what is said three seconds after a join, while frames of a source come."""
    child = scene.host.spawn_mldkit(*JOIN, *more)
    assert child.stdout is not None
    assert json.loads(child.stdout.readline())["event"] == "joined"
    if source is not None:
        scene.send(GROUP4, source)
    event: dict[str, Any] = json.loads(child.stdout.readline())
    assert event["event"] == "silence"
    return event


def test_nobody_sends(scene: PathScene) -> None:
    event = silence(scene)
    assert event["suspicious"] == []
    assert {"card", "group", "reverse-path", "socket"} <= set(event["checked"])


def test_nobody_sends_to_a_program_without_rights(scene: PathScene) -> None:
    event = silence(scene, "--user", "nobody")
    assert event["suspicious"] == []


def test_the_reverse_path_drops_what_comes(scene: PathScene) -> None:
    scene.host.sysctl("net.ipv4.conf.eth1.rp_filter", 1)
    event = silence(scene, source="192.0.2.7")
    assert event["received"] >= FRAMES
    assert event["suspicious"][0] == (
        f"rp_filter dropped {FRAMES} datagrams since then (TcpExtIPReversePathFilter)"
    )


def test_the_firewall_drops_what_comes(scene: PathScene) -> None:
    for command in (
        "add table ip t",
        "add chain ip t p { type filter hook input priority 0; }",
        "add rule ip t p udp dport 20300 drop",
    ):
        assert scene.host.run("nft", command).returncode == 0
    event = silence(scene)
    assert any("would end at netfilter-input" in words for words in event["suspicious"])


def test_what_arrives_ends_the_suspense(scene: PathScene) -> None:
    child = scene.host.spawn_mldkit(*JOIN, "--for", "4s")
    assert child.stdout is not None
    assert json.loads(child.stdout.readline())["event"] == "joined"
    scene.send(GROUP4)
    output, _ = child.communicate(timeout=20)
    events = [json.loads(line)["event"] for line in output.splitlines()]
    assert events == ["datagram"] * FRAMES


def test_the_document_has_it_and_people_read_it(scene: PathScene) -> None:
    arguments = ("join", "-i", "eth1", "239.1.2.3", "--receive", "--port", "20300")
    done = scene.host.mldkit(*arguments, "--for", "3500ms", "--json")
    assert json.loads(done.stdout)["silence"]["suspicious"] == []
    assert "note: nothing has arrived for 3 s; checked on eth1: card" in done.stderr
    assert "does anybody send" in done.stderr
