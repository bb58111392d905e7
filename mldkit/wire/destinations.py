"""The rules about where messages are sent: to which group, and to which hardware address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.model.addresses import group_mac, is_multicast, mac_text, text
from mldkit.model.messages import (
    Leave,
    LegacyReport,
    Query,
    Report,
    RouterAdvertisement,
    RouterSolicitation,
    RouterTermination,
)
from mldkit.wire.rules import ERROR, INFO, WARNING, Hit

if TYPE_CHECKING:
    from mldkit.model.datagram import Decoded
    from mldkit.wire.rules import Outcome


def query_destination(decoded: Decoded) -> Outcome:
    """D-20."""
    message = decoded.datagram.message
    if not isinstance(message, Query) or message.version is None:
        return None
    destination = decoded.datagram.destination
    expected = decoded.family.all_hosts if message.is_general else message.group
    if destination == expected or not is_multicast(expected):
        return None
    detail = f"sent to {text(destination)}, not to {text(expected)}"
    return Hit(ERROR if is_multicast(destination) else INFO, detail)


def report_destination(decoded: Decoded) -> Outcome:
    """D-21."""
    message = decoded.datagram.message
    if isinstance(message, Report):
        expected = decoded.family.reports
    elif isinstance(message, Leave):
        expected = decoded.family.all_routers
    elif isinstance(message, LegacyReport):
        expected = message.group
    else:
        return None
    destination = decoded.datagram.destination
    if destination == expected:
        return None
    return f"sent to {text(destination)}, not to {text(expected)}"


def discovery_destination(decoded: Decoded) -> Outcome:
    """D-42; snooping switches look at these groups only."""
    datagram = decoded.datagram
    if isinstance(datagram.message, RouterSolicitation):
        expected = decoded.family.all_routers
    elif isinstance(datagram.message, RouterAdvertisement | RouterTermination):
        expected = decoded.family.all_snoopers
    else:
        return None
    if datagram.destination == expected:
        return None
    detail = f"sent to {text(datagram.destination)}, not to {text(expected)}"
    # To one device: a test, or an answer to it alone.
    return Hit(WARNING if is_multicast(datagram.destination) else INFO, detail)


def destination_mac(decoded: Decoded) -> Outcome:
    """D-25."""
    datagram = decoded.datagram
    mac = None if datagram.is_point_to_point else datagram.link_destination
    if mac is None or not datagram.destination or not is_multicast(datagram.destination):
        return None
    expected = group_mac(datagram.destination)
    if mac == expected:
        return None
    detail = f"{text(datagram.destination)} sent to {mac_text(mac)}, not to {mac_text(expected)}"
    return Hit(ERROR if mac[0] & 1 else INFO, detail)
