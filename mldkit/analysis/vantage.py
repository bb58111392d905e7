"""Where on its link a capture was taken, and what cannot be seen from there.

::

    link          every message of the link passes: a hub, a span port, an access point, no snooping
    port          the port of a snooping switch: what a switch asks hosts behind other ports does
                  not pass here, though their reports may
    router-port   between a snooping switch and a router: reports come, but a switch may hold back
                  those of older versions that another host has made needless
    bridge        the own interface of a Linux bridge, which asks each of its ports by itself
                  (net/bridge/br_multicast.c:__br_multicast_send_query)

A place is taken for a port only on evidence that a sound link cannot give: a station that answers
none of the questions seen here, and tells its state again and again when nobody asked here. Hosts
tell their state only when asked (RFC 9776 §5.2, RFC 9777 §6.2), so somebody asks them elsewhere.
That specific queries are missing is the very fault D-11 and never evidence.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from mldkit.analysis.diagnosis import RANK
from mldkit.analysis.limits import GRADES, STATIONS
from mldkit.analysis.room import LinkRoom
from mldkit.analysis.shelf import NEEDED, USEFUL, USELESS
from mldkit.model.addresses import text
from mldkit.wire.rules import INFO

if TYPE_CHECKING:
    from collections.abc import Container

    from mldkit.analysis.facts import LinkKey, Mark
    from mldkit.analysis.ledger import Ledger
    from mldkit.analysis.room import Room
    from mldkit.analysis.shelf import Table
    from mldkit.model.addresses import Address

AUTO, LINK, PORT, ROUTER_PORT, BRIDGE = "auto", "link", "port", "router-port", "bridge"
VANTAGES = AUTO, LINK, PORT, ROUTER_PORT, BRIDGE

_LEAST_UNASKED = 2
"""Reports outside all windows: one may follow a question that the capture lost."""
_UNASKED_PER_ANSWER = 4
"""A report of a host elsewhere falls into a window by chance, but rarely: windows are a tenth of
the interval by default. Who is asked here answers, and tells nothing without a question."""
_LEAST_ANSWERS = 2
_MOST_FRAMES = 10

Station: TypeAlias = bytes
"""A hardware address, so that both families of a host count together; else an address."""

_NOTE = "; what is asked behind other ports is not seen here"


@dataclass(slots=True)
class _Seen:
    """How the reports of a station fit the questions that were seen."""

    address: Address
    answers: int = 0
    unasked: int = 0
    missed: bool = False
    """Whether it was there when somebody asked here, and did not answer."""
    is_asked_about: bool = False
    """Whether a specific query followed here when it left a group."""
    frames: list[int] = field(default_factory=list)

    @property
    def is_asked_elsewhere(self) -> bool:
        """Return whether it tells its state when nobody asks here, and answers nobody here."""
        least = max(_LEAST_UNASKED, _UNASKED_PER_ANSWER * self.answers)
        return self.missed and self.unasked >= least

    @property
    def is_here(self) -> bool:
        """Return whether the questions that are seen reach it, as far as its answers show.

        One answer shows little: ports may be asked at the same moment when a switch starts.
        """
        return _LEAST_ANSWERS <= self.answers >= self.unasked


class Subject(NamedTuple):
    """What a finding is about: the entry of the ledger, and the station."""

    rule: str
    link: LinkKey
    capture: int
    host: Address
    group: Address
    station: Station


@dataclass(frozen=True, slots=True)
class Assumed:
    """Where a capture was taken, as it is assumed, and why."""

    place: str
    why: str
    is_said: bool
    """Whether the user said so."""
    frames: tuple[int, ...] = ()
    """Reports that show it."""


class Vantage:
    """The place of a capture on one interface and VLAN, for both families."""

    def __init__(self, room: LinkRoom, said: str = AUTO) -> None:
        self._room = room
        self._said = said
        self._stations: Table[Station, _Seen] = room.table(STATIONS, _worth)
        self._here: Table[Station, None] = room.table(STATIONS, beside="here")
        """Stations that answer what is asked here."""
        self._elsewhere: Table[Station, _Seen] = room.table(STATIONS, beside="elsewhere")
        """Stations that show that questions are asked elsewhere."""
        self._told: Table[Subject, str] = room.table(GRADES)
        """How severe findings are if everything passes here."""

    @property
    def is_said(self) -> bool:
        """Whether the user said where the capture was taken."""
        return self._said != AUTO

    @property
    def place(self) -> str:
        """Where the capture was taken, as far as is known by now."""
        if self._said != AUTO:
            return self._said
        return PORT if self._elsewhere else LINK

    def answered(self, station: Station, address: Address) -> None:
        """Take in that a station answered a question in time."""
        seen = self._stations.get(station) or self._seen(station, address)
        seen.answers += 1
        # Nearly every answer changes nothing else.
        if seen.answers == _LEAST_ANSWERS or seen.unasked:
            self._weigh(station, seen)

    def asked_about(self, station: Station, address: Address) -> None:
        """Take in that a specific query came here soon after a station left."""
        self._seen(station, address).is_asked_about = True

    def silent(self, station: Station, address: Address) -> None:
        """Take in that a station, which was there, did not answer a question."""
        seen = self._seen(station, address)
        seen.missed = True
        self._weigh(station, seen)

    def unasked(self, station: Station, address: Address, mark: Mark, *, missed: bool) -> None:
        """Take in that a station told its state though no question was open, nor just over.

        `missed` says that it did not answer the last one, though it was there.
        """
        seen = self._seen(station, address)
        seen.unasked += 1
        seen.missed |= missed
        if len(seen.frames) < _MOST_FRAMES:
            seen.frames.append(mark.frame)
        self._weigh(station, seen)

    def grade(self, about: Subject, severity: str) -> str:
        """Return how severe a finding is, which may be about what is not seen from here."""
        before = self._told.get(about, severity)
        self._told.keep(about, min(before, severity, key=RANK.__getitem__))
        seen = self._stations.get(about.station)
        # Somebody may ask it elsewhere: whether that is so is not certain yet.
        is_doubtful = self._said == AUTO and seen is not None and seen.unasked > seen.answers
        return INFO if is_doubtful or self._is_hidden(about) else severity

    def settle(self, ledger: Ledger) -> None:
        """Give the findings told so far the severity that they have by what is known at the end."""
        for about, severity in self._told.items():
            is_hidden = self._is_hidden(about)
            ledger.regrade(
                about.rule, about.link, about.capture, about.host, about.group,
                severity=INFO if is_hidden else severity, note=_NOTE if is_hidden else "",
            )  # fmt: skip
        self._told.empty()

    def assumed(self) -> Assumed:
        """Return where the capture was taken, and why that is assumed."""
        if self._said != AUTO:
            return Assumed(self._said, "said so with --vantage", is_said=True)
        for seen in self._elsewhere.values():
            why = (
                f"{text(seen.address)} told its state {seen.unasked} times when nobody asked here,"
                f" and answered {seen.answers or 'none'} of the questions seen here"
            )
            return Assumed(PORT, why, is_said=False, frames=tuple(seen.frames))
        return Assumed(LINK, "nothing shows that somebody is asked elsewhere", is_said=False)

    def _weigh(self, station: Station, seen: _Seen) -> None:
        """Note whether a station shows by now that it is asked elsewhere."""
        if seen.is_asked_elsewhere:
            self._elsewhere.keep(station, seen)
        else:
            self._elsewhere.drop(station)
        if seen.is_here:
            self._here.keep(station, None)
        else:
            self._here.drop(station)

    def _is_hidden(self, about: Subject) -> bool:
        """Return whether what a finding is about may not be seen here.

        Ports may be asked at the same moments, so several stations seem to be here; the specific
        queries after a leave go to one port, so they tell which of them is.
        """
        place = self.place
        if place != PORT:
            return place == BRIDGE
        seen = self._stations.get(about.station)
        if seen is None:
            return True
        if about.rule == "D-11":
            is_alone = about.station in self._here and len(self._here) == 1
            return not (seen.is_asked_about or is_alone)
        return not seen.is_here

    def _seen(self, station: Station, address: Address) -> _Seen:
        return self._stations.get(station) or self._stations.keep(station, _Seen(address))

    def release(self) -> None:
        """Let go of everything: the link makes room for another one."""
        self._room.release()


def _worth(_: Container[bytes], __: Station, seen: _Seen) -> int:
    if seen.is_asked_elsewhere:
        return NEEDED
    return USEFUL if seen.is_here else USELESS


class Vantages:
    """The place of each interface, VLAN and circuit."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self.said = AUTO
        """Where the user says that the captures were taken."""
        self._places: dict[tuple[object, ...], Vantage] = {}

    def of(self, link: LinkKey) -> Vantage:
        """Return the place of a link, which both families share."""
        place = link.interface, link.vlan, link.circuit
        vantage = self._places.get(place)
        if vantage is None:
            room = LinkRoom(link, self._room)
            vantage = self._places[place] = Vantage(room, self.said)
        return vantage

    def forget(self, link: LinkKey) -> None:
        """Let go of the place of a link that nobody looks at any more, in either family."""
        vantage = self._places.pop((link.interface, link.vlan, link.circuit), None)
        if vantage is not None:
            vantage.release()

    def settle(self, ledger: Ledger) -> None:
        """Give all findings the severity that they have by what is known at the end."""
        for vantage in self._places.values():
            vantage.settle(ledger)
