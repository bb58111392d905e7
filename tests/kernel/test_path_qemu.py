"""The stages of the card and of the VLAN, on a real driver in a guest: every frame as predicted.

Without QEMU, a static busybox and a kernel with e1000e and 8021q these skip.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from mldkit.guest.machine import Guest, Nic, run_guest
from mldkit.model.addresses import parse_mac
from tests.kernel.guest_tools import need_guest, on_more_kernels

pytestmark = pytest.mark.qemu

ROOT = Path(__file__).resolve().parents[2]
# The card under test and the one that sends.
NICS = (
    Nic("e1000e", parse_mac("02:00:00:00:00:02")),
    Nic("e1000e", parse_mac("02:00:00:00:00:01")),
)
MODES = ("default", "allmulticast", "promisc")
WRONG_REGISTER = "wrong register"


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    return predicted_and_seen()


def predicted_and_seen() -> dict[str, Any]:
    """Return what the guest's program says of each frame."""
    need_guest("e1000e", "8021q")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        guest = Guest(
            "tests.kernel.path_program", {}, NICS, ("e1000e", "8021q"),
            # include/linux/ioport.h: the registers of a card whose driver holds them, too.
            parameters="iomem=relaxed",
        )  # fmt: skip
        return run_guest(guest).report


def of_kind(entries: list[Any], state: str, kind: str) -> Counter[tuple[str, str]]:
    """Return what was predicted at the card and how deep the frames got, with their numbers."""
    return Counter(
        (entry["card"], entry["seen"]["eth0"])
        for entry in entries
        if (entry["state"], entry["kind"]) == (state, kind)
    )


def arrives(entry: dict[str, Any]) -> bool:
    return bool(entry["seen"]["eth0"] != "none")


def test_the_card_lets_in_what_was_predicted(report: dict[str, Any]) -> None:
    entries = [entry for entry in report["card"] if entry["state"] in MODES]
    assert len(entries) > 90
    wrong = [entry for entry in entries if (entry["card"] == "passes") is not arrives(entry)]
    assert wrong == []
    assert {entry["card"] for entry in entries} == {"passes", "dropped"}


@on_more_kernels
def test_card_and_tags_on_other_kernels(kernel: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLDKIT_KERNEL", kernel)
    found = predicted_and_seen()
    entries = [e for e in found["card"] if e["state"] in MODES] + found["vlan"]
    assert len(entries) > 180
    assert [e for e in entries if (e["card"] == "passes") is not arrives(e)] == []
    passed = [e for e in found["vlan"] if [e["card"], e["vlan"], e["group"]] == ["passes"] * 3]
    assert passed == [e for e in found["vlan"] if e["seen"][e["interface"]] == "socket"]
    # The feature says that it filters VLANs, the register that it does not.
    default = [e for e in found["vlan"] if e["state"] == "default"]
    assert all("RCTL.VFE 0" in entry["card reason"] for entry in default)


def test_a_group_that_was_not_joined_ends_at_the_card_unless_its_bit_is_set(
    report: dict[str, Any],
) -> None:
    entries = report["card"]
    assert of_kind(entries, "default", "not joined") == {("dropped", "none"): 18}
    assert of_kind(entries, "default", "same bit") == {("passes", "device"): 8}
    assert of_kind(entries, "default", "same mac") == {("passes", "device"): 4}
    assert of_kind(entries, "default", "joined") == {("passes", "socket"): 2}
    for mode in ("allmulticast", "promisc"):
        assert of_kind(entries, mode, "not joined") == {("passes", "device"): 18}


def test_what_the_card_lets_in_ends_at_the_group_where_nobody_joined(
    report: dict[str, Any],
) -> None:
    entries = [e for e in report["card"] if e["card"] == "passes"]
    assert {(e["group"], e["seen"]["eth0"]) for e in entries} == {
        ("passes", "socket"), ("dropped", "device"),
    }  # fmt: skip


def test_the_registers_agree_until_one_is_changed_behind_the_back_of_the_driver(
    report: dict[str, Any],
) -> None:
    for entry in report["card"]:
        flags = {"default": (0, 0), "allmulticast": (0, 1), "promisc": (1, 1)}.get(entry["state"])
        if flags is None:
            assert "disagree with the list: RCTL.MPE is 1, 0" in entry["card reason"]
            assert entry["card"] == "unknown"
        else:
            upe, mpe = flags
            assert f"agree (RCTL.UPE {upe}, RCTL.MPE {mpe}, " in entry["card reason"]
    # It is the register that decides, not the list.
    assert of_kind(report["card"], WRONG_REGISTER, "not joined") == {("unknown", "device"): 18}


def test_each_tag_gets_where_it_was_predicted(report: dict[str, Any]) -> None:
    entries = report["vlan"]
    assert len(entries) == 96
    wrong = [entry for entry in entries if (entry["card"] == "passes") is not arrives(entry)]
    assert wrong == []
    for entry in entries:
        predicted = [entry[stage] for stage in ("card", "vlan", "group")]
        reached = entry["seen"][entry["interface"]] == "socket"
        assert (predicted == ["passes"] * 3) is reached, entry


@pytest.mark.parametrize(
    ("place", "stages"),
    [
        ((state, interface, tag), ("passes", vlan))
        for state in ("default", "promisc", "filter")
        for interface, tag, vlan in (
            ("eth0", None, "passes"), ("eth0", 0, "passes"), ("eth0", 20, "dropped"),
            ("eth0.20", None, "dropped"), ("eth0.20", 0, "dropped"), ("eth0.20", 20, "passes"),
        )
    ]
    + [
        ((state, interface, 30), ("passes", "dropped"))
        for state in ("default", "promisc") for interface in ("eth0", "eth0.20")
    ]
    + [(("filter", interface, 30), ("dropped", None)) for interface in ("eth0", "eth0.20")],
)  # fmt: skip
def test_a_tag_breaks_just_its_stage(
    report: dict[str, Any],
    place: tuple[str, str, int | None],
    stages: tuple[str, str | None],
) -> None:
    found = [
        (entry["card"], entry["vlan"])
        for entry in report["vlan"]
        if (entry["state"], entry["interface"], entry["tag"]) == place
    ]
    assert found == [stages] * 4
