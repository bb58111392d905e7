"""Programs of two instructions that drop every frame, attached as XDP or at the tc ingress.

They are written as the octets of the instructions (linux/bpf.h), `r0 = VERDICT; exit`, and go with
the descriptor that is returned.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct

NAME = b"dropper"
_NUMBER = {"x86_64": 321, "aarch64": 280}
_LOAD, _ATTACH, _DETACH, _LINK = 5, 8, 9, 28
_TCX_INGRESS, _XDP = 46, 37
_SCHED_CLS, _XDP_PROGRAM = 3, 6
_SHOT, _DROP = 2, 1
_GENERIC = 2


def drop_at_xdp(index: int) -> int:
    """Drop everything at XDP of an interface until the descriptor is closed."""
    program = _load(_XDP_PROGRAM, _DROP)
    try:
        return _bpf(_LINK, struct.pack("=IIII", program, index, _XDP, _GENERIC).ljust(64, b"\0"))
    finally:
        os.close(program)


def drop_at_ingress(index: int) -> int:
    """Drop everything at the tc ingress of an interface; `release_ingress` ends it."""
    program = _load(_SCHED_CLS, _SHOT)
    _bpf(_ATTACH, struct.pack("=IIII", index, program, _TCX_INGRESS, 0).ljust(64, b"\0"))
    return program


def release_ingress(index: int, program: int) -> None:
    """Take the program away."""
    _bpf(_DETACH, struct.pack("=IIII", index, program, _TCX_INGRESS, 0).ljust(64, b"\0"))
    os.close(program)


def _load(kind: int, verdict: int) -> int:
    code = struct.pack("=BBhiBBhi", 0xB7, 0, 0, verdict, 0x95, 0, 0, 0)
    instructions = ctypes.create_string_buffer(code, len(code))
    license_text = ctypes.create_string_buffer(b"GPL")
    addresses = ctypes.addressof(instructions), ctypes.addressof(license_text)
    question = struct.pack("=IIQQIIQII16s", kind, 2, *addresses, 0, 0, 0, 0, 0, NAME)
    return _bpf(_LOAD, question.ljust(128, b"\0"))


def _bpf(command: int, question: bytes) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(question, len(question))
    result = libc.syscall(_NUMBER[platform.machine()], command, buffer, len(question))
    assert result >= 0, os.strerror(ctypes.get_errno())
    return int(result)
