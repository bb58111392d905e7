"""A link on which messages happen at given times: what tests of the analysis are written with.

One stage serves both families; hosts, routers, groups and sources have numbers (`Addressing`)::

    stage = Stage(MLD)
    stage.query(0)                                  # General Query of router 1
    stage.report(0.5, "IS_EX", 1)                   # host 1 answers for group 1
    stage.report(9, "ALLOW", 2, sources=(1, 2))
    stage.leave(20, 1)                              # Done, or Leave Group

Times are seconds from the start of the stage.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from mldkit.model import codes
from mldkit.model.addresses import ALL_NODES, group_mac, is_multicast, parse, solicited_node
from mldkit.model.datagram import Datagram, Frame
from mldkit.model.family import IGMP, Family
from mldkit.model.messages import GroupRecord, Leave, LegacyReport, Query, RecordType, Report
from mldkit.model.units import MILLISECOND, SECOND
from mldkit.testing.addressing import Addressing
from mldkit.wire.checksum import internet_checksum
from mldkit.wire.encode import encode_frame

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mldkit.model.addresses import Address
    from mldkit.model.messages import Message

BEGIN_NS = 1_700_000_000 * SECOND


class Stage(Addressing):
    """Frames of one family on one link, in order of time.

    It has more methods than a class should, because each message that somebody can send has one.
    """

    def __init__(self, family: Family, *, vlan: tuple[int, ...] = ()) -> None:
        super().__init__(family)
        self.vlan = vlan
        self._timed: list[tuple[int, bytes]] = []

    def query(
        self,
        at: float,
        group: int | None = None,
        *,
        router: int = 1,
        version: int | None = None,
        response: float = 10,
        robustness: int = 2,
        interval: int = 125,
        sources: Iterable[int] = (),
        suppress: bool = False,
        **envelope: object,
    ) -> None:
        """Let a router ask; without a group it is a General Query."""
        family = self.family
        version = version or family.current_version
        value = round(response * SECOND) // family.response_unit_ns
        is_current = version == family.current_version
        code = codes.encode(value, width=family.response_code_width) if is_current else value
        asked = family.unspecified if group is None else self.group(group)
        message = Query(
            version,
            asked,
            0 if family is IGMP and version == 1 else code,
            suppress=suppress,
            robustness=robustness if is_current else 0,
            interval_code=codes.encode(interval, width=8) if is_current else 0,
            sources=tuple(map(self.source, sources)),
        )
        destination = family.all_hosts if group is None else asked
        self.send(at, self.router(router), destination, message, **envelope)

    def report(
        self,
        at: float,
        kind: str,
        *groups: int,
        host: int = 1,
        sources: Iterable[int] = (),
        **envelope: object,
    ) -> None:
        """Let a host send one report of the current version with the same record per group."""
        listed = tuple(map(self.source, sources))
        records = [GroupRecord(RecordType[kind], self.group(group), listed) for group in groups]
        self.records(at, records, host=host, **envelope)

    def records(
        self, at: float, records: Iterable[GroupRecord], *, host: int = 1, **envelope: object
    ) -> None:
        """Let a host send a report with any records."""
        message = Report(tuple(records))
        self.send(at, self.host(host), self.family.reports, message, **envelope)

    def older_report(
        self, at: float, group: int, *, host: int = 1, version: int | None = None
    ) -> None:
        """Let a host send an older report."""
        version = version or self.family.current_version - 1
        address = self.group(group)
        self.send(at, self.host(host), address, LegacyReport(version, address))

    def leave(self, at: float, group: int, *, host: int = 1) -> None:
        """Let a host send Leave Group or Done."""
        message = Leave(self.family.current_version - 1, self.group(group))
        self.send(at, self.host(host), self.family.all_routers, message)

    def data(
        self,
        at: float,
        group: int | Address,
        *,
        source: int = 1,
        host: int | None = None,
        hop_limit: int = 8,
        mac: bytes | None = None,
        link_source: bytes | None = None,
        port: int = 5000,
        payload: bytes = b"data",
    ) -> None:
        """Let a source, or a host of the link, send a UDP datagram to a group.

        `mac` is the hardware address that it goes to in place of that of the group, and
        `link_source` the one that it comes from: a router's.
        """
        address = self.group(group) if isinstance(group, int) else group
        sender = self.source(source) if host is None else self.host(host)
        udp = struct.pack("!HHHH", port, port, 8 + len(payload), 0) + payload
        if self.family is IGMP:
            head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, hop_limit, 17, 0)
            packet = head + sender + address + udp
        else:
            head = struct.pack("!IHBB", 6 << 28, len(udp), 17, hop_limit)
            packet = head + sender + address + udp
        link = (mac or group_mac(address)) + (link_source or _mac(sender)) + _tags(self.vlan)
        ethertype = b"\x08\x00" if self.family is IGMP else b"\x86\xdd"
        self.frame(at, link + ethertype + packet)

    def chatter(self, begin: float, end: float, *, every: float = 10) -> None:
        """Let hosts talk of something else, again and again from a time to before another one.

        It is ARP, which no membership touches.
        """
        count = round((end - begin) / every)
        asked = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + _mac(self.host(9)) + bytes(14)
        for number in range(count):
            link = b"\xff" * 6 + _mac(self.host(9)) + _tags(self.vlan)
            self.frame(begin + number * every, link + b"\x08\x06" + asked)

    def stream(
        self,
        begin: float,
        end: float,
        rate: float,
        group: int | Address,
        **packet: Any,  # noqa: ANN401 (what `data` takes)
    ) -> None:
        """Let a source send `rate` datagrams a second from a time on and until before another."""
        for number in range(round((end - begin) * rate)):
            self.data(begin + number / rate, group, **packet)

    def detection(self, at: float, *, host: int = 1) -> None:
        """Let a host look for its own address: a Neighbor Solicitation from ::."""
        target = self.host(host)
        group = parse("ff02::1:ff00:0")[:13] + target[13:]
        body = struct.pack("!BBHI", 135, 0, 0, 0) + target
        head = struct.pack("!IHBB", 6 << 28, len(body), 58, 255) + bytes(16) + group
        link = group_mac(group) + _mac(target) + _tags(self.vlan)
        self.frame(at, link + b"\x86\xdd" + head + body)

    def solicit(self, at: float, target: Address, *, host: int = 1) -> None:
        """Let a host ask for the MAC of a neighbour: a Neighbor Solicitation to its group."""
        sender = self.host(host)
        body = struct.pack("!BBHI", 135, 0, 0, 0) + target
        self.packet(at, sender, solicited_node(target), 58, body)

    def advertise(self, at: float, target: Address, *, to: Address | None = None) -> None:
        """Let a neighbour answer, one host or all nodes."""
        flags = 0x20000000 if to is None else 0x60000000
        body = struct.pack("!BBHI", 136, 0, 0, flags) + target
        self.packet(at, target, to or ALL_NODES, 58, body)

    def packet(
        self,
        at: float,
        sender: Address,
        destination: Address,
        protocol: int,
        payload: bytes,
        *,
        mac: bytes | None = None,
    ) -> None:
        """Let a device, whose own MAC is not `mac`, send an IP packet that the link keeps."""
        if len(sender) == 4:
            length = 20 + len(payload)
            head = struct.pack("!BBHHHBBH", 0x45, 0, length, 0, 0, 1, protocol, 0)
        else:
            head = struct.pack("!IHBB", 6 << 28, len(payload), protocol, 255)
        to = group_mac(destination) if is_multicast(destination) else _mac(destination)
        link = to + (mac or _mac(sender)) + _tags(self.vlan)
        ethertype = b"\x08\x00" if len(sender) == 4 else b"\x86\xdd"
        self.frame(at, link + ethertype + head + sender + destination + payload)

    def send(
        self,
        at: float,
        sender: Address,
        destination: Address,
        message: Message,
        **envelope: object,
    ) -> None:
        """Send any message; `envelope` sets fields of the `Datagram`."""
        fields: dict[str, object] = {
            "traffic_class": self.family.traffic_class,
            "link_source": _mac(sender),
            "vlan": self.vlan,
        }
        fields.update(envelope)
        identification = fields.pop("identification", 0)
        address = fields.pop("source", sender)
        datagram = Datagram(address, destination, message, **fields)  # type: ignore[arg-type]
        self.frame(at, encode_frame(datagram), identification)  # type: ignore[arg-type]

    def frame(self, at: float, data: bytes, identification: int = 0) -> None:
        """Put any octets on the link, with an identification in an IPv4 header without VLANs."""
        if identification:
            head = bytearray(data[14 : 14 + (data[14] & 15) * 4])
            head[4:6], head[10:12] = identification.to_bytes(2), b"\0\0"
            head[10:12] = internet_checksum(bytes(head)).to_bytes(2)
            data = data[:14] + bytes(head) + data[14 + len(head) :]
        at_ns = BEGIN_NS + round(at * 1000) * MILLISECOND
        if abs(at * 1000 - round(at * 1000)) > 1e-9:
            at_ns = BEGIN_NS + round(at * SECOND)
        self._timed.append((at_ns, data))

    def frames(self) -> list[Frame]:
        """Return what happened in order of time, numbered from 1."""
        ordered = sorted(self._timed, key=lambda item: item[0])
        return [Frame(data, time_ns, number) for number, (time_ns, data) in enumerate(ordered, 1)]


def _mac(address: Address) -> bytes:
    return b"\x02\0\0\0\0" + address[-1:]


def _tags(vlan: tuple[int, ...]) -> bytes:
    return b"".join(struct.pack("!HH", 0x8100, tag) for tag in vlan)
