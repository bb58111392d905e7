"""Files that are written in place or all at once: what is made, what is kept, what is followed."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from mldkit.errors import CaptureError
from mldkit.link import output_file

Put: TypeAlias = Callable[[str, bytes], None]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def write(path: str, octets: bytes) -> None:
    with os.fdopen(output_file.open_in_place(path), "wb") as opened:
        opened.write(octets)


@pytest.fixture(autouse=True)
def open_to_everybody() -> Iterator[None]:
    """Let the mode of a new file be the program's choice alone."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.parametrize("put", [write, output_file.replace])
class TestBoth:
    def test_what_is_new_is_for_this_user_alone(self, put: Put, tmp_path: Path) -> None:
        path = tmp_path / "new"

        put(str(path), b"seen")

        assert (path.read_bytes(), mode(path)) == (b"seen", 0o600)

    def test_what_was_there_keeps_its_mode_and_nothing_of_its_content(
        self, put: Put, tmp_path: Path
    ) -> None:
        path = tmp_path / "page"
        path.write_bytes(b"much longer than before")
        path.chmod(0o644)

        put(str(path), b"short")

        assert (path.read_bytes(), mode(path)) == (b"short", 0o644)
        assert [left.name for left in tmp_path.iterdir()] == ["page"]

    def test_a_name_in_the_working_directory(
        self, put: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        Path("inner").mkdir()

        put("a", b"1")
        put("inner/../inner/./b", b"2")

        assert (tmp_path / "a").read_bytes() == b"1"
        assert (tmp_path / "inner" / "b").read_bytes() == b"2"

    def test_own_links_are_followed_to_files_and_folders_there_or_not(
        self, put: Put, tmp_path: Path
    ) -> None:
        (tmp_path / "real").mkdir()
        (tmp_path / "folder").symlink_to("real")
        (tmp_path / "latest").symlink_to(tmp_path / "folder" / "first")
        (tmp_path / "missing").symlink_to("real/second")
        (tmp_path / "real" / "first").write_bytes(b"old")

        put(str(tmp_path / "latest"), b"1")
        put(str(tmp_path / "missing"), b"2")

        assert (tmp_path / "latest").is_symlink()
        assert (tmp_path / "real" / "first").read_bytes() == b"1"
        assert (tmp_path / "real" / "second").read_bytes() == b"2"

    def test_a_link_to_itself_is_an_error_of_one_line(self, put: Put, tmp_path: Path) -> None:
        path = tmp_path / "loop"
        path.symlink_to("loop")

        with pytest.raises(CaptureError, match="loop: cannot be written: too many levels"):
            put(str(path), b"")

    @pytest.mark.parametrize("name", ["", "no/such", "folder", "folder/", ".", "/", "file/x"])
    def test_what_is_no_place_for_a_file_is_an_error_as_of_the_kernel(
        self, put: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        monkeypatch.chdir(tmp_path)
        Path("folder").mkdir()
        Path("file").write_bytes(b"kept")
        with pytest.raises(OSError) as told:  # noqa: PT011 (what the kernel says is the measure)
            os.open(name, os.O_WRONLY | os.O_CREAT)

        with pytest.raises(CaptureError) as raised:
            put(name, b"")

        assert (
            raised.value.message
            == f"{name}: cannot be written: {os.strerror(told.value.errno or 0).lower()}"
        )
        assert Path("file").read_bytes() == b"kept"

    def test_a_file_with_a_second_name_is_left_as_it_is(self, put: Put, tmp_path: Path) -> None:
        secret = tmp_path / "secret"
        secret.write_bytes(b"precious")
        (tmp_path / "seen").hardlink_to(secret)

        with pytest.raises(CaptureError, match=r"has 2 names \(hard links\)"):
            put(str(tmp_path / "seen"), b"")

        assert secret.read_bytes() == b"precious"

    def test_devices_are_written(self, put: Put) -> None:
        put("/dev/null", b"x")
        with pytest.raises((CaptureError, OSError), match=r"(?i)no space left"):
            put("/dev/full", b"x")

    def test_a_pipe_of_this_user_is_written(self, put: Put, tmp_path: Path) -> None:
        path = tmp_path / "pipe"
        os.mkfifo(path)
        # An end for reading that waits for nobody lets the writer open it.
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

        put(str(path), b"through")

        assert os.read(reader, 100) == b"through"
        os.close(reader)

    @pytest.mark.parametrize("name", ["/dev/stdout", "/proc/self/fd/1", "/dev/fd/1"])
    def test_standard_output_by_its_name(self, put: Put, tmp_path: Path, name: str) -> None:
        call = (
            f"from mldkit.link import output_file as o; import os\n"
            f"put = o.replace if {put is output_file.replace} else"
            f" lambda f, b: os.write(o.open_in_place(f), b)\n"
            f"put({name!r}, b'second')"
        )
        target = tmp_path / "out"
        with target.open("wb") as opened:
            opened.write(b"first ")
            opened.flush()
            subprocess.run([sys.executable, "-c", call], stdout=opened, check=True)
        piped = subprocess.run([sys.executable, "-c", call], stdout=subprocess.PIPE, check=True)

        assert target.read_bytes() == b"first second"
        assert piped.stdout == b"second"


def test_a_reader_sees_the_old_page_until_the_new_one_is_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "page.html"
    path.write_bytes(b"old")
    seen: list[bytes] = []
    sync = os.fsync

    def look(number: int) -> None:
        seen.append(path.read_bytes())
        sync(number)

    monkeypatch.setattr(os, "fsync", look)
    output_file.replace(str(path), b"new")

    assert seen == [b"old"]
    assert path.read_bytes() == b"new"


def test_what_fails_leaves_the_old_page_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "page.html"
    path.write_bytes(b"old")

    def full(number: int) -> None:
        raise OSError(28, "No space left on device", number)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CaptureError, match=r"page\.html: cannot be written: no space left"):
        output_file.replace(str(path), b"new")

    assert path.read_bytes() == b"old"
    assert [left.name for left in tmp_path.iterdir()] == ["page.html"]


def test_a_folder_for_state_is_this_users_and_nobody_else_writes_it(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    link = tmp_path / "link"
    link.symlink_to(folder)

    assert output_file.check_own(folder) is None
    assert output_file.check_own(link) == "is no folder"
    for shared in (0o720, 0o702, 0o777):
        folder.chmod(shared)
        assert output_file.check_own(folder) == "can be written by others"
