"""Frames of a link told as a story: who says what at which second.

A story is a list of frames in the order in which they were told, with sound envelopes, as the
folds and everything above them want to be fed. Times are seconds after `EPOCH_NS`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.model import codes
from mldkit.model.addresses import group_mac, parse
from mldkit.model.datagram import Datagram, Frame
from mldkit.model.family import family_of
from mldkit.model.messages import Leave, LegacyReport, Query, Report
from mldkit.model.notation import parse_record
from mldkit.model.units import SECOND
from mldkit.wire.encode import encode_frame

if TYPE_CHECKING:
    from mldkit.model.addresses import Address
    from mldkit.model.messages import Message

EPOCH_NS = 1_700_000_000 * SECOND


class Story:
    """What happens on one link."""

    def __init__(self, interface: str | None = None) -> None:
        self.frames: list[Frame] = []
        self._interface = interface

    def query(
        self,
        second: float,
        source: str,
        *,
        group: str | None = None,
        max_response: float = 10,
        interval: int = 125,
    ) -> None:
        """Tell a query of the current version; without a group it is a General Query."""
        address = parse(source)
        family = family_of(address)
        width = family.response_code_width
        units = round(max_response * SECOND) // family.response_unit_ns
        message = Query(
            family.current_version,
            parse(group) if group else family.unspecified,
            codes.encode(units, width=width),
            robustness=2,
            interval_code=codes.encode(interval, width=8),
        )
        self.tell(second, address, parse(group) if group else family.all_hosts, message)

    def report(self, second: float, source: str, *records: str) -> None:
        """Tell a report of the current version with records in the script notation."""
        address = parse(source)
        message = Report(tuple(parse_record(record) for record in records))
        self.tell(second, address, family_of(address).reports, message)

    def older_report(self, second: float, source: str, version: int, group: str) -> None:
        """Tell a report of an older version."""
        self.tell(second, parse(source), parse(group), LegacyReport(version, parse(group)))

    def leave(self, second: float, source: str, group: str) -> None:
        """Tell a Leave or Done."""
        address = parse(source)
        family = family_of(address)
        message = Leave(family.versions[-2], parse(group))
        self.tell(second, address, family.all_routers, message)

    def tell(self, second: float, source: Address, destination: Address, message: Message) -> None:
        """Add one message in an envelope as hosts and routers make them."""
        family = family_of(destination)
        datagram = Datagram(
            source,
            destination,
            message,
            traffic_class=family.traffic_class,
            link_source=b"\x02\0" + source[-4:],
            link_destination=group_mac(destination),
        )
        self.frames.append(
            Frame(
                encode_frame(datagram),
                EPOCH_NS + round(second * SECOND),
                len(self.frames) + 1,
                interface=self._interface,
            )
        )

    def in_order(self) -> list[Frame]:
        """Return the frames in order of time, numbered from 1."""
        ordered = sorted(self.frames, key=lambda frame: frame.time_ns or 0)
        for number, frame in enumerate(ordered, start=1):
            frame.number = number
        return ordered
