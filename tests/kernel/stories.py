"""Random stories in the notation of scripts: what programs ask for, what queriers say, what happens
to the interface.

A step is one line, or a few at the same instant. Steps are so far apart that everything is told
before the next one, so draws decide when something is sent, and never what. Lines that the host
machine refuses are left out; that it refuses the right ones is tested in `test_refusals.py`.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from mldkit.model.family import IGMP, Family
from mldkit.play import simulate
from mldkit.protocol.script_parser import parse_script
from mldkit.protocol.script_words import ScriptError

if TYPE_CHECKING:
    from mldkit.protocol.script import Script

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
INTERFACE = {
    4: ("address add 10.9.0.77/24", "address del 10.9.0.77", "address del 10.9.0.2"),
    6: (
        "address add 2001:db8::77/64",
        "address del 2001:db8::77",
        "forwarding on",
        "forwarding off",
        "proxy add 2001:db8::1:2345",
        "proxy del 2001:db8::1:2345",
        "mtu 1000",
        "mtu 1500",
    ),
}
LINKS = ("link down", "link up", "carrier down", "carrier up")
ATTEMPTS = 30


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
                simulate(parse_script(longer, self._name), seed=1)
            except ScriptError:
                continue
            self._text = longer
            return

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
        )
