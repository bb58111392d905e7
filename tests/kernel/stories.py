"""Random stories in the notation of scripts: what programs ask for, what queriers say, what happens
to the interface.

A step is one line, or a few at the same instant. Steps are so far apart that everything is told
before the next one, so draws decide when something is sent, and never what. Lines that the host
machine refuses are left out; that it refuses the right ones is tested in `test_refusals.py`.

`of_moments` is the other way round: lines follow each other within ticks, so that changes, answers
and repeats meet while they are pending. There intervals are one tick long, which leaves a draw no
choice, and what has a choice takes so long that it does not happen within the story.
"""

from __future__ import annotations

from itertools import count
from random import Random
from typing import TYPE_CHECKING

from mldkit.model.family import IGMP, Family
from mldkit.model.units import MILLISECOND
from mldkit.play import simulate
from mldkit.protocol.script_parser import parse_script
from mldkit.protocol.script_words import ScriptError

if TYPE_CHECKING:
    from mldkit.protocol.script import Script
    from mldkit.protocol.timer import Timer

HEADS = {
    4: "host 10.9.0.2 02:00:00:00:00:02\nquerier 10.9.0.1 02:00:00:00:00:01\n"
    "sysctl net.ipv4.conf.eth1.igmpv2_unsolicited_report_interval 500\n",
    6: "host fe80::ff:fe00:2 02:00:00:00:00:02\nquerier fe80::ff:fe00:1 02:00:00:00:00:01\n"
    "sysctl net.ipv6.conf.eth1.mldv1_unsolicited_report_interval 500\n"
    # Addresses become valid after everything else was told from `::`.
    "sysctl net.ipv6.conf.eth1.dad_transmits 2\n",
}
GROUPS = {
    4: ("239.1.2.3", "232.1.1.1", "224.0.0.251"),
    6: ("ff15::1:3", "ff3e::8000:1", "ff02::fb"),
}
SOURCES = {
    4: ("10.9.0.11", "10.9.0.12", "10.9.0.13"),
    6: ("2001:db8::a", "2001:db8::b", "2001:db8::c"),
}
PROGRAMS = (
    *["join {group}{socket}"] * 3,
    *["join {group} from {sources}{socket}"] * 3,
    *["leave {group}{socket}"] * 2,
    *["block {group} from {sources}{socket}"] * 2,
    "unblock {group} from {source}{socket}",
    "drop {group} from {source}{socket}",
    "filter {group} include {{{sources}}}{socket}",
    "filter {group} exclude {{{sources}}}{socket}",
    "filter {group} exclude {{}}{socket}",
    "close {name}",
)
QUERIES = (
    "query {all} max-response 0.5s",
    "query {group} max-response 0.5s",
    "query {group} sources {sources} max-response 0.5s",
    "data {group} from {source}",
)
OLDER = (
    *["query {all} version {older} max-response 0.5s"] * 2,
    "query {group} version {older} max-response 0.5s",
    "report {older} {group} from-host {other}",
    "report TO_EX({group}) from-host {other}",
)
ROUTER = (
    "address add 2001:db8::77/64",
    "address del 2001:db8::77",
    "forwarding on",
    "forwarding off",
    "proxy add 2001:db8::1:2345",
    "proxy del 2001:db8::1:2345",
)
INTERFACE = {
    4: ("address add 10.9.0.77/24", "address del 10.9.0.77", "address del 10.9.0.2"),
    6: (
        *ROUTER,
        "mtu 1000",
        "mtu 1500",
    ),
}
MOMENTS_HEADS = {
    4: "host 10.9.0.2 02:00:00:00:00:02\nquerier 10.9.0.1 02:00:00:00:00:01\nset phase 0.5\n"
    "sysctl net.ipv4.conf.eth1.igmpv2_unsolicited_report_interval 4\n"
    "sysctl net.ipv4.conf.eth1.igmpv3_unsolicited_report_interval 4\n",
    6: "host fe80::ff:fe00:2 02:00:00:00:00:02\nquerier fe80::ff:fe00:1 02:00:00:00:00:01\n"
    "set phase 0.5\n"
    "sysctl net.ipv6.conf.eth1.mldv1_unsolicited_report_interval 4\n"
    "sysctl net.ipv6.conf.eth1.mldv2_unsolicited_report_interval 4\n"
    "sysctl net.ipv6.conf.eth1.accept_dad 0\n",
}
SOON = {4: "0s", 6: "1ms"}
"""The maximum that is one tick long."""
LEAVING = ("leave {group}{socket}", "drop {group} from {source}{socket}", "close {name}")
MOMENTS_QUERIES = (
    "query {all} max-response {soon} robustness {robustness}",
    "query {all} max-response 20s robustness {robustness}",
    "query {group} max-response {soon} robustness {robustness}",
    "query {group} max-response 20s robustness {robustness}",
    *["query {group} sources {sources} max-response {soon} robustness {robustness}"] * 2,
    *["query {group} sources {sources} max-response 20s robustness {robustness}"] * 2,
)
MOMENTS_OLDER = {
    4: (
        "query {all} version 2 max-response 20s",
        "report 2 {group} from-host {other}",
        "sysctl net.ipv4.conf.eth1.force_igmp_version {forced}",
        "sysctl net.ipv4.igmp_qrv {robustness}",
    ),
    6: (
        "query {all} version 1 max-response 1ms",
        "query {group} version 1 max-response 20s",
        "report 1 {group} from-host {other}",
        # Makes the older querier count as present for one tick.
        "query {all} max-response 1ms interval 0s robustness {robustness}",
        "sysctl net.ipv6.conf.eth1.force_mld_version {forced}",
    ),
}
MOMENTS_INTERFACE = {
    4: ("address del 10.9.0.2", "address add 10.9.0.2/24", "mtu 68", "mtu 1500"),
    6: ROUTER,
}
ASKED = {
    4: ("0.0.0.0", *GROUPS[4], "224.0.0.1", "239.9.9.9", "10.9.0.2"),
    6: ("::", *GROUPS[6], "ff02::1", "ff01::1", "ff02::1:ff00:2", "ff15::99", "fe80::ff:fe00:2"),
}
DESTINATIONS = {
    4: (*GROUPS[4][:2], "224.0.0.1", "224.0.0.2", "239.9.9.9", "10.9.0.2", "10.9.0.255",
        "255.255.255.255"),
    6: (*GROUPS[6][:2], "ff02::1", "ff02::2", "ff01::1", "fe80::ff:fe00:2", "ff02::1:ff00:2"),
}  # fmt: skip
ORIGINS = {
    4: ("0.0.0.0", "192.0.2.1", "10.9.0.2", "224.0.0.5", "10.9.0.255", "240.0.0.1"),
    6: ("::", "2001:db8::1", "fe80::ff:fe00:2", "fec0::1", "febf::1", "ff02::1", "::1"),
}
LINK_DESTINATIONS = (
    "02:00:00:00:00:02", "02:00:00:00:00:07", "ff:ff:ff:ff:ff:ff", "33:33:00:00:00:01",
)  # fmt: skip
LINKS = ("link down", "link up", "carrier down", "carrier up")
ATTEMPTS = 30
EVENTFUL = 10
"""Messages of a story of moments; those that soon have a mute host are told otherwise."""
APART = 1000


