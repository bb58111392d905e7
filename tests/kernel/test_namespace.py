"""The sandbox and the launcher: as root, as an ordinary user, and after `kill -9`."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mldkit.errors import LinkError
from mldkit.link.namespace import Sandbox
from mldkit.link.own_command import mldkit_command
from tests.kernel.descendants import namespaces, namespaces_of

if TYPE_CHECKING:
    from tests.conftest import Link, Ordinary

pytestmark = pytest.mark.netns

ROOT = Path(__file__).resolve().parents[2]


def test_named_namespaces_work_in_a_sandbox_and_stay_in_it() -> None:
    outside = subprocess.run(["ip", "netns"], capture_output=True, text=True, check=True).stdout
    with Sandbox() as sandbox:
        for name in ("querier", "host"):
            sandbox.add_namespace(name)
        sandbox.ip("link add eth1 netns querier type veth peer name eth1 netns host")
        sandbox.ip("link set eth1 up", namespace="host")

        inside = sandbox.run(["ip", "netns"]).stdout
        links = sandbox.run(["ip", "-n", "host", "-br", "link"]).stdout

        assert {line.split()[0] for line in inside.splitlines()} == {"querier", "host"}
        assert {line.split("@")[0].split()[0] for line in links.splitlines()} == {"lo", "eth1"}
        now_outside = subprocess.run(["ip", "netns"], capture_output=True, text=True, check=True)
        assert now_outside.stdout == outside


def test_mldkit_runs_in_a_namespace_of_the_sandbox_and_can_be_stopped() -> None:
    with Sandbox() as sandbox:
        sandbox.add_namespace("host")
        join = ["--netns", "host", "join", "-i", "lo", "239.1.2.3"]
        child = sandbox.spawn(mldkit_command(*join))
        assert child.stdout is not None
        assert child.stdout.readline() == "joined 239.1.2.3 on lo from any source\n"

        listed = sandbox.run(["ip", "-n", "host", "maddress", "show", "dev", "lo"]).stdout
        sandbox.stop(child, signal.SIGINT)
        after = sandbox.run(["ip", "-n", "host", "maddress", "show", "dev", "lo"]).stdout

        assert "239.1.2.3" in listed
        assert child.returncode == 130
        assert "239.1.2.3" not in after


def test_a_failing_ip_command_is_told() -> None:
    with Sandbox() as sandbox, pytest.raises(LinkError, match=r"ip: .*nosuch"):
        sandbox.ip("link set nosuch up")


HOLD = """
import time
from mldkit.link.namespace import Sandbox
sandbox = Sandbox()
sandbox.add_namespace("host")
sandbox.ip("link add eth1 type veth peer name eth1 netns host")
child = sandbox.spawn(["sleep", "987654"])
# Its own name in the process list proves that it runs.
while "987654" not in sandbox.run(["ps", "-eo", "args"]).stdout.replace("ps -eo args", ""):
    pass
print("ready", flush=True)
time.sleep(600)
"""


def processes_with(word: str) -> list[str]:
    listed = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True)
    return [line for line in listed.stdout.splitlines() if word in line]


def test_nothing_is_left_when_the_holder_is_killed() -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "ready\n"
        assert len(processes_with("sleep 987654")) > 0
        made = namespaces_of(holder.pid)
        assert made
    finally:
        holder.kill()
        holder.communicate()

    deadline = time.monotonic() + 5
    while processes_with("sleep 987654") or made & namespaces():
        assert time.monotonic() < deadline, processes_with("sleep 987654")
        time.sleep(0.01)


ORDINARY = """
from mldkit.link.own_command import mldkit_command
from mldkit.link.namespace import Sandbox

with Sandbox() as sandbox:
    sandbox.add_namespace("querier")
    sandbox.add_namespace("host")
    sandbox.ip("link add eth1 index 11 netns querier type veth peer name eth1 index 12 netns host")
    for name in ("querier", "host"):
        sandbox.ip("link set eth1 up", namespace=name)
    child = sandbox.spawn(
        mldkit_command("--netns", "host", "join", "-i", "eth1", "239.1.2.3", "--receive")
    )
    print(child.stdout.readline(), end="")
    print(sandbox.run(["ip", "-n", "host", "maddress", "show", "dev", "eth1"]).stdout)
    sandbox.stop(child)
    print(child.returncode, sandbox.is_rootless)
