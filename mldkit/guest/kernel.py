"""A kernel and modules of it: from a Debian package, an unpacked one, or this machine.

::

    linux-image-*.deb | directory | /     boot/vmlinuz-RELEASE
                                          [usr/]lib/modules/RELEASE/**/MODULE.ko[.xz]

`MLDKIT_KERNEL` names the package or the directory; without it the root directory is looked at.
A bzImage is a small program with the compressed kernel as its payload (Linux
Documentation/arch/x86/boot.rst). Decompressing it here takes a fraction of a second, and several
in an emulated processor, so the payload is handed out where its format is a common one.
"""

from __future__ import annotations

import os
import re
import struct
import subprocess
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mldkit.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterator

VARIABLE = "MLDKIT_KERNEL"
_HINT = f"apt-get download linux-image-..., and {VARIABLE}=PATH of the package"
_IMAGE = re.compile(r"(?:^|/)boot/vmlinuz-([^/]+)$")
_MODULE = re.compile(r"(?:^|/)lib/modules/([^/]+)/.*/([^/]+)\.ko(?:\.xz)?$")
_NEEDED = {
    "8021q": ("llc", "stp", "garp", "mrp"),
    "8139cp": ("mii",),
    "e100": ("mii",),
    "ne2k-pci": ("8390",),
    "pcnet32": ("mii",),
    "virtio_net": (
        "virtio", "virtio_ring", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci",
        "failover", "net_failover",
    ),
}  # fmt: skip
"""Modules that others need, where a kernel has them as modules."""
_ELF = b"\x7fELF"
_XZ = b"\xfd7zXZ"
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class GuestKernel:
    """What a guest boots."""

    release: str
    image: bytes
    """An ELF file that QEMU starts directly, or else a bzImage."""
    modules: tuple[bytes, ...]
    """The modules that were asked for and those that they need, in the order of loading."""


def find_kernel(*wanted: str) -> GuestKernel:
    """Return the kernel that `MLDKIT_KERNEL` names, or one of this machine, with these modules.

    Raises `UnsupportedError` where there is none with all of them.
    """
    named = Path(os.environ.get(VARIABLE) or "/")
    if not named.exists():
        raise UnsupportedError(f"qemu: {VARIABLE}={named}: no such file", hint=_HINT)
    needed = dict.fromkeys(name for each in wanted for name in _NEEDED.get(each, ()))
    read = _of_package if named.is_file() else _of_directory
    found = dict(read(named, frozenset((*needed, *wanted))))
    for path, image in sorted(found.items(), reverse=True):
        match = _IMAGE.search(path)
        if match is None:
            continue
        modules = {}
        for other, module in found.items():
            of_release = _MODULE.search(other)
            if of_release and of_release[1] == match[1]:
                modules[of_release[2]] = module
        if set(wanted) <= modules.keys():
            # What they need may be built in, and is no module then.
            ordered = dict.fromkeys((*(name for name in needed if name in modules), *wanted))
            plain = {name: _plain_module(name, modules[name]) for name in ordered}
            return GuestKernel(match[1], unpacked(image), _in_order(plain))
    listed = " ".join(wanted)
    raise UnsupportedError(f"qemu: no kernel with the module {listed} in {named}", hint=_HINT)


def _of_directory(root: Path, names: frozenset[str]) -> Iterator[tuple[str, bytes]]:
    images = root.glob("boot/vmlinuz-*")
    modules = (path for name in names for path in root.glob(f"lib/modules/*/kernel/**/{name}.ko*"))
    for path in (*images, *modules):
        try:
            yield str(path), path.read_bytes()
        except PermissionError:  # some distributions keep the kernel from ordinary users
            continue


def _of_package(package: Path, names: frozenset[str]) -> Iterator[tuple[str, bytes]]:
    command = ["dpkg-deb", "--fsys-tarfile", os.fspath(package.resolve())]
    missing = {"", *names}  # "" is the image
    try:
        with (
            subprocess.Popen(  # noqa: S603 (no shell)
                command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            ) as child,
            tarfile.open(fileobj=child.stdout, mode="r|") as archive,
        ):
            for member in archive:
                module = _MODULE.search(member.name)
                name = "" if _IMAGE.search(member.name) else module[2] if module else None
                content = archive.extractfile(member) if member.isfile() else None
                if name in missing and content is not None:
                    yield member.name, content.read()
                    missing.remove(name)
                if not missing:  # what follows is the larger part
                    return
    except FileNotFoundError as error:
        raise UnsupportedError(
            f"qemu: no dpkg-deb here to unpack {package}", hint=f"{VARIABLE}=DIRECTORY, unpacked"
        ) from error
    except tarfile.TarError as error:
        raise UnsupportedError(f"qemu: {package}: not a Debian package", hint=_HINT) from error


def unpacked(image: bytes) -> bytes:
    """Return the kernel inside a bzImage, or the bzImage where that cannot be had."""
    if image[0x202:0x206] != b"HdrS":
        return image
    offset, length = struct.unpack_from("<II", image, 0x248)
    start = (image[0x1F1] + 1) * 512 + offset
    kernel = _decompressed(image[start : start + length])
    return kernel if kernel.startswith(_ELF) else image


def _plain_module(name: str, data: bytes) -> bytes:
    module = _decompressed(data)
    if not module.startswith(_ELF):
        raise UnsupportedError(f"qemu: the module {name} is not readable", hint=_HINT)
    return module


def _in_order(modules: dict[str, bytes]) -> tuple[bytes, ...]:
    """Return modules so that each comes behind those that it needs (`depends=` of modinfo)."""
    loaded: list[str] = []
    waiting = dict(modules)
    while waiting:
        done = {name.replace("-", "_") for name in loaded}
        ready = [name for name, data in waiting.items() if _needs(data) <= done]
        if not ready:
            name, data = next(iter(waiting.items()))
            lacks = ",".join(sorted(_needs(data) - done))
            message = f"qemu: {name} of this kernel needs more modules: {lacks}"
            raise UnsupportedError(message, hint=_HINT)
        # One at a time: the first driver gives the first interface.
        loaded.append(ready[0])
        del waiting[ready[0]]
    return tuple(modules[name] for name in loaded)


def _needs(module: bytes) -> set[str]:
    listed = re.search(rb"\0depends=([^\0]+)\0", module)
    return {name.replace("-", "_") for name in listed[1].decode().split(",")} if listed else set()


def _decompressed(data: bytes) -> bytes:
    """Return what is compressed with xz or gzip, whatever follows it; other data as they are."""
    if data.startswith(_XZ):
        try:
            import lzma
        except ImportError:  # a Python that was built without it
            return data
        return lzma.LZMADecompressor().decompress(data)
    if data.startswith(_GZIP):
        return zlib.decompressobj(wbits=31).decompress(data)
    return data
