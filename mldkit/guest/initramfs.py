"""The file system of the guest: busybox, modules, and the Python that runs mldkit here.

It is a cpio archive in the "newc" format (Linux
Documentation/driver-api/early-userspace/buffer-format.rst)::

    | "070701" | 13 fields of 8 hexadecimal digits | name NUL | fill | data | fill | ...
                 inode mode uid gid links mtime size, device numbers, length of the name

Several archives in a row are one: the Python part is written by a process that has loaded
nothing but the guest's program, `python -m mldkit.guest.initramfs PROGRAM`, so its modules and
mapped libraries are exactly what the guest needs. No compiler takes part.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import marshal
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mldkit.errors import LinkError
from mldkit.link.own_command import module_command

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import ModuleType

HOME = "python"
_LIBRARIES = "libraries"
_DIRECTORY = 0o040755
_FILE = 0o100755
_INTERPRETER = re.compile(rb"\0(/lib[^\0]*/ld-[^\0]+)\0")
_SONAME = re.compile(r"(.+\.so\.\d+)")

_INIT = """\
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc none /proc
mount -t sysfs none /sys
mount -t tracefs none /sys/kernel/tracing
mount -t devtmpfs none /dev
for module in /modules/*; do
    insmod $module
done
for interface in eth0 eth1; do
    echo 1 > /proc/sys/net/ipv6/conf/$interface/addr_gen_mode
    echo 0 > /proc/sys/net/ipv6/conf/$interface/accept_dad
    echo 0 > /proc/sys/net/ipv6/conf/$interface/router_solicitations
done
echo 1 > /proc/sys/net/ipv6/conf/eth1/disable_ipv6
ip link set lo up
ip link set eth1 up
ip link set eth0 up
ip address add 10.9.0.2/24 dev eth0
ip address add fe80::2/64 dev eth0
export PYTHONHOME=/%(home)s LD_LIBRARY_PATH=/%(libraries)s
stty -F /dev/ttyS0 raw -echo
/%(home)s/bin/python -S -P -m %(program)s < /job.json > /dev/ttyS0
reboot -f
"""


def archive(files: Iterable[tuple[str, bytes]]) -> bytes:
    """Return a cpio archive of executable files, with the directories that they are in."""
    parts: list[bytes] = []
    known: set[str] = set()
    for name, data in files:
        for parent in reversed(Path(name).parents[:-1]):
            if str(parent) not in known:
                known.add(str(parent))
                parts.append(_entry(str(parent), _DIRECTORY, b""))
        parts.append(_entry(name, _FILE, data))
    parts.append(_entry("TRAILER!!!", 0, b""))
    return b"".join(parts)


def _entry(name: str, mode: int, data: bytes) -> bytes:
    path = name.encode() + b"\0"
    fields = (0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(path), 0)
    head = b"070701" + b"".join(b"%08x" % field for field in fields) + path
    return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)


def build(busybox: bytes, modules: Iterable[bytes], program: str, job: bytes) -> bytes:
    """Return the whole file system; `job` is what the module `program` reads in the guest."""
    done = subprocess.run(  # noqa: S603 (this interpreter)
        module_command("mldkit.guest.initramfs", program), capture_output=True, check=False
    )
    init = _INIT % {"home": HOME, "libraries": _LIBRARIES, "program": program}
    if done.returncode:
        last = done.stderr.decode().strip().splitlines()[-1:]
        raise LinkError(f"qemu: cannot pack Python for the guest: {''.join(last)}")
    return done.stdout + archive(
        (
            ("init", init.encode()),
            ("bin/busybox", busybox),
            *((f"modules/{place:02}.ko", data) for place, data in enumerate(modules)),
            ("job.json", job),
            *((f"{name}/.keep", b"") for name in ("proc", "sys", "dev")),
        )
    )


def _runtime() -> Iterator[tuple[str, bytes]]:
    """Yield this interpreter, the modules that it has loaded, and the libraries mapped into it."""
    executable = Path("/proc/self/exe").resolve()
    yield f"{HOME}/bin/python", executable.read_bytes()
    interpreter = _INTERPRETER.search(executable.read_bytes()[:16384])
    library = f"{HOME}/lib/python{sys.version_info[0]}.{sys.version_info[1]}"
    for name, module in sorted(sys.modules.items()):
        if name != "__main__":
            yield from ((f"{library}/{path}", data) for path, data in _module(name, module))
    yield f"{library}/lib-dynload/.keep", b""
    mapped = {line.split(maxsplit=5)[5].strip() for line in _maps() if line.count("/")}
    for path in sorted(mapped):
        if ".so" not in path or "lib-dynload" in path or not Path(path).exists():
            continue
        data = Path(path).read_bytes()
        file = Path(path).name
        # Programs ask for libz.so.1, the file is libz.so.1.2.13; Python's own has its full name.
        short = _SONAME.match(file)
        is_python = file.startswith("libpython")
        yield f"{_LIBRARIES}/{file if is_python or not short else short[1]}", data
        if interpreter and Path(interpreter[1].decode()).resolve() == Path(path).resolve():
            yield interpreter[1].decode().lstrip("/"), data


def _maps() -> list[str]:
    return Path("/proc/self/maps").read_text().splitlines()


def _module(name: str, module: ModuleType) -> Iterator[tuple[str, bytes]]:
    """Yield a module as it can be loaded without its source; built-in ones need no file."""
    spec = getattr(module, "__spec__", None)  # typing.io is a class among the modules
    path = name.replace(".", "/")
    if spec is not None and spec.name != name:
        # A module that put another one in its place, such as collections.abc; os.path has no file.
        above = getattr(sys.modules.get(name.rpartition(".")[0]), "__path__", None)
        spec = importlib.machinery.PathFinder.find_spec(name, above) if above else None
    if spec is None or spec.loader is None:
        return
    if isinstance(spec.loader, importlib.machinery.ExtensionFileLoader):
        yield (
            f"{path}{''.join(Path(spec.loader.path).suffixes)}",
            Path(spec.loader.path).read_bytes(),
        )
        return
    find = getattr(spec.loader, "get_code", None)
    code = None if find is None else find(spec.name)
    if code is not None:
        ending = "/__init__.pyc" if spec.submodule_search_locations is not None else ".pyc"
        # The length of the source and its time are not looked at where there is no source.
        data = importlib.util.MAGIC_NUMBER + bytes(12) + marshal.dumps(code)
        yield f"{path}{ending}", data


if __name__ == "__main__":
    importlib.import_module(sys.argv[1])
    sys.stdout.buffer.write(archive(_runtime()))