"""


def test_an_ordinary_user_has_a_sandbox_too(ordinary: Ordinary) -> None:
    done = ordinary.run(ordinary.python, "-c", ORDINARY)

    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0] == "joined 239.1.2.3 on eth1 from any source"
    assert "239.1.2.3" in "".join(lines[1:])
    assert lines[-1] == "0 True"


def test_where_user_namespaces_are_forbidden_it_is_one_line_and_a_hint(
    ordinary: Ordinary,
) -> None:
    # In a user namespace that may have no others below it.
    inner = (
        "from mldkit.link.namespace import Sandbox\n"
        "from mldkit.errors import LinkError\n"
        "try: Sandbox()\n"
        "except LinkError as error: print(error.message); print(error.hint)\n"
    )
    done = ordinary.run(
        "unshare", "--user", "--map-root-user", "sh", "-c",
        'echo 0 > /proc/sys/user/max_user_namespaces && '
        'exec setpriv --bounding-set=-all --inh-caps=-all "$@"',
        "sh", ordinary.python, "-c", inner,
    )  # fmt: skip

    message, hint = done.stdout.splitlines()
    assert message.startswith("no namespaces for a sandbox: unshare")
    assert hint == (
        "run it with sudo, or allow user namespaces: sysctl -w user.max_user_namespaces=10000"
    )


def test_the_launched_process_lives_in_the_namespace(link: Link) -> None:
    child = subprocess.Popen(
        mldkit_command("--netns", link.far.name, "join", "-i", "eth1", "239.1.2.3"),
        stdout=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    assert child.stdout is not None
    try:
        # Said after netlink found the interface, which exists only there.
        assert child.stdout.readline() == "joined 239.1.2.3 on eth1 from any source\n"
        groups = Path(f"/proc/{child.pid}/net/igmp").read_text()
        space = os.stat(f"/proc/{child.pid}/ns/net").st_ino  # noqa: PTH116

        assert space == Path("/run/netns", link.far.name).stat().st_ino
        assert "030201EF" in groups or "EF010203" in groups
    finally:
        child.terminate()
        child.communicate()


def test_a_path_is_a_namespace_too_and_options_stay(link: Link) -> None:
    done = subprocess.run(
        mldkit_command(
            "-q", f"--netns=/run/netns/{link.far.name}",
            "join", "-i", "eth1", "239.1.2.3", "--for", "1ms",
        ),
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "joined 239.1.2.3 on eth1 from any source\n"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no-such-name", "no-such-name: no such network namespace"),
        ("/no/such/path", "/no/such/path: no such network namespace"),
        ("/etc/passwd", "/etc/passwd: not a network namespace"),
    ],
)
def test_a_namespace_that_does_not_exist_is_answered_with_those_that_do(
    link: Link, name: str, message: str
) -> None:
    done = subprocess.run(
        mldkit_command("--netns", name, "doctor"),
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip

    assert done.returncode == 3
    complaint, hint = done.stderr.splitlines()
    assert complaint == f"mldkit: {message}"
    assert hint.startswith("hint: namespaces here: ")
    assert link.far.name in hint


def test_an_ordinary_user_may_not_enter_a_namespace_of_root(link: Link, ordinary: Ordinary) -> None:
    done = ordinary.run(ordinary.python, "-m", "mldkit", "--netns", link.far.name, "doctor")

    assert done.returncode == 3
    assert done.stderr == (
        f"mldkit: {link.far.name}: no permission to enter this network namespace\n"
        "hint: run it with sudo, or as the user who made the namespace\n"
    )


def test_files_in_the_working_directory_do_not_become_modules(link: Link, tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('imported from the working directory')")
    command = [shutil.which("mldkit", path=Path(sys.executable).parent) or "mldkit"]
    done = subprocess.run(
        [*command, "--netns", link.far.name, "join", "-i", "eth1", "239.1.2.3", "--for", "1ms"],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (0, "")
