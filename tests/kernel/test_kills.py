"""Verbs that make namespaces are killed in random moments: nothing is left of any.

Two hundred kills, twice, are a command of their own (docs/fuzzing.md); here every verb is killed
once, each time in another moment.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

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
