"""What runs have found so far, as small as it can be: each input once made its target fail."""

from __future__ import annotations

import zlib

from tests.fuzz import captures, lab_files, netlink_messages
from tests.fuzz.target import Target


def _cut_gzip() -> bytes:
    """Return a gzip file that is cut where zlib holds back octets for a window of 64."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, 31)
    whole = captures.pcap([bytes(200)] * 30, "<", 1)
    return (squeeze.compress(whole) + squeeze.flush())[:-12]


def _far_back() -> bytes:
    """Return a gzip file whose last bits point behind its beginning."""
    return bytes.fromhex(
        "001f8b0800000000000203e3e2e5e5d2616060f0b5d1966204d2ffa18085"
        "818d213727253bb384010c406a40f21a501a04984d3cb2a14b320c"
    )


def _lab_with_a_nul() -> bytes:
    (first, *_) = lab_files.seeds()
    return first.replace(b"[[links]]", b'[nodes.x9]\nsetup = ["true \\u0000"]\n[[links]]', 1)


FOUND: dict[str, tuple[tuple[str, bytes], ...]] = {
    "captures": (
        ("the last octets of a file that was cut", b"\0" + _cut_gzip()),
        ("an error in what zlib has in hand at the end of a file", _far_back()),
    ),
    "play": (
        (
            "a frame for the host before its line",
            b"querier 10.9.0.1 02:00:00:00:00:01\n0 query 0.0.0.0 to 10.9.0.2\n",
        ),
        ("a word as long as a file", b"+0.008" + b"\0" * 2000),
    ),
    "lab": (("a NUL in a command", _lab_with_a_nul()),),
    "tables": (
        ("a group of five octets", b"\0head\n1 lo : 1 V3\n\t1010000E0 1 0:0 0\n"),
        ("a line as long as a file", b"\2" + b"f" * 5000),
    ),
    "netlink": (
        ("the largest error", b"\0" + netlink_messages.message(2, b"\0\0\0\x80")),
        ("an error without a number", b"\6" + netlink_messages.message(2, b"")),
        ("a link without a name", b"\0" + netlink_messages.message(16, bytes(16))),
    ),
    "defects": (
        ("the number of a layer with 4400 digits", b"\0--set\nIPv6[" + b"9" * 4400 + b"].hlim=1"),
    ),
    "notations": (
        ("a sign in a MAC", b"\x0402:00:00:00:00:+1"),
        ("a count of 4400 digits", b"\x01239.1.1.1+" + b"9" * 4400),
        ("a setting of 4400 zeros", b"\x06net.ipv4.igmp_qrv=" + b"0" * 4400 + b"2"),
        ("a setting of 4400 digits", b"\x06net.ipv4.igmp_qrv=" + b"9" * 4400),
    ),
}
"""By target: what was wrong, and the input."""


def inputs_of(target: Target) -> tuple[bytes, ...]:
    """Return the inputs that once made a target fail."""
    return tuple(data for _, data in FOUND.get(target.name, ()))