def of_programs(family: Family, number: int) -> Script:
    """Return a story of programs and queries, up to two lines at the same instant."""
    return _Story(family, number, PROGRAMS + QUERIES, most=2).script(steps=11, apart_s=2.2)


def of_versions(family: Family, number: int) -> Script:
    """Return a story in which older queriers and other hosts have their say too."""
    return _Story(family, number, PROGRAMS + QUERIES + OLDER).script(steps=11, apart_s=2.2)


def of_interface(family: Family, number: int) -> Script:
    """Return a story in which the interface changes too; new addresses take three seconds."""
    lines = PROGRAMS[::3] + 2 * (LINKS + INTERFACE[family.ip_version]) + QUERIES[:1]
    return _Story(family, number, lines).script(steps=6, apart_s=4.5)


def of_moments(family: Family, number: int) -> Script:
    """Return a story in which everything meets; the same messages in the same order always."""
    version = family.ip_version
    lines = (
        *(PROGRAMS + LEAVING) * 2,
        *MOMENTS_QUERIES * 2,
        *MOMENTS_OLDER[version],
        *MOMENTS_INTERFACE[version],
        "link down",
        *["link up"] * 3,
    )
    for again in count():
        story = _Moments(family, number + again * APART, lines)
        script = story.moments(steps=24)
        if story.messages() >= EVENTFUL:
            break
    return script


def of_reception(family: Family, number: int) -> Script:
    """Return queries with every field and address that a host may mind, far enough apart."""
    return _Reception(family, number, ()).reception(queries=30)


class Latest:
    """Draws that make a timer run as late as it can."""

    def below(self, limit: int, timer: Timer, now_ns: int) -> int:  # noqa: ARG002 (as Chance)
        """Return the largest number below `limit`."""
        return limit - 1


