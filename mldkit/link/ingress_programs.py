"""Programs that see a frame before the IP layer does: XDP and traffic control at the ingress.

What a program does with a frame cannot be told from outside; that it is there, and its name, can.
Classifiers hang below a queueing discipline `clsact` or `ingress`; programs attached by tcx (since
Linux 6.6) show only to BPF_PROG_QUERY, which is for root (linux/bpf.h)::

    query   | interface 32 | attach type 32 | flags 32 | flags 32 | numbers: pointer 64 | count 32 |
    by id   | number 32 | next 32 | flags 32 |
    info    | descriptor 32 | octets 32 | pointer 64 |       the name is at 64, 16 octets
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
from dataclasses import dataclass
from socket import AF_UNSPEC

from mldkit.errors import LinkError
from mldkit.link import netlink

_BPF_NUMBERS = {"x86_64": 321, "aarch64": 280, "riscv64": 280, "i686": 357, "armv7l": 386}
_PROGRAM_BY_NUMBER = 13
_INFORMATION = 15
_QUERY = 16
_TCX_INGRESS = 46
_NAME_AT, _NAME_OCTETS, _INFORMATION_OCTETS = 64, 16, 232
_MOST_PROGRAMS = 64
# linux/rtnetlink.h: a tcmsg, the parents of clsact and ingress.
_TRAFFIC = struct.Struct("=BxxxiIII")
_KIND = 1
_INGRESS_PARENTS = (0xFFFFFFF2, 0xFFFF0000)
_DISCIPLINES = ("clsact", "ingress")


@dataclass(frozen=True, slots=True)
class IngressPrograms:
    """What hangs at the ingress of an interface."""

    classifiers: tuple[str, ...] = ()
    """Kinds of the filters: `u32`, `bpf`, `flower`, each once."""
    tcx: tuple[int, ...] | None = None
    """Numbers of programs attached by tcx; None: only root may ask."""


def ingress_programs(index: int) -> IngressPrograms:
    """Return what hangs at the ingress of the interface with this index."""
    return IngressPrograms(_classifiers(index), _query(index))


def program_name(number: int) -> str | None:
    """Return the name of a program, None where only root may ask."""
    descriptor = _bpf(_PROGRAM_BY_NUMBER, bytearray(struct.pack("=III", number, 0, 0)))
    if descriptor is None:
        return None
    try:
        answer = ctypes.create_string_buffer(_INFORMATION_OCTETS)
        question = struct.pack("=IIQ", descriptor, _INFORMATION_OCTETS, ctypes.addressof(answer))
        if _bpf(_INFORMATION, bytearray(question)) is None:
            return None
        name = answer.raw[_NAME_AT : _NAME_AT + _NAME_OCTETS].partition(b"\0")[0]
        return name.decode(errors="replace")
    finally:
        os.close(descriptor)


def _classifiers(index: int) -> tuple[str, ...]:
    question = _TRAFFIC.pack(AF_UNSPEC, 0, 0, 0, 0)
    found: dict[str, None] = {}
    try:
        disciplines = netlink.dump(
            netlink.GET_QUEUEING, family=AF_UNSPEC, fixed_octets=_TRAFFIC.size, question=question
        )
        here = {
            _string(entry.attributes.get(_KIND, b""))
            for entry in disciplines
            if _TRAFFIC.unpack(entry.fixed)[1] == index
        }
        if not here.intersection(_DISCIPLINES):
            return ()
        for parent in _INGRESS_PARENTS:
            question = _TRAFFIC.pack(AF_UNSPEC, index, 0, parent, 0)
            filters = netlink.dump(
                netlink.GET_CLASSIFIER,
                family=AF_UNSPEC,
                fixed_octets=_TRAFFIC.size,
                question=question,
            )
            found.update((_string(e.attributes.get(_KIND, b"")), None) for e in filters)
    except LinkError:
        pass  # a kernel without traffic control
    return tuple(found)


def _query(index: int) -> tuple[int, ...] | None:
    numbers = (ctypes.c_uint32 * _MOST_PROGRAMS)()
    question = bytearray(
        struct.pack(
            "=IIIIQI", index, _TCX_INGRESS, 0, 0, ctypes.addressof(numbers), _MOST_PROGRAMS
        ).ljust(64, b"\0")
    )
    if _bpf(_QUERY, question) is None:
        return None
    (count,) = struct.unpack_from("=I", question, 24)
    return tuple(numbers[: min(count, _MOST_PROGRAMS)])


def _bpf(command: int, question: bytearray) -> int | None:
    """Return what the system call returned, with `question` as it left it; None: it refused."""
    number = _BPF_NUMBERS.get(platform.machine())
    if number is None:
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = (ctypes.c_char * len(question)).from_buffer(question)
    result = int(libc.syscall(number, command, buffer, len(question)))
    return None if result < 0 else result


def _string(value: bytes) -> str:
    return value.rstrip(b"\0").decode(errors="replace")
