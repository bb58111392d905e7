"""What tests that boot a guest need: the tools, and the kernels that are at hand."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import Any

import pytest

from mldkit.errors import UnsupportedError
from mldkit.guest.kernel import VARIABLE, find_kernel

MORE = "MLDKIT_MORE_KERNELS"
"""Names more kernels than the one of MLDKIT_KERNEL, colons between them."""


_NAMED = [name for name in os.environ.get(MORE, "").split(":") if name]
_NONE = pytest.param("", marks=pytest.mark.skip(reason=f"{MORE} names no more kernels"))
on_more_kernels = pytest.mark.parametrize("kernel", _NAMED or [_NONE])
"""Runs a test for each of the other kernels."""


def need_guest(*modules: str) -> None:
    """Skip where no guest can be booted, or its kernel lacks a module."""
    for program in ("qemu-system-x86_64", "busybox"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    try:
        find_kernel(*(modules or ("e1000e",)))
    except UnsupportedError as error:
        pytest.skip(error.message)


def run_json(*arguments: str, kernel: str | None = None) -> dict[str, Any]:
    """Return the document of a command, on another kernel where one is named."""
    environment = dict(os.environ)
    if kernel is not None:
        environment[VARIABLE] = kernel
    done = subprocess.run(
        [sys.executable, "-m", "mldkit", *arguments, "--json"],
        capture_output=True, text=True, check=False, timeout=400, env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document
