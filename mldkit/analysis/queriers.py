"""The queriers of one link: who is heard, who acts, and what goes wrong among them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.analysis import querier_faults
from mldkit.analysis.acting import CHANGES_ALLOWED, Acting
from mldkit.analysis.events import Event
from mldkit.analysis.limits import QUERIERS
from mldkit.analysis.querier import Querier
from mldkit.analysis.querier_faults import Alike
from mldkit.analysis.shelf import NEEDED, USEFUL, USELESS
from mldkit.analysis.silence import Silence
from mldkit.model.addresses import is_unspecified, text
from mldkit.protocol.variables import Variables, variables_of

if TYPE_CHECKING:
    from collections.abc import Container

    from mldkit.analysis.events import Listener
    from mldkit.analysis.facts import Host, Mark
    from mldkit.analysis.ledger import Ledger
    from mldkit.analysis.room import LinkRoom
    from mldkit.analysis.shelf import Table
    from mldkit.model.addresses import Address
    from mldkit.model.messages import Query

_MOST_REMEMBERED = 100
"""Times of a querier as the acting one that a watch remembers."""
_LEAST_OTHER = 2
"""Addresses of a MAC of which one is another than a given one."""
_MOST_ALIKE = 16
"""Queriers with one identifier or MAC that a new one is compared with."""


class Queriers:
    """The queriers of one link and family."""

    def __init__(self, room: LinkRoom, ledger: Ledger, begun_ns: int, listener: Listener) -> None:
        self._link = link = room.key
        self._ledger = ledger
        self._listener = listener
        self.known: Table[Address, Querier] = room.table(QUERIERS, _worth)
        self.variables = Variables()
        """Those of the acting querier, or of the last one that acted."""
        self.silence = Silence(link, ledger, begun_ns)
        self._acting = Acting()
        self._versions: dict[int, int] = {}
        """When each version was last asked in."""
        self._by_rank: Table[tuple[bool, bytes], list[Alike]] = room.table(QUERIERS, beside="rank")
        self._by_mac: Table[bytes, list[Alike]] = room.table(QUERIERS, beside="mac")
        self._addresses: Table[bytes, tuple[Address, ...]] = room.table(QUERIERS, beside="address")
        """The first two addresses from which a MAC asked."""

    @property
    def acting(self) -> Querier | None:
        """The acting querier."""
        return self._acting.querier

    @property
    def elected(self) -> Querier | None:
        """The acting querier, if it is one that can win elections."""
        acting = self.acting
        return None if acting is None or is_unspecified(acting.address) else acting

    def is_other(self, mac: bytes, address: Address) -> bool:
        """Return whether a MAC asked with another address than this."""
        return any(one != address for one in self._addresses.get(mac, ()))

    def query(
        self,
        query: Query,
        source: Address,
        mac: bytes | None,
        mark: Mark,
        *,
        to_everybody: bool = True,
    ) -> None:
        """Take in an accepted General Query; one that was not sent to all hosts has no rhythm."""
        now_ns = mark.time_ns
        # A querier that comes back after its time was not acting in between.
        self.poll(now_ns)
        self.silence.query(mark)
        # Only a snooping switch asks from there (RFC 4541 §2.1.1).
        self.silence.is_snooped |= is_unspecified(source)
        self._compare_versions(query, source, mark)
        querier = self.known.get(source)
        if querier is None:
            querier = Querier(source, mac, query.version, mark, now_ns, variables_of(query))
            querier.session_ns = now_ns
            self.known.keep(source, querier)
            if mac is not None and len(before := self._addresses.get(mac, ())) < _LEAST_OTHER:
                self._addresses.keep(mac, (*before, source))
            self._compare_identities(querier, mark)
        elif self._acting.comes_back(querier):
            querier.rhythm.restart()
        querier.query(query, now_ns, to_everybody=to_everybody)
        self._elect(querier, mark)
        if self.acting is querier:
            self.variables = querier.variables
        self.silence.limit_ns = self.variables.other_querier_ns

    def poll(self, now_ns: int) -> None:
        """Notice that the acting querier has gone."""
        gone_ns = self._acting.expiry_ns()
        if gone_ns is not None and now_ns > gone_ns:
            self._acting.end(gone_ns)
            if self._listener is not None:
                self._listener(Event("querier", gone_ns, self._link))

    def retire(self, mark: Mark) -> None:
        """Take in that nobody looked from a time on: who acts now is open."""
        self._acting.end(mark.time_ns)
        self._acting.forget()

    def pause(self, mark: Mark, until_ns: int) -> None:
        """Take in that nothing was heard from a time on: silence then proves nothing."""
        self.poll(mark.time_ns)
        self.silence.pause(mark, until_ns)
        self._versions.clear()
        self._acting.changes.clear()
        self.restart()

    def restart(self) -> None:
        """Measure no interval from the queries so far to the next ones."""
        for querier in self.known.values():
            querier.rhythm.restart()

    def forget(self) -> None:
        """Keep only the last times of what happens again and again."""
        self.silence.forget()
        for querier in self.known.values():
            del querier.acting[:-_MOST_REMEMBERED]

    def finish(self, mark: Mark) -> None:
        """Judge what needs the whole of the capture."""
        self.silence.close(mark)
        self.poll(mark.time_ns)
        self._acting.finish(mark.time_ns)
        for querier in self.known.values():
            detail = querier_faults.off_interval(querier)
            if detail is not None:
                place = querier.first._replace(frame=0, time_ns=querier.last_ns)
                self._ledger.add("D-04", self._link, place, detail, host=querier.address)

    def _elect(self, querier: Querier, mark: Mark) -> None:
        self.poll(mark.time_ns)
        acting = self.acting
        if self._acting.takes_over(querier):
            self._act(querier, mark)
        elif acting is not None and querier is not acting and not is_unspecified(querier.address):
            detail = querier_faults.unyielding(querier, acting, mark.time_ns)
            if detail is not None:
                self._ledger.add("D-02", self._link, mark, detail, host=querier.address)

    def _act(self, querier: Querier, mark: Mark) -> None:
        # It may have made room for others before anybody knew that it is the one that acts.
        self.known.keep(querier.address, querier)
        if self._acting.begin(querier, mark.time_ns):
            changes, interval_ns = self._acting.changes, self.variables.interval_ns
            detail = querier_faults.unsteady(changes, CHANGES_ALLOWED, interval_ns)
            if detail is not None:
                self._ledger.add("D-03", self._link, mark, detail)
        if self._listener is not None:
            who = querier.address, querier.mac
            event = Event("querier", mark.time_ns, self._link, *who, version=querier.version)
            self._listener(event)

    def _compare_versions(self, query: Query, source: Address, mark: Mark) -> None:
        """D-06."""
        version, now_ns = query.version or 0, mark.time_ns
        limit_ns = self.variables.other_querier_ns
        mixed = querier_faults.mixed_versions(version, self._versions, limit_ns, now_ns)
        self._versions[version] = now_ns
        if mixed is not None:
            others, lowest = mixed
            name = self._link.family.name.upper()
            heard = " and ".join(f"version {other}" for other in others)
            detail = (
                f"{name} version {version} from {text(source)} after {heard};"
                f" hosts fall back to version {lowest}"
            )
            self._ledger.add("D-06", self._link, mark, detail)

    def _compare_identities(self, new: Querier, mark: Mark) -> None:
        """D-14; a switch that asks from 0.0.0.0 has no part in elections."""
        if is_unspecified(new.address):
            return
        this, rank = Alike(new.address, new.mac, new.first), new.rank()
        ranked = self._by_rank.get(rank) or self._by_rank.keep(rank, [])
        by_mac: list[Alike] = []
        if new.mac is not None:
            by_mac = self._by_mac.get(new.mac) or self._by_mac.keep(new.mac, [])
        for detail in querier_faults.alike(this, ranked, by_mac):
            self._ledger.add("D-14", self._link, mark, detail, host=new.address)
        for others in (ranked, by_mac):
            # One that was let go of may come again.
            if len(others) < _MOST_ALIKE and all(one.address != new.address for one in others):
                others.append(this)


def _worth(_: Container[Host], __: Address, querier: Querier) -> int:
    """Return how much a querier is worth: the acting one stays."""
    if querier.is_acting:
        return NEEDED
    return USEFUL if querier.is_steady else USELESS
