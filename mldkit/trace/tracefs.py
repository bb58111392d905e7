"""One instance of the kernel's tracer (tracefs), made and taken away; others are not disturbed.

::

    /sys/kernel/tracing/instances/mldkit-PID       buffer, tracer, options of our own
    /sys/kernel/tracing/kprobe_events              mldkit_PID/FUNCTION: global, so named

Instance and events outlive a process that is killed. Both carry the number of theirs, so the next
run removes what no process stands behind any more: the instance first, since an event that is
switched on there cannot be removed (EBUSY).
"""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from mldkit.errors import LinkError

if TYPE_CHECKING:
    from collections.abc import Iterable

PLACES = (Path("/sys/kernel/tracing"), Path("/sys/kernel/debug/tracing"))
_OURS = re.compile(r"^mldkit[-_](\d+)$")
_PROBE = re.compile(r"^\w:(mldkit_(\d+))/(\w+) ")
_COUNTED = re.compile(r"\{ dev: ([0-9a-fx]+)\s*\} hitcount:\s+(\d+)")
BUFFER_KB = 8192
"""Of each processor."""
_PIPE_OCTETS = 1 << 16


def find_tracefs() -> Path:
    """Return where tracefs is mounted and lets itself be used.

    Raises `LinkError` that says what is missing: the mount, the permission, or the list of
    functions, which a locked kernel refuses although tracefs can be mounted.
    """
    for place in PLACES:
        try:
            is_there = (place / "instances").is_dir()
        except PermissionError as error:
            raise _not_permitted(place) from error
        if is_there:
            _check(place)
            return place
    if os.geteuid():
        raise LinkError(
            "trace: tracefs cannot be seen here, without root or without its mount",
            hint=f"sudo; or mount -t tracefs none {PLACES[0]}; or mldkit trace --on qemu",
        )
    raise LinkError(
        f"trace: tracefs is not mounted at {PLACES[0]}",
        hint=f"mount -t tracefs none {PLACES[0]}; a kernel without it: mldkit trace --on qemu",
    )


def _check(place: Path) -> None:
    try:
        with (place / "available_filter_functions").open() as functions:
            functions.readline()
    except FileNotFoundError as error:
        raise LinkError(
            "trace: this kernel has no function tracer (CONFIG_FUNCTION_TRACER)",
            hint="mldkit trace --on qemu shows it on another kernel",
        ) from error
    except PermissionError as error:
        if os.geteuid() or error.errno == errno.EACCES:
            raise _not_permitted(place) from error
        # security_locked_down(LOCKDOWN_TRACEFS): mounting succeeds and opening fails.
        raise LinkError(
            f"trace: tracefs is locked: {place}/available_filter_functions may not be opened",
            hint="kernel lockdown or a container forbids it (cat /sys/kernel/security/lockdown); "
            "mldkit trace --on qemu shows it in a guest",
        ) from error
    except OSError as error:
        raise LinkError(f"trace: {place}: {error.strerror}") from error
    if not os.access(place / "instances", os.W_OK):
        raise _not_permitted(place)


def _not_permitted(place: Path) -> LinkError:
    return LinkError(
        f"trace: {place} may not be used by this user",
        hint="tracing needs root: sudo mldkit trace ..., or mldkit trace --on qemu",
    )


def remove_leftovers(place: Path, is_alive: Iterable[int] | None = None) -> tuple[str, ...]:
    """Remove instances and events of runs that are over; return their names.

    `is_alive` are the processes that are there, those of /proc by default.
    """
    alive = set(_processes() if is_alive is None else is_alive)
    gone = []
    for entry in sorted((place / "instances").iterdir()):
        match = _OURS.match(entry.name)
        if match and int(match[1]) not in alive:
            _remove_instance(entry)
            gone.append(entry.name)
    for line in (place / "kprobe_events").read_text().splitlines():
        match = _PROBE.match(line)
        if match and int(match[2]) not in alive:
            append(place / "kprobe_events", f"-:{match[1]}/{match[3]}")
            if match[1] not in gone:
                gone.append(match[1])
    return tuple(gone)


def _processes() -> Iterable[int]:
    return (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal())


