"""Sound networks by chance: whoever joins, leaves, sends and searches when, no data are blamed."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from mldkit.model.addresses import parse
from mldkit.model.family import IGMP

if TYPE_CHECKING:
    from mldkit.testing.stage import Stage
    from tests.doctor.conftest import Doctor

END_S, ROUND_S, LINGER_S = 300, 125, 2
ABOUT_DATA = {"D-12", "D-25", "D-34", "D-43", "D-46", "D-47", "D-48", "D-49"}
ROUTER = bytes.fromhex("020000000001")
Times = list[tuple[float, float, int]]
"""When which host was a member: from, to."""


def members(stage: Stage, rng: random.Random, group: int) -> Times:
    """Let some hosts join and leave, answer what they are asked, and be asked for."""
    times: Times = []
    for host in rng.sample(range(2, 8), rng.randint(1, 3)):
        begin = rng.uniform(1, END_S / 2)
        end = begin + rng.uniform(5, END_S)
        times.append((begin, end, host))
        for kind, at in (("TO_EX", begin), ("TO_IN", end)):
            for told in (at, at + rng.uniform(0.1, 1)):
                if told < END_S:
                    stage.report(told, kind, group, host=host)
        for asked in range(0, END_S, ROUND_S):
            if begin < asked < end - 10:
                stage.report(asked + rng.uniform(0.01, 9.9), "IS_EX", group, host=host)
    for _, end, leaver in times:
        for wondered in (end + 0.005, end + 1.005):
            if wondered < END_S:
                stage.query(wondered, group, response=1)
                for first, last, host in times:
                    if host != leaver and first < wondered < last - 1:
                        at = wondered + rng.uniform(0.01, 0.9)
                        stage.report(at, "IS_EX", group, host=host)
    return times


def programme(stage: Stage, rng: random.Random, group: int, times: Times) -> None:
    """Let a router send a stream to its members, or a host announce something now and then."""
    every = rng.choice((0.04, 0.1, 0.5, 1, 5, 10))
    at = rng.uniform(0, 1)
    while at < END_S:
        if any(first + 0.02 <= at < last + LINGER_S for first, last, _ in times):
            stage.data(at, group, link_source=ROUTER, payload=b"%d" % round(at * 1000))
        at += every * rng.uniform(0.9, 1.1)


def searches(stage: Stage, rng: random.Random) -> None:
    """Let hosts announce and search services in bursts."""
    discovery = parse("239.255.255.250" if stage.family is IGMP else "ff05::c")
    for host in range(2, 5):
        at = rng.uniform(0, 60)
        while at < END_S:
            every = rng.choice((0.01, 0.2, 1))
            for number in range(rng.randint(3, 30)):
                stage.data(at + number * every, discovery, host=host, port=1900)
            at += rng.expovariate(1 / 60)


@pytest.mark.parametrize("seed", range(12))
def test_a_sound_network_by_chance(stage: Stage, doctor: Doctor, seed: int) -> None:
    rng = random.Random(seed)
    for asked in range(0, END_S, ROUND_S):
        stage.query(asked)
    for group in range(1, 5):
        programme(stage, rng, group, members(stage, rng, group))
    searches(stage, rng)

    assert doctor(stage).ids & ABOUT_DATA == set()