class _Story:
    """One story while it grows."""

    def __init__(
        self, family: Family, number: int, lines: tuple[str, ...], *, most: int = 1
    ) -> None:
        self._family = family
        self._name = f"{family.name}-{number}"
        self._chance = Random(number)
        self._lines = lines
        self._most = most
        self._text = HEADS[family.ip_version]

    def script(self, *, steps: int, apart_s: float) -> Script:
        """Return the story with so many steps."""
        for step in range(steps):
            for _ in range(self._chance.randint(1, self._most)):
                self._go_on(f"{step * apart_s:.1f} ")
        data = self._filled("data {group} from {source}")
        self._text += f"{steps * apart_s:.1f} {data}\n+0..1 expect none\n"
        return parse_script(self._text, self._name)

    def _go_on(self, time: str) -> None:
        """Add a line that the host machine does not refuse, if one is found."""
        for _ in range(ATTEMPTS):
            longer = self._text + time + self._filled(self._chance.choice(self._lines)) + "\n"
            try:
                self._accepts(parse_script(longer, self._name))
            except ScriptError:
                continue
            self._text = longer
            return

    def _accepts(self, script: Script) -> None:
        simulate(script, seed=1)

    def _filled(self, line: str) -> str:
        family, chance = self._family, self._chance
        version = family.ip_version
        sources = chance.sample(SOURCES[version], chance.randint(1, 2))
        return line.format(
            all="0.0.0.0" if family is IGMP else "::",
            group=chance.choice(GROUPS[version]),
            source=sources[0],
            sources=",".join(sources),
            name=chance.choice(("main", "b")),
            socket=chance.choice(("", "", " socket b")),
            older=family.current_version - 1,
            other="10.9.0.9" if family is IGMP else "fe80::ff:fe00:9",
            soon=SOON[version],
            robustness=chance.choice((1, 2, 2, 3, 7)),
            forced=chance.choice((0, 0, 1, 2)),
        )


class _Moments(_Story):
    """A story of times that are ticks apart."""

    def __init__(self, family: Family, number: int, lines: tuple[str, ...]) -> None:
        super().__init__(family, number, lines)
        self._text = MOMENTS_HEADS[family.ip_version]

    def moments(self, *, steps: int) -> Script:
        """Return the story with so many lines, and at its end everybody's state."""
        tick = 0
        for _ in range(steps):
            self._go_on(f"{tick * 4 / 1000:.3f} ")
            tick = self._quiet_tick(tick + self._chance.choice((0, 1, 1, 2, 2, 3, 4, 6, 15)))
        tick = self._quiet_tick(tick + 40)
        query = self._filled("query {all} max-response {soon}")
        self._text += f"{tick * 4 / 1000:.3f} {query}\n+0..0.1 expect none\n"
        return parse_script(self._text, self._name)

    def messages(self) -> int:
        """Return how many messages the host sends."""
        played = simulate(parse_script(self._text, self._name), chance=Latest())
        return sum(event.who == "host" for event in played.events)

    def _quiet_tick(self, tick: int) -> int:
        """Return the first tick from `tick` on that a message one tick late does not reach.

        Nothing comes right after a query of MLD, which the kernel takes from a queue later.
        """
        last = self._text.splitlines()[-1]
        if self._family is not IGMP and ("query" in last or "report" in last):
            tick = max(tick, round(float(last.split()[0]) * 250) + 1)
        played = simulate(
            parse_script(self._text + "+0..0.5 expect none\n", self._name), chance=Latest()
        )
        sent = {
            event.time_ns // (4 * MILLISECOND) for event in played.events if event.who == "host"
        }
        while {tick - 1, tick - 2} & sent:
            tick += 1
        return tick

    def _accepts(self, script: Script) -> None:
        simulate(script, chance=Latest())


class _Reception(_Moments):
    """A story of a host at rest and of what is sent at it."""

    def reception(self, *, queries: int) -> Script:
        """Return the story with so many queries."""
        version = self._family.ip_version
        for group in GROUPS[version]:
            self._text += f"0.000 join {group}\n"
        tick = 50
        for _ in range(queries):
            self._lines = (self._query(),)
            self._go_on(f"{tick * 4 / 1000:.3f} ")
            tick += self._chance.choice((6, 7, 8))
        query = self._filled("query {all} max-response {soon}")
        self._text += f"{tick * 4 / 1000:.3f} {query}\n+0..0.1 expect none\n"
        return parse_script(self._text, self._name)

    def _query(self) -> str:
        """Return a query in which some things are otherwise than they should be."""
        version, chance = self._family.ip_version, self._chance
        line = f"query {chance.choice(ASKED[version])} max-response {{soon}} robustness "
        line += str(chance.randrange(8)) + chance.choice(("", "", " sources {sources}"))
        usual = self._family.query_octets
        # Eight octets would be a query of IGMPv1, after which nothing happens for ten seconds.
        shorter = (-20, -5, -3, -1) if self._family is IGMP else (-20, -5, -4, -3, -1)
        for chances, words in (
            (0.3, f" to {chance.choice(DESTINATIONS[version])}"),
            (0.25, f" from {chance.choice(ORIGINS[version])}"),
            (0.15, f" link-to {chance.choice(LINK_DESTINATIONS)}"),
            (0.15, f" hop-limit {chance.choice((0, 1, 2, 64, 255))}"),
            (0.15, chance.choice((" no-router-alert", " router-alert 0", " router-alert 1"))),
            (0.1, " bad-checksum"),
            (0.2, " suppress"),
            (0.2, f" length {usual + chance.choice((*shorter, 1, 4, 16, 40))}"),
        ):
            line += words if chance.random() < chances else ""
        return line
