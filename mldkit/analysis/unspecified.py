"""Hosts that report from :: and never again from an address.

A host may report before its link-local address is valid, and must repeat the reports once it
is (RFC 3590 §4, RFC 9777 §5.2.14), because routers ignore those from ::. Duplicate address
detection, seen as Neighbor Solicitations from :: (RFC 4862 §5.4.2), tells that this is going on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mldkit.analysis.limits import REPORTERS
from mldkit.model.addresses import mac_text
from mldkit.model.units import SECOND

if TYPE_CHECKING:
    from mldkit.analysis.facts import Mark
    from mldkit.analysis.ledger import Ledger
    from mldkit.analysis.room import LinkRoom
    from mldkit.analysis.shelf import Table

_REPEAT_NS = 5 * SECOND
_DETECTION_NS = 30 * SECOND
_MOST_PENDING = 16
_MOST_SUSPECTS = 100
"""Of one device."""
_OWNS = "though it has a link-local address"
_ALONE = "and not from a valid address within 5 s"


@dataclass(slots=True)
class _Device:
    """One hardware address."""

    pending: list[Mark] = field(default_factory=list)
    """Reports from :: that wait for one from an address."""
    owns_address: bool = False
    detection_ns: int | None = None


class Unspecified:
    """The devices of one MLD link."""

    def __init__(self, room: LinkRoom, ledger: Ledger) -> None:
        self._link = room.key
        self._ledger = ledger
        self._devices: Table[bytes, _Device] = room.table(REPORTERS)
        self._suspects: Table[bytes, list[tuple[int, Mark, str]]] = room.table(
            REPORTERS, beside="suspect"
        )
        """By hardware address: how many came before, where, and why."""
        self._suspected = 0
        self.sees_detection = False
        """Whether Neighbor Solicitations are looked at; nothing is judged without them."""
        self._has_detection = False
        """Whether the capture has any: captures of membership messages alone have none."""

    def detection(self, mac: bytes | None, now_ns: int) -> None:
        """Take in a Neighbor Solicitation from ::."""
        self._has_detection = True
        device = self._device(mac)
        if device is not None:
            device.detection_ns = now_ns
            earliest_ns = now_ns - _DETECTION_NS
            device.pending = [mark for mark in device.pending if mark.time_ns < earliest_ns]
            suspects = self._suspects.get(mac or b"", [])
            suspects[:] = [suspect for suspect in suspects if suspect[1].time_ns < earliest_ns]

    def report(self, mac: bytes | None, mark: Mark) -> None:
        """Take in a report from ::."""
        device = self._device(mac) if self.sees_detection else None
        if device is None or mac is None:
            return
        recent = device.detection_ns
        if recent is not None and mark.time_ns - recent <= _DETECTION_NS:
            return
        if device.owns_address:
            self._suspect(mac, mark, _OWNS)
        else:
            self._judge(mac, device, mark.time_ns)
            device.pending = [*device.pending[-_MOST_PENDING:], mark]

    def valid(self, mac: bytes | None) -> None:
        """Take in a report from an address."""
        device = self._devices.get(mac) if mac is not None else None
        if device is None:
            if mac is not None and self.sees_detection and self._link.family.ip_version == 6:
                self._devices.keep(mac, _Device(owns_address=True))
            return
        device.owns_address = True
        device.pending.clear()

    def finish(self, now_ns: int) -> None:
        """Say who never repeated a report, at the time of the last packet."""
        for mac, device in self._devices.items():
            self._judge(mac, device, now_ns)
        if not self.sees_detection:
            return
        ordered = sorted(
            (number, mark, mac, why)
            for mac, suspects in self._suspects.items()
            for number, mark, why in suspects
            # A link that came up again looks like this where its detection was not captured.
            if why == _ALONE or self._has_detection
        )
        for _, mark, mac, why in ordered:
            detail = f"{mac_text(mac)} reports from :: {why}"
            self._ledger.add("D-29", self._link, mark, detail)

    def _judge(self, mac: bytes, device: _Device, now_ns: int) -> None:
        """Suspect a device whose last report from :: stayed alone."""
        if device.pending and now_ns - device.pending[-1].time_ns > _REPEAT_NS:
            for mark in device.pending:
                self._suspect(mac, mark, _ALONE)
            device.pending.clear()

    def _suspect(self, mac: bytes, mark: Mark, why: str) -> None:
        suspects = self._suspects.get(mac)
        if suspects is None:
            suspects = self._suspects.keep(mac, [])
        if len(suspects) < _MOST_SUSPECTS:
            suspects.append((self._suspected, mark, why))
            self._suspected += 1

    def _device(self, mac: bytes | None) -> _Device | None:
        if mac is None:
            return None
        return self._devices.get(mac) or self._devices.keep(mac, _Device())
