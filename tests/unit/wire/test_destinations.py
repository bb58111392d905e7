"""Where messages of router discovery go (RFC 4286): other destinations are D-42."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mldkit.model.addresses import is_multicast, parse
from mldkit.model.datagram import Datagram, Decoded, Frame
from mldkit.model.messages import RouterAdvertisement, RouterSolicitation, RouterTermination
from mldkit.wire.decode import decode
from mldkit.wire.encode import encode_frame
from mldkit.wire.validity import find

if TYPE_CHECKING:
    from mldkit.model.messages import Message

ADVERTISED, SOLICITED, TERMINATED = RouterAdvertisement(), RouterSolicitation(), RouterTermination()


def findings(message: Message, source: str, to: str) -> list[tuple[str, str]]:
    destination = parse(to)
    mac = None if is_multicast(destination) else b"\x02\0\0\0\0\7"
    datagram = Datagram(
        parse(source), destination, message, link_source=bytes(6), link_destination=mac
    )
    found = decode(Frame(encode_frame(datagram), 0, 1))
    assert isinstance(found, Decoded)
    return [(finding.id, finding.severity) for finding in find(found)]


@pytest.mark.parametrize(
    ("message", "source", "right", "wrong"),
    [
        (ADVERTISED, "10.0.0.2", "224.0.0.106", "224.0.0.1"),
        (SOLICITED, "10.0.0.2", "224.0.0.2", "224.0.0.106"),
        (TERMINATED, "10.0.0.2", "224.0.0.106", "224.0.0.2"),
        (ADVERTISED, "fe80::2", "ff02::6a", "ff02::1"),
        (SOLICITED, "fe80::2", "ff02::2", "ff02::6a"),
        (TERMINATED, "fe80::2", "ff02::6a", "ff02::2"),
    ],
    ids=str,
)
def test_router_discovery_has_one_destination_for_each_message(
    message: Message, source: str, right: str, wrong: str
) -> None:
    assert findings(message, source, right) == []
    assert findings(message, source, wrong) == [("D-42", "warning")]


@pytest.mark.parametrize(("source", "to"), [("10.0.0.2", "10.0.0.7"), ("fe80::2", "fe80::7")])
def test_an_advertisement_to_one_device_alone_is_a_remark(source: str, to: str) -> None:
    assert findings(ADVERTISED, source, to) == [("D-42", "info")]
