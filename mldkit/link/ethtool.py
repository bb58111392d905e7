"""What a driver says of itself: name and version, features that are on, counters, registers.

All by the ioctl SIOCETHTOOL, which every kernel has; the request is an interface name and the
address of a buffer (linux/ethtool.h)::

    driver       | command 32 | driver 32 octets | version 32 | firmware 32 | bus 32 | ...
    sets         | command 32 | reserved 32 | mask of sets 64 | length of each 32 ...
    strings      | command 32 | set 32 | count 32 | 32 octets each |
    counters     | command 32 | count 32 | 64 each |
    registers    | command 32 | version 32 | length 32 | octets as the driver likes |
    features     | command 32 | blocks 32 | available, requested, active, never changed 32 each |

A device whose driver has none of it gives empty answers, never an error.
"""

from __future__ import annotations

import array
import fcntl
import socket
import struct
from dataclasses import dataclass
from pathlib import Path

_SIOCETHTOOL = 0x8946
_GET_DRIVER = 3
_GET_REGISTERS = 4
_GET_STRINGS = 27
_GET_COUNTERS = 29
_GET_SET_LENGTHS = 55
_GET_FEATURES = 58
_COUNTERS, _FEATURES = 1, 4
_DRIVER_OCTETS = 196
_LENGTH_OF_DUMP = 192
_LONGEST_DUMP = 1 << 20
_STRING_OCTETS = 32
_MOST_STRINGS = 16384


@dataclass(frozen=True, slots=True)
class Driver:
    """The driver of an interface, in its own words; empty where it does not say."""

    name: str = ""
    version: str = ""
    """The kernel's release, unless the driver has a number of its own."""
    firmware: str = ""
    bus: str = ""
    """Where the device is: `0000:00:1f.6`."""


def driver(interface: str) -> Driver:
    """Return who drives an interface (ETHTOOL_GDRVINFO)."""
    answer = _ask(interface, struct.pack("=I", _GET_DRIVER), _DRIVER_OCTETS)
    if answer is None:
        return Driver()
    words = (answer[4 + at : 36 + at].partition(b"\0")[0] for at in (0, 32, 64, 96))
    return Driver(*(word.decode(errors="replace") for word in words))


def chip(bus: str) -> int | None:
    """Return the PCI device number of what is at a place such as `0000:00:1f.6`; None: no PCI."""
    try:
        return int(Path("/sys/bus/pci/devices", bus or "-", "device").read_text(), 16)
    except (OSError, ValueError):
        return None


def counters(interface: str) -> dict[str, int]:
    """Return the counters of the driver by name (`ethtool -S`), in its order."""
    names = _strings(interface, _COUNTERS)
    if not names:
        return {}
    question = struct.pack("=II", _GET_COUNTERS, len(names))
    answer = _ask(interface, question, 8 + 8 * len(names))
    if answer is None:
        return {}
    values = struct.unpack_from(f"={len(names)}Q", answer, 8)
    return dict(zip(names, values, strict=True))


def registers(interface: str) -> bytes | None:
    """Return the registers as the driver dumps them (`ethtool -d`); None where it is refused.

    It needs CAP_NET_ADMIN (net/ethtool/ioctl.c:__dev_ethtool).
    """
    told = _ask(interface, struct.pack("=I", _GET_DRIVER), _DRIVER_OCTETS)
    length = 0 if told is None else struct.unpack_from("=I", told, _LENGTH_OF_DUMP)[0]
    if not 0 < length <= _LONGEST_DUMP:
        return None
    question = struct.pack("=III", _GET_REGISTERS, 0, length)
    answer = _ask(interface, question, len(question) + length)
    if answer is None:
        return None
    (given,) = struct.unpack_from("=I", answer, 8)
    return answer[12 : 12 + min(given, length)]


def active_features(interface: str) -> frozenset[str] | None:
    """Return the features that are on (`ethtool -k`); None where nobody tells."""
    names = _strings(interface, _FEATURES)
    blocks = (len(names) + 31) // 32
    if not blocks:
        return None
    answer = _ask(interface, struct.pack("=II", _GET_FEATURES, blocks), 8 + 16 * blocks)
    if answer is None:
        return None
    found = set()
    for number, name in enumerate(names):
        (active,) = struct.unpack_from("=I", answer, 8 + 16 * (number // 32) + 8)
        if active >> number % 32 & 1:
            found.add(name)
    return frozenset(found)


def _strings(interface: str, of_set: int) -> list[str]:
    question = struct.pack("=IIQ", _GET_SET_LENGTHS, 0, 1 << of_set)
    lengths = _ask(interface, question, 20)
    # A set that the device does not have is taken out of the mask.
    if lengths is None or not struct.unpack_from("=Q", lengths, 8)[0]:
        return []
    count = min(struct.unpack_from("=I", lengths, 16)[0], _MOST_STRINGS)
    question = struct.pack("=III", _GET_STRINGS, of_set, count)
    answer = _ask(interface, question, 12 + _STRING_OCTETS * count)
    if answer is None:
        return []
    places = range(12, 12 + _STRING_OCTETS * count, _STRING_OCTETS)
    words = (answer[at : at + _STRING_OCTETS].partition(b"\0")[0] for at in places)
    return [word.decode(errors="replace") for word in words]


def _ask(interface: str, question: bytes, octets: int) -> bytes | None:
    """Return the buffer as the kernel left it, None where it refused."""
    buffer = array.array("B", question.ljust(octets, b"\0"))
    request = struct.pack("@16sP16x", interface.encode()[:15], buffer.buffer_info()[0])
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        try:
            fcntl.ioctl(channel, _SIOCETHTOOL, request)
        except OSError:
            return None
    return buffer.tobytes()
