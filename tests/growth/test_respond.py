"""What hosts cannot act on costs a responder the same, however many hosts it has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mldkit.link.crowd import Crowd
from mldkit.model.datagram import Frame
from mldkit.model.family import IGMP, MLD
from mldkit.model.notation import parse_group_spec
from mldkit.responder.audience import Audience
from mldkit.responder.population import PopulationPlan, populate
from mldkit.wire.decoder import Decoder
from mldkit.wire.split import split_report
from tests.growth import frames
from tests.growth.counting import instructions
from tests.growth.frames import GROUP, IS_EX

if TYPE_CHECKING:
    from mldkit.model.datagram import Decoded

COUNT = 100

FORGED = {
    "a report": frames.report(1, [(IS_EX, GROUP, ())]),
    "a report in MLD": frames.mld_report(1, [(IS_EX, b"\xff\x15" + bytes(13) + b"\1", ())]),
    "a leave": frames.older(1, GROUP, 0x17),
    "an older report of another group": frames.older(1, frames.group(1)),
    "a query for another group": frames.query(about=frames.group(1)),
    "the same with sources": frames.query(about=frames.group(1), sources=[frames.address(1)] * 300),
    "a query on a VLAN": frames.query(vlan=(7,)),
}


def crowd(count: int) -> Crowd:
    """Return hosts that have been there for a while."""
    plan = PopulationPlan((parse_group_spec("239.1.2.3"),), (IGMP, MLD), 1, count)
    made = populate(plan, frames.mac(0xFFFFFF), 1500, split_report)
    for known in made.residents:
        known.boot(0)
        known.host.settle()
    hosts = [known.host for known in made.residents]
    return Crowd(hosts, Audience(made.residents, made.draws).of)


def hear(listening: Crowd, decoded: Decoded) -> None:
    """Let all that hear a message take it in."""
    listening.hear(decoded, 1)
    while listening.waiting:
        listening.deliver(COUNT)


@pytest.mark.parametrize("octets", FORGED.values(), ids=FORGED)
def test_what_no_host_acts_on_costs_the_same_for_twice_as_many_hosts(octets: bytes) -> None:
    few, many = crowd(COUNT), crowd(2 * COUNT)
    (decoded,) = Decoder().decode(Frame(octets))
    (asked,) = Decoder().decode(Frame(frames.query(about=GROUP)))

    assert instructions(lambda: hear(many, decoded)) == instructions(lambda: hear(few, decoded))
    # What they do act on is for each of them.
    hear(many, asked)
    assert many.deadline_ns is not None
