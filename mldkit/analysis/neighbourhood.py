"""What a link shows of the devices on it beside memberships and data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.analysis.control_packets import Kind
from mldkit.analysis.devices import Shown, Sightings
from mldkit.analysis.facts import is_dropped
from mldkit.analysis.requests import Requests
from mldkit.analysis.solicitations import Solicitations
from mldkit.model.addresses import is_unspecified
from mldkit.model.family import MLD
from mldkit.model.hardware_addresses import virtual_router_protocol
from mldkit.model.messages import LegacyReport, Query, Report, RouterAdvertisement

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mldkit.analysis.control_packets import ControlPacket
    from mldkit.analysis.facts import LinkKey, Mark
    from mldkit.analysis.ledger import Ledger
    from mldkit.analysis.link_state import LinkState
    from mldkit.analysis.room import LinkRoom
    from mldkit.model.addresses import Address
    from mldkit.wire.validity import Judged

_SOURCE_RULE = "V-06"
"""Why hosts drop an MLD query from ::."""


class Neighbourhood:
    """The devices of one link and family."""

    def __init__(self, room: LinkRoom, links: Mapping[LinkKey, LinkState]) -> None:
        """Take where the memberships of the link are, as soon as there are any."""
        self.room = room
        self._key = room.key
        self._links = links
        self.sightings = Sightings(room)
        self.solicitations = Solicitations(self._last_report_ns, room)
        self.requests = Requests(room)

    def message(self, judged: Judged, mark: Mark) -> None:
        """Take in a query, router discovery, or a message that a rule minds."""
        decoded, found = judged
        datagram = decoded.datagram
        message, source = datagram.message, datagram.source
        shown = None
        if isinstance(message, Query):
            rest = [finding for finding in found if finding.id != _SOURCE_RULE]
            if is_unspecified(source) and not is_dropped(decoded, rest):
                shown = Shown.QUERY_WITHOUT_ADDRESS
            self._hear(source, mark)
        elif is_unspecified(source) and isinstance(message, Report):
            self.solicitations.ignore(record.group for record in message.records)
        elif is_unspecified(source) and isinstance(message, LegacyReport):
            self.solicitations.ignore((message.group,))
        elif any(finding.id == "D-35" for finding in found):
            shown = Shown.QUERY_SOLICITATION
        elif isinstance(message, RouterAdvertisement) and not is_dropped(decoded, found):
            shown = Shown.MRD_ADVERTISEMENT
        if shown is not None:
            self.sightings.show(shown, datagram.link_source, source, mark)

    def control(self, packet: ControlPacket, mark: Mark) -> None:
        """Take in a control packet."""
        kind, _, _, mac, source, destination, target, request = packet
        if kind is Kind.PIM_HELLO:
            self.sightings.show(Shown.HELLO, mac, source, mark)
        if mac is not None and virtual_router_protocol(mac):
            self.sightings.show(Shown.VIRTUAL_MAC, mac, source, mark)
        if self._key.family is not MLD:
            return
        if kind is Kind.ADVERTISEMENT:
            self.solicitations.advertise(source, destination, target, mark)
            return
        if kind is Kind.SOLICITATION and not is_unspecified(source):
            self.solicitations.solicit(source, destination, target, mark)
        elif kind is Kind.DHCPV6:
            self.requests.see(source, request)
        self._hear(source, mark)

    def finish(self, ledger: Ledger) -> None:
        """Judge what only the end shows."""
        link = self._links.get(self._key)
        reported = link.memberships.reported() if link is not None else ()
        if link is None or not reported:
            # Where nobody reports anything, the capture may hold no reports.
            return
        firsts = [querier.first_ns for querier in link.queriers.known.values()]
        self.solicitations.judge(self._key, ledger, reported, min(firsts, default=None))

    def _hear(self, source: Address, mark: Mark) -> None:
        if self._key.family is MLD and not is_unspecified(source):
            self.solicitations.hear(source, mark.time_ns)
            self.solicitations.poll(mark.time_ns)

    def _last_report_ns(self, address: Address) -> int:
        link = self._links.get(self._key)
        return 0 if link is None else link.memberships.recognised.last_report_ns(address)
