from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.config import conf
from scapy.packet import Raw

from mldkit.craft.build import build, frame_bytes, layers
from mldkit.craft.convert import parse, to_model
from mldkit.craft.defects import Defects, apply
from mldkit.craft.layers_igmp import IGMPMessage
from mldkit.craft.layers_mld import MLDMessage
from mldkit.craft.message import MembershipMessage
from mldkit.errors import UsageError
from mldkit.model.datagram import Datagram, Decoded, Frame
from mldkit.model.family import IGMP, MLD, Family
from mldkit.testing.strategies import datagrams, messages
from mldkit.wire.decode import decode
from mldkit.wire.encode import encode_frame, encode_message


@given(datagrams())
def test_scapy_and_the_codec_build_the_same_octets(datagram: Datagram) -> None:
    assert frame_bytes(build(datagram)) == encode_frame(datagram)


@given(datagrams())
def test_scapy_and_the_codec_read_the_same_facts(datagram: Datagram) -> None:
    octets = encode_frame(datagram)

    decoded = decode(Frame(octets))

    assert isinstance(decoded, Decoded)
    assert decoded.malformed is None
    assert decoded.checksum == "ok"
    assert decoded.datagram == datagram
    assert to_model(parse(octets)) == datagram


@given(datagrams())
def test_a_dissected_packet_is_rebuilt_field_by_field(datagram: Datagram) -> None:
    octets = encode_frame(datagram)
    packet = parse(octets)

    packet.clear_cache()

    assert bytes(packet) == octets


@given(datagrams(), st.data())
def test_any_cut_or_changed_frame_is_read_and_given_back(
    datagram: Datagram, data: st.DataObject
) -> None:
    octets = bytearray(encode_frame(datagram))
    del octets[data.draw(st.integers(0, len(octets))) :]
    changes = st.tuples(st.integers(0, max(len(octets) - 1, 0)), st.integers(0, 255))
    for at, value in data.draw(st.lists(changes, max_size=4)):
        octets[at : at + 1] = bytes((value,)) if octets else b""

    packet = parse(bytes(octets))

    assert bytes(packet) == bytes(octets)


@given(datagrams(), st.data())
def test_a_changed_frame_says_the_same_to_both(datagram: Datagram, data: st.DataObject) -> None:
    octets = bytearray(encode_frame(datagram))
    octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))

    decoded = decode(Frame(bytes(octets)))

    sound = isinstance(decoded, Decoded) and decoded.malformed is None and not decoded.remarks
    if isinstance(decoded, Decoded) and sound:
        assert to_model(parse(bytes(octets))) == decoded.datagram


VALUES = ("1", "0xffff", "-5", "99999999999", "", "x", "a,b", "10s", "hex:00", "10.0.0.1", "::1")


@given(datagrams(), st.sampled_from(VALUES), st.data())
def test_any_field_is_set_or_refused(datagram: Datagram, value: str, data: st.DataObject) -> None:
    packet = build(datagram)
    names = [(type(layer).__name__, f.name) for layer in layers(packet) for f in layer.fields_desc]
    layer, field = data.draw(st.sampled_from(names))
    defects = Defects(settings=(f"{layer}.{field}={value}",), bad_checksum=True)

    with contextlib.suppress(UsageError):
        assert len(frame_bytes(apply(packet, defects))) >= 14


@given(st.binary(max_size=80))
def test_any_octets_are_read_and_given_back(octets: bytes) -> None:
    assert bytes(parse(octets)) == octets


@pytest.mark.parametrize(
    ("family", "dispatcher", "claim"),
    [
        pytest.param(IGMP, IGMPMessage, slice(6, 8), id="IGMPv3 report"),
        pytest.param(MLD, MLDMessage, slice(6, 8), id="MLDv2 report"),
    ],
)
@given(data=st.data())
def test_counts_that_lie_cost_nothing_and_are_given_back(
    family: Family, dispatcher: type[MembershipMessage], claim: slice, data: st.DataObject
) -> None:
    message = data.draw(messages(family))
    octets = bytearray(encode_message(message, family.unspecified, family.reports))
    if len(octets) >= claim.stop:
        octets[claim] = b"\xff\xff"

    layer = dispatcher(bytes(octets))

    assert bytes(layer) == bytes(octets)
    assert isinstance(layer, MembershipMessage | Raw)
    assert conf.max_list_count == 100
