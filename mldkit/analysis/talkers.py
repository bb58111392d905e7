"""Hosts that talk in a group in which everybody listens, and do not listen themselves.

In protocols such as PTP, DDS, KNX and SOME/IP service discovery all talk to one group and all
must hear it. A host that never reports the group hears nothing of it behind a switch with
snooping. A sender need not be a member (RFC 1112 §7.1), so nobody is named without grounds:

- others talk in the group and report it: two of them, or one where the port is one of these;
- the host is asked, and answers for other groups: what it listens to is seen here;
- everybody speaks the current version: in older ones a report of another host silences it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from mldkit.analysis.streams import FLOW_PACKETS
from mldkit.analysis.traffic import is_sender
from mldkit.model.addresses import is_source_specific, text
from mldkit.wire.rules import INFO

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mldkit.analysis.audience import Audience
    from mldkit.analysis.facts import Host
    from mldkit.analysis.ledger import Ledger
    from mldkit.analysis.stays import Row
    from mldkit.analysis.streams import Stream
    from mldkit.model.addresses import Address

_LEAST_ASKED = 2
_OTHERS = 2
_MOST_TALKERS = 10
"""Of one group that are named."""
_PTP, _KNX, _SOME_IP = (319, 320), (3671,), (30490,)
_DDS_FIRST, _DDS_DOMAIN, _DDS_DOMAINS = 7400, 250, 233
"""Ports of discovery and of user data of a domain follow each other (DDSI-RTPS 2.5 §9.6.1.1)."""


class Reporter:
    """What a device reports, all its stays together."""

    __slots__ = ("groups", "reports", "versions")

    def __init__(self) -> None:
        self.groups: set[Address] = set()
        self.reports = 0
        self.versions: set[int | None] = set()

    def add(self, row: Row) -> None:
        """Take in a stay."""
        self.groups.add(row.group)
        self.reports += row.reports
        self.versions.add(row.version)


class Devices:
    """Which groups a device reports, by its address and its MAC."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows = rows
        self._by_host: dict[Host, Reporter] = {}
        self._by_card: dict[tuple[bytes, bytes], Reporter] = {}

    def of(self, stream: Stream) -> Reporter | None:
        """Return what the device reports that sends a stream; a router sends for others."""
        if not self._by_host:
            # Made when somebody asks: there may be half a million stays.
            for row in self._rows:
                self._by_host.setdefault(row.host, Reporter()).add(row)
                if row.mac is not None and len(row.host) == 16:
                    self._by_card.setdefault((row.mac, row.host[8:]), Reporter()).add(row)
        found = self._by_host.get(stream.source)
        if found is not None or len(stream.source) == 4 or stream.mac is None:
            return found
        # An IPv6 host may report from another address than it sends data from. Both have its
        # interface identifier; else it may be a router, which sends for others.
        return self._by_card.get((stream.mac, stream.source[8:]))


class Silent(NamedTuple):
    """A host that talks in a group and does not report it."""

    stream: Stream
    asked: int
    """General Queries while it talked."""


def is_mutual(port: int) -> bool:
    """Return whether everybody who sends to such a UDP port must hear it too."""
    domain, offset = divmod(port - _DDS_FIRST, _DDS_DOMAIN)
    is_dds = 0 <= domain < _DDS_DOMAINS and offset in (0, 1)
    return is_dds or port in (*_PTP, *_KNX, *_SOME_IP)


def silent_talkers(audience: Audience, devices: Devices) -> list[Silent]:
    """Return who talks, is asked, answers for other groups and never reports this one."""
    found = []
    responses, queriers = audience.traffic.state.responses, audience.traffic.state.queriers
    current = audience.traffic.key.family.current_version
    for group, streams in audience.streams.items():
        if is_source_specific(group):
            continue
        room = _MOST_TALKERS
        for stream in streams:
            asked = responses.windows.latest - stream.exchange
            last_ns = queriers.silence.last_general_ns or 0
            if stream.packets < FLOW_PACKETS or asked < _LEAST_ASKED or stream.last_ns < last_ns:
                continue
            own = devices.of(stream)
            if (
                own is not None
                and not audience.traffic.is_router(stream)
                and group not in own.groups
                and own.reports >= _LEAST_ASKED
                and own.versions == {current}
                and all(row.version == current for row in audience.stays[group])
            ):
                found.append(Silent(stream, asked))
                room -= 1
                if not room:
                    break
    return found


def judge(audience: Audience, devices: Devices, ledger: Ledger) -> None:
    """D-47, a remark: whether the protocol wants everybody to listen is not in the capture."""
    for silent in silent_talkers(audience, devices):
        stream = silent.stream
        rows = audience.stays[stream.group]
        others = [
            other
            for other in audience.streams[stream.group]
            if other is not stream and any(is_sender(row, other) for row in rows)
        ]
        if len(others) < (1 if is_mutual(stream.port) else _OTHERS):
            continue
        if id(stream) in audience.explained:
            continue
        detail = (
            f"{text(stream.source)} sends to {text(stream.group)} and was asked {silent.asked}"
            " times, but never reports it, while"
            f" {len(others)} other{'s' * (len(others) > 1)} that send there"
            f" {'do' if len(others) > 1 else 'does'}; if it is to hear them, a switch with"
            " snooping keeps the group from it"
        )
        ledger.add(
            "D-47", audience.traffic.key, audience.end._replace(frame=0), detail,
            host=stream.source, group=stream.group, severity=INFO,
        )  # fmt: skip
