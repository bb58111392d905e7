"""What commands of `watch --exec` may do, and who may have them run."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import pytest

from tests.kernel.process_rights import (
    NOBODY,
    SETS,
    children_of,
    end,
    place,
    rights_of,
    settled,
    tell,
    until_true,
    watching,
)

if TYPE_CHECKING:
    from tests.conftest import Link, Namespace

__all__ = ["place"]
pytestmark = pytest.mark.netns
Caller: TypeAlias = tuple[dict[str, str], list[str], int]
"""Variables, arguments, and the number of the user who runs the commands."""


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(({}, ["--exec-user", "nobody"], NOBODY), id="named"),
        pytest.param(({"SUDO_UID": "65534", "SUDO_GID": "65534"}, [], NOBODY), id="caller"),
        pytest.param(({"SUDO_UID": "12345", "SUDO_GID": "12346"}, [], 12345), id="no name"),
        pytest.param(
            ({"SUDO_UID": "12345", "SUDO_GID": "1"}, ["--exec-user", "nobody"], NOBODY), id="both"
        ),
    ],
)
def test_a_command_has_nothing_but_its_user(
    link: Link, place: Namespace, monkeypatch: pytest.MonkeyPatch, case: Caller
) -> None:
    environment, arguments, uid = case
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LD_LIBRARY_PATH", "/nowhere")
    stream = watching(place, *arguments, "--exec", "sleep 4321")
    tell(link.far, "239.7.7.7")
    stream.wait_for(event="join", group="239.7.7.7")
    (launcher,) = children_of(stream.process.pid)
    until_true(lambda: len(children_of(launcher)) > 0)
    command, *_ = children_of(launcher)
    until_true(lambda: Path(f"/proc/{command}/cmdline").read_bytes() == b"sleep\x004321\x00")

    gid = int(environment.get("SUDO_GID", uid)) if not arguments else uid
    for pid in (launcher, command):
        (one,) = rights_of(pid)
        assert one.capabilities == dict.fromkeys(SETS, 0)
        assert one.no_new_privileges
        assert (one.users, one.groups, one.further_groups) == ({uid}, {gid}, [gid])
    opened = {str(path.readlink()) for path in Path(f"/proc/{command}/fd").iterdir()}
    assert not any(target.startswith("socket:") for target in opened)
    variables = Path(f"/proc/{command}/environ").read_bytes().decode().split("\0")[:-1]
    assert not {"LD_LIBRARY_PATH", "PYTHONPATH", "SUDO_UID"} & {
        one.partition("=")[0] for one in variables
    }
    code, said = stream.end(signal.SIGINT)
    assert code == 130, said
    assert not Path(f"/proc/{command}").exists()


def test_the_launcher_has_no_socket_of_the_watch(place: Namespace) -> None:
    child = place.spawn_mldkit("watch", "-i", "eth1", "--exec-user", "nobody", "--exec", "true")
    settled(child)
    (launcher,) = children_of(child.pid)

    held = [str(path.readlink()) for path in Path(f"/proc/{launcher}/fd").iterdir()]
    # Its channel, and no other.
    assert sum(target.startswith("socket:") for target in held) == 1
    end(child)


@pytest.mark.parametrize("caller", [{}, {"SUDO_UID": "0", "SUDO_GID": "0"}, {"SUDO_UID": "x"}])
def test_root_has_to_say_who_runs_commands(
    place: Namespace, monkeypatch: pytest.MonkeyPatch, caller: dict[str, str]
) -> None:
    for name, value in caller.items():
        monkeypatch.setenv(name, value)

    done = place.mldkit("watch", "-i", "eth1", "--exec", "true")

    assert done.returncode == 2
    assert done.stderr.splitlines()[0] == "mldkit: argument --exec: commands are not run as root"
    assert "--exec-user NAME" in done.stderr.splitlines()[1]
