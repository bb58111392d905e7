"""A stranger who forges messages from ever new senders, one for each number.

Each kind is a way to make somebody keep something of senders that are gone with their message.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from mldkit.model.addresses import parse
from mldkit.model.datagram import Datagram
from mldkit.model.family import IGMP, MLD, Family
from mldkit.model.messages import GroupRecord, Leave, LegacyReport, Query, RecordType, Report
from mldkit.wire.encode import encode_frame

if TYPE_CHECKING:
    from collections.abc import Callable

    from mldkit.model.addresses import Address
    from mldkit.model.messages import Message

_VLANS = 4094
_LIST = 20
"""Sources in a list."""


class Forger:
    """Frames of one family.

    It has more methods than a class should, because each kind of message is one.
    """

    def __init__(self, family: Family) -> None:
        self.family = family

    def sender(self, number: int) -> Address:
        if self.family is IGMP:
            return struct.pack("!I", 0x0B000000 + number)
        return parse("fe80::")[:8] + struct.pack("!Q", number + 1000)

    def group(self, number: int) -> Address:
        if self.family is IGMP:
            return struct.pack("!I", 0xEA000000 + number % (1 << 24))
        return parse("ff0e::")[:8] + struct.pack("!Q", number + 1)

    def sources(self, number: int, count: int = _LIST) -> tuple[Address, ...]:
        first = number * count
        if self.family is IGMP:
            return tuple(struct.pack("!I", 0x14000000 + first + one) for one in range(count))
        return tuple(
            parse("2001:db8::")[:8] + struct.pack("!Q", first + one) for one in range(count)
        )

    @staticmethod
    def mac(number: int) -> bytes:
        return b"\x02" + struct.pack("!I", number) + b"\x01"

    def send(
        self, number: int, destination: Address, message: Message, **envelope: object
    ) -> bytes:
        fields = {
            "traffic_class": self.family.traffic_class,
            "link_source": self.mac(number),
            "source": self.sender(number),
        }
        fields.update(envelope)
        source = fields.pop("source")
        return encode_frame(Datagram(source, destination, message, **fields))  # type: ignore[arg-type]

    def report(
        self,
        number: int,
        kind: str,
        group: Address,
        sources: tuple[Address, ...] = (),
        **envelope: object,
    ) -> bytes:
        records = (GroupRecord(RecordType[kind], group, sources),)
        return self.send(number, self.family.reports, Report(records), **envelope)

    def query(
        self, number: int, group: Address | None = None, version: int | None = None,
        sources: tuple[Address, ...] = (), **envelope: object,
    ) -> bytes:  # fmt: skip
        family = self.family
        version = version or family.current_version
        is_current = version == family.current_version
        message = Query(
            version, group or family.unspecified, 100,
            robustness=2 if is_current else 0, interval_code=125 if is_current else 0,
            sources=sources,
        )  # fmt: skip
        return self.send(number, group or family.all_hosts, message, **envelope)

    # What `Kinds` lists.

    def general_query(self, number: int) -> bytes:
        return self.query(number)

    def ever_lower_query(self, number: int) -> bytes:
        """Each of them wins the election."""
        return self.query(number, source=self.sender((1 << 23) - number))

    def query_without_address(self, number: int) -> bytes:
        return self.query(number, source=self.family.unspecified)

    def older_query(self, number: int) -> bytes:
        return self.query(number, version=self.family.current_version - 1)

    def dropped_query(self, number: int) -> bytes:
        return self.query(number, hop_limit=64)

    def group_query(self, number: int) -> bytes:
        return self.query(number, self.group(number))

    def older_group_query(self, number: int) -> bytes:
        return self.query(number, self.group(number), self.family.current_version - 1)

    def source_query(self, number: int) -> bytes:
        return self.query(number, self.group(number), sources=self.sources(number))

    def join(self, number: int) -> bytes:
        return self.report(number, "TO_EX", self.group(number))

    def join_of_one_group(self, number: int) -> bytes:
        return self.report(number, "TO_EX", self.group(1))

    def groups_of_one_host(self, number: int) -> bytes:
        return self.report(1, "IS_EX", self.group(number))

    def sources_of_a_stay(self, number: int) -> bytes:
        return self.report(number, "IS_IN", self.group(number), self.sources(number))

    def changes_of_sources(self, number: int) -> bytes:
        host = number % 100
        return self.report(host, "TO_IN", self.group(host), self.sources(number))

    def join_and_leave(self, number: int) -> bytes:
        host = number // 2
        return self.report(host, "TO_IN" if number % 2 else "TO_EX", self.group(host))

    def bad_report(self, number: int) -> bytes:
        return self.report(number, "TO_EX", self.group(1), hop_limit=64)

    def odd_report(self, number: int) -> bytes:
        """One that counts, though a rule minds it."""
        return self.report(number, "TO_EX", self.group(number), traffic_class=0)

    def older_report(self, number: int) -> bytes:
        group = self.group(number)
        return self.send(number, group, LegacyReport(self.family.current_version - 1, group))

    def older_leave(self, number: int) -> bytes:
        message = Leave(self.family.current_version - 1, self.group(number))
        return self.send(number, self.family.all_routers, message)

    def report_without_address(self, number: int) -> bytes:
        group = self.group(number)
        return self.report(number, "TO_EX", group, source=self.family.unspecified)

    def older_report_without_address(self, number: int) -> bytes:
        group = self.group(number)
        message = LegacyReport(self.family.current_version - 1, group)
        return self.send(number, group, message, source=self.family.unspecified)

    def vlan(self, number: int) -> bytes:
        tags = number // _VLANS % _VLANS + 1, number % _VLANS + 1
        return self.report(number, "TO_EX", self.group(number), vlan=tags)

    def query_on_a_vlan(self, number: int) -> bytes:
        return self.query(number, vlan=(number // _VLANS % _VLANS + 1, number % _VLANS + 1))

    def bad_report_on_a_vlan(self, number: int) -> bytes:
        return self.report(
            number, "TO_EX", self.group(1), hop_limit=64, vlan=(number % _VLANS + 1,)
        )

    def copy_on_a_vlan(self, number: int) -> bytes:
        vlan = (5 + number % 2,)
        return self.report(number // 2, "TO_EX", self.group(1), vlan=vlan, hop_limit=2)

    def addresses_of_one_mac(self, number: int) -> bytes:
        return self.report(number, "TO_EX", self.group(1), link_source=self.mac(1))

    def macs_of_one_address(self, number: int) -> bytes:
        return self.report(number, "TO_EX", self.group(1), source=self.sender(1))

    def unknown_type(self, number: int) -> bytes:
        """A message of router discovery, or of another protocol, that is cut short."""
        frame = self.report(number, "TO_EX", self.group(number))
        return frame[:-9]

    def fragment(self, number: int) -> bytes:
        """The first half of a report, whose second half never comes."""
        frame = bytearray(self.report(number, "TO_EX", self.group(number)))
        if self.family is IGMP:
            frame[18:20] = struct.pack("!H", number & 0xFFFF)
            frame[20:22] = b"\x20\0"
        return bytes(frame)

    def session(self, number: int) -> bytes:
        """A report in a PPPoE session of its own."""
        frame = self.report(number, "TO_EX", self.group(number))
        protocol = b"\0\x21" if self.family is IGMP else b"\0\x57"
        head = b"\x88\x64\x11\0" + struct.pack("!HH", number & 0xFFFF, len(frame) - 12)
        return frame[:12] + head + protocol + frame[14:]

    def imitation(self, number: int) -> bytes:
        """An answer to whatever is asked, again and again from a thousand addresses."""
        host = number % 1000
        return self.report(host, "IS_EX", self.group(host))


KINDS: dict[str, Callable[[Forger, int], bytes]] = {
    name: kind
    for name, kind in vars(Forger).items()
    if callable(kind)
    and name not in ("__init__", "sender", "group", "sources", "mac", "send", "report", "query")
}
FAMILIES = {"igmp": IGMP, "mld": MLD}
