"""What a membership message says, the same words for both families.

A message holds what its sender wrote: codes stay codes, flags stay bits, and properties turn
them into times. Nothing here judges; `mldkit.wire.validity` does.

`GroupRecord` is a tuple with names, and `Query` and `Report` are frozen by custom only, because
a busy capture holds millions of them and making a frozen dataclass costs four times as much.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple, TypeAlias

from mldkit.model import codes
from mldkit.model.addresses import Address, is_unspecified, text
from mldkit.model.family import Family, family_of
from mldkit.model.units import SECOND

IGMP_QUERY = 0x11
IGMP_V1_REPORT = 0x12
IGMP_V2_REPORT = 0x16
IGMP_LEAVE = 0x17
IGMP_V3_REPORT = 0x22
IGMP_MRD_ADVERTISEMENT = 0x30
IGMP_MRD_SOLICITATION = 0x31
IGMP_MRD_TERMINATION = 0x32
MLD_QUERY = 130
MLD_V1_REPORT = 131
MLD_DONE = 132
MLD_V2_REPORT = 143
MLD_MRD_ADVERTISEMENT = 151
MLD_MRD_SOLICITATION = 152
MLD_MRD_TERMINATION = 153

KINDS: dict[tuple[int, int], tuple[str, int | None]] = {
    (4, IGMP_QUERY): ("query", None),
    (4, IGMP_V1_REPORT): ("report", 1),
    (4, IGMP_V2_REPORT): ("report", 2),
    (4, IGMP_V3_REPORT): ("report", 3),
    (4, IGMP_LEAVE): ("leave", 2),
    (4, IGMP_MRD_ADVERTISEMENT): ("mrd-advertisement", None),
    (4, IGMP_MRD_SOLICITATION): ("mrd-solicitation", None),
    (4, IGMP_MRD_TERMINATION): ("mrd-termination", None),
    (6, MLD_QUERY): ("query", None),
    (6, MLD_V1_REPORT): ("report", 1),
    (6, MLD_V2_REPORT): ("report", 2),
    (6, MLD_DONE): ("leave", 1),
    (6, MLD_MRD_ADVERTISEMENT): ("mrd-advertisement", None),
    (6, MLD_MRD_SOLICITATION): ("mrd-solicitation", None),
    (6, MLD_MRD_TERMINATION): ("mrd-termination", None),
}
"""Kind and version of each message by IP version and type; a query's length says its version."""
MLD_TYPES = frozenset(kind for version, kind in KINDS if version == 6)
"""ICMPv6 types of MLD and Multicast Router Discovery."""

QUERY_EXTENSION_FLAG = 0x8
"""E flag among the four flag bits of a query (RFC 9279 §3)."""
REPORT_EXTENSION_FLAG = 0x8000
"""E flag among the sixteen flag bits of a report (RFC 9279 §3)."""


class RecordType(IntEnum):
    """Group Record types (RFC 9776 §4.2.13, RFC 9777 §5.2.13)."""

    IS_IN = 1
    IS_EX = 2
    TO_IN = 3
    TO_EX = 4
    ALLOW = 5
    BLOCK = 6


RECORD_TYPE_NAMES = {int(member): member.name for member in RecordType}


def record_type_name(code: int) -> str:
    """Return the name of a record type; unknown types are `TYPE_7` and the like."""
    return RECORD_TYPE_NAMES.get(code) or f"TYPE_{code}"


class Extension(NamedTuple):
    """One type-length-value item of RFC 9279."""

    type: int
    value: bytes = b""


class GroupRecord(NamedTuple):
    """One record of a current-version report."""

    type: int
    """A `RecordType` or an unknown number."""
    group: Address
    sources: tuple[Address, ...] = ()
    aux_data: bytes = b""

    def __str__(self) -> str:
        """Return the record in the script notation: `IS_IN(ff3e::1,{2001:db8::1})`."""
        sources = ",{" + ",".join(map(text, self.sources)) + "}" if self.sources else ""
        return f"{record_type_name(self.type)}({text(self.group)}{sources})"


