"""`demo`: the main job in one command, as root and as an ordinary user, and nothing left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.kernel.descendants import namespaces, namespaces_of

if TYPE_CHECKING:
    from tests.conftest import Ordinary

pytestmark = pytest.mark.netns

ROOT = Path(__file__).resolve().parents[2]

EXPECTED = {
    "10.9.0.2": {
        "239.1.2.3": ("EXCLUDE", []),
        "232.1.1.1": ("INCLUDE", ["10.9.0.9"]),
    },
    "fe80::2": {
        "ff15::4321:1234": ("EXCLUDE", []),
        "ff3e::8000:1": ("INCLUDE", ["2001:db8::1", "2001:db8::2"]),
        "ff02::1:ff00:2": ("EXCLUDE", []),
    },
}


def answers(document: dict[str, Any]) -> dict[str, dict[str, tuple[str, list[str]]]]:
    (query,) = (step["data"] for step in document["steps"] if "hosts" in step["data"])
    return {
        host["address"]: {
            group["group"]: (group["filter_mode"], group["sources"]) for group in host["groups"]
        }
        for host in query["hosts"]
    }


def test_the_demo_shows_what_the_kernel_answers_and_leaves_nothing(tmp_path: Path) -> None:
    made: set[str] = set()
    with (tmp_path / "demo.json").open("w") as output:
        child = subprocess.Popen([sys.executable, "-m", "mldkit", "demo", "--json"], stdout=output)
        while child.poll() is None:
            made |= namespaces_of(child.pid)
            time.sleep(0.02)

    assert child.returncode == 0
    assert answers(json.loads((tmp_path / "demo.json").read_text())) == EXPECTED
    assert made
    assert not made & namespaces()


def test_an_ordinary_user_sees_the_same(ordinary: Ordinary) -> None:
    done = ordinary.run(ordinary.python, "-m", "mldkit", "demo", "--json")

    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["rootless"] is True
    assert answers(document) == EXPECTED


def test_the_filter_holds_the_mac_of_every_group() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mldkit", "demo"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    for line in ("01:00:5e:01:02:03  239.1.2.3", "33:33:43:21:12:34  ff15::4321:1234"):
        assert line in done.stdout


def test_a_demo_that_is_killed_leaves_nothing() -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "mldkit", "demo"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert child.stdout is not None
        while "joined ff3e::8000:1" not in child.stdout.readline():
            assert child.poll() is None
        made = namespaces_of(child.pid)
        assert made, "the sandbox is there"
    finally:
        child.send_signal(signal.SIGKILL)
        child.communicate()

    until = time.monotonic() + 10
    while made & namespaces():
        assert time.monotonic() < until, "namespaces are left"
        time.sleep(0.05)


def test_in_a_chroot_it_works_and_leaves_nothing_in_the_machines_own_run(tmp_path: Path) -> None:
    before = _named()
    # The root of the chroot is a mount of its own, so that a mount namespace begins elsewhere.
    inside = 'mount --rbind / "$0" && exec chroot "$0" "$@"'
    command = ["unshare", "--mount", "sh", "-c", inside, str(tmp_path), sys.executable]
    done = subprocess.run(
        [*command, "-m", "mldkit", "-q", "demo"],
        capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert "EXCLUDE" in done.stdout
    assert _named() == before


def _named() -> list[str]:
    """Return the named namespaces that no test of this run makes beside this one."""
    named = Path("/run/netns")
    return sorted(path.name for path in named.glob("*") if not path.name.startswith("mldkit-"))
