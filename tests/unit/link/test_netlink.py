"""What is made of answers that no kernel known here gives."""

from __future__ import annotations

import struct

import pytest

from mldkit.errors import LinkError
from mldkit.link import interfaces, kernel, kernel_devices, netlink
from tests.fuzz import netlink_messages

HEADER = struct.Struct("=IHHII")


def answer(kind: int, body: bytes) -> bytes:
    return HEADER.pack(16 + len(body), kind, 2, 1, 0) + body


@pytest.mark.parametrize(
    ("read", "told"),
    [
        (interfaces.interfaces, answer(16, struct.pack("=BxHiII", 0, 1, 11, 0, 0))),
        (interfaces.interfaces, answer(16, b"\0")),
        (interfaces.addresses_by_index, answer(20, struct.pack("=BBBBI", 2, 24, 0, 0, 11))),
        (interfaces.addresses_by_index, answer(20, b"\2")),
        (kernel_devices.devices, answer(16, struct.pack("=BxHiII", 0, 1, 11, 0, 0))),
    ],
)
def test_an_entry_that_lacks_something_is_an_error_in_one_line(
    read: netlink_messages.Reader, told: bytes
) -> None:
    with netlink_messages.answered(told), pytest.raises(LinkError, match="not known here"):
        read()


def test_a_group_that_is_told_without_its_interface_is_an_error_in_one_line() -> None:
    with pytest.raises(LinkError, match="groups in a way not known here"):
        kernel.parse_multicast(b"\2", {})


@pytest.mark.parametrize(
    ("number", "words"),
    [(-1, "Operation not permitted"), (-(1 << 31), "error 2147483648"), (1, "error -1")],
)
def test_an_error_has_words_whatever_its_number(number: int, words: str) -> None:
    told = answer(2, struct.pack("=i", number))
    with netlink_messages.answered(told), pytest.raises(LinkError, match=words):
        interfaces.interfaces()


def test_an_error_without_a_number_is_an_error_in_one_line() -> None:
    with pytest.raises(LinkError, match="not known here"):
        netlink.acknowledgement(answer(2, b""))
