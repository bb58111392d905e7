"""Two captures of the same time, on two sides of a switch: what was swallowed or changed between.

::

    host --- A --- switch --- B --- router

Messages are matched by content: who says what to whom, without the link header and without what
may change on the way. The k-th occurrence in A belongs to the k-th in B within 2 s, once the
clocks are aligned by the median difference of messages that occur once on each side. What is
left is compared again with the same sender and kind only: such a pair was changed on the way.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import islice
from statistics import median_low
from typing import TYPE_CHECKING, NamedTuple, Protocol

from mldkit.analysis.copies import COPY_NS
from mldkit.model.addresses import is_unspecified
from mldkit.model.messages import GroupRecord, LegacyReport, Other, RecordType, Report
from mldkit.model.units import MILLISECOND, SECOND
from mldkit.wire.decoder import Decoder

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator, Mapping

    from mldkit.model.addresses import Address
    from mldkit.model.datagram import Decoded, Frame

WINDOW_NS = 2 * SECOND
_SPREAD_NS = 50 * MILLISECOND
"""Between the shortest and the longest way of messages from A to B."""
_MOST_ALIKE, _MOST_DIFFERENCES = 64, 1_000_000
"""Messages of one content, and pairs of all, that are held against each other for the offset."""
_ENVELOPE = ("hop_limit", "traffic_class", "router_alert", "vlan", "link_source", "destination")


class CapturedMessage(NamedTuple):
    """A message of one capture."""

    frame: int
    time_ns: int
    decoded: Decoded


@dataclass(frozen=True, slots=True)
class Changed:
    """A message that arrived in another form."""

    a: int
    b: int
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Proxy:
    """A switch between A and B that reports to B in place of the hosts at A."""

    source: Address
    """What its reports come from."""
    version: int | None
    hosts: tuple[Address, ...]
    """Whose reports did not come through."""
    groups: tuple[Address, ...]
    """Of which it reports to B what hosts report to A."""
    lost: tuple[Address, ...]
    """Those of which hosts want single sources, and it asks for any."""
    frames: tuple[int, ...]
    """Its reports in B."""


@dataclass(slots=True)
class Comparison:
    """What two captures have in common."""

    offset_ns: int | None
    """Clock of B minus clock of A, delay included; None where no message tells it."""
    matched: int = 0
    only_a: list[CapturedMessage] = field(default_factory=list)
    only_b: list[CapturedMessage] = field(default_factory=list)
    changed: list[Changed] = field(default_factory=list)
    elsewhere: list[CapturedMessage] = field(default_factory=list)
    """Of `only_b`: reports and leaves of hosts that A never heard, behind other ports. A snooping
    switch sends them to routers only (RFC 4541 §2.1.1)."""
    proxies: list[Proxy] = field(default_factory=list)
    """Who of `only_b` reports in place of hosts of `only_a`."""
    outside_a: list[CapturedMessage] = field(default_factory=list)
    outside_b: list[CapturedMessage] = field(default_factory=list)
    """Of `only_a` and `only_b`: what lies outside the time of the other capture."""


class Side(Protocol):
    """What is asked of a capture."""

    @property
    def first_ns(self) -> int | None:
        """Time of the first packet."""

    @property
    def last_ns(self) -> int | None:
        """Time of the last packet so far."""

    def candidates(self) -> Iterator[Frame]:
        """Give the packets that may hold messages."""


def compare_captures(side_a: Side, side_b: Side, *, tunnels: bool = False) -> Comparison:
    """Read both captures and match their messages."""
    result = compare(
        read_messages(side_a.candidates(), tunnels=tunnels),
        read_messages(side_b.candidates(), tunnels=tunnels),
    )
    offset_ns = result.offset_ns or 0
    result.outside_a = outside(result.only_a, side_b.first_ns, side_b.last_ns, offset_ns)
    result.outside_b = outside(result.only_b, side_a.first_ns, side_a.last_ns, -offset_ns)
    return result


def read_messages(frames: Iterable[Frame], *, tunnels: bool = False) -> list[CapturedMessage]:
    """Return the membership messages of a capture, copies of a span port left out."""
    decoder = Decoder(tunnels=tunnels)
    found: list[CapturedMessage] = []
    recent: dict[bytes, int] = {}
    for frame in frames:
        for decoded in decoder.decode(frame):
            time_ns = frame.time_ns or 0
            if type(decoded.datagram.message) is Other:
                continue
            before_ns = recent.get(frame.data)
            recent[frame.data] = time_ns
            if before_ns is None or not 0 <= time_ns - before_ns <= COPY_NS:
                found.append(CapturedMessage(decoded.frame.number, time_ns, decoded))
    return found


def compare(side_a: list[CapturedMessage], side_b: list[CapturedMessage]) -> Comparison:
    """Match the messages of two captures."""
    by_content_a, by_content_b = _by(side_a, content), _by(side_b, content)
    result = Comparison(_offset(by_content_a, by_content_b))
    offset_ns = result.offset_ns or 0
    left_a: list[CapturedMessage] = []
    left_b: list[CapturedMessage] = []
    for key in by_content_a.keys() | by_content_b.keys():
        pairs, rest_a, rest_b = _pair(
            by_content_a.get(key, []), by_content_b.get(key, []), offset_ns
        )
        left_a += rest_a
        left_b += rest_b
        for one, other in pairs:
            result.matched += 1
            fields = _differences(one, other)
            if fields:
                result.changed.append(Changed(one.frame, other.frame, fields))
    _match_changed(left_a, left_b, offset_ns, result)
    result.only_a.sort(key=_place)
    result.only_b.sort(key=_place)
    result.changed.sort(key=lambda change: (change.a, change.b))
    heard = {seen.decoded.datagram.source for seen in side_a}
    strangers = [
        seen
        for seen in result.only_b
        if seen.decoded.kind in ("report", "leave") and seen.decoded.datagram.source not in heard
    ]
    result.proxies = proxies(result.only_a, strangers)
    stand_ins = {proxy.source for proxy in result.proxies}
    result.elsewhere = [seen for seen in strangers if seen.decoded.datagram.source not in stand_ins]
    return result


def proxies(only_a: Iterable[CapturedMessage], strangers: Iterable[CapturedMessage]) -> list[Proxy]:
    """Return who reports to B for the groups of hosts whose reports do not come through.

    A host behind another port may be member of the same groups, and a switch may hold back what
    it has made needless. So it takes somebody without an address (a switch needs none), or one
    that speaks for all groups of A in an older version than the hosts there.
    """
    wanted: dict[Address, list[CapturedMessage]] = defaultdict(list)
    for seen in only_a:
        for record in _records(seen):
            wanted[record.group].append(seen)
    by_source: dict[Address, list[CapturedMessage]] = defaultdict(list)
    for seen in strangers:
        if seen.decoded.kind == "report":
            by_source[seen.decoded.datagram.source].append(seen)
    found = (_proxy(source, reports, wanted) for source, reports in by_source.items())
    return [proxy for proxy in found if proxy is not None]


def _proxy(
    source: Address, reports: list[CapturedMessage], wanted: Mapping[Address, list[CapturedMessage]]
) -> Proxy | None:
    told = {record.group for seen in reports for record in _records(seen)}
    groups = sorted(told & wanted.keys())
    versions = [seen.decoded.version for seen in reports if seen.decoded.version is not None]
    replaced = [seen for group in groups for seen in wanted[group]]
    lowest = min((seen.decoded.version or 0 for seen in replaced), default=0)
    version = max(versions, default=None)
    is_older = version is not None and version < lowest
    speaks_for_all = is_older and len(groups) > 1 and len(groups) == len(wanted)
    if not groups or not (is_unspecified(source) or speaks_for_all):
        return None
    lost = {
        record.group
        for seen in replaced
        for record in _records(seen)
        if record.sources and record.group in groups
    }
    kept = {record.group for seen in reports for record in _records(seen) if record.sources}
    return Proxy(
        source,
        version,
        tuple(sorted({seen.decoded.datagram.source for seen in replaced})),
        tuple(groups),
        tuple(sorted(lost - kept)),
        tuple(seen.frame for seen in reports),
    )


def _records(seen: CapturedMessage) -> Iterator[GroupRecord]:
    """Give what a report asks for; leaves ask for nothing."""
    message = seen.decoded.datagram.message
    if isinstance(message, LegacyReport):
        yield GroupRecord(RecordType.IS_EX, message.group)
    elif isinstance(message, Report):
        for record in message.records:
            if record.sources or record.type in (RecordType.IS_EX, RecordType.TO_EX):
                yield record


def outside(
    messages: Iterable[CapturedMessage], first_ns: int | None, last_ns: int | None, offset_ns: int
) -> list[CapturedMessage]:
    """Return what came before the first packet of the other capture or after its last.

    Nothing shows that the other side was looked at then. `offset_ns` is what has to be added to
    the times of the messages to have those of the other side.
    """
    if first_ns is None or last_ns is None:
        return list(messages)
    return [seen for seen in messages if not first_ns <= seen.time_ns + offset_ns <= last_ns]


def _place(seen: CapturedMessage) -> tuple[int, int]:
    """Return where in its capture a message is; one frame may hold several, in tunnels."""
    return seen.frame, seen.time_ns


def content(seen: CapturedMessage) -> Hashable:
    """Return what two sides of a switch must agree in."""
    decoded = seen.decoded
    datagram = decoded.datagram
    if datagram.message is None or decoded.malformed is not None:
        return datagram.source, decoded.type, decoded.frame.data[decoded.offset :]
    return datagram.source, decoded.type, datagram.message


def _sender(seen: CapturedMessage) -> Hashable:
    """Return what is left in common when a message was changed."""
    datagram = seen.decoded.datagram
    return datagram.source, seen.decoded.kind, datagram.destination


def _by(messages: list[CapturedMessage], key: object) -> dict[Hashable, list[CapturedMessage]]:
    found: dict[Hashable, list[CapturedMessage]] = defaultdict(list)
    for seen in messages:
        found[key(seen)].append(seen)  # type: ignore[operator]
    return found


def _offset(
    side_a: dict[Hashable, list[CapturedMessage]], side_b: dict[Hashable, list[CapturedMessage]]
) -> int | None:
    differences = [
        side_b[key][0].time_ns - found[0].time_ns
        for key, found in side_a.items()
        if len(found) == 1 and len(side_b.get(key, ())) == 1
    ]
    if not differences:
        return _usual_offset(side_a, side_b)
    return median_low(differences)


def _usual_offset(
    side_a: dict[Hashable, list[CapturedMessage]], side_b: dict[Hashable, list[CapturedMessage]]
) -> int | None:
    """Return the difference that most messages agree on, where all of them come again and again.

    What comes every 125 s fits any multiple of that: of equally good ones the smallest counts,
    since clocks are rarely wrong by minutes, and captures rarely begin at the same time.
    """
    pairs = (
        other.time_ns - seen.time_ns
        for key, found in side_a.items()
        for seen in found[:_MOST_ALIKE]
        for other in side_b.get(key, ())[:_MOST_ALIKE]
    )
    differences = sorted(islice(pairs, _MOST_DIFFERENCES))
    best: tuple[int, int] | None = None
    begin = 0
    for end, difference in enumerate(differences):
        while difference - differences[begin] > _SPREAD_NS:
            begin += 1
        middle = differences[(begin + end) // 2]
        rank = begin - end, abs(middle)
        if best is None or rank < (best[0], abs(best[1])):
            best = begin - end, middle
    return None if best is None else best[1]


def _pair(
    side_a: list[CapturedMessage], side_b: list[CapturedMessage], offset_ns: int
) -> tuple[
    list[tuple[CapturedMessage, CapturedMessage]], list[CapturedMessage], list[CapturedMessage]
]:
    """Pair in order of time what lies within the window; return the pairs and both rests."""
    pairs: list[tuple[CapturedMessage, CapturedMessage]] = []
    rest_a: list[CapturedMessage] = []
    rest_b: list[CapturedMessage] = []
    others = list(side_b)
    position = 0
    for seen in side_a:
        expected_ns = seen.time_ns + offset_ns
        while position < len(others) and others[position].time_ns < expected_ns - WINDOW_NS:
            rest_b.append(others[position])
            position += 1
        if position < len(others) and others[position].time_ns <= expected_ns + WINDOW_NS:
            pairs.append((seen, others[position]))
            position += 1
        else:
            rest_a.append(seen)
    return pairs, rest_a, rest_b + others[position:]


def _match_changed(
    left_a: list[CapturedMessage], left_b: list[CapturedMessage], offset_ns: int, result: Comparison
) -> None:
    """Match what is left by sender, kind and destination; the rest is on one side only."""
    by_sender_a, by_sender_b = (_by(sorted(left, key=_place), _sender) for left in (left_a, left_b))
    for key in by_sender_a.keys() | by_sender_b.keys():
        pairs, rest_a, rest_b = _pair(by_sender_a.get(key, []), by_sender_b.get(key, []), offset_ns)
        result.only_a += rest_a
        result.only_b += rest_b
        for one, other in pairs:
            fields = (*_message_differences(one, other), *_differences(one, other))
            result.changed.append(Changed(one.frame, other.frame, fields))


def _differences(one: CapturedMessage, other: CapturedMessage) -> tuple[str, ...]:
    """Return the fields of the envelope that differ; a VLAN tag may be taken off on the way."""
    first, second = one.decoded.datagram, other.decoded.datagram
    return tuple(
        name
        for name in _ENVELOPE
        if getattr(first, name) != getattr(second, name)
        and not (name == "vlan" and not (first.vlan and second.vlan))
    )


def _message_differences(one: CapturedMessage, other: CapturedMessage) -> Iterator[str]:
    first, second = one.decoded.datagram.message, other.decoded.datagram.message
    if type(first) is not type(second) or first is None:
        yield "message"
        return
    names = getattr(first, "__dataclass_fields__", {})
    for name in names:
        if getattr(first, name) != getattr(second, name):
            yield name
