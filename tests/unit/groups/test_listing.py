"""Rows and invariants from a recorded state of Linux 6.18, and from tables that contradict it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from mldkit.groups.listing import join
from mldkit.groups.row import Listing, ReasonKind
from mldkit.groups.watch import EventKind, compare
from mldkit.link.interfaces import InterfaceAddress
from mldkit.link.kernel import Kernel
from mldkit.link.kernel_devices import KernelDevice
from mldkit.link.kernel_sockets import KernelFilter, Sockets
from mldkit.link.kernel_tables import ListedGroup, parse_dev_mcast, parse_igmp, parse_igmp6
from mldkit.model.addresses import Address, parse
from mldkit.model.units import SECOND
from mldkit.model.well_known import well_known_name

IGMP = (
    "Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n"
    "11\teth1      :     2      V3\n"
    "\t\t\t\t030201EF     2 1:000001F3\t\t0\n"
    "\t\t\t\t010000E0     1 0:00000000\t\t0\n"
)
IGMP6 = (
    "11   eth1            ff0200000000000000000001ff000005     2 00000004 0\n"
    "11   eth1            ff020000000000000000000000000001     1 0000000C 0\n"
    "11   eth1            ff010000000000000000000000000001     1 00000008 0\n"
)
DEV_MCAST = (
    "11   eth1            1     0     333300000001\n"
    "11   eth1            1     0     01005e000001\n"
    "11   eth1            1     0     3333ff000005\n"
    "11   eth1            1     0     01005e010203\n"
)


def address(value: str) -> InterfaceAddress:
    return InterfaceAddress(
        parse(value), 64, 0, is_secondary=False, is_tentative=False, is_dad_failed=False
    )


def recorded() -> Kernel:
    devices, igmp = parse_igmp(IGMP, order="little")
    groups = igmp + parse_igmp6(IGMP6)
    device = KernelDevice(11, "eth1", True, True, "veth", None, None, None)
    return Kernel(
        devices={11: device},
        igmp_devices=devices,
        groups=groups,
        sources=(),
        macs=parse_dev_mcast(DEV_MCAST),
        anycast=(),
        addresses={11: (address("2001:db8:1::5"), address("2001:db8:2::5"))},
        proxies={},
        joined={
            octets: {(g.index, g.group): 5 * SECOND for g in groups if len(g.group) == octets}
            for octets in (4, 16)
        },
        forwarding=frozenset(),
    )


def listing_of(state: Kernel, *sockets: KernelFilter) -> Listing:
    seen = Sockets(sockets, blind=False)
    return join(state, seen, packets=Counter(), now_ns=7 * SECOND)


def broken(state: Kernel) -> list[str]:
    return [entry.text for entry in listing_of(state).invariants if not entry.holds]


def test_what_was_recorded_holds_together() -> None:
    listing = listing_of(recorded())

    assert broken(recorded()) == []
    row = listing.rows[0]
    assert (row.users, row.timer_ns, row.age_ns) == (2, 4_990_000_000, 2 * SECOND)
    assert (row.unexplained_users, row.processes) == (2, None)
    assert [reason.kind for reason in listing.rows[2].reasons] == [ReasonKind.SOLICITED_NODE] * 2
    assert listing.rows[2].processes == ()


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        (DEV_MCAST.replace("3333ff000005", "3333ff000006"), "ff02::1:ff00:5 (33:33:ff:00:00:05)"),
        (DEV_MCAST.replace("1     0     01005e000001", "0     0     01005e000001"), "0 references"),
    ],
)
def test_a_device_list_that_lacks_a_loaded_group_is_told(table: str, complaint: str) -> None:
    (text,) = broken(replace(recorded(), macs=parse_dev_mcast(table)))

    assert complaint in text


def test_a_small_scope_in_the_device_list_is_told() -> None:
    loaded = IGMP6.replace("00000008", "0000000C")
    _, igmp = parse_igmp(IGMP, order="little")

    texts = broken(replace(recorded(), groups=igmp + parse_igmp6(loaded)))

    assert any("scope 0 and 1" in text and "ff01::1" in text for text in texts)


def test_a_group_that_only_one_of_dump_and_table_has_is_told() -> None:
    state = recorded()
    without = {octets: dict(entries) for octets, entries in state.joined.items()}
    del without[4][11, parse("239.1.2.3")]

    (text,) = broken(replace(state, joined=without))

    assert "239.1.2.3 of interface 11" in text
    # A kernel without the dump for IPv4 says nothing about it.
    assert broken(replace(state, joined={16: state.joined[16]})) == []


def test_a_listing_of_an_interface_that_is_down_asks_nothing_of_the_device_list() -> None:
    state = recorded()
    down = replace(state.devices[11], is_up=False)

    assert broken(replace(state, devices={11: down}, macs=())) == []


def socket(pid: int, group: str, *sources: Address) -> KernelFilter:
    return KernelFilter(11, parse(group), pid, "program", 3, not sources, sources)


def test_a_notified_group_of_which_both_listings_know_nothing_was_there_nevertheless() -> None:
    listing = listing_of(recorded())
    group = parse("239.9.9.9")

    events = compare(
        listing,
        listing,
        [(EventKind.JOINED, "eth1", group), (EventKind.LEFT, "eth1", group)],
        1,
    )

    assert [(e.kind, e.group, e.row) for e in events] == [
        (EventKind.JOINED, group, None),
        (EventKind.LEFT, group, None),
    ]


def test_what_a_listing_already_showed_is_not_told_again() -> None:
    listing = listing_of(recorded())

    told = [
        (EventKind.JOINED, "eth1", parse("239.1.2.3")),
        (EventKind.LEFT, "eth1", parse("239.7.7.7")),
    ]

    assert compare(listing, listing, told, 1) == []


def test_timers_and_reporters_are_no_change_but_users_and_filters_are() -> None:
    state = recorded()
    first = state.groups[0]
    quiet = ListedGroup(first.index, first.group, first.users, ("last reporter",), None)
    before = listing_of(state, socket(7, "239.1.2.3"))

    same = listing_of(replace(state, groups=(quiet, *state.groups[1:])), socket(7, "239.1.2.3"))
    other = listing_of(state, socket(7, "239.1.2.3", parse("10.0.0.1")))

    assert compare(before, same, [], 1) == []
    (event,) = compare(before, other, [], 1)
    assert (event.kind, event.group) == (EventKind.CHANGED, parse("239.1.2.3"))


@pytest.mark.parametrize(
    ("group", "name"),
    [
        ("224.0.0.251", "mDNS"),
        ("ff02::fb", "mDNS"),
        ("ff05::fb", "mDNS"),
        ("ff15::fb", None),
        ("239.255.255.250", "SSDP"),
        ("ff02::2:ff12:3456", "node information queries for one host name"),
        ("239.1.2.3", None),
    ],
)
def test_names_of_variable_scope_are_known_in_each_but_not_as_transient_groups(
    group: str, name: str | None
) -> None:
    assert well_known_name(parse(group)) == name
