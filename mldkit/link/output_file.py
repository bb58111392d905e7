"""Files that are written on somebody's word: for this user alone, and never where another leads.

::

    open_in_place    grows while it is written: captures
    replace          complete or not there: pages, pictures, state

The way to a file is walked folder by folder, each opened from the one before, so nobody can put
another one there meanwhile. A symbolic link is followed if this user made it, or root; one that
somebody else has put into /tmp is refused, and so is a file of somebody else or with a second
name (a hard link may stand for any file). What is new has mode 0600. Devices and pipes are
written as they are, and so is what this process has open already (/dev/stdout).

Who calls by sudo counts as this user, and gets what is made in folders of theirs.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mldkit.errors import CaptureError
from mldkit.link.user import caller_of_sudo, this_user, user_name

_MOST_LINKS = 40
"""As many as the kernel follows."""
_ATTEMPTS = 5
_PRIVATE = 0o600
_OTHERS_WRITE = 0o022
_FOLDER = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_WRITE = os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NOCTTY
_NEW = _WRITE | os.O_CREAT | os.O_EXCL


def open_in_place(file: str, *, in_own_folder: bool = False) -> int:
    """Return the number of a file that is opened for writing, emptied, or made.

    `in_own_folder` refuses a file in a folder in which this user could make no other one. Raises
    CaptureError, with a hint where it is refused on purpose.
    """
    try:
        with _Place(file) as place:
            if in_own_folder:
                _check_folder(file, place)
            return _open_at(place)
    except OSError as error:
        raise failure(file, error) from error


def replace(file: str, octets: bytes) -> None:
    """Write a whole file: whoever opens it sees the old one or the new one, never a part.

    The mode of the old one stays. Raises CaptureError as `open_in_place` does.
    """
    try:
        with _Place(file) as place:
            before = place.look()
            if place.own_number is None and (before is None or stat.S_ISREG(before.st_mode)):
                _replace_at(place, octets, before)
            else:
                with os.fdopen(_open_at(place), "wb") as opened:
                    opened.write(octets)
    except OSError as error:
        raise failure(file, error) from error


def failure(file: str, error: OSError) -> CaptureError:
    """Return what to say of a file that cannot be written."""
    reason = (error.strerror or str(error)).lower()
    return CaptureError(f"{file}: cannot be written: {reason}")


def private(path: str, flags: int) -> int:
    """Open a file of a folder that is this user's own; an `opener` of `open`."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, _PRIVATE)


def check_own(path: str | os.PathLike[str]) -> str | None:
    """Return why a folder is not this user's own to keep state in, None where it is."""
    found = os.lstat(path)
    if not stat.S_ISDIR(found.st_mode):
        return "is no folder"
    if found.st_uid != os.geteuid():
        return f"belongs to {user_name(found.st_uid)}"
    if found.st_mode & _OTHERS_WRITE:
        return "can be written by others"
    return None


@dataclass(slots=True)
class _Place:
    """Where a file stands or is to be made: an open folder, and a name in it that is no link."""

    file: str
    folder: int = -1
    name: str = ""
    own_number: int | None = None
    """It is something that this process has open, under this number."""

    def __enter__(self) -> _Place:
        self.folder = os.open("/" if self.file.startswith("/") else ".", _FOLDER)
        try:
            self._walk()
        except BaseException:
            os.close(self.folder)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.folder)

    def look(self) -> os.stat_result | None:
        """Return what has the name now, None where nothing has."""
        if self.own_number is not None:
            return os.fstat(self.own_number)
        try:
            return os.stat(self.name, dir_fd=self.folder, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def _walk(self) -> None:
        ahead = _parts(self.file)
        links = 0
        while ahead:
            name = ahead.pop(0)
            if not ahead and self._is_ours(name):
                self.own_number = int(name)
                return
            found = self._stat(name)
            if found is not None and stat.S_ISLNK(found.st_mode):
                links += 1
                if links > _MOST_LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
                _check_link(self.file, found, os.fstat(self.folder))
                target = os.readlink(name, dir_fd=self.folder)
                if target.startswith("/"):
                    self._enter("/")
                ahead[:0] = _parts(target)
            elif ahead or name in (".", ".."):
                self._enter(name)
            else:
                self.name = name
                return
        # Nothing is left but a folder.
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))

    def _stat(self, name: str) -> os.stat_result | None:
        try:
            return os.stat(name, dir_fd=self.folder, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def _enter(self, name: str) -> None:
        """Go on from another folder; a link that came there meanwhile is none."""
        inner = os.open(name, _FOLDER | os.O_DIRECTORY, dir_fd=self.folder)
        os.close(self.folder)
        self.folder = inner

    def _is_ours(self, name: str) -> bool:
        """Return whether this is a number in /proc/self/fd, whose links are no paths."""
        if not name.isdecimal():
            return False
        try:
            return os.path.samestat(os.fstat(self.folder), Path("/proc/self/fd").stat())
        except OSError:
            return False


def _parts(path: str) -> list[str]:
    """Return the names in a path; one that ends in a slash names a folder."""
    if not path:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    found = [part for part in path.split("/") if part]
    return [*found, "."] if path.endswith("/") or not found else found


def _open_at(place: _Place) -> int:
    if place.own_number is not None:
        return os.dup(place.own_number)
    for _ in range(_ATTEMPTS):
        try:
            number = os.open(place.name, _NEW, _PRIVATE, dir_fd=place.folder)
        except FileExistsError:
            with suppress(FileNotFoundError):  # it went meanwhile
                return _open_existing(place)
        else:
            _give_to_caller(number, place)
            return number
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))


