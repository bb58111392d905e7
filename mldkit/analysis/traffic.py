"""The data on one link: which streams run, and what each packet by itself shows to be wrong.

What a stream is stands in `mldkit.analysis.streams`. What only the end of the capture shows is
judged from `mldkit.analysis.audience`.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from mldkit.analysis.data_packets import is_forwarded, udp_port
from mldkit.analysis.facts import LAST_MEMBER_INTERVAL_NS
from mldkit.analysis.streams import FLOW_GAP_NS, Return, Stream, begin
from mldkit.model.addresses import group_mac, mac_text, text
from mldkit.model.datagram import LinkType
from mldkit.model.units import SECOND
from mldkit.protocol.exchange import latest_ns
from mldkit.wire.rules import ERROR, INFO, WARNING

if TYPE_CHECKING:
    from mldkit.analysis.data_packets import DataPacket
    from mldkit.analysis.facts import LinkKey, Mark
    from mldkit.analysis.ledger import Ledger
    from mldkit.analysis.link_state import LinkState
    from mldkit.analysis.shelf import Table
    from mldkit.analysis.stays import Row, Stay
    from mldkit.model.addresses import Address
    from mldkit.model.datagram import Frame

_MOST_ASKED = 1000
"""Members of a group among whom the one that reported last is looked for."""
_MOST_WRONG = 1000
"""Sources, groups and hardware addresses that do not go together, of which each is told once."""
_WITH_JOIN_NS = 5 * SECOND
"""A stream that begins so soon after somebody joined began because of that."""
_BACK_NS = SECOND
"""What comes back does so at once."""
_COOKED = (LinkType.LINUX_SLL,)
"""One link of a capture that holds several: what a router forwards is there twice."""


class Traffic:
    """The streams of one link and family."""

    def __init__(self, key: LinkKey, ledger: Ledger, link: LinkState) -> None:
        self.key = key
        self._ledger = ledger
        self.state = link
        """The memberships and queriers of the link."""
        self.streams: Table[tuple[Address, Address], Stream] = link.streams.by_source
        self._wrong: set[tuple[Address, Address, bytes]] = set()
        self._unseen = 0, 0
        """The last time in which nobody looked: from, to."""

    def pause(self, from_ns: int, until_ns: int) -> None:
        """Take in that nobody looked for a time: no stream paused in it."""
        self._unseen = from_ns, until_ns

    def see(self, packet: DataPacket, frame: Frame, mark: Mark) -> None:
        """Take in one packet, and the frame that it came in."""
        _, _, source, group, hop_limit, mac, destination, offset, _, is_link_scope = packet
        if is_link_scope:
            self._check_mac(packet, mark)
            return
        now_ns = mark.time_ns
        stream = self.streams.get((group, source))
        if stream is None:
            stream = begin(
                packet, now_ns, udp_port(frame, packet), self.state.responses.windows.latest
            )
            self.state.room.room.shortages.now_ns = now_ns
            self.state.streams.add(stream)
            self._check_mac(packet, mark)
        elif (
            hop_limit != stream.sent_hop_limit
            or mac != stream.mac
            or destination != stream.destination
        ) and self._is_return(stream, packet, frame, mark):
            return
        if now_ns - stream.last_ns > FLOW_GAP_NS:
            self._break_off(stream, now_ns)
        stream.packets += 1
        stream.last_ns = now_ns
        if hop_limit < stream.hop_limit:  # noqa: PLR1730 (a call costs more, for every packet)
            stream.hop_limit = hop_limit
        if stream.returned is not None:
            stream.returned.octets = frame.data[offset:]
        emptied = self.state.memberships.emptied
        if group in emptied:
            self._judge_after_leave(stream, emptied[group], mark)

    def finish(self) -> None:
        """Say how many packets came back; what was not shown to is counted as any other."""
        for stream in self.streams.values():
            returned = stream.returned
            if returned is None:
                continue
            if returned.found is None:
                stream.packets += returned.unsure
                stream.returned = None
            else:
                reports = returned.found.severity == WARNING
                returned.found.detail = self._return_text(stream, returned, reports=reports)

    @property
    def groups(self) -> set[Address]:
        """The groups to which anything was sent."""
        return {group for group, _ in self.streams}

    def is_router(self, stream: Stream) -> bool:
        """Return whether data come through somebody who queries with another address."""
        if stream.mac is None:
            return False
        return self.state.queriers.is_other(stream.mac, stream.source)

    def _break_off(self, stream: Stream, now_ns: int) -> None:
        """Take in that a stream goes on after a break, and who reported in it.

        The first report counts: where one of another member came earlier and brought nothing
        back, a later one did not either.
        """
        since_ns, until_ns = self._unseen
        if stream.last_ns <= since_ns < until_ns <= now_ns:
            # It paused until nobody looked any more, and goes on since somebody does.
            pause = stream.break_off(since_ns)
            stream.break_off(now_ns)
        else:
            pause = stream.break_off(now_ns)
        if pause is None:
            return
        members = self.state.memberships.groups.get(stream.group, {})
        reported = [
            row
            for row in islice(members.values(), _MOST_ASKED)
            if row.last_ns > pause.from_ns and is_waiting(row, stream)
        ]
        if reported:
            first = min(reported, key=lambda row: row.last_ns)
            pause.reporter, pause.reported_ns = first.host, first.last_ns

    def _judge_after_leave(self, stream: Stream, left_ns: int, mark: Mark) -> None:
        """D-12, data go on after the last member left.

        A warning where a router sends them, which must not (RFC 9776 §6.3), and where they began
        with the member, so that something here goes by memberships. A remark where they did not:
        on the sender's own link only a switch with snooping stops them, and none at the sender's
        port. A host that sends to a group that it left itself does nothing wrong.
        """
        if stream.over is not None and stream.left_ns == left_ns:
            return
        robustness = self.state.queriers.variables.robustness
        limit_ns = latest_ns(robustness * LAST_MEMBER_INTERVAL_NS)
        if stream.first_ns >= left_ns or mark.time_ns - left_ns <= limit_ns:
            return
        left = self.state.memberships.last_left.get(stream.group)
        if not stream.is_running or left is None or is_sender(left, stream):
            return
        began_with_it = 0 <= stream.first_ns - left.from_ns <= _WITH_JOIN_NS
        is_certain = began_with_it or self.is_router(stream)
        stream.left_ns = left_ns
        stream.over = self._ledger.add(
            "D-12", self.key, mark, "goes on after the last member left",
            host=stream.source, group=stream.group, severity=WARNING if is_certain else INFO,
        )  # fmt: skip
        stream.over.detail = over_text(stream, is_certain=is_certain)

    def _is_return(self, stream: Stream, packet: DataPacket, frame: Frame, mark: Mark) -> bool:
        """Take in a packet that is unlike those before it; return whether it is counted already.

        D-48: it was seen just before with a higher hop limit and from another MAC. The first
        one has nothing to be compared with; from then on the last packet is kept.
        """
        hop_limit, mac = packet.hop_limit, packet.link_source
        if packet.link_destination != stream.destination:
            self._check_mac(packet, mark)
            stream.destination = packet.link_destination
        is_lower = hop_limit < stream.sent_hop_limit
        if is_lower and mac != stream.mac and mac is not None and frame.link_type not in _COOKED:
            returned = stream.returned
            is_soon = mark.time_ns - stream.last_ns <= _BACK_NS
            if returned is None and is_soon:
                stream.returned = Return(mac, hop_limit)
                return True
            if returned is not None:
                if is_soon and is_forwarded(returned.octets, frame.data[packet.offset :]):
                    self._take_return(stream, returned, mark)
                    return True
                if not returned.packets:
                    stream.packets += returned.unsure
                    stream.returned = None
        if hop_limit >= stream.sent_hop_limit or mac != stream.mac:
            stream.sent_hop_limit, stream.mac = hop_limit, mac
        return False

    def _take_return(self, stream: Stream, returned: Return, mark: Mark) -> None:
        """D-48; a warning where who sends them back reported the group here himself.

        Otherwise the capture may hold two links as one, as mirrored ports of two VLANs do.
        """
        returned.packets += 1
        if returned.found is not None:
            return
        members = self.state.memberships.groups.get(stream.group, {})
        reports = any(row.mac == returned.mac for row in islice(members.values(), _MOST_ASKED))
        returned.found = self._ledger.add(
            "D-48", self.key, mark, self._return_text(stream, returned, reports=reports),
            host=stream.source, group=stream.group, severity=WARNING if reports else INFO,
        )  # fmt: skip

    def _return_text(self, stream: Stream, returned: Return, *, reports: bool) -> str:
        detail = (
            f"data of {text(stream.source)} to {text(stream.group)} come back from"
            f" {mac_text(returned.mac)} with {self._hops} {returned.hop_limit} in place of"
            f" {stream.sent_hop_limit}, {returned.packets + returned.unsure} of"
            f" {stream.packets} packets"
        )
        return detail if reports else f"{detail}, unless the capture holds two links as one"

    @property
    def _hops(self) -> str:
        return "hop limit" if self.key.family.ip_version == 6 else "TTL"

    def _check_mac(self, packet: DataPacket, mark: Mark) -> None:
        """D-25 of data; each source, group and hardware address once.

        An error where the hardware address is that of other groups, whose members hear it in
        place of those who want it, or that of all stations. A remark where it is that of one.
        """
        expected, mac = group_mac(packet.group), packet.link_destination
        key = packet.source, packet.group, mac or b""
        if mac is None or mac == expected or key in self._wrong or len(self._wrong) >= _MOST_WRONG:
            return
        self._wrong.add(key)
        detail = f"data for {text(packet.group)} sent to {mac_text(mac)}, not {mac_text(expected)}"
        if not mac[0] & 1:
            detail += "; so access points and bridges do with multicast-to-unicast"
        self._ledger.add(
            "D-25", self.key, mark, detail,
            host=packet.source, group=packet.group, severity=ERROR if mac[0] & 1 else INFO,
        )  # fmt: skip


def over_text(stream: Stream, *, is_certain: bool) -> str:
    """Return in words that a stream goes on after the last member left, and for how long."""
    after_s = (stream.last_ns - stream.left_ns) / SECOND
    detail = (
        f"{text(stream.source)} to {text(stream.group)} goes on {after_s:.1f} s"
        " after the last member left"
    )
    if not is_certain:
        detail += "; it did not begin with a member, so perhaps nothing here goes by memberships"
    return detail


def wants(row: Row | Stay, source: Address) -> bool:
    """Return whether the filter of a member lets a source through."""
    return row.exclude != (source in row.sources)


def is_sender(row: Row, stream: Stream) -> bool:
    """Return whether a member is the sender itself: its own data reach it without the network."""
    return row.host == stream.source or (stream.mac is not None and row.mac == stream.mac)


def is_waiting(row: Row, stream: Stream) -> bool:
    """Return whether a member needs a stream from the network."""
    return wants(row, stream.source) and not is_sender(row, stream)
