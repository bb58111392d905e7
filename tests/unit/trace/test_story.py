"""Acts of three kernels, as their tracers told them, held against what was done there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mldkit.model.addresses import group_mac, parse, text
from mldkit.model.messages import Report, record_type_name
from mldkit.trace.observation import Announced, Beginning, Line, Observation, read, written
from mldkit.trace.story import Story
from tests.unit.trace.recorded import KERNELS, act, acts, observations

if TYPE_CHECKING:
    from mldkit.trace.act import Act
    from mldkit.trace.calls import Call

DONE = [
    ("join ff15::77", "join"),
    ("second join of ff15::77", "join"),
    ("join 239.1.2.3", "join"),
    ("General Query, MLDv2", "query"),
    ("query for ff15::77", "query"),
    ("General Query, IGMPv3", "query"),
    ("query for 239.1.2.3", "query"),
    ("leave ff15::77 by the second socket", "leave"),
    ("leave ff15::77", "leave"),
    ("leave 239.1.2.3", "leave"),
    ("address 2001:db8::5 added", "address"),
    ("address 2001:db8::5 removed", "address"),
    ("forwarding on", "address"),
    ("forwarding off", "address"),
    ("proxy entry for 2001:db8::99", "proxy"),
    ("proxy entry removed", "proxy"),
    ("all multicast on", "filter"),
    ("all multicast off", "filter"),
    ("promiscuous mode on", "filter"),
    ("promiscuous mode off", "filter"),
    ("link down", "link"),
]
TO_DRIVER = [
    "__ipv6_sock_mc_join", "__ipv6_dev_mc_inc", "igmp6_group_added", "dev_mc_add", "__dev_mc_add",
    "__dev_set_rx_mode", "e1000e_set_rx_mode", "e1000e_update_mc_addr_list_generic",
]  # fmt: skip


def way(call: Call, name: str) -> list[str] | None:
    """Return the calls from one down to the first of a name."""
    if call.name == name:
        return [call.name]
    for child in call.children:
        below = way(child, name)
        if below is not None:
            return [call.name, *below]
    return None


def records(found: Act) -> list[list[str]]:
    messages = [decoded.datagram.message for decoded in found.frames() if decoded.frame.outgoing]
    assert all(isinstance(message, Report) for message in messages)
    return [
        [f"{record_type_name(record.type)} {text(record.group)}" for record in message.records]
        for message in messages
        if isinstance(message, Report)
    ]


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize(("announced", "kind"), DONE)
def test_each_act_that_was_done_was_seen_once(kernel: str, announced: str, kind: str) -> None:
    assert act(kernel, announced).kind == kind


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_way_of_a_join_to_the_driver(kernel: str) -> None:
    found = act(kernel, "join ff15::77")
    path = way(found.beginning.call, TO_DRIVER[-1])

    assert path == ["ipv6_sock_mc_join", *TO_DRIVER]
    assert found.process is not None
    assert found.process.name == "python"
    assert found.group == parse("ff15::77")
    assert found.mac == group_mac(parse("ff15::77"))
    assert {(c.table, c.before, c.after) for c in found.changes} == {
        ("igmp6", None, "users 1, loaded"),
        ("dev_mcast", None, "references 1"),
    }


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_report_stands_under_the_join_that_put_it_off(kernel: str) -> None:
    found = act(kernel, "join ff15::77")
    first, repeat = found.parts[1:]

    assert records(found) == [["TO_EX ff15::77"], ["TO_EX ff15::77"]]
    assert first.call.name == repeat.call.name == "mld_ifc_work"
    # net/ipv6/mcast.c:mld_ifc_event asks for 1 jiffy, mld_ifc_start_work adds 2 to a draw of it.
    assert first.jiffies == 2
    # The repeat is drawn from the unsolicited report interval, 1 s of 250 jiffies, plus 2.
    assert repeat.jiffies is not None
    assert 2 <= repeat.jiffies <= 252
    assert repeat.delay_ns > repeat.jiffies * 4_000_000 - 4_000_000


@pytest.mark.parametrize("kernel", KERNELS)
def test_ip6_mc_add_src_adds_nothing_to_the_device(kernel: str) -> None:
    calls = [call for each in acts(kernel) for call in each.calls()]
    below = [inner.name for call in calls if call.name == "ip6_mc_add_src" for inner in call.walk()]
    assert "ip6_mc_add_src" in below
    assert {name for name in below if name.startswith(("dev_mc", "__dev"))} == set()
    second = act(kernel, "second join of ff15::77")
    assert way(second.beginning.call, "ip6_mc_add_src") is not None
    assert not second.called("dev_mc_add", "__dev_set_rx_mode")
    assert [(c.before, c.after) for c in second.changes] == [("users 1, loaded", "users 2, loaded")]


@pytest.mark.parametrize("kernel", KERNELS)
def test_answers_stand_under_the_query_that_asked(kernel: str) -> None:
    general = act(kernel, "General Query, MLDv2")
    assert general.process is None
    assert [part.call.name for part in general.parts] == [
        "igmp6_event_query", "mld_query_work", "mld_gq_work",
    ]  # fmt: skip
    assert records(general) == [["IS_EX ff15::77", "IS_EX ff02::1:ff00:2"]]
    specific = act(kernel, "query for 239.1.2.3")
    assert [part.call.name for part in specific.parts] == ["igmp_rcv", "igmp_timer_expire"]
    assert records(specific) == [["IS_EX 239.1.2.3"]]


@pytest.mark.parametrize("kernel", KERNELS)
def test_all_multicast_leaves_the_table_of_the_device_as_it_was(kernel: str) -> None:
    opened, closed = act(kernel, "all multicast on"), act(kernel, "all multicast off")
    assert opened.called("e1000e_set_rx_mode")
    assert not opened.called("e1000e_update_mc_addr_list_generic")
    assert closed.called("e1000e_update_mc_addr_list_generic")


@pytest.mark.parametrize("kernel", KERNELS)
def test_forwarding_joins_the_groups_of_routers(kernel: str) -> None:
    joined = {c.entry for c in act(kernel, "forwarding on").changes if c.table == "igmp6"}
    assert joined == {"ff01::2", "ff02::2", "ff05::2", "ff02::1:ff00:0"}


@pytest.mark.parametrize("kernel", KERNELS)
def test_macs_added_by_hand_are_as_many_acts(kernel: str) -> None:
    added = [each for each in acts(kernel) if each.announced.endswith("MACs added by hand")]
    assert len({each.mac for each in added}) == len(added) == 24
    assert {each.beginning.call.name for each in added} == {"dev_mc_add_global"}


@pytest.mark.parametrize("kernel", KERNELS)
def test_acts_of_another_interface_are_left_out(kernel: str) -> None:
    story = Story()
    found = []
    for observation in observations(kernel):
        changed: Observation = observation
        if isinstance(observation, Beginning):
            changed = observation._replace(interface="eth1")
        found += list(story.feed(changed))
    assert found == []


def test_what_is_written_down_is_read_the_same() -> None:
    before = observations("6.12")
    assert tuple(read(map(written, before))) == before


def test_lost_lines_leave_acts_and_say_so() -> None:
    story, found = Story(), []
    for number, observation in enumerate(observations("6.12")):
        if isinstance(observation, Line) and number % 7 == 0:
            found += list(story.feed(Line("CPU:0 [LOST 3 EVENTS]")))
        else:
            found += list(story.feed(observation))
    assert story.lost > 300
    assert any(each.is_cut for each in found)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("every", [2, 3, 5])
def test_a_trace_with_holes_breaks_nothing(kernel: str, every: int) -> None:
    story = Story()
    for number, observation in enumerate(observations(kernel)):
        if isinstance(observation, Line) and number % every == 0:
            continue
        if isinstance(observation, Announced):
            continue
        list(story.feed(observation))
    assert not story.is_pending
