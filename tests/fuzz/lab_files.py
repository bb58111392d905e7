"""Target `lab`: the `lab.toml` of somebody else.

A file is a topology or `LabError` with the name of the file. A topology gives commands, in which
nothing stands that was not checked: no control character, no blank inside a word.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, cast

from mldkit.errors import LabError
from mldkit.lab import commands, topology
from tests.fuzz import corpus
from tests.fuzz.target import Target, hold

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class _File:
    """A folder that holds one file, which is whatever is asked for."""

    name = "lab"

    def __init__(self, octets: bytes) -> None:
        self._octets = octets

    def __truediv__(self, _name: str) -> _File:
        return self

    def open(self, _mode: str) -> io.BytesIO:
        return io.BytesIO(self._octets)

    def is_file(self) -> bool:
        return True


def one_input(data: bytes) -> int:
    """Hold the invariant against a file; return 1 for a topology, else 0."""
    try:
        found = topology.load(cast("Path", _File(data)))
    except LabError as error:
        hold(error.message.startswith("lab/lab.toml: "), "an error names the file")
        hold("\n" not in error.message, "an error is one line")
        return 0
    built = commands.build(found)
    for line in built.lines:
        hold(line.isprintable(), "a command holds no control character")
    return 1


def seeds() -> Iterator[bytes]:
    """Give the labs of the repository."""
    for path in sorted((corpus.ROOT / "labs").glob("*/lab.toml")):
        yield path.read_bytes()


TARGET = Target(
    "lab",
    one_input,
    seeds,
    (
        *(b"[nodes.", b"[[links]]", b"[[joins]]", b"[[streams]]", b"[sysctls.", b"[questions]"),
        *(b"ends = [", b"title = ", b"level = 1", b"minutes = 5", b"learns = [", b"needs = ["),
        *(b"bridge = ", b"addresses", b"macvlans", b"down = ", b"hints = [", b"tools = [", b'"""'),
        *(b"[" * 400, b"{a=" * 300, b"9" * 4400, b"nan", b"inf", b"true", b"1979-05-27", b"'''"),
        *(b"\\u0000", b"\\u001b", b"../", b"10.9.0.1/24", b"fe80::1/64", b":", b"br0", b"eth0"),
    ),
    "labs",
    8192,
)
