"""Recordings of the real kernel: each frame that was observed, fact by fact."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from mldkit.link.capture import open_capture
from mldkit.model.addresses import text
from mldkit.model.messages import (
    GroupRecord,
    Leave,
    LegacyReport,
    Query,
    Report,
    record_type_name,
)
from mldkit.model.units import SECOND
from mldkit.wire.decoder import Decoder
from mldkit.wire.encode import encode_frame
from mldkit.wire.validity import find
from tests.material import shared_files

if TYPE_CHECKING:
    from pathlib import Path

    from mldkit.model.datagram import Decoded

RECORDINGS = shared_files("kernel-captures/*.json")
KINDS = {"query": "query", "report": "report", "done": "leave", "leave": "leave"}

# What the tables call the true errors of the recordings, and what goes wrong on purpose in the
# recording of query validation beyond them: a Router Alert of another value, wrong destinations.
ERRORS = {
    "07-mldv1-compat": {"V-09"},
    "10-mld-query-validation": {
        "V-01", "V-03", "V-04", "V-05", "V-06", "V-09", "V-10", "V-12", "D-20",
    },
}  # fmt: skip


def _messages(path: Path) -> list[Decoded]:
    decoder = Decoder()
    with open_capture(str(path.with_suffix(".pcap"))) as capture:
        return [decoded for frame in capture.candidates() for decoded in decoder.decode(frame)]


def test_the_recordings_are_there(shared: Path) -> None:
    assert len(list(shared.glob("kernel-captures/*.json"))) == 14


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_every_observed_message_is_decoded_as_observed(path: Path) -> None:
    recording = json.loads(path.read_text())
    found = {decoded.frame.time_ns: decoded for decoded in _messages(path)}
    assert recording["observed"]

    for fact in recording["observed"]:
        about = round(fact["t"] * SECOND) + recording["t0_unix_ns"]
        close = [
            decoded for time_ns, decoded in found.items() if abs((time_ns or 0) - about) < 1000
        ]
        matching = [decoded for decoded in close if _agrees(fact, decoded)]
        assert matching, f"{fact} is not among {[str(d.datagram.message) for d in close]}"


def _agrees(fact: dict[str, str], decoded: Decoded) -> bool:
    datagram = decoded.datagram
    protocol, _, kind = fact["kind"].partition("-")
    hop_limit = re.search(r"(?:hlim|ttl)=(\d+)", fact["hdr"])
    length = re.search(r"len=(\d+)", fact["hdr"])
    assert hop_limit
    assert length
    return (
        protocol[:3].lower() == decoded.family.name[:3]
        and KINDS[kind] == decoded.kind
        and text(datagram.source) == fact["src"]
        and text(datagram.destination) == fact["dst"]
        and datagram.hop_limit == int(hop_limit[1])
        and decoded.length == int(length[1])
        and _content(decoded) in fact["content"]
    )


def _content(decoded: Decoded) -> str:
    """Return the message in the words of the recordings."""
    message = decoded.datagram.message
    if isinstance(message, Report):
        return " ".join(map(_record, message.records))
    if isinstance(message, LegacyReport | Leave):
        return f"group={text(message.group)}"
    if isinstance(message, Query) and message.version is not None:
        return f"group={text(message.group)}"
    return ""


def _record(record: GroupRecord) -> str:
    """Return a record as the recordings write it: long lists by their ends and their number."""
    if len(record.sources) <= 8:
        return str(record)
    first, last = text(record.sources[0]), text(record.sources[-1])
    kind = record_type_name(record.type)
    return f"{kind}({text(record.group)},{{{first}..{last} #{len(record.sources)}}})"


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_only_the_frames_that_were_made_wrong_have_errors(path: Path) -> None:
    found = {
        finding.id
        for decoded in _messages(path)
        for finding in find(decoded)
        if finding.severity == "error"
    }

    assert found == ERRORS.get(path.stem, set())


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_what_the_kernel_sent_is_encoded_octet_for_octet(path: Path) -> None:
    from_host = [
        decoded
        for decoded in _messages(path)
        if decoded.datagram.link_source == bytes.fromhex("020000000002")
    ]
    assert from_host

    for decoded in from_host:
        assert encode_frame(decoded.datagram) == decoded.frame.data