def _open_existing(place: _Place) -> int:
    """Open what is there; it is looked at before and after, as it may be another one by then."""
    before = os.stat(place.name, dir_fd=place.folder, follow_symlinks=False)
    _check_file(place.file, before)
    number = os.open(place.name, _WRITE, dir_fd=place.folder)
    try:
        found = os.fstat(number)
        _check_file(place.file, found)
        if stat.S_ISREG(found.st_mode):
            os.ftruncate(number, 0)
    except BaseException:
        os.close(number)
        raise
    return number


def _replace_at(place: _Place, octets: bytes, before: os.stat_result | None) -> None:
    if before is not None:
        _check_file(place.file, before)
    draft = f".{place.name[:100]}.{secrets.token_hex(8)}.new"
    number = os.open(draft, _NEW, _PRIVATE, dir_fd=place.folder)
    try:
        with os.fdopen(number, "wb") as opened:
            opened.write(octets)
            opened.flush()
            if before is not None:
                os.fchmod(number, stat.S_IMODE(before.st_mode))
                with suppress(PermissionError):
                    os.fchown(number, before.st_uid, before.st_gid)
            else:
                _give_to_caller(number, place)
            os.fsync(number)
        os.rename(draft, place.name, src_dir_fd=place.folder, dst_dir_fd=place.folder)
    except BaseException:
        with suppress(OSError):
            os.unlink(draft, dir_fd=place.folder)
        raise


def _trusted() -> set[int]:
    """Return the users whose links are followed and whose files are written."""
    caller = caller_of_sudo()
    return {os.geteuid(), 0} | ({caller.uid} if caller is not None else set())


def _check_link(file: str, link: os.stat_result, folder: os.stat_result) -> None:
    """Raise for a link that might have been made to lead us astray."""
    if link.st_uid in _trusted():
        return
    # In a user namespace all strangers have one number, the system's own links too. Those stand
    # where only the system writes.
    is_system = link.st_uid == folder.st_uid == Path("/").stat().st_uid
    if is_system and not folder.st_mode & _OTHERS_WRITE:
        return
    raise CaptureError(
        f"{file}: there is a symbolic link of {user_name(link.st_uid)} on the way",
        hint="name the file without the link, in a folder of your own",
    )


def _check_file(file: str, found: os.stat_result) -> None:
    """Raise for a file or pipe of somebody else, or with a second name."""
    mode = found.st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode)):
        return
    if found.st_uid not in _trusted():
        raise CaptureError(
            f"{file}: belongs to {user_name(found.st_uid)}",
            hint="name another file, in a folder of your own",
        )
    if stat.S_ISREG(mode) and found.st_nlink > 1:
        raise CaptureError(
            f"{file}: has {found.st_nlink} names (hard links)",
            hint="name another file; this one may be somebody's in another place",
        )


def _check_folder(file: str, place: _Place) -> None:
    """Raise where this user could not make another file beside this one."""
    found = place.look()
    if found is not None and not stat.S_ISREG(found.st_mode):
        return
    if not os.access(".", os.W_OK | os.X_OK, dir_fd=place.folder, effective_ids=True):
        user = this_user().name
        folder = Path(file).absolute().parent
        raise CaptureError(
            f"{file}: {user} cannot write into {folder}",
            hint=f"install -d -o {user} FOLDER makes one that belongs to {user}",
        )


def _give_to_caller(number: int, place: _Place) -> None:
    """Hand a new file in a folder of who called sudo to them, who could not read it else."""
    caller = caller_of_sudo()
    if caller is not None and os.fstat(place.folder).st_uid == caller.uid:
        with suppress(PermissionError):
            os.fchown(number, caller.uid, caller.gid)
