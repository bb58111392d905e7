"""Words for links, frames and captures, and the names of families and filter modes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.analysis.facts import place_text
from mldkit.model.words import named

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mldkit.analysis.devices import DeviceFacts
    from mldkit.analysis.facts import LinkKey
    from mldkit.model.addresses import Address
    from mldkit.model.family import Family


def place(link: LinkKey) -> str:
    """Return a link in words: `IGMP on eth0, VLAN 20`, with a stack `VLAN 5 in 100`.

    Sessions and tunnels follow: `IGMP on eth0, VLAN 20, PPPoE session 7`. Where captures of
    several sites are told of, the one that it is in: `IGMP on eth0 in a.pcap`.
    """
    name = link.family.name.upper()
    where = _where(link)
    if where:
        name += f" on {where}"
    return f"{name} in {link.site}" if link.site else name


def link_name(link: LinkKey | DeviceFacts) -> str:
    """Return a link in words, whatever the family: `eth0, VLAN 20`."""
    where = _where(link) or "the capture"
    return f"{where} in {link.site}" if link.site else where


def _where(link: LinkKey | DeviceFacts) -> str:
    return place_text(link.interface, link.vlan, link.circuit)


def filter_text(exclude: bool, sources: Sequence[Address], most: int) -> str:  # noqa: FBT001
    """Return which sources somebody wants, the first ones by name: `all but 10.0.0.1`."""
    if exclude:
        return f"all but {named(sources, most)}" if sources else "any source"
    return named(sources, most) or "nothing"


def family_name(family: Family) -> str:
    """Return the family as JSON names it: `ipv4` or `ipv6`."""
    return f"ipv{family.ip_version}"


def filter_mode(exclude: bool) -> str:  # noqa: FBT001 (a value, not a switch)
    """Return the filter mode as JSON and tables name it: `INCLUDE` or `EXCLUDE`."""
    return "EXCLUDE" if exclude else "INCLUDE"


def frames_text(frames: Sequence[int], most: int, capture: str | None) -> str:
    """Return the first few frames in words: `frames 3, 7, ... of b.pcapng`; empty for none."""
    if not frames:
        return ""
    shown = ", ".join(map(str, frames[:most])) + (", ..." if len(frames) > most else "")
    behind = f" of {capture}" if capture is not None else ""
    return f"{'frames' if len(frames) > 1 else 'frame'} {shown}{behind}"
