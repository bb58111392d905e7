"""The driver e1000e of a real kernel on QEMU's device: every verdict, and nothing left behind.

Without QEMU, a static busybox and a kernel (`MLDKIT_KERNEL`, or one in /boot) these skip.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from mldkit.cli.main import main
from tests.kernel.guest_tools import need_guest, on_more_kernels, run_json

pytestmark = pytest.mark.qemu

STATES = [
    "default", "joined", "300 more", "14 unicast", "15 unicast", "allmulti", "promisc", "left",
]  # fmt: skip


@pytest.fixture(scope="module")
def _tools() -> None:
    need_guest()


@pytest.fixture(scope="module")
def document(_tools: None) -> dict[str, Any]:
    return run_json("macfilter", "check", "--on", "qemu")


def observed(document: dict[str, Any], state: str, *kinds: str) -> Counter[str]:
    return Counter(
        frame["observed"]
        for frame in document["frames"]
        if frame["state"] == state and (not kinds or frame["kind"] in kinds)
    )


def test_the_driver_does_what_the_model_says_of_a_thousand_frames(
    document: dict[str, Any],
) -> None:
    verdicts = Counter((frame["verdict"], frame["observed"]) for frame in document["frames"])

    assert document["vehicle"] == "qemu"
    assert document["wrong"] == 0
    assert document["known"] == len(document["frames"]) > 1000
    assert set(verdicts) == {("passes", "passed"), ("dropped", "dropped")}
    assert min(verdicts.values()) > 500
    assert list(dict.fromkeys(frame["state"] for frame in document["frames"])) == STATES


def test_too_many_groups_open_nothing_and_too_many_unicast_addresses_open_unicast_only(
    document: dict[str, Any],
) -> None:
    assert set(observed(document, "300 more", "listed")) == {"passed"}
    assert observed(document, "300 more", "foreign")["dropped"] > 100
    assert set(observed(document, "14 unicast", "secondary")) == {"passed"}
    assert observed(document, "14 unicast", "unicast")["dropped"] > 5
    assert set(observed(document, "15 unicast", "unicast", "secondary")) == {"passed"}
    assert observed(document, "15 unicast", "foreign")["dropped"] > 100
    assert all(entry["holds"] for entry in document["statements"])
    assert set(observed(document, "promisc")) == {"passed"}


def test_the_device_hashes_unicast_which_the_driver_never_asked_for(
    document: dict[str, Any],
) -> None:
    assert set(observed(document, "joined", "unicast, same bit")) == {"passed"}
    assert observed(document, "joined", "unicast")["dropped"] > 5


def test_what_joined_sockets_get_ends_with_the_membership(document: dict[str, Any]) -> None:
    layers = {
        state: {f["layer"] for f in document["frames"] if f["state"] == state} for state in STATES
    }
    assert layers["joined"] == {"none", "device", "ip", "socket"}
    assert layers["left"] == layers["default"] == {"none", "device"}
    assert set(observed(document, "left", "group")) == {"dropped"}


def registers_agree(document: dict[str, Any], count: int) -> bool:
    read = [e for e in document["statements"] if e["text"].startswith(("registers", "query-rx"))]
    assert len(read) == count, document["statements"]
    return all(" 0 differ from the model" in entry["text"] for entry in read)


def dump_agrees(document: dict[str, Any], count: int) -> bool:
    """Return whether the driver's dump held what was read from the device, in every state."""
    dumps = [e["text"] for e in document["statements"] if e["text"].startswith("ethtool -d: ")]
    assert len(dumps) == count, document["statements"]
    assert len(set(dumps)) > 1, "it never changed"
    return all(text.endswith(": 0 differ from the registers") for text in dumps)


def test_the_registers_are_those_of_the_model_in_every_state(document: dict[str, Any]) -> None:
    assert registers_agree(document, len(STATES))
    assert dump_agrees(document, len(STATES))


@pytest.mark.usefixtures("_tools")
@on_more_kernels
def test_the_driver_and_its_registers_on_other_kernels(kernel: str) -> None:
    found = run_json("macfilter", "check", "--on", "qemu", kernel=kernel)
    assert found["wrong"] == 0
    assert len(found["frames"]) > 1000
    assert registers_agree(found, len(STATES))


@pytest.mark.usefixtures("_tools")
@pytest.mark.parametrize(
    ("nic", "states"),
    [
        ("e1000", 9), ("8139cp", 7), ("pcnet32", 7), ("ne2k-pci", 7), ("virtio_net", 7),
        ("vmxnet3", 0), ("e100", 0),
    ],
)  # fmt: skip
def test_other_drivers_do_what_the_model_says_of_a_thousand_frames(nic: str, states: int) -> None:
    found = run_json("macfilter", "check", "--on", "qemu", "--nic", nic)
    assert found["wrong"] == 0
    assert found["known"] == len(found["frames"]) > 1000
    assert {frame["observed"] for frame in found["frames"]} == {"passed", "dropped"}
    assert registers_agree(found, states)
    if nic in ("e1000", "8139cp", "pcnet32"):
        assert dump_agrees(found, states)


@pytest.mark.usefixtures("_tools")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_the_guest_ends_with_its_parent(number: signal.Signals) -> None:
    command = [sys.executable, "-m", "mldkit", "macfilter", "check", "--on", "qemu"]
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    guest = wait_for_guest(child)
    child.send_signal(number)
    assert child.wait() == (130 if number == signal.SIGINT else -number)
    until = time.monotonic() + 20
    while Path(f"/proc/{guest}").exists():
        assert time.monotonic() < until, "QEMU outlives its parent"
        time.sleep(0.01)


def wait_for_guest(parent: subprocess.Popen[bytes]) -> int:
    """Return the number of the emulator, once its parent has started it."""
    until = time.monotonic() + 120
    children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
    while time.monotonic() < until:
        assert parent.poll() is None, "the check ended before the guest ran"
        for number in map(int, children.read_text().split()):
            if b"qemu-system" in Path(f"/proc/{number}/cmdline").read_bytes().split(b"\0")[0]:
                return number
        time.sleep(0.01)
    raise AssertionError("the guest did not start")


@pytest.mark.usefixtures("_tools")
def test_a_missing_kernel_is_said_and_what_to_do(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "kernel.deb").write_text("no package")
    for path, said in (
        (tmp_path, f"qemu: no kernel with the module e1000e in {tmp_path}"),
        (tmp_path / "kernel.deb", f"qemu: {tmp_path}/kernel.deb: not a Debian package"),
        (tmp_path / "gone", f"qemu: MLDKIT_KERNEL={tmp_path}/gone: no such file"),
    ):
        monkeypatch.setenv("MLDKIT_KERNEL", str(path))
        assert main(["macfilter", "check", "--on", "qemu"]) == 4
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.startswith(f"mldkit: {said}\nhint: apt-get download linux-image")
