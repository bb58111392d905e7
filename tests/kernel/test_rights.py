"""What a command may still do while it runs: /proc/PID/status says it, for every thread."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mldkit.link.rights import SIGHT
from tests.kernel.event_stream import LONG_S, EventStream
from tests.kernel.process_rights import NOBODY, SETS, end, place, rights_of, settled, tell, watching

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Link, Namespace, Ordinary

__all__ = ["place"]
pytestmark = pytest.mark.netns

VERBS = {
    "watch": ["watch", "-i", "eth1"],
    "querier": ["querier", "-i", "eth1", "--listen", "100ms"],
    "query": ["query", "-i", "eth1", "--wait", "60s"],
    "join": ["join", "-i", "eth1", "239.1.2.3", "ff15::1"],
    "join and receive": ["join", "-i", "eth1", "239.1.2.3", "--receive"],
    "play": ["play", "--on", "eth1", "script.play"],
    "play with a querier": ["play", "--on", "eth1", "acting.play"],
    "zap": ["zap", "-i", "eth1", "239.1.2.3+3"],
    "zap with viewers": ["zap", "-i", "eth1", "239.1.2.3+3", "--members", "2"],
    "respond": ["respond", "-i", "eth9", "239.1.2.3", "ff15::1"],
}


@pytest.mark.parametrize("user", [None, "nobody"])
@pytest.mark.parametrize("verb", VERBS)
def test_a_command_that_goes_on_has_no_rights(
    place: Namespace, verb: str, user: str | None
) -> None:
    more = [] if user is None else ["--user", user]
    child = place.spawn_mldkit(VERBS[verb][0], *more, *VERBS[verb][1:])

    found = settled(child)

    number = NOBODY if user else 0
    assert found
    for one in found:
        assert one.capabilities == dict.fromkeys(SETS, 0)
        assert one.no_new_privileges
        assert (one.users, one.groups) == ({number}, {number})
        if user:
            assert one.further_groups == [NOBODY]
    assert "Error" not in end(child)


@pytest.mark.parametrize("form", ["text", "json", "ndjson"])
@pytest.mark.parametrize("verb", [*VERBS, "report", "groups"])
def test_nothing_is_loaded_once_the_rights_are_gone(place: Namespace, verb: str, form: str) -> None:
    short = {
        "report": ["report", "-i", "eth1", "TO_EX(239.1.2.3)"],
        "groups": ["groups", "--watch"],
        "query": ["query", "-i", "eth1", "--max-response", "100ms"],
    }
    child = place.spawn_mldkit(*short.get(verb, VERBS.get(verb, [])), "--format", form)
    if verb in ("report", "query"):
        said = child.communicate(timeout=LONG_S)[1]
        assert child.returncode == 0, said
    else:
        settled(child)
        said = end(child)
    assert "Error" not in said


def test_to_see_the_processes_of_others_is_all_that_groups_keeps(place: Namespace) -> None:
    holder = hold(place, "239.8.8.8")
    assert holder.stdout is not None
    assert holder.stdout.readline() == "joined\n"
    child = place.spawn_mldkit("groups", "--watch", "--format", "ndjson")
    stream = EventStream(child)
    stream.wait_for(event="present", group="239.8.8.8")

    found = settled(child)
    later = hold(place, "239.8.8.9")
    event = stream.wait_for(group="239.8.8.9")

    kept = sum(1 << number for number in SIGHT)
    for one in found:
        assert one.capabilities == {
            "CapInh": 0, "CapPrm": kept, "CapEff": kept, "CapBnd": kept, "CapAmb": 0
        }  # fmt: skip
    assert str(later.pid) in str(event)


def hold(place: Namespace, group: str) -> subprocess.Popen[str]:
    """Join a group as another user, with a process that root alone may look into."""
    user = [f"--reuid={NOBODY}", "--clear-groups", "--inh-caps=-all"]
    return place.spawn("setpriv", *user, "/usr/bin/python3", "-I", "-c", HOLD, group)


HOLD = """
import socket, struct, sys, time
one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
request = socket.inet_aton(sys.argv[1]) + socket.inet_aton("0.0.0.0")
one.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, request + struct.pack("@i", 11))
print("joined", flush=True)
time.sleep(1000)
"""


def test_a_watch_without_rights_follows_its_interface_through_everything(
    link: Link, place: Namespace
) -> None:
    stream = watching(place, "--user", "nobody")
    near, far = link.near, link.far

    near.ip("link set eth1 down")
    stream.wait_for(event="link", state="down")
    near.ip("link set eth1 up")
    stream.wait_for(event="link", state="up")
    tell(far, "239.7.7.1")
    stream.wait_for(event="join", group="239.7.7.1")
    for number in (2, 3, 4):
        near.ip("link delete eth1")
        stream.wait_for(event="link", state="missing")
        near.ip(f"link add eth1 type veth peer name eth1 netns {far.name}")
        for side in (near, far):
            side.ip("link set eth1 up")
        stream.wait_for(event="link", state="up")
        tell(far, f"239.7.7.{number}")
        stream.wait_for(event="join", group=f"239.7.7.{number}")
    near.ip("link set eth1 down")
    stream.wait_for(event="link", state="down")
    near.ip("link set eth1 name other")
    near.ip("link set other name eth1")
    near.ip("link set eth1 up")
    stream.wait_for(event="link", state="up")
    tell(far, "239.7.7.5")
    stream.wait_for(event="join", group="239.7.7.5")

    for one in rights_of(stream.process.pid):
        assert one.capabilities == dict.fromkeys(SETS, 0)
        assert one.users == {NOBODY}
    code, said = stream.end(signal.SIGINT)
    assert code == 130, said


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder of nobody's, on a way that everybody may go, as those of pytest are not."""
    with tempfile.TemporaryDirectory(prefix="mldkit-rights-") as name:
        os.chown(name, NOBODY, NOBODY)
        yield Path(name)


