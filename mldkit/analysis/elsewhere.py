"""Members of a group on one link, its data on another one only.

::

    eth0    data to 239.255.0.1, and a host that sends there without reporting the group
    wlan0   a member of 239.255.0.1, and no data

A program that joins on the interface of the default route, and a membership in the wrong VLAN,
look like this. Links are compared that one capture holds; that a group is used on two links for
different things is possible, so it is a remark. It is a warning where a host sends the data,
answers for other groups and does not report this one: then the member elsewhere is its other half.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from mldkit.analysis.facts import host_address, place_text
from mldkit.analysis.streams import FLOW_PACKETS
from mldkit.analysis.talkers import silent_talkers
from mldkit.analysis.traffic import is_waiting, wants
from mldkit.model.addresses import text
from mldkit.model.family import IGMP
from mldkit.model.units import SECOND
from mldkit.model.words import named
from mldkit.wire.rules import INFO, WARNING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mldkit.analysis.audience import Audience
    from mldkit.analysis.facts import LinkKey
    from mldkit.analysis.ledger import Ledger
    from mldkit.analysis.link_state import LinkState
    from mldkit.analysis.stays import Row
    from mldkit.analysis.streams import Stream
    from mldkit.analysis.talkers import Devices
    from mldkit.model.addresses import Address

_LONG_NS = 30 * SECOND
_MOST_LINKS = 64
_MOST_TRIED = 20
"""Links, and members of a group on one of them, that are held against the data of others."""


class _Missed(NamedTuple):
    """A member, and the data that it does not get."""

    row: Row
    streams: list[Stream]
    audience: Audience
    """Of the link on which the data are."""
    is_half: bool
    """Whether a sender there does not report the group, though it is asked."""


def judge(
    audiences: Mapping[LinkKey, Audience],
    devices: Mapping[LinkKey, Devices],
    links: Sequence[LinkState],
    ledger: Ledger,
) -> None:
    """D-49."""
    silent = {
        key: {id(one.stream) for one in silent_talkers(audience, devices[key])}
        for key, audience in audiences.items()
        if len(links) > 1
    }
    places: dict[Address, list[Audience]] = {}
    for audience in list(audiences.values())[:_MOST_LINKS]:
        for group in audience.streams:
            places.setdefault(group, []).append(audience)
    for link in links[:_MOST_LINKS] if len(links) > 1 else ():
        own = audiences.get(link.key)
        done: set[Address] = own.traffic.groups if own is not None else set()
        tried: Counter[Address] = Counter()
        for row in link.memberships.ended:
            group = row.group
            if group not in places or group in done or tried[group] == _MOST_TRIED:
                continue
            tried[group] += 1
            missed = _find(row, link, places[group], silent)
            if missed is not None:
                done.add(group)
                _tell(ledger, link.key, missed)


def _find(
    row: Row,
    link: LinkState,
    places: Iterable[Audience],
    silent: Mapping[LinkKey, set[int]],
) -> _Missed | None:
    """Return what a member misses that is on another link of the same capture.

    Members there explain data there, unless a sender is none of them.
    """
    for other in places:
        state = other.traffic.state
        if state.key.family is not link.key.family or not state.captures & link.captures:
            continue
        streams = [one for one in other.streams.get(row.group, ()) if _is_missed(row, one)]
        if state is link or not streams:
            continue
        halves = [one for one in streams if id(one) in silent[state.key]]
        other.explained.update(map(id, halves))
        is_heard = any(is_waiting(one, streams[0]) for one in other.stays[row.group])
        if halves or not is_heard:
            return _Missed(row, streams, other, bool(halves))
    return None


def _is_missed(row: Row, stream: Stream) -> bool:
    """Return whether data came all the time while a member elsewhere wanted them."""
    return (
        wants(row, stream.source)
        and stream.packets >= FLOW_PACKETS
        and stream.source != row.host
        and min(stream.last_ns, row.to_ns) - max(stream.first_ns, row.from_ns) >= _LONG_NS
    )


def _tell(ledger: Ledger, key: LinkKey, missed: _Missed) -> None:
    row, streams, audience, is_half = missed
    host = host_address(row.host)
    detail = (
        f"{text(host)} is a member of {text(row.group)} on {_where(key)}, where no data for it"
        f" come; they come on {_where(audience.traffic.key)} only, from"
        f" {named([stream.source for stream in streams])}"
    )
    if is_half:
        detail += ", and a host that sends them there does not report the group"
    if max(stream.hop_limit for stream in streams) <= 1:
        name = "TTL" if key.family is IGMP else "hop limit"
        detail += f"; with {name} 1 no router forwards them"
    elif not is_half and key.interface == audience.traffic.key.interface:
        detail += ", unless a switch with a multicast VLAN moves them"
    mark = audience.end._replace(frame=0, time_ns=row.from_ns)
    ledger.add(
        "D-49", key, mark, detail,
        host=host, group=row.group, severity=WARNING if is_half else INFO,
    )  # fmt: skip


def _where(key: LinkKey) -> str:
    return place_text(key.interface, key.vlan, key.circuit) or "no VLAN"
