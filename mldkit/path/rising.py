"""Counters along the way that rise while frames are sent: the proof of where they end.

The stage with the last counter that rises is where they end. Some stages count nothing (a group
that nobody joined); then the stage before rises and the one behind does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from mldkit.errors import LinkError
from mldkit.link import clock
from mldkit.model.units import SECOND
from mldkit.path.reading import take
from mldkit.path.rule_words import rule_text
from mldkit.path.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mldkit.path.frame import PathFrame
    from mldkit.path.reading import Reading

_EVERY_NS = SECOND
_WORDS = ("mcast", "multicast", "drop", "miss", "filter", "no_buf", "nobuf")
_PROTOCOLS = {
    Stage.GROUP: ("IpInReceives", "IpExtInMcastPkts", "Ip6InMcastPkts", "Ip6InHdrErrors"),
    Stage.REVERSE_PATH: ("TcpExtIPReversePathFilter",),
    Stage.NETFILTER_INPUT: ("IpInDelivers", "Ip6InDelivers"),
    Stage.SOCKET: (
        "UdpInDatagrams", "UdpIgnoredMulti", "UdpRcvbufErrors", "UdpNoPorts",
        "Udp6InDatagrams", "Udp6IgnoredMulti", "Udp6RcvbufErrors", "Udp6NoPorts",
    ),
}  # fmt: skip


class Rise(NamedTuple):
    """A counter that has risen since it was looked at last."""

    stage: Stage
    name: str
    value: int
    by: int


def changes(
    before: Reading, frames: Sequence[PathFrame], *, duration_ns: int | None
) -> Iterator[list[Rise]]:
    """Yield what rose, once a second, where anything did; ends after `duration_ns`, or never.

    Raise `LinkError` when the interface is gone.
    """
    end_ns = None if duration_ns is None else clock.now_ns() + duration_ns
    old = counters(before)
    while end_ns is None or clock.now_ns() < end_ns:
        left_ns = _EVERY_NS if end_ns is None else min(_EVERY_NS, end_ns - clock.now_ns())
        clock.wait_ns(max(left_ns, 0))
        try:
            new = counters(take(before.named.name, frames))
        except LinkError as error:
            message = f"{before.named.name}: the interface is gone"
            raise LinkError(message) from error
        rises = [
            Rise(*key, value, value - old.get(key, 0))
            for key, value in new.items()
            if value > old.get(key, 0)
        ]
        if rises:
            yield rises
        old = new


def counters(reading: Reading) -> dict[tuple[Stage, str], int]:
    """Return what is counted along the way, by stage and name, in the order of the stages."""
    found: dict[tuple[Stage, str], int] = {}
    for device in dict.fromkeys((reading.card.index, reading.named.index, reading.host.index)):
        name, counts = reading.name(device), reading.devices[device].counts
        stage = Stage.CARD if device == reading.card.index else Stage.BRIDGE
        found[stage, f"frames received by {name}"] = counts.received
        found[stage, f"frames dropped by {name}"] = counts.receive_dropped
    for name, value in reading.driver_counters.items():
        if any(word in name for word in _WORDS):
            found[Stage.CARD, name] = value
    for each in reading.rules.objects:
        rule = each.get("rule", {})
        packets = [s["counter"] for s in rule.get("expr", ()) if isinstance(s.get("counter"), dict)]
        if packets:
            found[Stage.NETFILTER, rule_text(rule)] = packets[0].get("packets", 0)
    for stage, names in _PROTOCOLS.items():
        for name in names:
            if name in reading.counters:
                found[stage, name] = reading.counters[name]
    for one in reading.sockets.sockets:
        name = f"drops of {one.process} ({one.pid}, descriptor {one.descriptor})"
        found[Stage.SOCKET, name] = one.dropped
    return found
