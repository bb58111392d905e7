"""Which link a frame belongs to, and who looks at that link.

::

    membership message     -> LinkState      one of each link and family
    data to a group        -> Traffic        beside it
    hello, NDP, beacon     -> Neighbourhood  beside it; some messages show devices too
    gap in what comes      -> Pauses         which says what it was, and stops the clocks of links

What only the end shows of links side by side is judged in `close`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeGuard

from mldkit.analysis import asked_elsewhere, data_findings, moves
from mldkit.analysis.control_packets import read_beacon, read_control
from mldkit.analysis.data_packets import read_data
from mldkit.analysis.devices import Shown, devices
from mldkit.analysis.facts import LinkKey, Mark, believable, interface_of
from mldkit.analysis.feed import Break
from mldkit.analysis.limits import LINKS
from mldkit.analysis.link_state import LinkState
from mldkit.analysis.links import Links, Reserved
from mldkit.analysis.neighbourhood import Neighbourhood
from mldkit.analysis.pauses import Pauses
from mldkit.analysis.room import LinkRoom
from mldkit.analysis.sealing import seal_link
from mldkit.analysis.sittings import is_break
from mldkit.analysis.traffic import Traffic
from mldkit.analysis.vantage import Vantages
from mldkit.model.family import IGMP, MLD, family_of
from mldkit.model.messages import Other, Query, Report, RouterAdvertisement
from mldkit.wire.screening import has_plain_envelope
from mldkit.wire.validity import find, judge

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mldkit.analysis.data_packets import DataPacket
    from mldkit.analysis.devices import DeviceFacts
    from mldkit.analysis.events import Listener
    from mldkit.analysis.feed import Feed
    from mldkit.analysis.intake import Intake, Taken
    from mldkit.analysis.ledger import Ledger
    from mldkit.analysis.result import LinkFacts
    from mldkit.analysis.room import Room
    from mldkit.analysis.sittings import Sittings
    from mldkit.analysis.stays import Row
    from mldkit.model.datagram import Decoded, Frame
    from mldkit.wire.link_header import LinkHeader
    from mldkit.wire.validity import Judged

_SHOWING = (Query, RouterAdvertisement)
"""Messages that show what their sender is, though no rule minds them."""
_MOST_PLACES = 20_000
"""Ways to find a link at once; the same link may have several."""


class Routing:
    """All links, and the way to them.

    It has more attributes and methods than a class should, because it takes in each kind of frame
    and all that is not of one link alone.
    """

    def __init__(
        self, room: Room, ledger: Ledger, intake: Intake, profile: str, listener: Listener
    ) -> None:
        self._room = room
        self._shortages = room.shortages
        self._ledger = ledger
        self._intake = intake
        self._profile = profile
        self._listener = listener
        self.links = Links(room)
        ledger.reserved = Reserved(self.links)
        self.traffic: dict[LinkKey, Traffic] = {}
        self.neighbourhoods: dict[LinkKey, Neighbourhood] = {}
        self.vantages = Vantages(room)
        self._places: dict[tuple[object, ...], Traffic] = {}
        """The traffic by what a packet shows at once: interface, VLANs, octets of an address."""
        self.sees_data = True
        self.is_traced = False
        self.sitting_ns: int | None = None
        """Since when a link that is followed can be heard, where it could not before that."""
        self.sittings: Sittings | None = None
        """Who looked when, where there are several captures."""
        self.pauses = Pauses(ledger)

    def route(self, taken: Iterable[Taken | Break]) -> None:
        """Pass each on to its link."""
        for item in taken:
            if isinstance(item, Break):
                self._break(item)
                continue
            key, message, frame, mark, header = item
            if self._listener is not None:
                self._ledger.now_ns = mark.time_ns
                if mark.time_ns > self._shortages.due_ns:
                    self._shortages.poll(mark.time_ns)
            if key is not None and message is not None:
                self._message(message, key, mark)
            elif self.sees_data:
                self._data(frame, header, mark)

    def close(self, end_ns: int, *, is_whole: bool) -> tuple[LinkFacts, ...]:
        """Judge what only the end shows; return what was found on each link.

        `is_whole` says that the captures were read to their ends.
        """
        if is_whole:
            self._find_ends(end_ns)
        ends = []
        for link in self.links.values():
            link_end_ns = self.end_ns(link)
            if link_end_ns is None:
                feeds = self._feeds(link)
                ends_ns = [self.pauses.ends_ns.get(id(feed), end_ns) for feed in feeds]
                link_end_ns = max(ends_ns, default=end_ns)
            mark = Mark(max(link.captures, default=0), 0, link_end_ns)
            self._ledger.now_ns = link_end_ns
            link.finish(mark)
            link.memberships.finish(link_end_ns)
            ends.append((link, mark))
        self._ledger.now_ns = end_ns
        for neighbourhood in self.neighbourhoods.values():
            neighbourhood.finish(self._ledger)
        self.pauses.tell(self._intake.parts)
        moves.judge(self.pauses.known, self.links, self.traffic, self._ledger)
        asked_elsewhere.judge(self.links.values(), self._ledger)
        data_findings.judge(self.traffic, ends, self._ledger)
        self.vantages.settle(self._ledger)
        return tuple(
            seal_link(link, self.traffic.get(key), self.neighbourhoods.get(key))
            for key, link in self.links.items()
        )

    def devices(self) -> tuple[DeviceFacts, ...]:
        """Return who is on the links."""
        sightings = {key: one.sightings for key, one in self.neighbourhoods.items()}
        return devices(self.links.values(), sightings)

    def end_ns(self, link: LinkState) -> int | None:
        """Return until when somebody looked at a link, None while somebody does."""
        if self.sittings is None:
            return None
        end_ns = self.sittings.end_ns(link.captures, link.key.interface)
        # Clocks that were set back go on from where they were.
        steady_ns = max((feed.clock.now_ns for feed in self._feeds(link)), default=0)
        return None if end_ns is None else max(end_ns, steady_ns)

    def _feeds(self, link: LinkState) -> list[Feed]:
        """Return what the captures that look at a link have of its interface."""
        interface = link.key.interface
        feeds = (self._intake.feed(number, interface) for number in link.captures)
        return [feed for feed in feeds if feed is not None]

    def _links_of(self, feed: Feed) -> list[LinkState]:
        """Return the links that nobody looks at beside one capture of their interface."""
        return [
            link
            for link in self.links.values()
            if feed.capture in link.captures
            and self._intake.feed(feed.capture, link.key.interface) is feed
            and (self.sittings is None or self.sittings.is_alone(feed.capture, link.captures))
        ]

    def _break(self, item: Break) -> None:
        """Take in a gap in what comes of an interface."""
        links = self._links_of(item.feed)
        feeds = self._intake.parts[item.feed.capture].feeds.values()
        if not self.pauses.see(item, feeds, links):
            return
        mark = Mark(item.feed.capture, 0, item.from_ns)
        for link in links:
            link.stand_still(mark, item.until_ns)
            traffic = self.traffic.get(link.key)
            if traffic is not None:
                traffic.pause(item.from_ns, item.until_ns)

    def _find_ends(self, end_ns: int) -> None:
        """Find the interfaces of which nothing came while others went on to the end."""
        for part in self._intake.parts.values():
            for feed in part.feeds.values():
                self.pauses.see_end(feed, part.feeds.values(), self._links_of(feed), end_ns)

    def _message(self, decoded: Decoded, key: LinkKey, mark: Mark) -> None:
        datagram = decoded.datagram
        message = datagram.message
        self._shortages.now_ns = mark.time_ns
        if type(message) is Other:
            self._ledger.take(find(decoded), key, mark, datagram.source)
            return
        link = self.links.get(key)
        if link is None or (self.sittings is not None and mark.capture not in link.captures):
            link = self._link(key, mark.capture)
        if self._listener is not None:
            self._tell_ends(link, mark.time_ns)
        rows = unseen = None
        if type(message) is Report:
            rows = link.memberships.recognised.rows(datagram.source, message.records)
            if rows is not None:
                if _is_repetition(rows, decoded) and link.hear_again(datagram, message, rows, mark):
                    return
                records = message.records
                unseen = [records[number] for number, row in enumerate(rows) if row is None]
        judged = judge(decoded, unseen)
        if judged.findings:
            self._ledger.take(judged.findings, link.key, mark, datagram.source)
        link.see(judged, mark, rows)
        if judged.findings or type(message) in _SHOWING:
            self._show(key, judged, mark)

    def _tell_ends(self, link: LinkState, now_ns: int) -> None:
        """Tell of members and queriers whose time is over, before what comes after it."""
        link.queriers.poll(now_ns)
        link.expiry.tell(now_ns)

    def _data(self, frame: Frame, header: LinkHeader | None, mark: Mark) -> None:
        packet = read_data(frame, header)
        if packet is None:
            self._control(frame, header, mark)
            return
        place = interface_of(frame), packet.vlan, packet.circuit, len(packet.group)
        traffic = self._places.get(place)
        if traffic is None or self.sittings is not None or packet.is_detection:
            traffic = self._look_at_data(packet, place[0], mark)
            if traffic is None:
                return
            if len(self._places) >= _MOST_PLACES:
                self._places.clear()
            self._places[place] = traffic
        traffic.see(packet, frame, mark)

    def _look_at_data(
        self, packet: DataPacket, interface: str | None, mark: Mark
    ) -> Traffic | None:
        """Return where a packet counts; None where nobody asks for it, and for detection."""
        if not self._intake.wanted.takes(interface, packet.vlan):
            return None
        key = LinkKey(interface, packet.vlan, family_of(packet.group), packet.circuit)
        self._shortages.now_ns = mark.time_ns
        link = self._link(key, mark.capture)
        if packet.is_detection:
            link.unspecified.detection(packet.link_source, mark.time_ns)
            return None
        traffic = self.traffic.get(key)
        if traffic is None:
            traffic = self.traffic[key] = Traffic(key, self._ledger, link)
        return traffic

    def _control(self, frame: Frame, header: LinkHeader | None, mark: Mark) -> None:
        """Take in a frame that is neither a message nor data."""
        packet = read_control(frame, header)
        access_point = read_beacon(frame) if packet is None else None
        if packet is None and access_point is None:
            return
        key = LinkKey(interface_of(frame), (), IGMP)
        if packet is not None:
            key = LinkKey(key.interface, packet.vlan, family_of(packet.source), packet.circuit)
        if not self._intake.wanted.takes(key.interface, key.vlan):
            return
        self._shortages.now_ns = mark.time_ns
        found = self._neighbourhood(key)
        if packet is not None:
            found.control(packet, mark)
        else:
            found.sightings.show(Shown.BEACON, access_point, b"", mark)

    def _show(self, key: LinkKey, judged: Judged, mark: Mark) -> None:
        """Take in what a message shows of the device that sent it."""
        self._neighbourhood(key).message(judged, mark)

    def _neighbourhood(self, key: LinkKey) -> Neighbourhood:
        """Return what is known of the devices of a link."""
        found = self.neighbourhoods.get(key)
        if found is None:
            found = self.neighbourhoods[key] = Neighbourhood(LinkRoom(key, self._room), self.links)
            if len(self.neighbourhoods) > self._room.most[LINKS]:
                oldest = next(iter(self.neighbourhoods))
                self.neighbourhoods.pop(oldest).room.release()
                self._shortages.take(LINKS, key)
        return found

    def _link(self, key: LinkKey, capture: int) -> LinkState:
        """Return the link, made if need be, which this capture looks at from now on."""
        sittings = self.sittings
        link = self.links.get(key)
        if link is None:
            begun_ns = self._begun_ns(capture, key.interface)
            link = LinkState(
                LinkRoom(key, self._room), self._ledger, begun_ns, profile=self._profile,
                listener=self._listener, vantage=self.vantages.of(key),
            )  # fmt: skip
            for gone in self.links.admit(link):
                self._let_go(gone)
            link.unspecified.sees_detection = self.sees_data
            if self.is_traced:
                link.keep_trace()
        elif sittings is not None and capture not in link.captures:
            begin_ns, end_ns = sittings.begin_ns(capture, key.interface), self.end_ns(link)
            if end_ns is not None and begin_ns is not None and is_break(end_ns, begin_ns):
                link.skip(Mark(0, 0, end_ns), begin_ns)
        link.captures.add(capture)
        return link

    def forget_idle(self) -> None:
        """Let go of links on which nothing happens any more, where there are many of them."""
        for gone in self.links.idle():
            self._let_go(gone)

    def _let_go(self, link: LinkState) -> None:
        """Let go of a link with everything that is known of it."""
        key = link.key
        link.release()
        self.traffic.pop(key, None)
        self._places.clear()
        neighbourhood = self.neighbourhoods.pop(key, None)
        if neighbourhood is not None:
            neighbourhood.room.release()
        other = MLD if key.family is IGMP else IGMP
        if key._replace(family=other) not in self.links:
            self.vantages.forget(key)

    def _begun_ns(self, capture: int, interface: str | None) -> int:
        """Return since when an interface is looked at without a break; 0 where it is not known."""
        feed = self._intake.feed(capture, interface)
        since_ns = feed.since_ns if feed is not None else 0
        if self.sittings is not None:
            return max(self.sittings.begin_ns(capture, interface) or 0, since_ns)
        begun_ns = self.sitting_ns or self._intake.begun_ns or 0
        if feed is not None and feed.source is not None and len(feed.source.times) > 1:
            # The interfaces of a capture need not have been captured at the same time.
            begun_ns = max(believable((feed.first_ns,)), default=begun_ns)
        return max(begun_ns, since_ns)


def _is_repetition(rows: list[Row | None], decoded: Decoded) -> TypeGuard[list[Row]]:
    """Return whether no rule minds a report of which every record was recognised."""
    return all(rows) and len(set(rows)) == len(rows) and has_plain_envelope(decoded)