def test_the_capture_is_made_as_the_user_and_is_complete_after_a_kill(
    link: Link, place: Namespace, folder: Path
) -> None:
    capture = folder / "seen.pcapng"
    stream = watching(place, "--user", "nobody", "-w", str(capture))
    for number in range(20):
        tell(link.far, f"239.7.7.{number}")
        stream.wait_for(event="join", group=f"239.7.7.{number}")

    stream.process.kill()
    stream.process.wait()

    found = capture.stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (NOBODY, NOBODY, 0o600)
    shown = subprocess.run(
        ["tshark", "-r", capture, "-T", "fields", "-e", "igmp.maddr"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert {f"239.7.7.{number}" for number in range(20)} <= set(shown.stdout.split())


@pytest.mark.parametrize("exists", [False, True])
def test_a_folder_that_the_user_cannot_write_is_refused_at_the_start(
    place: Namespace, folder: Path, exists: bool
) -> None:
    os.chown(folder, 0, 0)
    folder.chmod(0o755)
    capture = folder / "seen.pcapng"
    if exists:
        capture.write_bytes(b"")
        os.chown(capture, NOBODY, NOBODY)

    done = place.mldkit("watch", "-i", "eth1", "--user", "nobody", "-w", str(capture))

    assert done.returncode == 3
    first, second = done.stderr.splitlines()
    assert first == f"mldkit: {capture}: nobody cannot write into {folder}"
    assert second.startswith("hint: install -d -o nobody")
    assert capture.exists() == exists


def test_standard_output_and_devices_need_no_folder(place: Namespace) -> None:
    words = ["watch", "-i", "eth1", "--user", "nobody", "--duration", "1s", "--json"]
    given = [sys.executable, "-m", "mldkit", *words, "-w"]

    for target in ("/dev/null", "/dev/fd/3"):
        done = place.run("sh", "-c", 'exec "$@" 3>root.pcapng', "sh", *given, target)
        assert done.returncode == 0, done.stderr

    assert Path("root.pcapng").read_bytes()[:4] == b"\n\r\r\n"


def test_an_ordinary_user_may_become_nobody_else(ordinary: Ordinary) -> None:
    done = ordinary.run(ordinary.python, "-m", "mldkit", "watch", "-i", "lo", "--user", "root")

    assert done.returncode == 2
    assert done.stderr.startswith("mldkit: argument --user: 'root': only root can become")


def test_root_of_an_own_user_namespace_is_an_ordinary_user(ordinary: Ordinary) -> None:
    words = ["watch", "-i", "lo", "--duration", "1s", "--json", "--exec", "true", "-w", "/dev/null"]
    entered = ["unshare", "--user", "--map-root-user", "--net", "sh", "-c", UP]
    done = ordinary.run(*entered, ordinary.python, "-m", "mldkit", *words)

    assert done.returncode == 0, done.stderr


UP = 'PATH=$PATH:/sbin:/usr/sbin; ip link set lo up && exec "$0" "$@"'
