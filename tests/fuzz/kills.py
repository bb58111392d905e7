"""Kill verbs that make namespaces in random moments, and look for what is left of them.

::

    python -m tests.fuzz.kills --count 200 --seed 1

Everything happens in namespaces of its own, with an empty /run: whatever is there at the
end and was not there before is left by the verb. After each kill it has time to go; labs, which
outlive their commands, are stopped with `mldkit lab stop --all` first. What is left then is told,
and the exit code is 1. The last line is JSON. Needs root, for namespaces without a user namespace.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random

ROOT = Path(__file__).resolve().parents[2]
_OUTSIDE = ["unshare", "--mount", "--net", "--pid", "--ipc", "--fork", "--kill-child"]
_LONGEST_S = 120.0


@dataclass(frozen=True)
class Scenario:
    """A verb, and what has to run before it can be killed."""

    argv: tuple[str, ...]
    before: tuple[str, ...] = ()
    is_lab: bool = False
    endless_s: float | None = None
    """How long it is worth to wait for a verb that does not end by itself."""


_LAB = ("lab", "start", "join")
SCENARIOS = {
    "demo": Scenario(("demo",)),
    "doctor": Scenario(("doctor",)),
    "macfilter tap": Scenario(("macfilter", "check", "--on", "tap")),
    "macfilter macvlan": Scenario(("macfilter", "check", "--on", "macvlan")),
    "macfilter bridge": Scenario(("macfilter", "check", "--on", "bridge")),
    "play kernel": Scenario(
        ("play", "--on", "kernel", "tests/play/h-01-change-is-told-robustness-times-igmp.play")
    ),
    "play responder": Scenario(
        ("play", "--on", "responder", "tests/play/h-01-change-is-told-robustness-times-igmp.play")
    ),
    "lab start": Scenario(_LAB, is_lab=True),
    "lab check": Scenario(("lab", "check"), _LAB, is_lab=True),
    "lab reset": Scenario(("lab", "reset"), _LAB, is_lab=True),
    "lab solution": Scenario(("lab", "solution", "--run"), _LAB, is_lab=True),
    "lab exec": Scenario(("lab", "exec", "h1", "--", "sleep", "5"), _LAB, is_lab=True, endless_s=1),
    "lab capture": Scenario(("lab", "capture", "--follow"), _LAB, is_lab=True, endless_s=1),
    "lab stop": Scenario(("lab", "stop"), _LAB, is_lab=True),
}
LEAKY = Scenario(
    (
        "-c",
        "ip netns add leak; ip link add leak type veth peer leak2; setsid sleep 300 & sleep 300",
    ),
    endless_s=0.5,
)
"""Leaves a process, a mount, a file and interfaces: shows that such things are found."""


def _command(argv: tuple[str, ...]) -> list[str]:
    return ["sh", *argv] if argv[0] == "-c" else [sys.executable, "-m", "mldkit", *argv]


def _run(argv: tuple[str, ...]) -> None:
    done = subprocess.run(
        _command(argv), capture_output=True, text=True, check=False, timeout=_LONGEST_S, cwd=ROOT
    )
    if done.returncode not in (0, 1, 4):  # a machine that lacks something says so
        raise RuntimeError(f"{' '.join(argv)}: {done.stderr.strip()}")


def present() -> dict[str, set[str]]:
    """Return what there is in these namespaces, by kind."""
    ours = {"1", str(os.getpid())}
    processes = {
        path.name: (path / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        for path in Path("/proc").iterdir()
        if path.name.isdecimal() and path.name not in ours
    }
    links = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    return {
        "processes": {f"{number} {words}" for number, words in processes.items()},
        "interfaces": {line.split(":")[1].strip() for line in links.splitlines()},
        "mounts": {line.split()[4] for line in mounts},
        "files": {str(path) for path in Path("/run").rglob("*")},
    }


def _settled(before: dict[str, set[str]], patience_s: float) -> dict[str, set[str]]:
    """Return what is left when it has had time to go."""
    until = time.monotonic() + patience_s
    while True:
        try:
            now = present()
        except OSError:  # a process ended while it was looked at
            continue
        left = {kind: found - before[kind] for kind, found in now.items() if found - before[kind]}
        if not left or time.monotonic() >= until:
            return left
        time.sleep(0.05)


def _durations(scenarios: dict[str, Scenario]) -> dict[str, float]:
    """Return how long each verb takes when nobody kills it."""
    found = {}
    for name, scenario in scenarios.items():
        if scenario.endless_s is not None:
            found[name] = scenario.endless_s
            continue
        if scenario.before:
            _run(scenario.before)
        begun = time.monotonic()
        _run(scenario.argv)
        found[name] = time.monotonic() - begun
        if scenario.is_lab:
            _run(("lab", "stop", "--all"))
    return found


def _kill_one(scenario: Scenario, after_s: float) -> bool:
    """Start a verb, kill it after a time; return whether it still ran."""
    if scenario.before:
        _run(scenario.before)
    child = subprocess.Popen(
        _command(scenario.argv),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd=ROOT,
    )
    time.sleep(after_s)
    ran = child.poll() is None
    child.kill()
    child.wait()
    if scenario.is_lab:
        _run(("lab", "stop", "--all"))
    return ran


def _first_process(given: argparse.Namespace) -> int:
    """Be process 1: let another one do the work, and take in those whose parent was killed."""
    worker = os.fork()
    if not worker:
        try:
            code = _inside(given)
        except (OSError, RuntimeError, subprocess.SubprocessError) as error:
            print(f"kills: {error}", file=sys.stderr, flush=True)
            code = 3
        os._exit(code)
    while True:
        pid, status = os.wait()
        if pid == worker:
            return os.waitstatus_to_exitcode(status)


def _inside(given: argparse.Namespace) -> int:
    """Do the work, in namespaces of its own."""
    for command in (
        ["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run"],
        ["mount", "-t", "tmpfs", "tmpfs", "/dev/shm"],  # noqa: S108 (a mount)
        ["mount", "-t", "proc", "proc", "/proc"],
        ["ip", "link", "set", "lo", "up"],
    ):
        subprocess.run(command, check=True)
    # `ip netns` makes these once, and they stay: names of namespaces below them do not.
    subprocess.run(["ip", "netns", "add", "first"], check=True)
    subprocess.run(["ip", "netns", "delete", "first"], check=True)
    for variable in ("TMPDIR", "HOME", "XDG_RUNTIME_DIR"):
        folder = Path("/run", variable.lower())
        folder.mkdir(mode=0o700)
        os.environ[variable] = str(folder)
    # The folder of all labs stays, empty.
    Path(os.environ["XDG_RUNTIME_DIR"], "mldkit").mkdir(mode=0o700)
    scenarios = {**SCENARIOS, "leaky": LEAKY}
    chosen = {name: scenarios[name] for name in given.only or SCENARIOS}
    durations = _durations(chosen)
    before = present()
    rng = Random(given.seed)
    names = list(chosen)
    running = leftovers = 0
    for number in range(given.count):
        name = names[number % len(names)]
        after_s = rng.uniform(0, durations[name])
        running += _kill_one(chosen[name], after_s)
        left = _settled(before, given.patience)
        if left:
            leftovers += 1
            print(f"left by {name}, killed after {after_s:.3f} s:", flush=True)
            for kind, found in left.items():
                print(f"  {kind}: {', '.join(sorted(found))}", flush=True)
            before = present()
    told = {"kills": given.count, "running": running, "left": leftovers, "seed": given.seed}
    told["verbs"] = len(names)
    print(json.dumps(told), flush=True)
    return 1 if leftovers else 0


def main() -> int:
    """Go into namespaces of our own, and begin."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.kills", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--patience", type=float, default=20, help="seconds for all to go")
    parser.add_argument("--only", action="append", choices=(*SCENARIOS, "leaky"), default=[])
    arguments = parser.parse_args()
    if os.getpid() == 1:
        return _first_process(arguments)
    command = [*_OUTSIDE, sys.executable, "-m", "tests.fuzz.kills", *sys.argv[1:]]
    child = subprocess.Popen(command, cwd=ROOT)
    try:
        return child.wait()
    except KeyboardInterrupt:
        child.send_signal(signal.SIGKILL)
        return 130


if __name__ == "__main__":
    sys.exit(main())
