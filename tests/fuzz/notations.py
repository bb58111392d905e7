"""Target `notations`: words of the command line, of scripts and of files.

Each word is a value or `UsageError` in one line, as `argparse` needs it. A value that was read is
read again from how it is printed.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from mldkit.cli import arguments, defect_options, version_options
from mldkit.errors import UsageError
from mldkit.model import notation
from mldkit.model.addresses import mac_text, parse_mac, text
from mldkit.protocol import settings
from tests.fuzz.pieces import SEPARATOR, join, split
from tests.fuzz.target import Target, hold, same

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def _address(word: str) -> None:
    found = notation.parse_address(word)
    same(notation.parse_address(text(found)), found, "an address is read as it is printed")


def _group(word: str) -> None:
    spec = notation.parse_group_spec(word)
    hold(1 <= len(spec.groups) <= 65536, "there is a group")
    hold(len({len(one) for one in (*spec.groups, *spec.sources)}) == 1, "one family")
    for group in (spec.groups[0], spec.groups[-1]):
        same(notation.parse_group(text(group)), group, "a group is read as it is printed")


def _record(word: str) -> None:
    found = notation.parse_record(word)
    same(notation.parse_record(str(found)), found, "a record is read as it is printed")


def _duration(word: str) -> None:
    hold(0 <= notation.parse_duration(word) <= 10**18, "a duration is one that clocks can count")


def _mac(word: str) -> None:
    found = arguments.mac(word)
    same(parse_mac(mac_text(found)), found, "a MAC is read as it is printed")
    digits = word.replace(":", "").replace("-", "")
    hold(digits.isascii() and digits.isalnum(), "a MAC is made of hexadecimal digits")


def _versions(word: str) -> None:
    known = ("igmp1", "igmp2", "igmp3", "mld1", "mld2")
    version_options.versions_given([each for each in word.split(",") if each in known])


def _setting(word: str) -> None:
    name, _, value = word.partition("=")
    settings.parse_setting(name, value, "eth1")


_READERS: tuple[Callable[[str], object], ...] = (
    *(_address, _group, _record, _duration, _mac, _versions, _setting),
    *(arguments.octets, arguments.duration, arguments.group_spec, arguments.record),
    *(arguments.address, arguments.whole_number(0, 255), defect_options.setting_family),
)


def one_input(data: bytes) -> int:
    """Hold the invariant against the words of an input; the octet before each says whose it is."""
    words = [piece for piece in split(data) if piece]
    for piece in words:
        try:
            _READERS[piece[0] % len(_READERS)](piece[1:].decode(errors="surrogateescape"))
        except UsageError as error:
            hold(error.message, "an error has words")
        except argparse.ArgumentTypeError:
            pass
    return len(words)


_WORDS = (
    *((0, "10.9.0.1"), (0, "fe80::1"), (0, "::ffff:1.2.3.4"), (1, "239.1.1.1+10"), (3, "10s")),
    *((1, "2001:db8::1,2001:db8::2@ff3e::8000:1"), (2, "IS_EX(239.1.1.1)"), (3, "1.5"), (3, ".5m")),
    *((2, "ALLOW(ff15::1,{2001:db8::1, ::2})"), (4, "02:00:00:00:00:01"), (4, "2-0-0-0-0-1")),
    *((5, "igmp3,mld2"), (5, "igmp1,igmp2"), (6, "net.ipv4.igmp_qrv=3"), (7, "0a:1b 2c")),
    *((6, "net.ipv6.conf.eth1.force_mld_version=1"), (12, "0x10"), (13, "MLDv2Query.qrv=7")),
)


def seeds() -> Iterator[bytes]:
    """Give words of every notation."""
    pieces = [bytes((number,)) + word.encode() for number, word in _WORDS]
    yield from pieces
    yield join(pieces)


TARGET = Target(
    "notations",
    one_input,
    seeds,
    (SEPARATOR, b"@", b"+", b",", b"({", b"})", b"0x", b"::", b"ms", b"us", b"\xd9\xa3", b"_",
     b"9" * 4400, b"\xed\xa0\x80", b"\n", b"\x1b[31m", b"%eth0", b"1e9", b"nan", b"65536",
     b"+" + b"9" * 4400, b"=" + b"9" * 4400),
    "words",
    8192,
)  # fmt: skip
