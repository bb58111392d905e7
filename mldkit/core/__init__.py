"""The compiled core: what costs most, done again in Cython, with Python as the reference.

`compiled` is the extension module `mldkit.core.compiled`, or None where there is none: no compiler
was there when mldkit was installed, or `MLDKIT_PURE=1` is set. Whoever uses it has the same in
Python beside it, and gives whatever is not plain to that.

::

    windows of captures --- sweep_pcap, sweep_pcapng ---> frames that may be of interest
    one frame           --- read_plain -----------------> Decoded, or None: Python reads it

The core stands in `compiled.pyx`, with the words of `mldkit.link.scan` and `mldkit.wire`. What a
frame is, or how a message is read, is changed in those first; the tests hold the core to them.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mldkit.model.datagram import Decoded, Frame

PURE = "MLDKIT_PURE"
"""The environment variable that turns the core off."""


class Records(Protocol):
    """What a reader remembers of records: `mldkit.wire.known_records.KnownRecords`."""

    rest: int
    asked: int


class Compiled(Protocol):
    """The functions of the extension module."""

    SWEPT: frozenset[int]

    @staticmethod
    def sweep_pcap(  # noqa: PLR0917 (a call from C pays for names)
        octets: bytearray | memoryview,
        position: int,
        header: int,
        limit: int,
        big: bool,  # noqa: FBT001
        link_type: int,
        data: bool,  # noqa: FBT001
    ) -> tuple[Sequence[int], list[int]]:
        """Pass over packets; return the offsets of their records, and which may matter."""

    @staticmethod
    def sweep_pcapng(  # noqa: PLR0917
        octets: bytearray | memoryview,
        position: int,
        limits: list[int],
        big: bool,  # noqa: FBT001
        link_type: int,
        data: bool,  # noqa: FBT001
    ) -> tuple[Sequence[int], list[int], Sequence[int]]:
        """Pass over packet blocks; return also the interface of each, of several."""

    @staticmethod
    def read_plain(frame: Frame, known: Records) -> Decoded | None:
        """Return the message of a plain frame, None for Python to read it."""


def is_off() -> bool:
    """Return whether the environment turns the core off."""
    return os.environ.get(PURE, "") not in ("", "0")


def _load() -> Compiled | None:
    if is_off():
        return None
    try:
        return cast(Compiled, import_module("mldkit.core.compiled"))
    except ImportError:
        return None


core = _load()
"""The functions, None where Python does their work."""
