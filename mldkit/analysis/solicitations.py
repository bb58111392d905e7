"""Neighbor Solicitations that nobody answers, because nobody listens to their group.

::

    target     query . . . . . . . . . . . . query . . . . .     it lives, before and after
    host             NS  NS  NS  .  NS  NS  NS                   asks again, so no answer came
    group            nobody reported ff02::1:ff00:1              switches pass it to routers alone

A host that was answered does not ask the group again within 15 s: its entry is reachable for at
least half of REACHABLE_TIME (RFC 4861 §6.3.2, §10). So the solicitations alone show that no answer
came, whatever else a capture leaves out. Where a host asks more seldom, answers to it must be in
the capture, or nothing is said. Told is a target that was heard before and after at least three
solicitations, as many as a host sends before it gives up.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mldkit.analysis.limits import TARGETS
from mldkit.analysis.shelf import USEFUL, USELESS
from mldkit.model.addresses import link_local_of, solicited_node, text
from mldkit.model.units import MILLISECOND, SECOND
from mldkit.model.words import counted, named
from mldkit.wire.rules import INFO, WARNING

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable

    from mldkit.analysis.facts import LinkKey, Mark
    from mldkit.analysis.ledger import Ledger
    from mldkit.analysis.room import LinkRoom
    from mldkit.analysis.shelf import Table
    from mldkit.model.addresses import Address

_COPY_NS = 200 * MILLISECOND
"""What comes again sooner is the same solicitation on another interface; hosts wait a second."""
_REACHABLE_NS = 15 * SECOND
"""MIN_RANDOM_FACTOR x REACHABLE_TIME: sooner nobody asks again who was answered."""
_AWAKE_NS = 300 * SECOND
"""Who is heard again within that time was there in between."""
_POLL_NS = 60 * SECOND
_PIECE = 256
"""Targets that are looked up at one message."""
_LEAST = 3
"""MAX_MULTICAST_SOLICIT: after so many a host gives up (RFC 4861 §10)."""
_MOST_MARKS = 100
"""Solicitations for one target that are kept."""
_MOST_SOURCES = 16
"""Who asks for one target."""


@dataclass(slots=True)
class _Target:
    """Who is asked for."""

    heard_ns: int
    """When it was last heard, as far as that was looked up."""
    pending: list[tuple[Mark, Address]] = field(default_factory=list)
    """Solicitations since then, and who sent them."""
    unanswered: list[tuple[Mark, Address]] = field(default_factory=list)
    """Those before and after which it was heard."""
    last_ns: dict[Address, int] = field(default_factory=dict)
    """When each host asked last."""


class Solicitations:
    """The Neighbor Solicitations of one MLD link."""

    def __init__(self, last_report_ns: Callable[[Address], int], room: LinkRoom) -> None:
        """Take whom to ask when an address reported last, 0 for never."""
        self._last_report_ns = last_report_ns
        self._targets: Table[Address, _Target] = room.table(TARGETS, _worth)
        self._heard: Table[Address, int] = room.table(TARGETS, beside="heard")
        """When an address was last heard in any other packet than a report."""
        self._answered: Table[Address, None] = room.table(TARGETS, beside="answered")
        """Hosts to which answers are in the capture."""
        self._waiting: set[Address] = set()
        """Targets with solicitations of which it is not known whether they live."""
        self._round: list[Address] = []
        """Those that are still to be looked up this time."""
        self._polled_ns = 0
        self._ignored: Table[Address, None] = room.table(TARGETS, beside="ignored")
        """Groups that were reported from ::, which routers ignore."""

    def solicit(self, source: Address, destination: Address, target: Address, mark: Mark) -> None:
        """Take in a solicitation of a host that has an address."""
        if destination != solicited_node(target):
            # A neighbour that is known: is it still there?
            return
        one = self._targets.get(target)
        if one is None:
            one = self._targets.keep(target, _Target(self._last_heard_ns(target)))
        last_ns = one.last_ns.get(source)
        if last_ns is None:
            if len(one.last_ns) >= _MOST_SOURCES:
                return
        elif mark.time_ns - last_ns < _COPY_NS:
            return
        self._look_up(target, one)
        one.last_ns[source] = mark.time_ns
        if len(one.pending) < _MOST_MARKS:
            one.pending.append((mark, source))
            if len(self._waiting) > 2 * len(self._targets):
                # Of those, many made room for others.
                self._waiting &= self._targets.keys()
            self._waiting.add(target)

    def advertise(self, source: Address, destination: Address, target: Address, mark: Mark) -> None:
        """Take in an advertisement: whoever asked for its target is answered."""
        self.hear(source, mark.time_ns)
        if destination[0] != 0xFF:
            self._answered.keep(destination, None)
        if target in self._targets:
            self._targets.keep(target, _Target(mark.time_ns))

    def hear(self, address: Address, now_ns: int) -> None:
        """Take in that an address sent something."""
        self._heard.keep(address, now_ns)
        if address in self._targets:
            self._look_up(address, self._targets[address])

    def poll(self, now_ns: int) -> None:
        """Look now and then whether those who are asked for report."""
        if now_ns - self._polled_ns < _POLL_NS:
            return
        if not self._round:
            self._round = list(self._waiting)
        # A piece at each message, so that no single one pays for all.
        for target in self._round[-_PIECE:]:
            one = self._targets.get(target)
            if one is not None:
                self._look_up(target, one)
            if one is None or not one.pending:
                self._waiting.discard(target)
        del self._round[-_PIECE:]
        if not self._round:
            self._polled_ns = now_ns

    def ignore(self, groups: Iterable[Address]) -> None:
        """Take in groups that were reported from ::; somebody listens to them all the same."""
        for group in groups:
            self._ignored.keep(group, None)

    def judge(
        self, link: LinkKey, ledger: Ledger, reported: Container[Address], queried_ns: int | None
    ) -> None:
        """D-38, at the end of the capture.

        `reported` are the groups that anybody was in at any time, `queried_ns` is the time of the
        first General Query, None without one: then members may have reported before the capture.
        """
        for target, one in self._targets.items():
            self._look_up(target, one)
            group = solicited_node(target)
            if group in reported or group in self._ignored:
                continue
            told = self._without_answer(one.unanswered)
            if len(told) < _LEAST:
                continue
            sources = list(dict.fromkeys(source for _, source in told))
            was_asked = queried_ns is not None and queried_ns < told[-1][0].time_ns
            detail = (
                f"{text(target)} does not answer {counted(len(told), 'solicitation')} of"
                f" {named(sources)}, though it was heard before and after them: nobody reported"
                f" {text(group)}, which MLD snooping then passes to router ports alone"
            )
            if not was_asked:
                detail += (
                    "; no General Query came before that, so it may have been reported earlier"
                )
            for mark, _ in told:
                ledger.add(
                    "D-38", link, mark, detail,
                    host=target, group=group, severity=WARNING if was_asked else INFO,
                )  # fmt: skip

    def _without_answer(
        self, solicitations: Iterable[tuple[Mark, Address]]
    ) -> list[tuple[Mark, Address]]:
        """Return the solicitations of hosts of which the capture shows that no answer came."""
        runs: dict[Address, list[int]] = {}
        for mark, source in solicitations:
            run = runs.setdefault(source, [0, 0, 0])
            last_ns, repeats, most = run
            repeats = repeats + 1 if mark.time_ns - last_ns <= _REACHABLE_NS else 1
            run[:] = mark.time_ns, repeats, max(most, repeats)
        return [
            (mark, source)
            for mark, source in solicitations
            if runs[source][2] >= _LEAST or source in self._answered
        ]

    def _look_up(self, target: Address, one: _Target) -> None:
        """Take in whether a target was heard since it was last looked up."""
        heard_ns = self._last_heard_ns(target)
        if heard_ns <= one.heard_ns:
            return
        if heard_ns - one.heard_ns <= _AWAKE_NS:
            between = [item for item in one.pending if item[0].time_ns < heard_ns]
            one.unanswered += between[: _MOST_MARKS - len(one.unanswered)]
        one.pending = [item for item in one.pending if item[0].time_ns >= heard_ns]
        one.heard_ns = heard_ns

    def _last_heard_ns(self, address: Address) -> int:
        """Return when an address was last heard, or the link-local one of the same card."""
        names = [address]
        if (link_local := link_local_of(address)) is not None:
            names.append(link_local)
        return max(max(self._heard.get(name, 0), self._last_report_ns(name)) for name in names)


def _worth(_: Container[Address], __: Address, target: _Target) -> int:
    return USEFUL if target.unanswered else USELESS
