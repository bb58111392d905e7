"""The tracer of a real kernel in a guest: every act, what goes wrong, and what is left behind.

Without QEMU, a static busybox and a kernel these skip.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from docs.tools.trace_page import shape
from mldkit.guest.machine import Guest, Nic, run_guest
from mldkit.link.capture import open_capture
from mldkit.model.addresses import parse_mac
from mldkit.trace.machine import observations, tour
from mldkit.trace.story import Story
from tests.kernel.guest_tools import need_guest, on_more_kernels
from tests.unit.trace.recorded import KERNELS, acts

if TYPE_CHECKING:
    from mldkit.trace.act import Act

pytestmark = pytest.mark.qemu

ROOT = Path(__file__).resolve().parents[2]
JOINS = 1200
NICS = (
    Nic("e1000e", parse_mac("02:00:00:00:00:02")),
    Nic("e1000e", parse_mac("02:00:00:00:00:01")),
)
# What else happens at the same moment may add a tree or take one away (timers that are set anew).
STEADY = (
    "join ff15::77", "second join of ff15::77", "join 239.1.2.3", "General Query, MLDv2",
    "query for ff15::77", "leave ff15::77 by the second socket", "leave ff15::77",
    "leave 239.1.2.3", "proxy entry removed", "all multicast on", "all multicast off",
    "promiscuous mode on", "promiscuous mode off",
)  # fmt: skip


def told(run_observations: Any) -> tuple[Story, dict[str, Act]]:
    story = Story()
    found: dict[str, Act] = {}
    for observation in run_observations:
        for act in story.feed(observation):
            found.setdefault(act.announced, act)
    return story, found


@pytest.fixture(scope="module")
def seen() -> tuple[Story, dict[str, Act]]:
    need_guest()
    return told(observations(tour(many=60)))


def series(story: Story) -> str:
    """Return the recording that is of the same kernel series."""
    assert story.beginning is not None
    release = story.beginning.kernel
    return next((k for k in KERNELS if release.startswith(f"{k}.")), "")


@pytest.mark.parametrize("announced", STEADY)
def test_the_trees_of_the_page_are_those_of_this_kernel(
    seen: tuple[Story, dict[str, Act]], announced: str
) -> None:
    story, found = seen
    kernel = series(story)
    assert kernel, f"no trees were recorded for {story.beginning}"
    recorded = next(act for act in acts(kernel) if act.announced == announced)
    assert shape(found[announced]) == shape(recorded)


def test_nothing_was_lost_or_not_understood(seen: tuple[Story, dict[str, Act]]) -> None:
    story, found = seen
    assert (story.lost, story.unseen, story.text.unread) == (0, {}, 0)
    assert len(found) >= 21
    assert not any(act.is_cut for act in found.values())


def test_every_report_that_left_is_in_the_tree_that_sent_it(
    seen: tuple[Story, dict[str, Act]],
) -> None:
    _, found = seen
    for act in found.values():
        for part in act.parts:
            sent = sum(event.name == "net_dev_xmit" for event in part.call.happened())
            reports = sum(decoded.frame.outgoing for decoded in part.frames)
            # Duplicate address detection sends solicitations, which are no membership messages.
            assert reports == sent or part.call.name == "addrconf_dad_work"


@on_more_kernels
def test_joins_on_other_kernels(kernel: str, monkeypatch: pytest.MonkeyPatch) -> None:
    need_guest()
    monkeypatch.setenv("MLDKIT_KERNEL", kernel)
    story, found = told(observations(tour(("join", "filter"), many=24)))
    recorded = {act.announced: act for act in reversed(acts(series(story)))}
    for announced in ("join ff15::77", "second join of ff15::77", "all multicast on"):
        assert shape(found[announced]) == shape(recorded[announced])


@pytest.fixture(scope="module")
def trouble() -> dict[str, Any]:
    need_guest()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        guest = Guest("tests.kernel.tracing_program", {"joins": JOINS}, NICS, ("e1000e",))
        return run_guest(guest).report


def test_a_killed_run_is_cleared_away_by_the_next(trouble: dict[str, Any]) -> None:
    child = trouble["killed"]["child"]
    assert trouble["killed"]["before"]["instances"] == [f"mldkit-{child}"]
    assert trouble["killed"]["before"]["ours"] > 40
    assert trouble["killed"]["removed"] == [f"mldkit-{child}", f"mldkit_{child}"]
    assert trouble["killed"]["after"] == trouble["begin"]


@pytest.mark.parametrize("after", ["interrupted", "two", "command", "flood"])
def test_tracing_of_others_is_as_it_was(trouble: dict[str, Any], after: str) -> None:
    found = trouble[after].get("after", trouble[after])
    assert found == trouble["begin"]
    assert found["others"] == ["p:kprobes/others vfs_read"]
    assert found["ours"] == 0


def test_the_command_tells_of_a_join_and_ends_with_ctrl_c(
    trouble: dict[str, Any], tmp_path: Path
) -> None:
    ended = trouble["command"]
    assert ended["code"] == 130, ended["complaints"]
    acts_told = [json.loads(line) for line in ended["said"].splitlines()]
    (joined,) = (act for act in acts_told if (act["act"], act["group"]) == ("join", "ff15::66"))
    assert joined["process"]["name"] == "python"
    assert joined["frames"][0]["records"][0]["group"] == "ff15::66"
    capture = tmp_path / "acts.pcapng"
    capture.write_bytes(bytes.fromhex(ended["capture"]))
    with open_capture(str(capture)) as frames:
        assert len(list(frames.frames())) >= 2


def test_two_traces_at_once_see_the_same_act(trouble: dict[str, Any]) -> None:
    assert "join ff15::88" in trouble["two"]["mine"]
    assert "join ff15::88" in trouble["two"]["other"]
    assert trouble["two"]["removed"] == []


def test_acts_in_another_namespace_are_left_out(trouble: dict[str, Any]) -> None:
    assert trouble["elsewhere"]["acts"] == []


def test_joins_that_were_seen_and_those_that_were_not_add_up(trouble: dict[str, Any]) -> None:
    flood = trouble["flood"]
    assert flood["lost"] > 0
    assert flood["acts"] > 0
    assert flood["seen"] + flood["unseen"]["__ipv6_dev_mc_inc"] == JOINS
