"""Who hears a message loses nothing: hosts that are left out would not have acted on it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mldkit.model.addresses import group_mac, is_multicast, parse, text
from mldkit.model.datagram import Datagram, Decoded, Frame
from mldkit.model.family import IGMP, MLD, family_of
from mldkit.model.messages import LegacyReport
from mldkit.model.notation import parse_group_spec
from mldkit.model.units import SECOND
from mldkit.protocol.query_fields import QueryFields
from mldkit.protocol.settings import parse_setting
from mldkit.responder.audience import Audience
from mldkit.responder.population import PopulationPlan, populate
from mldkit.testing.strategies import datagrams
from mldkit.wire.decode import decode
from mldkit.wire.encode import encode_frame
from mldkit.wire.split import split_report

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mldkit.model.addresses import Address
    from mldkit.responder.population import Population

COUNT = 3
INTERFACE_MAC = bytes.fromhex("52540012abcd")
OTHER_MAC = bytes.fromhex("020000000001")
GROUPS = ("239.1.1.1+2", "ff15::1", "10.0.0.1@232.1.1.1")
LATER_NS = 400 * SECOND
DESTINATIONS = tuple(
    map(
        parse,
        (
            "224.0.0.1", "224.0.0.2", "239.1.1.1", "239.1.1.4", "239.1.1.200", "232.1.1.1",
            "169.254.1.2", "169.254.255.255", "255.255.255.255", "10.9.0.9", "ff02::1", "ff02::2",
            "ff15::1", "ff15::2", "ff15::9", "ff02::1:ff00:1", "ff02::1:ff12:abcd",
            "ff02::1:ff00:0", "fe80::ab:cdff:fe00:1", "fe80::9",
        ),
    )
)  # fmt: skip
plans = st.builds(
    PopulationPlan,
    st.just(tuple(map(parse_group_spec, GROUPS))),
    st.sampled_from(((IGMP, MLD), (IGMP, MLD), (MLD,))),
    st.integers(0, 9),
    st.just(COUNT),
    is_distinct=st.booleans(),
    settings=st.sampled_from(((), (parse_setting("net.ipv6.conf.eth0.forwarding", "1", "eth0"),))),
)


def grown(plan: PopulationPlan) -> Population:
    """Return hosts that have been there for a while."""
    if plan.families == (MLD,):
        plan = replace(plan, groups=(parse_group_spec("ff15::1"),))
    made = populate(plan, INTERFACE_MAC, 1500, split_report)
    for known in made.residents:
        known.boot(0)
        known.host.settle()
    return made


def read(datagram: Datagram) -> Decoded:
    """Return a datagram as it is read from a link."""
    found = decode(Frame(encode_frame(datagram)))
    assert isinstance(found, Decoded)
    return found


def stories(destination: Address) -> Iterator[list[Decoded]]:
    """Give what a destination may be sent: queries in both versions, reports of others."""
    family = family_of(destination)
    source = parse("10.0.0.9" if family is IGMP else "fe80::99")
    group = destination if is_multicast(destination) else family.unspecified
    for to in (group_mac(family.all_hosts), group_mac(group), INTERFACE_MAC):
        for version in (family.current_version, family.current_version - 1):
            fields = QueryFields(family, version, SECOND, 2, 125 * SECOND)
            envelope = Datagram(
                source, destination, None, link_source=OTHER_MAC, link_destination=to
            )
            general = replace(envelope, destination=family.all_hosts, message=fields.query())
            yield [read(replace(envelope, message=fields.query()))]
            yield [read(replace(envelope, message=fields.query(group)))]
            report = LegacyReport(family.current_version - 1, group)
            yield [read(one) for one in (general, replace(envelope, message=report))]


def played(
    made: Population, messages: list[Decoded], audience: Audience | None
) -> Iterator[list[tuple[int, Datagram]]]:
    """Give what each host sends after it heard what it hears."""
    for index, known in enumerate(made.residents):
        sent: list[tuple[int, Datagram]] = []
        for number, decoded in enumerate(messages):
            if audience is None or index in audience.of(decoded):
                known.host.receive(decoded, number)
        while (due_ns := known.host.deadline_ns) is not None and due_ns < LATER_NS:
            sent += [(due_ns, datagram) for datagram in known.host.poll(due_ns)]
        yield sent


@settings(max_examples=60, deadline=None, derandomize=True)
@given(plans, st.lists(datagrams().map(read), min_size=1, max_size=6))
def test_hosts_that_are_left_out_would_have_done_nothing(
    plan: PopulationPlan, messages: list[Decoded]
) -> None:
    asked, everybody = grown(plan), grown(plan)
    audience = Audience(asked.residents, asked.draws)

    assert list(played(asked, messages, audience)) == list(played(everybody, messages, None))


@pytest.mark.parametrize("is_distinct", [False, True], ids=["shared", "distinct"])
@pytest.mark.parametrize("destination", DESTINATIONS, ids=text)
def test_whoever_acts_on_a_message_hears_it(destination: Address, *, is_distinct: bool) -> None:
    groups = tuple(map(parse_group_spec, GROUPS))
    plan = PopulationPlan(groups, (IGMP, MLD), 1, COUNT, is_distinct=is_distinct)
    for messages in stories(destination):
        asked, everybody = grown(plan), grown(plan)
        audience = Audience(asked.residents, asked.draws)
        assert list(played(asked, messages, audience)) == list(played(everybody, messages, None))


@pytest.mark.parametrize("is_distinct", [False, True], ids=["shared", "distinct"])
def test_a_query_for_a_group_reaches_all_that_listen_to_it(*, is_distinct: bool) -> None:
    forwards = parse_setting("net.ipv6.conf.eth0.forwarding", "1", "eth0")
    groups = tuple(map(parse_group_spec, GROUPS))
    plan = PopulationPlan(
        groups, (IGMP, MLD), 1, COUNT, is_distinct=is_distinct, settings=(forwards,)
    )
    made = grown(plan)
    audience = Audience(made.residents, made.draws)

    for family in (IGMP, MLD):
        for index, known in enumerate(made.residents):
            for group in known.host.group_addresses(family):
                assert index in audience.of(asked_for(group)), group
    assert audience.of(asked_for(parse("239.1.1.200"))) == ()


def asked_for(group: Address) -> Decoded:
    """Return a query for a group."""
    family = family_of(group)
    message = QueryFields(family, family.current_version, SECOND, 2, 125 * SECOND).query(group)
    source = parse("10.0.0.9" if family is IGMP else "fe80::99")
    return read(Datagram(source, group, message, link_source=OTHER_MAC))
