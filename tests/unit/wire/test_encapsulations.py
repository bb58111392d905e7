"""Frames inside everything that they are read from: M-46, M-49, and the M-table inside each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mldkit.link.scan import may_hold_message
from mldkit.model.datagram import Broken, Decoded, Frame, LinkType, Unread
from mldkit.render.unread import unread_text
from mldkit.testing.encapsulations import ADDRESSES, LABEL, LINKS, SWITCH_TAGS, Encapsulation
from mldkit.testing.envelopes import IGMP_QUERY, MLD_QUERY, V4, V6, patched
from mldkit.testing.tunnels import ALL, TUNNELS, in_ipv4, in_ipv6, in_udp
from mldkit.wire.decoder import Decoder
from mldkit.wire.encapsulations import STEPS
from mldkit.wire.link_layer import READERS
from mldkit.wire.validity import find

if TYPE_CHECKING:
    from collections.abc import Callable

FRAMES = {4: V4, 6: V6}
MESSAGES = {4: IGMP_QUERY.message, 6: MLD_QUERY.message}
CASES = [
    pytest.param(way, family, id=f"{way.name}, IPv{family}")
    for way in ALL
    for family in way.families
]
PPPOE = next(way for way in LINKS if way.name == "PPPoE session")


def decoded(way: Encapsulation, frame: bytes) -> list[Decoded]:
    """Return what is read of a frame inside `way`, which the sieve lets pass."""
    data = way.wrap(frame)
    assert may_hold_message(data, way.link_type)
    decoder = Decoder(tunnels=True)
    return [*decoder.decode(Frame(data, 0, 1, way.link_type)), *decoder.finish()]


def unread(data: bytes, link_type: int = LinkType.ETHERNET, *, tunnels: bool = True) -> list[str]:
    """Return in words what is not looked into in a frame, which the sieve lets pass."""
    assert may_hold_message(data, link_type)
    found = Decoder(tunnels=tunnels).read(Frame(data, 0, 1, link_type))
    assert not isinstance(found, Broken)
    return [unread_text(found, 1)] if isinstance(found, Unread) else list(map(str, found))


@pytest.mark.parametrize(("way", "family"), CASES)
def test_a_message_is_read_out_of_everything(way: Encapsulation, family: int) -> None:
    (found,) = decoded(way, FRAMES[family])

    assert found.datagram.message == MESSAGES[family]
    assert found.datagram.circuit == way.circuit
    assert found.tunnel == way.tunnel
    assert find(found) == (), "unicast MACs around it are right"


@pytest.mark.parametrize("way", TUNNELS, ids=lambda way: way.name)
def test_tunnels_are_counted_where_nobody_asks_for_them(way: Encapsulation) -> None:
    (said,) = unread(way.wrap(FRAMES[way.families[0]]), tunnels=False)

    assert said.startswith("1 frame in ")
    assert said.endswith(" was not looked into (--tunnels)")


WRONG: dict[str, Callable[[bytes], bytes]] = {
    "M-02 version": lambda f: patched(f, 14, b"\x55"),
    "V-01 checksum": lambda f: f[:-6] + b"\x77" + f[-5:],
    "V-03 hop limit": lambda f: patched(f, 22 if f[12] == 8 else 21, b"\x40"),
    "V-26 length": lambda f: patched(f, 16, b"\x01") if f[12] == 8 else f,
    "V-24 fragment": lambda f: patched(f, 20, b"\x20") if f[12] == 8 else f,
    "M-10 message too short": lambda f: patched(f, 16, b"\0\x1c") if f[12] == 8 else f,
}


def said(data: bytes, link_type: int, original: int | None = None) -> list[object]:
    """Return all findings on a frame, or where it broke."""
    decoder = Decoder(tunnels=True)
    read = decoder.read(Frame(data, 0, 1, link_type, original))
    found = [*(() if isinstance(read, Broken | Unread) else read), *decoder.finish()]
    broken = (read.id, read.reason) if isinstance(read, Broken) else None
    return [[(one.id, one.severity) for one in find(each)] for each in found] + [broken]


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize(("way", "family"), CASES)
def test_what_is_wrong_is_said_inside_as_it_is_outside(
    way: Encapsulation, family: int, name: str
) -> None:
    frame = WRONG[name](FRAMES[family])

    outside = said(frame, LinkType.ETHERNET)
    inside = said(way.wrap(frame), way.link_type)

    if name == "M-02 version" and inside != outside:
        # Where only the version says what an MPLS or GTP-U packet is, the wrong one is no IP.
        assert inside == [None]
    elif name == "V-26 length" and way.name in ("PRP", "MACsec"):
        # Octets of a trailer are there, as padding would be: the message ends behind them.
        assert len(inside) == len(outside)
        assert inside[-1] is None
    else:
        assert inside == outside


@pytest.mark.parametrize(("way", "family"), CASES)
def test_what_the_capture_cut_is_no_fault(way: Encapsulation, family: int) -> None:
    whole = way.wrap(FRAMES[family])
    behind = len(whole) - whole.rindex(FRAMES[family][-12:]) - 12
    cut = whole[: len(whole) - behind - 3]

    assert said(cut, way.link_type, len(whole)) == said(V4[:-3], LinkType.ETHERNET, len(V4))


@pytest.mark.parametrize(("way", "family"), CASES)
def test_every_prefix_is_read_without_harm(way: Encapsulation, family: int) -> None:
    whole = way.wrap(FRAMES[family])
    for length in range(len(whole)):
        decoder = Decoder(tunnels=True)
        frame = Frame(whole[:length], 0, 1, way.link_type)
        read = decoder.read(frame)
        left = [*decoder.finish()]
        assert isinstance(read, Broken | Unread) or len([*read, *left]) <= 1
        if read or left:
            assert may_hold_message(frame.data, way.link_type)


def test_every_link_type_is_read_and_has_a_case() -> None:
    plain = {
        LinkType.ETHERNET, LinkType.NULL, LinkType.LOOP, LinkType.RAW, LinkType.IPV4,
        LinkType.IPV6, LinkType.IEEE802_11, LinkType.IEEE802_11_RADIOTAP,
    }  # fmt: skip
    by_document = {
        LinkType.PPP_PPPD, LinkType.C_HDLC_WITH_DIR, LinkType.FRELAY_WITH_DIR, LinkType.MPLS,
    }  # fmt: skip

    assert set(LinkType) <= READERS.keys()
    assert {way.link_type for way in ALL} | plain | by_document == set(LinkType)


@pytest.mark.parametrize(
    ("link_type", "header"),
    [
        (LinkType.PPP_PPPD, b"\x00\x03\x00\x21"),
        (LinkType.PPP_PPPD, b"\x01\x03\x21"),
        (LinkType.C_HDLC_WITH_DIR, b"\x01\x8f\x00\x08\x00"),
        (LinkType.FRELAY_WITH_DIR, b"\x00\x18\x41\x03\xcc"),
        (LinkType.MPLS, LABEL),
    ],
)
def test_link_types_are_read_as_their_documents_say(link_type: int, header: bytes) -> None:
    """The list of link-layer header types of libpcap, which neither tshark nor tcpdump reads."""
    (found,) = Decoder().decode(Frame(header + V4[14:], 0, 1, link_type))

    assert found.datagram.message == IGMP_QUERY.message


def test_dsa_keeps_the_vlan_that_it_swallowed() -> None:
    tagged = V4[:12] + b"\x20\x08\x00\x05" + V4[12:]
    (found,) = Decoder().decode(Frame(tagged, 0, 1, LinkType.DSA_TAG_DSA))

    assert found.datagram.vlan == (5,)


def test_customer_macs_of_a_backbone_are_kept_and_those_of_label_switches_are_not() -> None:
    ways = {way.name: way for way in (*LINKS, *SWITCH_TAGS)}
    (backbone,) = decoded(ways["provider backbone"], V4)
    (labelled,) = decoded(ways["MPLS"], V4)
    (session,) = decoded(PPPOE, V4)

    assert backbone.datagram.link_source == V4[6:12]
    assert backbone.datagram.vlan == (9,)
    assert labelled.datagram.link_source is None
    assert session.datagram.link_source == ADDRESSES[6:]
    assert session.datagram.link_destination == ADDRESSES[:6]


def test_fragments_are_put_together_inside_and_not_with_those_of_another_session() -> None:
    first, second = fragments(V4)
    other = bytearray(PPPOE.wrap(second))
    other[17] = 8  # the session
    decoder = Decoder()

    assert decoder.decode(Frame(PPPOE.wrap(first), 0, 1)) == ()
    assert decoder.decode(Frame(bytes(other), 0, 2)) == ()
    (whole,) = decoder.decode(Frame(PPPOE.wrap(second), 0, 3))
    assert whole.datagram.message == IGMP_QUERY.message
    assert whole.datagram.circuit == (("pppoe", 7),)


@pytest.mark.parametrize(
    "way", [way for way in TUNNELS if 4 in way.families], ids=lambda way: way.name
)
def test_fragments_inside_tunnels_are_put_together(way: Encapsulation) -> None:
    decoder = Decoder(tunnels=True)
    found = [
        each
        for number, piece in enumerate(fragments(V4))
        for each in decoder.decode(Frame(way.wrap(piece), 0, number))
    ]

    assert [(each.datagram.message, each.tunnel) for each in found] == [
        (IGMP_QUERY.message, way.tunnel)
    ]


def fragments(frame: bytes) -> tuple[bytes, bytes]:
    """Return an IPv4 frame with options in two pieces."""
    head, payload = frame[:38], frame[38:]

    def piece(octets: bytes, bits: int) -> bytes:
        cut = patched(head + octets, 16, (24 + len(octets)).to_bytes(2, "big"))
        return patched(cut, 20, bits.to_bytes(2, "big"))

    return piece(payload[:8], 0x2000), piece(payload[8:], 1)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (V4[:12] + b"\x88\xe5\x0c\0\0\0\0\1" + V4[12:], "MACsec was not looked into (encrypted)"),
        (ADDRESSES + b"\x88\x64\x11\0\0\7\0\x08\0\x3d" + V4[14:], "PPP multilink was"),
        (ADDRESSES + b"\x88\x64\x11\0\0\7\0\x08\0\xfd" + V4[14:], "PPP was not looked into (comp"),
        (ADDRESSES + b"\x88\x47" + LABEL + b"\x20" + bytes(40), "MPLS pseudowires was"),
        (ADDRESSES + b"\x89\x03" + V4, "FabricPath was not looked into"),
        (in_ipv4(50, bytes(80)), "ESP was not looked into (encrypted)"),
        (in_ipv4(51, bytes(80)), "AH was not"),
        (in_ipv6(115, bytes(80)), "L2TPv3 was not"),
        (in_udp(3544, V6[14:]), "Teredo was not"),
        (in_udp(5247, b"\1" + bytes(60)), "CAPWAP was not looked into (encrypted)"),
        (in_udp(1701, b"\0\3" + bytes(60)), "L2TPv3 was not"),
        (patched(in_ipv4(47, b"\0\0\x65\x58" + V4), 20, b"\x20"), "fragments of GRE was"),
    ],
)
def test_what_cannot_be_looked_into_has_a_name(data: bytes, said: str) -> None:
    (words,) = unread(data)

    assert words.startswith(f"1 frame in {said}")


def test_counts_are_told_in_words() -> None:
    assert unread_text(Unread("GRE", "--tunnels"), 41) == (
        "41 frames in GRE were not looked into (--tunnels)"
    )
    assert unread_text(Unread("TRILL"), 1500) == "1,500 frames in TRILL were not looked into"


def nested(frame: bytes, depth: int) -> bytes:
    """Return a frame in tunnels inside each other."""
    for _ in range(depth):
        frame = in_ipv4(47, b"\0\0\x65\x58" + frame)
    return frame


def test_nesting_is_followed_to_a_depth_and_no_further() -> None:
    bridged = V4
    for _ in range(15):
        bridged = ADDRESSES + b"\x65\x58" + bridged
    hsr = b"\x89\x2f\0\x30\0\1"
    ppi = b"\0\0\x08\0\xc0\0\0\0"
    ethernet = b"\0\0\x08\0\1\0\0\0"

    assert len(Decoder(tunnels=True).decode(Frame(nested(V4, 4), 0, 1))) == 1
    assert unread(nested(V4, 5)) == ["1 frame in more than 4 tunnels was not looked into"]
    assert len(Decoder().decode(Frame(bridged, 0, 1))) == 1
    assert unread(V4[:12] + hsr * 17 + V4[12:]) == [
        "1 frame in more than 16 encapsulations was not looked into"
    ]
    assert len(Decoder().decode(Frame(ppi * 3 + ethernet + V4, 0, 1, LinkType.PPI))) == 1
    assert unread(ppi * 5 + ethernet + V4, LinkType.PPI) == [
        "1 frame in more than 4 frames inside each other was not looked into"
    ]
    assert unread(ADDRESSES + b"\x88\x47" + b"\0\0\0\1" * 40 + V4[14:]) == [
        "1 frame in more than 32 MPLS labels was not looked into"
    ]


def test_tags_of_all_places_count_together() -> None:
    tag = b"\x81\x00\x00\x05"
    frame = V4[:12] + tag * 8 + b"\x89\x2f\0\x30\0\1" + tag + V4[12:]
    found = Decoder().read(Frame(frame, 0, 1))

    assert isinstance(found, Broken)
    assert found.id == "M-45"


def test_every_ethertype_that_is_followed_has_a_case() -> None:
    names = {int.from_bytes(way.wrap(V4)[12:14], "big") for way in ALL if way.link_type == 1}
    behind_tag = {int.from_bytes(way.wrap(V4)[16:18], "big") for way in LINKS}
    ppp_in_gre, edsa = 0x880B, 0xDADA

    assert STEPS.keys() <= names | behind_tag | {ppp_in_gre, edsa}


def test_nflog_of_either_byte_order_and_of_bridges_is_read() -> None:
    def item(kind: int, value: bytes) -> bytes:
        length = (4 + len(value)).to_bytes(2, "big")
        return length + kind.to_bytes(2, "big") + value + bytes(-len(value) % 4)

    items = item(1, b"\x86\xdd\1\0") + item(9, V6[14:])
    for family in (7, 10):
        frame = Frame(bytes((family, 0, 0, 5)) + items, 0, 1, LinkType.NFLOG)
        (found,) = Decoder().decode(frame)
        assert found.datagram.message == MLD_QUERY.message
