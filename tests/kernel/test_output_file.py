"""What strangers put in the way of a file of root: refused; what is whose own: kept working.

It takes root to make things of other users.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mldkit.errors import CaptureError
from mldkit.link import output_file

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.netns

NOBODY, STRANGER = 65534, 12345


def in_place(path: Path) -> None:
    with os.fdopen(output_file.open_in_place(str(path)), "wb") as opened:
        opened.write(b"ours")


def at_once(path: Path) -> None:
    output_file.replace(str(path), b"ours")


both = pytest.mark.parametrize("put", [in_place, at_once])


@pytest.fixture
def common(tmp_path: Path) -> Path:
    """A folder in which everybody may make files, as /tmp is."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    folder.chmod(0o1777)
    return folder


@pytest.fixture
def precious(tmp_path: Path) -> Path:
    path = tmp_path / "precious"
    path.write_bytes(b"kept")
    return path


@both
@pytest.mark.parametrize("leads_to", ["file", "nothing", "folder"])
def test_a_link_of_a_stranger_is_not_followed(
    put: Callable[[Path], None], common: Path, precious: Path, leads_to: str
) -> None:
    link = common / "seen"
    target = {"file": precious, "nothing": precious.with_name("new"), "folder": precious.parent}
    link.symlink_to(target[leads_to])
    os.lchown(link, STRANGER, STRANGER)
    path = link / "precious" if leads_to == "folder" else link

    with pytest.raises(CaptureError, match=f"a symbolic link of user {STRANGER} on the way"):
        put(path)

    assert precious.read_bytes() == b"kept"
    assert not precious.with_name("new").exists()


@both
def test_an_own_link_that_leads_to_one_of_a_stranger_is_not_followed(
    put: Callable[[Path], None], common: Path, precious: Path
) -> None:
    (common / "theirs").symlink_to(precious)
    os.lchown(common / "theirs", STRANGER, STRANGER)
    (common / "ours").symlink_to("theirs")

    with pytest.raises(CaptureError, match="symbolic link"):
        put(common / "ours")

    assert precious.read_bytes() == b"kept"


@both
def test_a_file_that_a_stranger_could_read_or_has_made_is_not_written(
    put: Callable[[Path], None], common: Path
) -> None:
    path = common / "seen"
    path.write_bytes(b"theirs")
    path.chmod(0o666)
    os.chown(path, STRANGER, STRANGER)

    with pytest.raises(CaptureError, match=f"seen: belongs to user {STRANGER}") as raised:
        put(path)

    assert raised.value.hint is not None
    assert path.read_bytes() == b"theirs"


def test_a_pipe_of_a_stranger_is_not_written(common: Path) -> None:
    path = common / "pipe"
    os.mkfifo(path)
    os.chown(path, STRANGER, STRANGER)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    with pytest.raises(CaptureError, match="belongs to"):
        in_place(path)

    assert os.read(reader, 1) == b""
    os.close(reader)


@both
@pytest.mark.parametrize("swapped", ["folder", "file"])
def test_what_is_put_in_the_way_meanwhile_leads_nowhere(
    put: Callable[[Path], None],
    tmp_path: Path,
    precious: Path,
    monkeypatch: pytest.MonkeyPatch,
    swapped: str,
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    # The last thing that is asked before the file is made or opened.
    look = os.open
    done: list[str] = []

    def swap(name: str, flags: int, *args: int, dir_fd: int | None = None) -> int:
        if flags & os.O_CREAT and not done:
            done.append(name)
            if swapped == "folder":
                folder.rename(tmp_path / "moved")
                folder.symlink_to(tmp_path)
            else:
                (folder / "precious").symlink_to(precious)
                os.lchown(folder / "precious", STRANGER, STRANGER)
        return look(name, flags, *args, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", swap)
    if swapped == "file" and put is in_place:
        with pytest.raises(CaptureError, match="too many levels of symbolic links"):
            put(folder / "precious")
    else:
        put(folder / "precious")

    assert done
    assert precious.read_bytes() == b"kept"


@both
def test_who_calls_by_sudo_writes_through_own_links_and_gets_the_file(
    put: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUDO_UID", str(STRANGER))
    monkeypatch.setenv("SUDO_GID", str(STRANGER))
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, STRANGER, STRANGER)
    (home / "latest").symlink_to("first")
    os.lchown(home / "latest", STRANGER, STRANGER)

    put(home / "latest")
    put(tmp_path / "elsewhere")

    found = (home / "first").stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (STRANGER, STRANGER, 0o600)
    assert (tmp_path / "elsewhere").stat().st_uid == 0


def test_a_page_of_who_calls_by_sudo_stays_theirs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUDO_UID", str(STRANGER))
    monkeypatch.setenv("SUDO_GID", str(STRANGER))
    page = tmp_path / "page.html"
    page.write_bytes(b"old")
    page.chmod(0o644)
    os.chown(page, STRANGER, STRANGER)

    at_once(page)

    found = page.stat()
    assert (found.st_uid, stat.S_IMODE(found.st_mode)) == (STRANGER, 0o644)


@pytest.mark.parametrize("who", [0, STRANGER])
def test_a_folder_of_a_stranger_is_none_for_state(tmp_path: Path, who: int) -> None:
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    os.chown(folder, who, who)

    expected = None if who == 0 else f"belongs to user {STRANGER}"
    assert output_file.check_own(folder) == expected
