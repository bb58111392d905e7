"""`LAYER.FIELD=VALUE`: any field of a packet by its name.

::

    IGMPv3Query.number_of_sources=5        numbers, also 0x...
    MLDv2Query.max_response_code=20s       times, where the field is one
    IP.flags=DF+MF                         names, where Scapy's field has them
    IGMPv3Record[1].type=TO_EX             the second of several, counted from 0
    IPv6.dst=ff02::2   Ether.src=02:..:07  addresses
    MLDv2Query.sources=2001:db8::1,::2     lists
    IGMPv3Report.trailing=hex:00ff         octets

LAYER is the class name that Scapy prints. A wrong name or value is a UsageError that lists what
is possible.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import Any

from scapy.error import Scapy_Exception
from scapy.fields import (
    Field,
    FieldListField,
    FlagsField,
    IP6Field,
    IPField,
    MACField,
    PacketListField,
    StrField,
)
from scapy.packet import Packet, Raw

from mldkit.craft.build import check_number, layers
from mldkit.craft.fields import CodeField, NameField
from mldkit.errors import UsageError
from mldkit.model.addresses import mac_text, parse_mac, text
from mldkit.model.notation import parse_address, shortened

_SETTING = re.compile(r"(\w+)(?:\[([0-9]{1,4})\])?\.(\w+)=(.*)", re.DOTALL)


class SettingError(UsageError):
    """A setting that is not one, names what the packet lacks, or has a value that cannot be."""


@dataclass(frozen=True, slots=True)
class FieldSetting:
    """One field and what it is to hold."""

    layer: str
    index: int
    """Which of several layers of that name, counted from 0."""
    field: str
    value: str

    def __str__(self) -> str:
        """Return the setting as it is written."""
        index = f"[{self.index}]" if self.index else ""
        return f"{self.layer}{index}.{self.field}={self.value}"


class ItemOctets(Raw):  # type: ignore[misc]
    """Octets in the place of the items of a list."""

    def alignment_delta(self, curpos: int) -> int:  # noqa: ARG002 (Scapy asks IPv6 options)
        """Return how many octets of padding go in front: none."""
        return 0


def parse_setting(given: str) -> FieldSetting:
    """Return the parts of `LAYER[N].FIELD=VALUE`; raises UsageError when it has another form."""
    match = _SETTING.fullmatch(given)
    if match is None:
        raise SettingError(
            f"{shortened(given)!r} is not LAYER.FIELD=VALUE", hint="for example IGMPv3Query.qrv=7"
        )
    return FieldSetting(match[1], int(match[2] or 0), match[3], match[4])


def set_field(packet: Packet, setting: FieldSetting) -> None:
    """Set one field of `packet`; raises UsageError for unknown names and values that do not fit."""
    named = [layer for layer in layers(packet) if type(layer).__name__ == setting.layer]
    if not named:
        known = dict.fromkeys(type(layer).__name__ for layer in layers(packet))
        raise SettingError(
            f"{setting}: the packet has no layer {setting.layer}",
            hint="its layers: " + " ".join(known),
        )
    if setting.index >= len(named):
        raise SettingError(f"{setting}: the packet has {len(named)} of {setting.layer}")
    layer = named[setting.index]
    names = [field.name for field in layer.fields_desc]
    if setting.field not in names:
        raise SettingError(
            f"{setting}: {setting.layer} has no field {setting.field}",
            hint="its fields: " + " ".join(names),
        )
    field = _inner(layer.get_field(setting.field))
    value = _value(field, setting)
    if isinstance(value, int):
        check_number(layer, field, value)
    layer.setfieldval(setting.field, value)


def _inner(field: Field) -> Field:
    """Return the field inside Scapy's wrappers, such as the one that prints addresses in bold."""
    while hasattr(field, "fld"):
        field = field.fld
    return field


def _value(field: Field, setting: FieldSetting) -> Any:
    try:
        return _read(field, setting.value, setting)
    except UsageError as error:
        raise SettingError(f"{setting}: {error.message}", hint=error.hint) from error
    except (ValueError, KeyError, struct.error, Scapy_Exception) as error:
        raise SettingError(f"{setting}: {setting.value!r} is no value for {field.name}") from error


def _read(field: Field, value: str, setting: FieldSetting) -> Any:
    if isinstance(field, FieldListField):
        return [_read(field.field, part, setting) for part in value.split(",") if part]
    if isinstance(field, PacketListField):
        return [ItemOctets(_octets(value))] if value else []
    if isinstance(field, IPField | IP6Field):
        return _address(field, value)
    if isinstance(field, MACField):
        return mac_text(parse_mac(value))
    if isinstance(field, StrField):
        return _octets(value)
    if isinstance(field, CodeField | NameField) and not _is_number(value):
        return field.any2i(None, value)
    if isinstance(field, FlagsField) and not _is_number(value):
        return int(field.any2i(None, value))
    return _number(field, value)


def _address(field: Field, value: str) -> str:
    address = parse_address(value)
    if (len(address) == 4) is not isinstance(field, IPField):
        raise SettingError(f"{value!r} is an address of the other family")
    return text(address)


def _octets(value: str) -> bytes:
    if value.startswith("hex:"):
        return bytes.fromhex(value[4:])
    return value.encode()


def _number(field: Field, value: str) -> int:
    if _is_number(value):
        return int(value, 0)
    names = getattr(field, "s2i", None)
    if not names or value not in names:
        raise SettingError(f"{value!r} is not a number", hint="write 5 or 0x05")
    return int(names[value])


def _is_number(value: str) -> bool:
    return re.fullmatch(r"-?(0[xX][0-9a-fA-F]+|0[bB][01]+|[1-9]\d*|0+)", value) is not None
