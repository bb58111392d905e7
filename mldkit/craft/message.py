"""What the layers of both families share: records, extensions, and behaviour of a message.

::

    Packet
    |- Extension                     one TLV of RFC 9279
    |- IGMPv3Record, MLDv2Record     one record of a report
    `- MembershipMessage             checksum at octet 2, summary, answers
       |- IGMPMessage ...            mldkit.craft.layers_igmp
       `- MLDMessage ...             mldkit.craft.layers_mld
"""

from __future__ import annotations

from enum import Enum
from typing import Any

from scapy.config import conf
from scapy.fields import BitField, FieldLenField, IP6Field, IPField, ShortField, XStrLenField
from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6
from scapy.packet import Packet

from mldkit.craft.fields import (
    WORD,
    AddressListField,
    AuxDataField,
    CodeField,
    ExtensionFlagField,
    ExtensionListField,
    NameField,
    RecordListField,
    TrailingField,
)
from mldkit.model.messages import (
    QUERY_EXTENSION_FLAG,
    RECORD_TYPE_NAMES,
    REPORT_EXTENSION_FLAG,
    record_type_name,
)
from mldkit.model.units import SECOND


class MessageKind(Enum):
    """What a message is for, whatever its family and version."""

    QUERY = "query"
    REPORT = "report"
    LEAVE = "leave"
    ADVERTISEMENT = "mrd-advertisement"
    SOLICITATION = "mrd-solicitation"
    TERMINATION = "mrd-termination"
    OTHER = "other"


class Item(Packet):  # type: ignore[misc]
    """Something that stands in a list of a message and has no payload of its own."""

    def default_payload_class(self, payload: bytes) -> Any:  # noqa: ARG002
        """Return the class of octets that belong to somebody else."""
        return conf.padding_layer


class Extension(Item):
    """One type-length-value item (RFC 9279)."""

    name = "Extension"
    fields_desc = [
        ShortField("type", 0),
        FieldLenField("length", None, length_of="value", fmt="!H"),
        XStrLenField("value", b"", length_from=lambda pkt: pkt.length),
    ]


def record_fields(address_field: Any) -> list[Any]:
    """Return the fields of a record (RFC 9776 §4.2.4, RFC 9777 §5.2.4)."""
    return [
        NameField("type", 4, RECORD_TYPE_NAMES),
        FieldLenField(
            "aux_length",
            None,
            length_of="aux_data",
            fmt="B",
            adjust=lambda _, octets: -(-octets // WORD),
        ),
        FieldLenField("number_of_sources", None, count_of="sources", fmt="!H"),
        address_field,
        AddressListField(
            "sources", [], address_field, count_from=lambda pkt: pkt.number_of_sources
        ),
        AuxDataField("aux_data"),
    ]


def query_fields(address_field: Any) -> list[Any]:
    """Return the fields from the flags on of a query (RFC 9776 §4.1.5, RFC 9777 §5.1.7)."""
    return [
        ExtensionFlagField("flags", None, 4),
        BitField("suppress", 0, 1),
        BitField("qrv", 2, 3),
        CodeField("qqic", 125, width=8, unit_ns=SECOND),
        FieldLenField("number_of_sources", None, count_of="sources", fmt="!H"),
        AddressListField(
            "sources", [], address_field, count_from=lambda pkt: pkt.number_of_sources
        ),
        *_ending(QUERY_EXTENSION_FLAG),
    ]


def report_fields(record: type[Packet], *, address_octets: int) -> list[Any]:
    """Return the fields from the flags on of a report (RFC 9776 §4.2, RFC 9777 §5.2)."""
    return [
        ExtensionFlagField("flags", None, 16),
        FieldLenField("number_of_records", None, count_of="records", fmt="!H"),
        RecordListField(
            "records", record, address_octets=address_octets, count_field="number_of_records"
        ),
        *_ending(REPORT_EXTENSION_FLAG),
    ]


def _ending(extension_flag: int) -> list[Any]:
    """Return what follows the last list: extensions behind their flag, or any octets."""
    return [
        ExtensionListField(
            "extensions",
            Extension,
            has_extensions=lambda pkt: bool(pkt.flags & extension_flag),
        ),
        TrailingField(),
    ]


class Record(Item):
    """What records of both families do."""

    def mysummary(self) -> str:
        """Return the record in the notation of the command line."""
        sources = ",{" + ",".join(self.sources) + "}" if self.sources else ""
        return f"{record_type_name(self.type)}({self.group}{sources})"


class IGMPv3Record(Record):
    """Group Record of an IGMPv3 report."""

    name = "IGMPv3 group record"
    fields_desc = record_fields(IPField("group", "0.0.0.0"))


class MLDv2Record(Record):
    """Multicast Address Record of an MLDv2 report."""

    name = "MLDv2 group record"
    fields_desc = record_fields(IP6Field("group", "::"))


def with_checksum(octets: bytes, checksum: int) -> bytes:
    """Return the octets of a message with the checksum at its place."""
    return octets[:2] + checksum.to_bytes(2, "big") + octets[4:]


class MembershipMessage(Packet):  # type: ignore[misc]
    """A message whose checksum stands at octet 2 and covers everything behind the IP headers."""

    kind = MessageKind.OTHER
    version: int | None = None

    @property
    def network(self) -> Any:
        """The IP or IPv6 layer that carries the message; None where there is none yet."""
        layer = self.underlayer
        while layer is not None and not isinstance(layer, IP | IPv6):
            layer = layer.underlayer
        return layer

    def groups(self) -> list[str]:
        """Return the groups that a report or a query names."""
        if "records" in self.fieldtype:
            return [record.group for record in self.records if isinstance(record, Record)]
        return [self.group] if "group" in self.fieldtype else []

    def hashret(self) -> bytes:
        """Return nothing: any report may answer any query, `answers` decides."""
        return b""

    def answers(self, other: Any) -> bool:
        """Return whether this is a report on what `other` asks, or an advertisement solicited."""
        if not isinstance(other, MembershipMessage):
            return False
        if (self.kind, other.kind) == (MessageKind.ADVERTISEMENT, MessageKind.SOLICITATION):
            return True
        if (self.kind, other.kind) != (MessageKind.REPORT, MessageKind.QUERY):
            return False
        return other.group in {"0.0.0.0", "::", *self.groups()}

    def mysummary(self) -> str:
        """Return who says what in one line."""
        words = [self.name]
        if "records" in self.fieldtype:
            words += [r.mysummary() for r in self.records if isinstance(r, Record)]
        elif self.kind is MessageKind.QUERY and self.group in {"0.0.0.0", "::"}:
            words.append("general")
        elif "group" in self.fieldtype:
            words.append(self.group)
        if self.fieldtype.get("sources") and self.sources:
            words.append("{" + ",".join(self.sources) + "}")
        network = self.network
        ends = f"{network.src} > {network.dst} " if network is not None else ""
        return ends + " ".join(words)
