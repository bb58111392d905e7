"""Laws of the codec: it is total, and what it writes it reads back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mldkit.link.capture import open_capture
from mldkit.model.datagram import Datagram, Decoded, Frame, LinkType
from mldkit.render.message_json import message_json
from mldkit.testing import strategies
from mldkit.testing.encapsulations import Encapsulation
from mldkit.testing.tunnels import ALL, GUESSED
from mldkit.wire.decode import decode
from mldkit.wire.decoder import Decoder
from mldkit.wire.encode import encode_frame
from mldkit.wire.validity import find, judge
from tests.material import shared_files

if TYPE_CHECKING:
    from pathlib import Path

CAPTURES = shared_files("corpus/*.pcap", "kernel-captures/*.pcap")
ANY_LINK = st.sampled_from([int(member) for member in LinkType] + [147, 192])


def _read(data: bytes, link_type: int = 1, *, tunnels: bool = True) -> list[Decoded]:
    """Decode, judge and print: everything that a capture's octets go through."""
    decoder = Decoder(tunnels=tunnels)
    found = [*decoder.decode(Frame(data, 0, 1, link_type)), *decoder.finish()]
    for decoded in found:
        message_json(judge(decoded))
        assert 0 <= decoded.offset <= len(data) or decoded.malformed is not None
    return found


@given(strategies.datagrams())
def test_what_is_encoded_is_decoded_to_the_same_facts(datagram: Datagram) -> None:
    decoded = decode(Frame(encode_frame(datagram), 0, 1))

    assert isinstance(decoded, Decoded)
    assert decoded.datagram == datagram
    assert decoded.checksum == "ok"
    assert decoded.malformed is None


@given(st.binary(max_size=400), ANY_LINK)
def test_no_octets_make_the_decoder_raise(data: bytes, link_type: int) -> None:
    _read(data, link_type)


@given(strategies.datagrams(), st.data())
def test_no_change_of_a_frame_makes_the_decoder_raise(
    datagram: Datagram, data: st.DataObject
) -> None:
    octets = bytearray(encode_frame(datagram))
    for _ in range(data.draw(st.integers(1, 6))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))

    _read(bytes(octets))
    _read(bytes(octets)[: data.draw(st.integers(0, len(octets)))])


@given(strategies.datagrams(), st.sampled_from(ALL), st.sampled_from(ALL), st.data())
def test_no_change_of_what_is_around_a_frame_makes_the_decoder_raise(
    datagram: Datagram, outer: Encapsulation, inner: Encapsulation, data: st.DataObject
) -> None:
    frame = encode_frame(datagram)
    if inner.link_type == LinkType.ETHERNET and data.draw(st.booleans()):
        frame = inner.wrap(frame)
    octets = bytearray(outer.wrap(frame))
    for _ in range(data.draw(st.integers(1, 6))):
        octets[data.draw(st.integers(0, min(len(octets), 160) - 1))] = data.draw(
            st.integers(0, 255)
        )

    _read(bytes(octets), outer.link_type)
    _read(bytes(octets)[: data.draw(st.integers(0, len(octets)))], outer.link_type)


@given(strategies.datagrams(), st.sampled_from(ALL).filter(lambda way: way not in GUESSED))
def test_what_is_encoded_is_decoded_to_the_same_facts_inside_everything(
    datagram: Datagram, way: Encapsulation
) -> None:
    datagram = replace(datagram, vlan=())
    if datagram.family.ip_version not in way.families:
        return
    (found,) = _read(way.wrap(encode_frame(datagram)), way.link_type)

    inside = found.datagram
    assert inside.circuit == way.circuit
    assert found.tunnel == way.tunnel
    assert found.checksum == "ok"
    assert inside == replace(
        datagram,
        link_source=inside.link_source,
        link_destination=inside.link_destination,
        vlan=inside.vlan,
        circuit=inside.circuit,
    )


@given(strategies.datagrams(), st.integers(0, 200))
def test_a_frame_that_the_capture_cut_is_never_malformed(datagram: Datagram, missing: int) -> None:
    whole = encode_frame(datagram)
    kept = whole[: max(0, len(whole) - missing)]

    found = decode(Frame(kept, 0, 1, original_length=len(whole)))

    if isinstance(found, Decoded) and found.malformed is not None:
        assert found.malformed.id == "M-03", "what stops the reading is the cut"
    if isinstance(found, Decoded) and kept != whole:
        assert found.checksum == "unknown"
        assert not any(finding.id == "V-01" for finding in find(found))


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_every_prefix_of_every_frame_is_read_without_harm(path: Path) -> None:
    seen: set[bytes] = set()
    with open_capture(str(path)) as capture:
        for frame in capture.candidates():
            # Frames that differ in addresses and times only are cut at the same places.
            shape = frame.data[12:26] + len(frame.data).to_bytes(4, "big")
            if shape in seen:
                continue
            seen.add(shape)
            _check_prefixes(frame)
    assert seen


def _check_prefixes(frame: Frame) -> None:
    whole = Decoder(tunnels=True).decode(frame)
    most = max((len(getattr(d.datagram.message, "records", ())) for d in whole), default=0)
    for length in range(len(frame.data)):
        for decoded in _read(frame.data[:length], frame.link_type):
            assert len(getattr(decoded.datagram.message, "records", ())) <= most


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(strategies.datagrams(), st.integers(8, 64)), max_size=4))
def test_fragments_in_any_number_give_back_the_whole(
    pieces: list[tuple[Datagram, int]],
) -> None:
    decoder = Decoder()
    for number, (datagram, size) in enumerate(pieces):
        if len(datagram.source) != 4:
            continue
        frames = _fragment(encode_frame(datagram), size // 8 * 8, number)
        found = [d for frame in frames for d in decoder.decode(Frame(frame, 0, number))]
        if len(frames) == 1:
            continue
        (decoded,) = found
        assert decoded.datagram.message == datagram.message
        assert any(mark.id == "V-24" for mark in decoded.remarks)


def _fragment(frame: bytes, size: int, identity: int) -> list[bytes]:
    """Cut the payload of an IPv4 frame into pieces of `size` octets (RFC 791 §3.2)."""
    start = 14
    while frame[start - 2 : start] == b"\x81\x00":
        start += 4
    header_octets = (frame[start] & 15) * 4
    payload = frame[start + header_octets :]
    found = []
    for offset in range(0, len(payload), size):
        piece = payload[offset : offset + size]
        more = 0x2000 if offset + size < len(payload) else 0
        header = bytearray(frame[start : start + header_octets])
        header[2:4] = (header_octets + len(piece)).to_bytes(2, "big")
        header[4:6] = identity.to_bytes(2, "big")
        header[6:8] = (more | offset // 8).to_bytes(2, "big")
        found.append(frame[:start] + bytes(header) + piece)
    return found
