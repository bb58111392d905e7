"""A snooping bridge, row by row of what was measured; and the bound of the statistics."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import pytest

from mldkit.macfilter.probes import Probe
from mldkit.macfilter.receive_filter import BROADCAST
from mldkit.macfilter.snooping import SnoopingPort
from mldkit.macfilter.vehicles import binomial_bound
from mldkit.model.addresses import group_mac, parse, parse_mac

HOST = parse_mac("02:00:00:00:00:02")
MEMBER = SnoopingPort(frozenset((parse("239.1.2.3"), parse("ff15::1:1"))), learned=HOST)
EMPTY = SnoopingPort(learned_elsewhere=frozenset((HOST,)))


def frame(group: str) -> Probe:
    return Probe("", group_mac(parse(group)), parse(group))


@pytest.mark.parametrize(
    ("group", "at_the_member", "elsewhere"),
    [
        ("239.1.2.3", "passes", "dropped"),
        ("225.1.2.3", "dropped", "dropped"),  # the same MAC
        ("239.9.9.9", "dropped", "dropped"),
        ("224.0.0.1", "passes", "passes"),
        ("224.0.0.251", "passes", "passes"),
        ("ff15::1:1", "passes", "dropped"),
        ("ff05::1:1", "dropped", "dropped"),  # the same MAC
        ("ff02::1", "passes", "passes"),
        ("ff02::fb", "dropped", "dropped"),
    ],
)
def test_with_a_querier_the_group_decides(group: str, at_the_member: str, elsewhere: str) -> None:
    assert MEMBER.forwards(frame(group)).outcome == at_the_member
    assert EMPTY.forwards(frame(group)).outcome == elsewhere


@pytest.mark.parametrize("group", ["239.1.2.3", "239.9.9.9", "ff15::1:1", "ff02::fb"])
def test_without_a_querier_everything_is_flooded(group: str) -> None:
    port = SnoopingPort(active=frozenset())
    assert port.forwards(frame(group)).outcome == "passes"


def test_a_querier_counts_for_its_own_family_only() -> None:
    port = SnoopingPort(active=frozenset((4,)))
    assert port.forwards(frame("239.9.9.9")).outcome == "dropped"
    assert port.forwards(frame("ff15::9:9")).outcome == "passes"


def test_a_router_port_gets_every_group() -> None:
    port = SnoopingPort(is_router_port=True)
    assert port.forwards(frame("239.9.9.9")).outcome == "passes"
    assert port.forwards(frame("ff02::fb")).outcome == "passes"


def test_what_is_not_ip_and_broadcast_are_flooded_and_unicast_is_learned() -> None:
    mac = group_mac(parse("239.1.2.3"))
    for port in (MEMBER, EMPTY):
        assert port.forwards(Probe("", mac, b"")).outcome == "passes"
        assert port.forwards(Probe("", BROADCAST, parse("239.1.2.3"))).outcome == "passes"
    assert MEMBER.forwards(Probe("", HOST, parse("239.1.2.3"))).outcome == "passes"
    assert EMPTY.forwards(Probe("", HOST, parse("239.1.2.3"))).outcome == "dropped"


@pytest.mark.parametrize(
    ("frames", "chance"), [(300, 6 / 256), (206, 0.02), (120, 0.15), (10, 0.5)]
)
def test_the_bound_is_the_first_that_chance_exceeds_less_than_once_in_a_million(
    frames: int, chance: float
) -> None:
    exact = Fraction(chance)

    def beyond(bound: int) -> Fraction:
        return sum(
            (
                comb(frames, number) * exact**number * (1 - exact) ** (frames - number)
                for number in range(bound + 1, frames + 1)
            ),
            start=Fraction(0),
        )

    bound = binomial_bound(frames, chance)
    assert beyond(bound) < Fraction(1, 10**6) <= beyond(bound - 1)