def _remove_instance(instance: Path) -> None:
    try:
        (instance / "events/enable").write_text("0")
        instance.rmdir()
    except OSError:  # somebody reads it, or has removed it in the meantime
        return


def append(path: Path, line: str) -> bool:
    """Add a line to a control file; return whether the kernel took it.

    Python's append mode would seek, which these files refuse.
    """
    try:
        number = os.open(path, os.O_WRONLY | os.O_APPEND)
    except OSError:
        return False
    try:
        os.write(number, f"{line}\n".encode())
    except OSError:
        return False
    finally:
        os.close(number)
    return True


class TracingInstance:
    """An instance with a tracer of its own, from its making to `close`."""

    def __init__(self, place: Path, number: int, buffer_kb: int = BUFFER_KB) -> None:
        self.place = place
        self.group = f"mldkit_{number}"
        self.path = place / "instances" / f"mldkit-{number}"
        self._probes: list[str] = []
        self._pipe = -1
        self._rest = b""
        try:
            self.path.mkdir()
        except OSError as error:
            raise LinkError(f"trace: no tracing instance: {error.strerror}") from error
        self.set("tracing_on", "0")
        self.set("buffer_size_kb", str(buffer_kb))

    def set(self, name: str, value: str) -> bool:
        """Write a control file; return whether the kernel took it."""
        try:
            (self.path / name).write_text(value)
        except OSError:
            return False
        return True

    def options(self, **values: int) -> None:
        """Set options; those that this kernel lacks are as it does things anyway."""
        for name, value in values.items():
            self.set(f"options/{name.replace('_', '-')}", str(value)) or self.set(
                f"options/{name}", str(value)
            )

    def probe(self, symbol: str, arguments: str) -> bool:
        """Make a probe event of a function and switch it on here."""
        line = f"p:{self.group}/{symbol} {symbol} {arguments} comm=$comm"
        if not append(self.place / "kprobe_events", line):
            return False
        self._probes.append(symbol)
        return self.set(f"events/{self.group}/{symbol}/enable", "1")

    def count(self, symbol: str) -> bool:
        """Have the calls of a function that has a probe counted for each device, lost or not."""
        return self.set(f"events/{self.group}/{symbol}/trigger", "hist:keys=dev.hex")

    def counted(self, symbol: str) -> dict[str, int]:
        """Return how often a function was called for each device."""
        try:
            histogram = (self.path / f"events/{self.group}/{symbol}/hist").read_text()
        except OSError:
            return {}
        return {device: int(number) for device, number in _COUNTED.findall(histogram)}

    def start(self) -> None:
        """Begin to trace; from here on `lines` has what happens."""
        self._pipe = os.open(self.path / "trace_pipe", os.O_RDONLY | os.O_NONBLOCK)
        self.set("tracing_on", "1")

    def stop(self) -> None:
        """End tracing; what was traced can still be read."""
        self.set("tracing_on", "0")

    def lines(self) -> Iterable[str]:
        """Give the lines that wait."""
        while True:
            try:
                octets = os.read(self._pipe, _PIPE_OCTETS)
            except BlockingIOError:
                return
            except OSError as error:
                raise LinkError(f"trace: {self.path.name}: {error.strerror}") from error
            if not octets:
                return
            *whole, self._rest = (self._rest + octets).split(b"\n")
            yield from (line.decode(errors="replace") for line in whole)

    def lost(self) -> int:
        """Return how many entries found no room in the buffer, of all processors."""
        count = 0
        for statistics in self.path.glob("per_cpu/cpu*/stats"):
            for line in statistics.read_text().splitlines():
                name, _, value = line.partition(": ")
                if name in ("overrun", "dropped events") and value.strip().isdecimal():
                    count += int(value)
        return count

    def close(self) -> None:
        """Remove the instance, then its events; a reader of the pipe would keep both."""
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1
        self.set("tracing_on", "0")
        self.set("current_tracer", "nop")
        _remove_instance(self.path)
        for symbol in self._probes:
            append(self.place / "kprobe_events", f"-:{self.group}/{symbol}")
        self._probes.clear()
