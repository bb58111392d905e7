"""Kernels and modules out of a directory, in the order in which they can be loaded."""

from __future__ import annotations

import lzma
from typing import TYPE_CHECKING

import pytest

from mldkit.errors import UnsupportedError
from mldkit.guest.kernel import find_kernel

if TYPE_CHECKING:
    from pathlib import Path

RELEASE = "6.1.0-1-amd64"


def module(depends: str, name: str) -> bytes:
    # scripts/mod/modpost.c:add_depends writes it into .modinfo.
    return b"\x7fELF" + f"\0depends={depends}\0name={name}\0".encode()


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "boot").mkdir()
    (tmp_path / "boot" / f"vmlinuz-{RELEASE}").write_bytes(b"\x7fELF kernel")
    monkeypatch.setenv("MLDKIT_KERNEL", str(tmp_path))
    return tmp_path


def add(root: Path, name: str, depends: str = "", *, packed: bool = False) -> None:
    place = root / "lib/modules" / RELEASE / "kernel/drivers/net"
    place.mkdir(parents=True, exist_ok=True)
    data = module(depends, name)
    ending = ".ko.xz" if packed else ".ko"
    (place / f"{name}{ending}").write_bytes(lzma.compress(data) if packed else data)


def test_what_a_driver_needs_is_loaded_before_it_and_the_first_one_stays_first(
    root: Path,
) -> None:
    add(root, "8139cp", "mii", packed=True)
    add(root, "mii")
    add(root, "e1000e")
    kernel = find_kernel("8139cp", "e1000e")
    assert kernel.release == RELEASE
    assert kernel.modules == (module("", "mii"), module("mii", "8139cp"), module("", "e1000e"))


def test_what_is_built_into_the_kernel_is_no_module(root: Path) -> None:
    add(root, "virtio_net", "net_failover")
    add(root, "net_failover", "failover")
    add(root, "failover")
    names = [
        data.rpartition(b"name=")[2].strip(b"\0") for data in find_kernel("virtio_net").modules
    ]
    assert names == [b"failover", b"net_failover", b"virtio_net"]


def test_a_module_that_is_missing_is_named(root: Path) -> None:
    add(root, "pcnet32", "mii,odd-one")
    add(root, "mii")
    with pytest.raises(UnsupportedError) as caught:
        find_kernel("pcnet32")
    assert caught.value.message == "qemu: pcnet32 of this kernel needs more modules: odd_one"
    with pytest.raises(UnsupportedError) as caught:
        find_kernel("e1000e")
    assert "no kernel with the module e1000e in " in caught.value.message


def test_modules_that_need_each_other_end_the_search(root: Path) -> None:
    add(root, "8139cp", "mii")
    add(root, "mii", "8139cp")
    with pytest.raises(UnsupportedError):
        find_kernel("8139cp")