@dataclass(slots=True, unsafe_hash=True)
class Query:
    """General, Group-Specific or Group-and-Source-Specific Query of any version."""

    version: int | None
    """IGMP 1, 2, 3; MLD 1, 2. None: the length belongs to no version (RFC 9776 §7.1), or the
    capture cut the query before the fields of its version."""
    group: Address
    """The unspecified address of the family in a General Query."""
    max_response_code: int = 0
    suppress: bool = False
    robustness: int = 0
    """QRV; 0 means that the querier's variable exceeds 7."""
    interval_code: int = 0
    """QQIC."""
    sources: tuple[Address, ...] = ()
    flags: int = 0
    """Four bits before the S flag; the first of them is E (RFC 9279)."""
    code: int = 0
    """MLD only: the ICMPv6 code, zero when sent well."""
    reserved: int = 0
    """MLD only: sixteen bits after the maximum response code."""
    extensions: tuple[Extension, ...] = ()
    trailing: bytes = b""

    @property
    def family(self) -> Family:
        """The family that the group belongs to."""
        return family_of(self.group)

    @property
    def is_general(self) -> bool:
        """Whether the group is unspecified."""
        return is_unspecified(self.group)

    @property
    def is_group_specific(self) -> bool:
        """Whether it asks for one group and all of its sources."""
        return not self.is_general and not self.sources

    @property
    def is_group_and_source_specific(self) -> bool:
        """Whether it asks for named sources of one group."""
        return not self.is_general and bool(self.sources)

    @property
    def max_response_ns(self) -> int:
        """Time that hosts have to answer.

        Versions before IGMPv3 and MLDv2 are linear; an IGMPv1 query means 10 s (RFC 9776
        §7.2.1, RFC 9777 §8.2.1).
        """
        family = self.family
        if family.ip_version == 4 and self.version == 1:
            return 10 * SECOND
        if self.version == family.current_version:
            value = codes.decode(self.max_response_code, width=family.response_code_width)
        else:
            value = self.max_response_code
        return value * family.response_unit_ns

    @property
    def interval_ns(self) -> int | None:
        """Querier's query interval; None in versions that do not carry it."""
        if self.version != self.family.current_version:
            return None
        return codes.decode(self.interval_code, width=8) * SECOND

    def __str__(self) -> str:
        """Return one line as the tools print it."""
        name = self.family.name.upper() + (f"v{self.version}" if self.version else "")
        if self.is_general:
            return f"{name} General Query"
        sources = ",{" + ",".join(map(text, self.sources)) + "}" if self.sources else ""
        return f"{name} Query({text(self.group)}{sources})"


@dataclass(slots=True, unsafe_hash=True)
class Report:
    """IGMPv3 or MLDv2 report: records in the order of the packet."""

    records: tuple[GroupRecord, ...]
    flags: int = 0
    """Sixteen bits; the first of them is E (RFC 9279)."""
    code: int = 0
    """Octet after the type, zero when sent well."""
    extensions: tuple[Extension, ...] = ()
    trailing: bytes = b""

    def __str__(self) -> str:
        """Return the records in the script notation."""
        return " ".join(map(str, self.records)) or "report without records"


@dataclass(frozen=True, slots=True)
class LegacyReport:
    """IGMPv1, IGMPv2 or MLDv1 report of one group."""

    version: int | None
    group: Address
    max_response_code: int = 0
    """Unused field after the code, zero when sent well (IGMP: the octet after the type)."""
    code: int = 0
    reserved: int = 0
    trailing: bytes = b""

    def __str__(self) -> str:
        """Return `report VERSION GROUP`."""
        return f"report {self.version} {text(self.group)}"


@dataclass(frozen=True, slots=True)
class Leave:
    """IGMPv2 Leave Group or MLDv1 Done."""

    version: int | None
    group: Address
    max_response_code: int = 0
    code: int = 0
    reserved: int = 0
    trailing: bytes = b""

    def __str__(self) -> str:
        """Return `leave GROUP`."""
        return f"leave {text(self.group)}"


@dataclass(frozen=True, slots=True)
class RouterAdvertisement:
    """Multicast Router Advertisement (RFC 4286 §3)."""

    advertisement_interval_s: int = 20
    query_interval_s: int = 125
    robustness: int = 2
    trailing: bytes = b""

    def __str__(self) -> str:
        """Return the message's name."""
        return "Multicast Router Advertisement"


@dataclass(frozen=True, slots=True)
class RouterSolicitation:
    """Multicast Router Solicitation (RFC 4286 §4)."""

    code: int = 0
    trailing: bytes = b""

    def __str__(self) -> str:
        """Return the message's name."""
        return "Multicast Router Solicitation"


@dataclass(frozen=True, slots=True)
class RouterTermination:
    """Multicast Router Termination (RFC 4286 §5)."""

    code: int = 0
    trailing: bytes = b""

    def __str__(self) -> str:
        """Return the message's name."""
        return "Multicast Router Termination"


@dataclass(frozen=True, slots=True)
class Other:
    """A message of the protocol that is no membership message, kept as octets."""

    type: int
    data: bytes
    """The whole message, type and checksum included."""

    def __str__(self) -> str:
        """Return the type as a number."""
        return f"message type 0x{self.type:02x}"


RouterDiscovery: TypeAlias = RouterAdvertisement | RouterSolicitation | RouterTermination
Message: TypeAlias = Query | Report | LegacyReport | Leave | RouterDiscovery | Other
