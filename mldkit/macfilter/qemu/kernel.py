"""A kernel and its module e1000e: from a Debian package, an unpacked one, or this machine.

::

    linux-image-*.deb | directory | /     boot/vmlinuz-RELEASE
                                          [usr/]lib/modules/RELEASE/**/e1000e.ko[.xz]

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
_MODULE = re.compile(r"(?:^|/)lib/modules/([^/]+)/.*/e1000e\.ko(?:\.xz)?$")
_ELF = b"\x7fELF"
_XZ = b"\xfd7zXZ"
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class GuestKernel:
    """What a guest boots."""

    release: str
    image: bytes
    """An ELF file that QEMU starts directly, or else a bzImage."""
    module: bytes


def find_kernel() -> GuestKernel:
    """Return the kernel that `MLDKIT_KERNEL` names, or one of this machine.

    Raises `UnsupportedError` where there is none with the module e1000e.
    """
    named = Path(os.environ.get(VARIABLE) or "/")
    if not named.exists():
        raise UnsupportedError(f"qemu: {VARIABLE}={named}: no such file", hint=_HINT)
    found = dict(_of_package(named) if named.is_file() else _of_directory(named))
    for path, image in sorted(found.items(), reverse=True):
        match = _IMAGE.search(path)
        if match is None:
            continue
        for other, module in found.items():
            of_release = _MODULE.search(other)
            if of_release and of_release[1] == match[1]:
                return GuestKernel(match[1], unpacked(image), _plain_module(module))
    raise UnsupportedError(f"qemu: no kernel with the module e1000e in {named}", hint=_HINT)


def _of_directory(root: Path) -> Iterator[tuple[str, bytes]]:
    images = root.glob("boot/vmlinuz-*")
    for path in (*images, *root.glob("lib/modules/*/kernel/drivers/**/e1000e.ko*")):
        try:
            yield str(path), path.read_bytes()
        except PermissionError:  # some distributions keep the kernel from ordinary users
            continue


def _of_package(package: Path) -> Iterator[tuple[str, bytes]]:
    command = ["dpkg-deb", "--fsys-tarfile", os.fspath(package.resolve())]
    missing = [_IMAGE, _MODULE]
    try:
        with (
            subprocess.Popen(  # noqa: S603 (no shell)
                command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            ) as child,
            tarfile.open(fileobj=child.stdout, mode="r|") as archive,
        ):
            for member in archive:
                content = archive.extractfile(member) if member.isfile() else None
                found = [name for name in missing if name.search(member.name)]
                if found and content is not None:
                    yield member.name, content.read()
                    missing.remove(found[0])
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


def _plain_module(data: bytes) -> bytes:
    module = _decompressed(data)
    if not module.startswith(_ELF):
        raise UnsupportedError("qemu: the module e1000e is not readable", hint=_HINT)
    needed = re.search(rb"\0depends=([^\0]+)\0", module)
    if needed:
        raise UnsupportedError(
            f"qemu: e1000e of this kernel needs more modules: {needed[1].decode()}", hint=_HINT
        )
    return module


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
