"""Who queries a link: election, intervals, and what goes wrong among queriers.

The acting querier is the one with the lowest address that was heard within its Other Querier
Present interval, RV x QI + QRI / 2 (RFC 9776 §6.6.2, §8.5; RFC 9777 §7.6.2, §9.5). IGMP compares
whole addresses and lets 0.0.0.0, the address of snooping switches, win nothing; MLD compares
the low 64 bits. General Queries closer together than their maximum response time count once.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING

from mldkit.analysis.events import Event
from mldkit.model.addresses import is_unspecified, mac_text, text
from mldkit.model.family import DEFAULT_QUERY_INTERVAL_NS
from mldkit.model.units import SECOND
from mldkit.protocol.variables import Variables, election_rank, variables_of

if TYPE_CHECKING:
    from mldkit.analysis.events import Listener
    from mldkit.analysis.facts import LinkKey, Mark
    from mldkit.analysis.ledger import Ledger
    from mldkit.model.addresses import Address
    from mldkit.model.messages import Query

_MOST_GAPS = 1000
_MOST_REMEMBERED = 100
"""Silences, and times of a querier as the acting one, that a watch remembers."""
_GAPS_TO_JUDGE = 3
_CHANGES_ALLOWED = 2
_MOST_ALIKE = 16
"""Queriers with one identifier or MAC that a new one is compared with."""


@dataclass(slots=True, eq=False)
class Querier:
    """One address that sends General Queries."""

    address: Address
    mac: bytes | None
    version: int | None
    first: Mark
    last_ns: int
    variables: Variables
    announced_ns: int | None = None
    """Query interval as announced; None where the version carries none."""
    general_queries: int = 0
    acting: list[tuple[int, int]] = field(default_factory=list)
    session_ns: int = 0
    """Since when it queries without a long silence."""
    in_session: int = 0
    """Queries since then."""
    rounds: int = 0
    """Queries that do not follow another one within the response time."""
    round_ns: int = 0
    gaps: deque[int] = field(default_factory=lambda: deque(maxlen=_MOST_GAPS))

    @property
    def first_ns(self) -> int:
        """Time of its first query."""
        return self.first.time_ns

    @property
    def observed_ns(self) -> int | None:
        """Median of the intervals between its General Queries."""
        return round(median(self.gaps)) if self.gaps else None

    def rank(self) -> tuple[bool, bytes]:
        """Return what the election compares; the lowest wins."""
        return election_rank(self.address)


class Queriers:
    """The queriers of one link and family."""

    def __init__(self, link: LinkKey, ledger: Ledger, begun_ns: int, listener: Listener) -> None:
        self._link = link
        self._ledger = ledger
        self._listener = listener
        self.begun_ns = begun_ns
        self.known: dict[Address, Querier] = {}
        self.acting: Querier | None = None
        self.variables = Variables()
        self.last_general_ns: int | None = None
        self.silences: list[tuple[int, int]] = []
        """Times without a General Query that were too long: from, to."""
        self.unseen: list[tuple[int, int]] = []
        """Times between captures, in which nobody looked: from, to."""
        self._silent_from_ns = begun_ns + self.variables.other_querier_ns
        self._acting_since_ns = 0
        self._acted_last: Querier | None = None
        self._versions: dict[int, int] = {}
        self._by_rank: dict[tuple[bool, bytes], list[Querier]] = {}
        self._by_mac: dict[bytes, list[Querier]] = {}
        self._changes: deque[int] = deque(maxlen=_CHANGES_ALLOWED + 1)
        self._reports = 0
        self._reported_gap = False

    @property
    def silence_limit_ns(self) -> int:
        """How long a link may be without a General Query."""
        return self.variables.other_querier_ns

    @property
    def silence_at_end(self) -> tuple[int, int] | None:
        """The silence, too long, in which the capture ends."""
        since_ns = self.begun_ns if self.last_general_ns is None else self.last_general_ns
        if self.silences and self.silences[-1][0] == since_ns:
            return self.silences[-1]
        return None

    @property
    def elected(self) -> Querier | None:
        """The acting querier, if it is one that can win elections."""
        acting = self.acting
        return None if acting is None or is_unspecified(acting.address) else acting

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
        self._close_gap(mark)
        self.last_general_ns = now_ns
        self._compare_versions(query, source, mark)
        querier = self.known.get(source)
        if querier is None:
            querier = Querier(source, mac, query.version, mark, now_ns, variables_of(query))
            querier.session_ns = querier.round_ns = now_ns
            self.known[source] = querier
            self._compare_identities(querier, mark)
        elif self._comes_back(querier):
            querier.rounds = 0
        self._count(querier, query, now_ns, to_everybody=to_everybody)
        self._elect(querier, mark)
        if self.acting is querier:
            self.variables = querier.variables
        self._silent_from_ns = now_ns + self.silence_limit_ns

    def report(self, mark: Mark) -> None:
        """Take in that a host sent something: without a querier that is a finding."""
        self._reports += 1
        if mark.time_ns > self._silent_from_ns:
            since_ns = self.begun_ns if self.last_general_ns is None else self.last_general_ns
            self._nobody_queries(mark, mark.time_ns - since_ns)

    def poll(self, now_ns: int) -> None:
        """Notice that the acting querier has gone."""
        acting = self.acting
        if acting is not None and now_ns - acting.last_ns > acting.variables.other_querier_ns:
            gone_ns = acting.last_ns + acting.variables.other_querier_ns
            self._retire(gone_ns)
            if self._listener is not None:
                self._listener(Event("querier", gone_ns, self._link))

    def retire(self, mark: Mark) -> None:
        """Take in that nobody looked from a time on: who acts now is open."""
        self._retire(mark.time_ns)
        self._acted_last = None

    def pause(self, mark: Mark, until_ns: int) -> None:
        """Take in that nothing was heard from a time on: silence then proves nothing."""
        self._close_gap(mark)
        self.poll(mark.time_ns)
        self.unseen.append((mark.time_ns, until_ns))
        self.begun_ns, self.last_general_ns = until_ns, None
        self._silent_from_ns = until_ns + self.silence_limit_ns
        self._versions.clear()
        self._changes.clear()
        self._reports = 0
        for querier in self.known.values():
            querier.rounds = 0

    def forget(self) -> None:
        """Keep only the last times of what happens again and again."""
        del self.silences[:-_MOST_REMEMBERED]
        del self.unseen[:-_MOST_REMEMBERED]
        for querier in self.known.values():
            del querier.acting[:-_MOST_REMEMBERED]

    def finish(self, mark: Mark) -> None:
        """Judge what needs the whole of the capture."""
        self._close_gap(mark)
        self.poll(mark.time_ns)
        if self.acting is not None:
            self.acting.acting.append((self._acting_since_ns, mark.time_ns))
        for querier in self.known.values():
            self._judge_interval(querier)

    def _count(self, querier: Querier, query: Query, now_ns: int, *, to_everybody: bool) -> None:
        if now_ns - querier.last_ns > querier.variables.other_querier_ns:
            querier.session_ns, querier.in_session = now_ns, 0
        since_last_ns = now_ns - querier.last_ns
        counts = to_everybody and query.interval_ns is not None
        if counts and (not querier.rounds or since_last_ns >= querier.variables.response_ns):
            querier.rounds += 1
            # The first queries of a start come at a quarter of the interval (RFC 9776 §8.6).
            if querier.rounds > querier.variables.robustness + 1:
                querier.gaps.append(now_ns - querier.round_ns)
            querier.round_ns = now_ns
        querier.general_queries += 1
        querier.in_session += 1
        querier.last_ns = now_ns
        querier.version = query.version
        querier.variables = variables_of(query)
        if query.interval_ns is not None:
            querier.announced_ns = query.interval_ns or DEFAULT_QUERY_INTERVAL_NS

    def _elect(self, querier: Querier, mark: Mark) -> None:
        self.poll(mark.time_ns)
        acting = self.acting
        if acting is None:
            self._act(querier, mark)
        elif querier is not acting and querier.rank() < acting.rank():
            self._retire(mark.time_ns)
            self._act(querier, mark)
        elif querier is not acting and not is_unspecified(querier.address):
            self._judge_loser(querier, acting, mark)

    def _act(self, querier: Querier, mark: Mark) -> None:
        if self._acted_last is not None and self._acted_last is not querier:
            self._count_change(mark)
        self.acting = querier
        self._acting_since_ns = mark.time_ns
        if self._listener is not None:
            event = Event("querier", mark.time_ns, self._link, querier.address, querier.mac)
            self._listener(event)

    def _retire(self, now_ns: int) -> None:
        if self.acting is not None:
            self.acting.acting.append((self._acting_since_ns, now_ns))
            self._acted_last, self.acting = self.acting, None

    def _comes_back(self, querier: Querier) -> bool:
        """Return whether a known querier takes over: it starts anew, with quick queries."""
        acting = self.acting
        if acting is None:
            return self._acted_last is not querier
        return acting is not querier and querier.rank() < acting.rank()

    def _judge_loser(self, querier: Querier, acting: Querier, mark: Mark) -> None:
        """D-02; a router that starts may send its first queries before it hears another."""
        heard = acting.last_ns > querier.session_ns
        interval_ns = querier.variables.interval_ns
        starting = (
            querier.in_session <= querier.variables.robustness
            and mark.time_ns - querier.session_ns < interval_ns * querier.in_session // 2
        )
        if heard and not starting:
            after_s = (mark.time_ns - acting.last_ns) / SECOND
            detail = (
                f"{text(querier.address)} queries {after_s:.1f} s after"
                f" {text(acting.address)}, whose lower address wins"
            )
            self._ledger.add("D-02", self._link, mark, detail, host=querier.address)

    def _count_change(self, mark: Mark) -> None:
        """D-03."""
        changes = self._changes
        changes.append(mark.time_ns)
        window_ns = 2 * self.variables.interval_ns
        if len(changes) > _CHANGES_ALLOWED and mark.time_ns - changes[0] <= window_ns:
            span_s = (mark.time_ns - changes[0]) / SECOND
            detail = f"{len(changes)} changes of the acting querier within {span_s:.0f} s"
            self._ledger.add("D-03", self._link, mark, detail)

    def _compare_versions(self, query: Query, source: Address, mark: Mark) -> None:
        """D-06."""
        version = query.version or 0
        limit_ns = self.variables.other_querier_ns
        others = [
            other
            for other, seen_ns in self._versions.items()
            if other != version and mark.time_ns - seen_ns <= limit_ns
        ]
        self._versions[version] = mark.time_ns
        if others:
            name = self._link.family.name.upper()
            heard = " and ".join(f"version {other}" for other in sorted(others))
            lowest = min(*others, version)
            detail = (
                f"{name} version {version} from {text(source)} after {heard};"
                f" hosts fall back to version {lowest}"
            )
            self._ledger.add("D-06", self._link, mark, detail)

    def _compare_identities(self, new: Querier, mark: Mark) -> None:
        """D-14; a switch that asks from 0.0.0.0 has no part in elections."""
        if is_unspecified(new.address):
            return
        ranked = self._by_rank.setdefault(new.rank(), [])
        neighbours = self._by_mac.setdefault(new.mac, []) if new.mac is not None else []
        alike = [(other, "have the same interface identifier, so none of them loses")
                 for other in ranked]  # fmt: skip
        alike += [
            (other, f"both send from {mac_text(other.mac or b'')}")
            for other in neighbours
            if other not in ranked
        ]
        for other, what in sorted(alike, key=lambda found: found[0].first):
            detail = f"{text(other.address)} and {text(new.address)} {what}"
            self._ledger.add("D-14", self._link, mark, detail, host=new.address)
        for others in (ranked, neighbours):
            if len(others) < _MOST_ALIKE:
                others.append(new)

    def _judge_interval(self, querier: Querier) -> None:
        """D-04."""
        observed_ns, announced_ns = querier.observed_ns, querier.announced_ns
        if observed_ns is None or announced_ns is None or not querier.acting:
            return
        if len(querier.gaps) < _GAPS_TO_JUDGE:
            return
        if abs(observed_ns - announced_ns) * 10 > announced_ns:
            detail = (
                f"{text(querier.address)} announces {announced_ns / SECOND:g} s"
                f" and queries every {observed_ns / SECOND:.1f} s"
            )
            place = querier.first._replace(frame=0, time_ns=querier.last_ns)
            self._ledger.add("D-04", self._link, place, detail, host=querier.address)

    def _close_gap(self, mark: Mark) -> None:
        """Judge the time since the last General Query, now that the next one is here."""
        since_ns = self.begun_ns if self.last_general_ns is None else self.last_general_ns
        silence_ns = mark.time_ns - since_ns
        if silence_ns > self.silence_limit_ns:
            # A link of which a later capture has nothing may not be in it at all.
            has_proof = self._reports or not self.unseen
            if has_proof and len(self.silences) < _MOST_GAPS:
                self.silences.append((since_ns, mark.time_ns))
            if self._reported_gap:
                self._ledger.amend("D-01", self._link, self._silence(silence_ns), silence_ns)
            elif self._reports:
                self._nobody_queries(mark, silence_ns)
        self._reported_gap = False

    def _nobody_queries(self, mark: Mark, silence_ns: int) -> None:
        """D-01, in the words of the longest silence."""
        self._reported_gap = True
        detail = self._silence(silence_ns)
        self._ledger.add("D-01", self._link, mark, detail, weight=silence_ns)

    def _silence(self, silence_ns: int) -> str:
        seconds = f"{silence_ns / SECOND:.0f} s"
        if self.last_general_ns is None:
            return f"no General Query in {seconds} of capture"
        return f"no General Query for {seconds}"
