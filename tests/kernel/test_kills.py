"""Verbs that make namespaces are killed in random moments: nothing is left of any.

Two hundred kills, twice, are a command of their own (docs/fuzzing.md); here every verb is killed
once, each time in another moment.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import remove_leftovers
from tests.fuzz import kills

pytestmark = pytest.mark.netns


def killed(*arguments: str) -> subprocess.CompletedProcess[str]:
    if os.geteuid():
        pytest.skip("needs root")
    return subprocess.run(
        [sys.executable, "-m", "tests.fuzz.kills", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=kills.ROOT,
    )


@pytest.mark.parametrize("name", kills.SCENARIOS)
def test_nothing_is_left_of_a_verb_that_was_killed(name: str) -> None:
    seed = int.from_bytes(os.urandom(4))
    done = killed("--count", "1", "--seed", str(seed), "--only", name)

    assert done.returncode == 0, f"seed {seed}: {done.stdout}{done.stderr}"
    told = json.loads(done.stdout.splitlines()[-1])
    assert (told["kills"], told["left"]) == (1, 0)


def test_what_is_left_is_found_and_named() -> None:
    done = killed("--count", "1", "--only", "leaky", "--patience", "0.5")

    assert done.returncode == 1
    told = done.stdout
    assert "left by leaky" in told
    assert "  processes: " in told
    assert "sleep 300" in told
    assert "  interfaces: leak" in told
    assert "  mounts: /run/netns/leak\n" in told
    assert "  files: /run/netns/leak\n" in told
    assert json.loads(told.splitlines()[-1])["left"] == 1


TEST = """
import time
from tests import conftest
with conftest._namespaces() as make:
    namespace = make()
    child = namespace.spawn("sleep", "300")
    while not conftest._output("ip", "netns", "pids", namespace.name):
        time.sleep(0.01)
    print(namespace.name, child.pid, flush=True)
    time.sleep(300)
"""


def test_what_a_test_that_was_killed_has_made_goes_before_the_next_one() -> None:
    if os.geteuid():
        pytest.skip("needs root")
    with subprocess.Popen(
        [sys.executable, "-c", TEST], stdout=subprocess.PIPE, text=True, cwd=kills.ROOT
    ) as test:
        assert test.stdout is not None
        name, pid = test.stdout.readline().split()
        remove_leftovers()
        assert Path("/run/netns", name).exists(), "it is not left over while its test runs"
        test.kill()
    assert Path("/run/netns", name).exists()

    remove_leftovers()

    assert not Path("/run/netns", name).exists()
    until = time.monotonic() + 20
    while runs(pid):
        assert time.monotonic() < until, "its program still runs"
        time.sleep(0.01)


def runs(pid: str) -> bool:
    try:
        return Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
