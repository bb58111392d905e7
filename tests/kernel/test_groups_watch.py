"""`groups --watch`: what the kernel tells, and what only a second look finds."""

from __future__ import annotations

import json
import signal
import sys
from typing import TYPE_CHECKING, Any

import pytest

from mldkit.groups.watch import kernel_notifies
from tests.kernel.group_listing import HOLD, joined

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from tests.conftest import Link, Namespace

pytestmark = pytest.mark.netns

Event = dict[str, Any]


class Watch:
    """A running watch of eth1 whose events are read one by one."""

    def __init__(self, namespace: Namespace) -> None:
        arguments = ["groups", "-i", "eth1", "--watch", "--format", "ndjson", "--duration", "60s"]
        self.child: subprocess.Popen[str] = namespace.spawn_mldkit(*arguments)
        self.present: list[str] = []
        while "ff01::1" not in self.present:
            entry = self.read()
            assert entry["event"] == "present"
            self.present.append(entry["group"])

    def read(self) -> Event:
        assert self.child.stdout is not None
        event: Event = json.loads(self.child.stdout.readline())
        return event

    def until(self, kind: str, group: str | None) -> Event:
        """Return the next event of this kind and group."""
        while True:
            event = self.read()
            if (event["event"], event["group"]) == (kind, group):
                return event


@pytest.fixture
def watch(link: Link) -> Iterator[Watch]:
    watching = Watch(link.far)
    yield watching
    watching.child.send_signal(signal.SIGTERM)
    assert watching.child.wait(timeout=10) == 0


def test_a_join_comes_with_its_process_and_a_leave_too(link: Link, watch: Watch) -> None:
    child = joined(link.far, "10.0.0.1@232.1.1.1")

    event = watch.until("joined", "232.1.1.1")
    child.send_signal(signal.SIGTERM)
    left = watch.until("left", "232.1.1.1")

    assert [process["pid"] for process in event["row"]["processes"]] == [child.pid]
    assert event["row"]["sources"] == ["10.0.0.1"]
    assert left["interface"] == "eth1"
    assert float(left["time"]) > float(event["time"])


def test_second_users_and_changed_filters_are_found_without_notification(
    link: Link, watch: Watch
) -> None:
    joined(link.far, "239.1.2.3", "--block", "10.0.0.9")
    watch.until("joined", "239.1.2.3")

    joined(link.far, "10.0.0.9@239.1.2.3")
    event = watch.until("changed", "239.1.2.3")

    assert (event["before"]["users"], event["row"]["users"]) == (1, 2)
    assert (event["before"]["sources"], event["row"]["sources"]) == (["10.0.0.9"], [])


def test_entries_of_the_device_list_are_found_without_notification(
    link: Link, watch: Watch
) -> None:
    link.far.ip("maddr add 01:80:c2:00:00:0e dev eth1")

    event = watch.until("device-list", None)

    assert event["mac"] == "01:80:c2:00:00:0e"
    assert event["references"] == {"before": 0, "after": 1}


@pytest.mark.parametrize(("group", "level"), [("239.9.9.9", 0), ("ff15::9", 41)])
def test_a_group_that_lives_between_two_looks_is_told_if_the_kernel_tells(
    link: Link, watch: Watch, group: str, level: int
) -> None:
    if not kernel_notifies():
        watch.child.send_signal(signal.SIGINT)
        _, errors = watch.child.communicate(timeout=10)
        assert "does not tell of joins" in errors
        return
    code = (
        HOLD
        + f"""
s = socket.socket(socket.AF_INET6 if {level} else socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(20):
    s.setsockopt({level}, 42, request(index, "{group}"))
    s.setsockopt({level}, 45, request(index, "{group}"))
"""
    )
    assert link.far.run(sys.executable, "-c", code).returncode == 0

    events = [watch.read() for _ in range(40)]

    told = [e["event"] for e in events if e["group"] == group]
    assert told[:2] == ["joined", "left"]
    assert told == ["joined", "left"] * (len(told) // 2)
    assert len(told) > 30


def test_an_interface_that_is_taken_away_and_comes_back_is_followed_by_name(
    link: Link, watch: Watch
) -> None:
    link.far.ip("link del eth1")
    gone = {watch.until("left", group)["group"] for group in ("ff01::1",)}
    link.far.ip("link add eth1 type veth peer name other")
    link.far.ip("link set eth1 up")

    assert gone == {"ff01::1"}
    assert watch.until("joined", "224.0.0.1")["row"]["users"] == 1


def test_a_watch_ends_with_its_time_and_a_complete_document(link: Link) -> None:
    child = link.far.spawn_mldkit("groups", "--watch", "--duration", "2s", "--json")
    joined(link.far, "239.1.2.3")
    output, errors = child.communicate(timeout=20)

    document = json.loads(output)
    assert (child.returncode, errors) == (0, "")
    assert document["schema"] == "mldkit.groups/1"
    assert "239.1.2.3" in [row["group"] for row in document["groups"]]
    assert all(entry["holds"] for entry in document["invariants"])


def test_changes_in_words(link: Link) -> None:
    child = link.far.spawn_mldkit("groups", "-i", "eth1", "--watch", "--duration", "3s")
    assert child.stdout is not None
    while "invariants" not in child.stdout.readline():
        assert child.poll() is None
    holder = joined(link.far, "239.1.2.3")
    output, _ = child.communicate(timeout=20)

    lines = [line.split(" s  ", 1)[1] for line in output.splitlines()]
    assert any(
        line.startswith("eth1  joined 239.1.2.3, any source: socket: ")
        and f"(process {holder.pid}, " in line
        for line in lines
    )
    assert "eth1  01:00:5e:01:02:03 in the device's list: 0 -> 1 references" in lines
