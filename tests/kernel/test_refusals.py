"""What this kernel refuses a socket, the host machine refuses too, with the same error."""

from __future__ import annotations

import errno
import random
import re
from typing import TYPE_CHECKING

import pytest

from mldkit.errors import UsageError
from mldkit.link import interfaces
from mldkit.link.group_sockets import GroupSockets
from mldkit.model.addresses import parse
from mldkit.model.family import IGMP, MLD, Family
from mldkit.protocol.filters import FilterMode
from mldkit.protocol.host import Host, HostOptions
from mldkit.protocol.timer import Draws
from mldkit.wire.split import split_report

if TYPE_CHECKING:
    from mldkit.model.addresses import Address
    from tests.conftest import Link

pytestmark = pytest.mark.netns

STORIES = 150
STEPS = 14
VERBS = ("join", "join sources", "leave", "block", "unblock", "drop", "include", "exclude")
NAMES = {
    IGMP: (("239.1.2.3", "232.1.1.1"), tuple(f"10.9.1.{last}" for last in range(1, 14))),
    MLD: (("ff15::1:3", "ff3e::8000:1"), tuple(f"2001:db8::{last:x}" for last in range(1, 70))),
}

Step = tuple[str, "Address", tuple["Address", ...]]


def story(family: Family, number: int) -> list[Step]:
    chance = random.Random(number)
    groups, sources = NAMES[family]
    steps = []
    for _ in range(STEPS):
        # Mostly few of few sources, so that they meet; sometimes more than a filter may hold.
        most = len(sources) if chance.random() < 0.05 else 2
        known = sources if most > 2 else sources[:3]
        chosen = chance.sample(known, chance.randint(most - 1, most))
        group = parse(chance.choice(groups))
        steps.append((chance.choice(VERBS), group, tuple(parse(source) for source in chosen)))
    return steps


def of_kernel(sockets: GroupSockets, step: Step) -> str:
    verb, group, sources = step
    try:
        match verb:
            case "join":
                sockets.join(group)
            case "join sources":
                sockets.join(group, sources)
            case "leave":
                sockets.leave(group)
            case "block":
                sockets.block(group, sources)
            case "unblock":
                sockets.unblock(group, sources)
            case "drop":
                sockets.drop(group, sources)
            case _:
                sockets.set_filter(group, sources, includes=verb == "include")
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return "done"


def of_machine(host: Host, step: Step) -> str:
    verb, group, sources = step
    sockets = host.sockets
    try:
        match verb:
            case "join":
                sockets.join(group, (), 0)
            case "join sources":
                sockets.join(group, sources, 0)
            case "leave":
                sockets.leave(group, 0)
            case "block":
                sockets.block(group, sources, 0)
            case "unblock":
                sockets.unblock(group, sources, 0)
            case "drop":
                sockets.drop(group, sources, 0)
            case _:
                sockets.set_filter(group, FilterMode[verb.upper()], sources, 0)
    except UsageError as error:
        found = re.search(r"\((E[A-Z]+)\)$", error.message)
        return found[1] if found else error.message
    return "done"


@pytest.mark.parametrize("family", [IGMP, MLD], ids=lambda family: family.name)
def test_the_same_steps_are_refused_with_the_same_error(link: Link, family: Family) -> None:
    outcomes = set()
    with link.far.entered():
        index = interfaces.find(link.interface).index
        for number in range(STORIES):
            host = Host(HostOptions(b"\x02\0\0\0\0\x02"), Draws(random.Random(1)), split_report)
            host.link_up(0)
            with GroupSockets(index) as sockets:
                told = []
                for step in story(family, number):
                    verdict = of_kernel(sockets, step)
                    told.append((step[0], verdict))
                    assert of_machine(host, step) == verdict, told
                    outcomes.add(verdict)

    assert {"done", "EADDRINUSE", "EADDRNOTAVAIL", "EINVAL", "ENOBUFS"} <= outcomes
