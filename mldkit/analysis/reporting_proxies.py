"""Switches that report in place of their hosts, seen on the side of the router (D-36).

A snooping switch may answer for all its hosts at once. It has no address to do so, hence 0.0.0.0,
and many speak an older version than they are asked in: then sources of hosts are lost, and a router
cannot tell who is member (RFC 4541 §2.1.1 2). A host without an address also reports from 0.0.0.0
(RFC 9776 §4.2.14), but in the version in which it is asked; so it takes both, at two questions.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mldkit.analysis.limits import PROXIES
from mldkit.analysis.shelf import USEFUL, USELESS
from mldkit.model.addresses import IPV4_UNSPECIFIED, is_source_specific, mac_text
from mldkit.model.words import counted, named
from mldkit.wire.rules import INFO, WARNING

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from mldkit.analysis.facts import Host, Mark
    from mldkit.analysis.ledger import Ledger
    from mldkit.analysis.room import LinkRoom
    from mldkit.analysis.shelf import Table
    from mldkit.model.addresses import Address
    from mldkit.model.messages import LegacyReport

_LEAST_QUESTIONS = 2
_MOST_GROUPS, _MOST_MARKS = 1000, 100


@dataclass(slots=True)
class _Proxy:
    """What came from 0.0.0.0 by one MAC in an older version."""

    question: int
    """Number of the last exchange that it answered."""
    questions: int = 1
    groups: dict[Address, None] = field(default_factory=dict)
    lost: dict[Address, None] = field(default_factory=dict)
    """Those of them that cannot do without their sources."""
    marks: list[Mark] = field(default_factory=list)
    """Its first reports, until it is certain what it is."""
    more: int = 0
    """Further ones until then."""


class ReportingProxies:
    """Who reports in place of others on one link."""

    def __init__(self, room: LinkRoom, ledger: Ledger) -> None:
        self._link = room.key
        self._ledger = ledger
        self._proxies: Table[Host, _Proxy] = room.table(PROXIES, _worth)
        self.found: Table[bytes, Mark] = room.table(PROXIES, beside="found")
        """The MACs of proxies, and the first report of each that shows it."""

    def report(self, host: Host, report: LegacyReport, question: int, mark: Mark) -> None:
        """Take in an older report from 0.0.0.0 where the current version may be spoken.

        `host` is 0.0.0.0 with the MAC, `question` the number of the exchange that it answers.
        """
        proxy = self._proxies.get(host)
        if proxy is None:
            proxy = self._proxies.keep(host, _Proxy(question))
        elif proxy.question != question:
            proxy.question = question
            proxy.questions += 1
        if len(proxy.groups) < _MOST_GROUPS:
            proxy.groups[report.group] = None
            if is_source_specific(report.group):
                proxy.lost[report.group] = None
        if proxy.questions < _LEAST_QUESTIONS:
            if len(proxy.marks) < _MOST_MARKS:
                proxy.marks.append(mark)
            else:
                proxy.more += 1
            return
        mac = host[len(IPV4_UNSPECIFIED) :]
        if mac not in self.found:
            self.found.keep(mac, mark)
        unnamed = mark._replace(frame=0), proxy.more
        told = [(each, 1) for each in (*proxy.marks, mark)]
        self._tell(host, proxy, report.version, [*told, unnamed] if proxy.more else told)
        proxy.marks.clear()
        proxy.more = 0

    def _tell(
        self, host: Host, proxy: _Proxy, version: int | None, told: Iterable[tuple[Mark, int]]
    ) -> None:
        """D-36: a warning where a group cannot do without its sources."""
        lost = list(proxy.lost)
        mac = mac_text(host[len(IPV4_UNSPECIFIED) :])
        name = self._link.family.name.upper()
        detail = (
            f"{mac} answers from 0.0.0.0 in {name}v{version} for"
            f" {counted(len(proxy.groups), 'group')}, though asked in"
            f" {name}v{self._link.family.current_version}: a switch that reports for its hosts"
        )
        if lost:
            detail += f"; the sources that they want of {named(lost)} are lost"
        for mark, times in told:
            self._ledger.add(
                "D-36", self._link, mark, detail, host=IPV4_UNSPECIFIED, times=times,
                severity=WARNING if lost else INFO, weight=len(proxy.groups),
            )  # fmt: skip


def _worth(_: Container[Host], __: Host, proxy: _Proxy) -> int:
    return USEFUL if proxy.questions >= _LEAST_QUESTIONS else USELESS
