"""Trees from entries: nesting, stacks without the callers that have ended, interrupts, losses."""

from __future__ import annotations

import pytest

from mldkit.trace.calls import Call, CallTrees
from mldkit.trace.function import Function
from mldkit.trace.functions import BY_NAME, FUNCTIONS, found_in
from mldkit.trace.text import Entered, Entry, Left, Lost
from tests.unit.trace.recorded import KERNELS, acts

STEP_NS = 1000


def shape(call: Call) -> tuple[object, ...]:
    return (call.name, *map(shape, call.children))


def trees(*entries: Entry) -> list[Call]:
    builder = CallTrees()
    found = [call for entry in entries for call in builder.feed(entry)]
    return [*found, *builder.end()]


def from_stacks(*chains: str) -> list[Call]:
    """Build from lines such as `c < b < a`: c was entered, from b, from a."""
    entries = []
    for number, chain in enumerate(chains):
        symbol, *stack = chain.split(" < ")
        entries.append(Entered(number * STEP_NS, 0, 7, "p", False, symbol, tuple(stack)))
    return trees(*entries)


def test_callers_on_the_stack_make_a_tree() -> None:
    (tree,) = from_stacks(
        "__ipv6_sock_mc_join",
        "__ipv6_dev_mc_inc < __ipv6_sock_mc_join",
        "igmp6_group_added < __ipv6_dev_mc_inc < __ipv6_sock_mc_join",
        "ip6_mc_add_src < __ipv6_dev_mc_inc < __ipv6_sock_mc_join",
    )
    assert shape(tree) == (
        "__ipv6_sock_mc_join",
        ("__ipv6_dev_mc_inc", ("igmp6_group_added",), ("ip6_mc_add_src",)),
    )
    assert not any(call.restored for call in tree.walk())


def test_tail_calls_are_put_back_and_marked() -> None:
    (tree,) = from_stacks(
        "igmp6_group_added",
        "dev_mc_add < igmp6_group_added",
        "__dev_mc_add < igmp6_group_added",
        "__hw_addr_add_ex < __dev_mc_add < igmp6_group_added",
        "__dev_set_rx_mode < __dev_mc_add < igmp6_group_added",
        "e1000e_set_rx_mode < __dev_mc_add < igmp6_group_added",
        "mld_ifc_event < igmp6_group_added",
        "mld_ifc_start_work < igmp6_group_added",
    )
    driver = ("__dev_set_rx_mode", ("e1000e_set_rx_mode",))
    assert shape(tree) == (
        "igmp6_group_added",
        ("dev_mc_add", ("__dev_mc_add", ("__hw_addr_add_ex",), driver)),
        ("mld_ifc_event", ("mld_ifc_start_work",)),
    )
    assert [call.name for call in tree.walk() if call.restored] == [
        "__dev_mc_add", "e1000e_set_rx_mode", "mld_ifc_start_work",
    ]  # fmt: skip


def test_a_call_that_returned_is_no_caller() -> None:
    # igmpv3_newpack returned to igmpv3_send_report, which then ended with igmpv3_sendpack.
    (tree,) = from_stacks(
        "igmp_gq_timer_expire",
        "igmpv3_send_report.isra.0 < igmp_gq_timer_expire",
        "igmpv3_newpack < igmpv3_send_report.isra.0 < igmp_gq_timer_expire",
        "igmpv3_sendpack < igmp_gq_timer_expire",
    )
    below = ("igmpv3_send_report", ("igmpv3_newpack",), ("igmpv3_sendpack",))
    assert shape(tree) == ("igmp_gq_timer_expire", below)


def test_two_calls_of_the_same_function_are_two_trees() -> None:
    first, second = from_stacks("ipv6_sock_mc_join", "ipv6_sock_mc_join")
    assert shape(first) == shape(second) == ("ipv6_sock_mc_join",)


def test_what_interrupts_is_a_tree_of_its_own() -> None:
    def entered(symbol: str) -> Entered:
        return Entered(1, 0, 7, "p", False, symbol, None)

    def left(symbol: str) -> Left:
        return Left(2, 0, 7, "p", False, symbol)

    received, joined = trees(
        entered("ipv6_sock_mc_join"),
        entered("igmp6_event_query"),
        left("igmp6_event_query"),
        entered("__ipv6_sock_mc_join"),
        left("__ipv6_sock_mc_join"),
        left("ipv6_sock_mc_join"),
    )
    assert shape(received) == ("igmp6_event_query",)
    assert shape(joined) == ("ipv6_sock_mc_join", ("__ipv6_sock_mc_join",))


def test_losses_cut_what_is_open() -> None:
    entered = Entered(1, 0, 7, "p", False, "dev_mc_add", None)
    (tree,) = trees(entered, Lost(0, 12))
    assert tree.cut


def test_an_end_without_a_beginning_is_nothing() -> None:
    assert trees(Left(1, 0, 7, "p", False, "dev_mc_add")) == []


def test_endless_nesting_does_not_grow() -> None:
    deep = [Entered(n, 0, 7, "p", False, "dev_mc_add", None) for n in range(1000)]
    assert max(len(list(tree.walk())) for tree in trees(*deep)) <= 64


def test_suffixes_of_the_compiler_are_found_and_what_is_missing_is_known() -> None:
    listed = ["igmp6_join_group.part.0", "mld_newpack.isra.0", "e1000e_set_rx_mode [e1000e]", ""]
    found = found_in(listed)
    assert found == {
        "igmp6_join_group": ("igmp6_join_group.part.0",),
        "e1000e_set_rx_mode": ("e1000e_set_rx_mode",),
    }


@pytest.mark.parametrize("row", FUNCTIONS, ids=lambda row: row.name)
def test_a_row_knows_its_callers(row: Function) -> None:
    assert BY_NAME[row.name] is row
    assert row.name not in row.callers
    assert row.role


@pytest.mark.parametrize("kernel", KERNELS)
def test_no_tree_of_a_recording_is_cut(kernel: str) -> None:
    assert [call.name for act in acts(kernel) for call in act.calls() if call.cut] == []
