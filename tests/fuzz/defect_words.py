"""Target `defects`: the options of deliberate defects, down to the frame that is built with them.

Words are options, `UsageError`, or what argparse refuses; what is built is a frame, which the
decoder reads or not: that is what defects are for. Scapy builds, so this target is slower.
"""

from __future__ import annotations

import argparse
import io
from contextlib import redirect_stderr
from typing import TYPE_CHECKING

from mldkit.cli.defect_options import add_defects, frame_with_defects
from mldkit.errors import UsageError
from mldkit.model.addresses import parse
from mldkit.model.datagram import Datagram, Frame
from mldkit.model.messages import GroupRecord, Query, Report
from mldkit.wire.decoder import Decoder
from tests.fuzz.target import Target, hold

if TYPE_CHECKING:
    from collections.abc import Iterator

_MAC = bytes(5) + b"\1"
_DATAGRAMS = (
    Datagram(parse("fe80::1"), parse("ff02::1"), Query(2, bytes(16), 10000, False, 2, 125),
             link_source=_MAC),
    Datagram(parse("10.9.0.1"), parse("224.0.0.1"), Query(3, bytes(4), 100, False, 2, 125),
             link_source=_MAC),
    Datagram(parse("10.9.0.1"), parse("224.0.0.22"),
             Report((GroupRecord(4, parse("239.1.1.1"), (parse("10.9.0.9"),)),)), link_source=_MAC),
    Datagram(parse("fe80::1"), parse("ff02::16"),
             Report((GroupRecord(3, parse("ff15::1")), GroupRecord(4, parse("ff15::2")))),
             link_source=_MAC),
)  # fmt: skip


def one_input(data: bytes) -> int:
    """Hold the invariant against options, one a line; the first octet chooses the message."""
    if not data:
        return 0
    words = data[1:].decode(errors="surrogateescape").split("\n")
    parser = argparse.ArgumentParser(prog="fuzz", add_help=False)
    add_defects(parser)
    try:
        with redirect_stderr(io.StringIO()):
            arguments = parser.parse_args(words)
        octets = frame_with_defects(arguments, _DATAGRAMS[data[0] % len(_DATAGRAMS)])
    except SystemExit:
        return 0
    except UsageError as error:
        hold(error.message, "an error has words")
        return 0
    Decoder().decode(Frame(octets))
    return 1


def seeds() -> Iterator[bytes]:
    """Give each option, and settings of many fields."""
    lines = (
        *("--bad-checksum", "--hop-limit\n64", "--no-router-alert", "--router-alert\n35"),
        *("--destination\nff02::2", "--link-destination\n02:00:00:00:00:07", "--vlan\n5,6"),
        *("--trailing\n00ff", "--set\nIP.flags=DF+MF", "--set\nEther.src=02:00:00:00:00:07"),
        *(
            "--set\nMLDv2Query.qrv=7",
            "--set\nIGMPv3Query.number_of_sources=5",
            "--set\nIPv6.hlim=3",
        ),
        *("--set\nMLDv2Query.max_response_code=20s", "--set\nIGMPv3Record[0].type=TO_EX"),
        *("--set\nMLDv2Query.sources=2001:db8::1,::2", "--set\nIGMPv3Report.trailing=hex:00ff"),
        *("--set\nIPv6ExtHdrHopByHop.options=hex:0502", "--set\nMLDv2Report.records=hex:04"),
    )
    for number, line in enumerate(lines):
        yield bytes((number % len(_DATAGRAMS),)) + line.encode()
    yield b"\1--set\nIGMPv3Query.qrv=7\n--bad-checksum\n--vlan\n5"


TARGET = Target(
    "defects",
    one_input,
    seeds,
    (b"--set\n", b"=hex:", b"[1].", b"IGMPv3Query.", b"MLDv2Query.", b"MLDv2Record", b"IP.options=",
     b"RouterAlert.value=", b"chksum=", b"len=", b"=-1", b"=0x", b"9" * 4400, b"=None", b"=65536",
     b"=20s", b"\xd9\xa3", b"\xed\xa0\x80", b"--vlan\n", b"--trailing\n"),
    "frames",
    8192,
)  # fmt: skip
