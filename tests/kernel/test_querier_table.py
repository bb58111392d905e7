"""The action table of the querier against that of the Linux bridge, message by message.

A bridge keeps the state of RFC 9776 §6.4 for each port and group and shows it with all timers
(net/bridge/br_multicast.c:br_multicast_isexc and the like). The same reports go to both, and the
same questions of another querier for a group; those for sources change nothing in a bridge.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from mldkit.link.device import PacketSocket
from mldkit.model import codes
from mldkit.model.addresses import parse, text
from mldkit.model.datagram import Datagram, Decoded, Frame
from mldkit.model.family import IGMP, MLD, Family
from mldkit.model.messages import GroupRecord, Query, RecordType, Report
from mldkit.model.units import SECOND
from mldkit.protocol.querier import Querier
from mldkit.protocol.querier_settings import QuerierSettings
from mldkit.protocol.variables import Variables
from mldkit.testing.addressing import Addressing
from mldkit.wire.decode import decode
from mldkit.wire.encode import encode_frame

if TYPE_CHECKING:
    from collections.abc import Callable

    from mldkit.model.addresses import Address
    from tests.conftest import Namespace

pytestmark = pytest.mark.netns

LIFETIME_S, ASKED_S = 260, 200
BETWEEN_S = (LIFETIME_S + ASKED_S) // 2
"""Timers that end earlier have been lowered by a question, whatever time the test takes."""
VARIABLES = Variables(robustness=2, interval_ns=120 * SECOND, response_ns=10 * SECOND)
ASKED, ASKED_WITH_S = "another querier asks", "another querier asks with S"
GROUPS, STEPS = 40, 8
LONG_S = 10.0


@dataclass(frozen=True)
class State:
    """What is known of a group; sources with the time class of their timer."""

    exclude: bool
    long: frozenset[str] = frozenset()
    lowered: frozenset[str] = frozenset()
    stopped: frozenset[str] = frozenset()
    is_lowered: bool = False
    """The timer of the filter mode."""


NOTHING = State(exclude=False)


class Bridge:
    """A bridge with one port, to which reports come."""

    def __init__(self, space: Namespace) -> None:
        self._space = space

    def state(self, group: str) -> State:
        shown = json.loads(self._space.run("bridge", "-d", "-s", "-j", "mdb", "show").stdout)
        for entry in shown[0]["mdb"]:
            if entry["grp"] == group and "src" not in entry and "filter_mode" in entry:
                return self._read(entry)
        return NOTHING

    @staticmethod
    def _read(entry: dict[str, Any]) -> State:
        timers = {
            source["address"]: float(source["timer"]) for source in entry.get("source_list", ())
        }
        exclude = entry["filter_mode"] == "exclude"
        return State(
            exclude,
            frozenset(source for source, left in timers.items() if left > BETWEEN_S),
            frozenset(source for source, left in timers.items() if 0 < left <= BETWEEN_S),
            frozenset(source for source, left in timers.items() if not left),
            exclude and float(entry["timer"]) <= BETWEEN_S,
        )


class Ours:
    """The querier machine, for which no time passes."""

    def __init__(self, family: Family) -> None:
        self._own = parse("10.9.0.1" if family is IGMP else "fe80::1")
        self._settings = QuerierSettings(
            family, family.current_version, VARIABLES, last_member_interval_ns=100 * SECOND
        )
        self._heard: list[Decoded] = []

    def hear(self, frame: bytes) -> None:
        decoded = decode(Frame(frame))
        assert isinstance(decoded, Decoded)
        self._heard.append(decoded)

    def state(self, group: str) -> State:
        now, later = self._at(0, group), self._at(BETWEEN_S, group)
        if now is None:
            return NOTHING
        mode, running, stopped = now
        left = later[1] if later is not None else frozenset()
        still_excludes = later is not None and later[0]
        return State(mode, left, running - left, stopped, mode and not still_excludes)

    def _at(self, seconds: int, group: str) -> tuple[bool, frozenset[str], frozenset[str]] | None:
        """Return mode, sources with a timer and without, after so long without a report."""
        querier = Querier(bytes(6), {self._own: self._settings})
        querier.start(0)
        for decoded in self._heard:
            querier.receive(decoded, 0)
        while (due_ns := querier.deadline_ns) is not None and due_ns <= seconds * SECOND:
            querier.poll(due_ns)
        for member in querier.members(seconds * SECOND):
            if text(member.group) == group:
                sources = frozenset(map(text, member.sources))
                requested = frozenset(map(text, member.requested))
                if member.exclude:
                    return True, requested, sources
                return False, sources, requested
        return None


@pytest.fixture
def port(make_namespace: Callable[[], Namespace]) -> tuple[Namespace, Bridge]:
    """A namespace whose eth1 is plugged into a snooping bridge of another one."""
    near, far = make_namespace(), make_namespace()
    near.ip(f"link add eth1 index 11 type veth peer name eth1 index 12 netns {far.name}")
    near.sysctl("net.ipv6.conf.eth1.disable_ipv6", 1)
    far.ip("link add br0 type bridge")
    far.ip(
        "link set br0 type bridge mcast_igmp_version 3 mcast_mld_version 2 mcast_querier 1"
        f" mcast_membership_interval {LIFETIME_S * 100} mcast_last_member_interval 10000"
    )
    far.sysctl("net.ipv6.conf.br0.accept_dad", 0)
    far.ip("link set eth1 addrgenmode none master br0")
    for space, device in ((near, "eth1"), (far, "eth1"), (far, "br0")):
        space.ip(f"link set {device} up")
    far.wait_for_ipv6("br0")
    return near, Bridge(far)


@pytest.mark.parametrize("family", [IGMP, MLD], ids=repr)
def test_every_record_changes_the_state_as_in_a_bridge(
    port: tuple[Namespace, Bridge], family: Family
) -> None:
    near, bridge = port
    random = Random(9776)
    taken = set()
    with near.entered(), PacketSocket("eth1") as device:
        wait_until_it_forwards(device, bridge, family)
        for number in range(1, GROUPS):
            # EXCLUDE mode ends with time alone, so each group begins anew.
            group = Addressing(family).group(number)
            ours = Ours(family)
            for _ in range(STEPS):
                before = ours.state(text(group))
                kind = random.choice((*RecordType, ASKED, ASKED_WITH_S))
                numbers = random.sample(range(1, 6), random.randrange(5))
                if isinstance(kind, RecordType):
                    frame = report(family, kind, group, numbers)
                else:
                    frame = query(family, group, suppress=kind == ASKED_WITH_S)
                device.send(frame)
                ours.hear(frame)
                after = bridge.state(text(group))
                assert after == ours.state(text(group)), (before, kind, numbers)
                assert kind != ASKED or after.is_lowered is before.exclude
                assert kind != ASKED_WITH_S or after == before
                taken.add((before.exclude, kind))
    assert len(taken) == 2 * (len(RecordType) + 2)


def wait_until_it_forwards(device: PacketSocket, bridge: Bridge, family: Family) -> None:
    """Report another group until the bridge learns it: a port begins by listening to nothing."""
    other = parse("239.9.9.9" if family is IGMP else "ff05::9999")
    until = time.monotonic() + LONG_S
    while bridge.state(text(other)) == NOTHING:
        assert time.monotonic() < until
        device.send(report(family, RecordType.IS_EX, other, ()))
        time.sleep(0.02)


def report(
    family: Family, kind: RecordType, group: Address, numbers: list[int] | tuple[()]
) -> bytes:
    sources = tuple(map(Addressing(family).source, numbers))
    sender = parse("10.9.0.2" if family is IGMP else "fe80::2")
    message = Report((GroupRecord(kind, group, sources),))
    mac = bytes.fromhex("020000000002")
    return encode_frame(Datagram(sender, family.reports, message, link_source=mac))


def query(family: Family, group: Address, *, suppress: bool) -> bytes:
    """Return a question of another querier, after which nobody is left in `ASKED_S`.

    With the S flag it changes no timer (RFC 9776 §6.6.1).
    """
    width = family.response_code_width
    units = ASKED_S // 2 * SECOND // family.response_unit_ns
    message = Query(
        family.current_version,
        group,
        codes.encode(units, width=width),
        suppress=suppress,
        robustness=2,
        interval_code=120,
    )
    sender = parse("10.9.0.9" if family is IGMP else "fe80::9")
    mac = bytes.fromhex("020000000009")
    return encode_frame(Datagram(sender, group, message, link_source=mac))
