"""The tables of /proc/net as recorded from Linux 6.18 on a little-endian machine."""

from __future__ import annotations

import pytest

from mldkit.errors import LinkError
from mldkit.link.kernel_tables import (
    ListedAnycast,
    ListedDevice,
    ListedMac,
    ListedSource,
    parse_anycast6,
    parse_dev_mcast,
    parse_igmp,
    parse_igmp6,
    parse_mcfilter,
)
from mldkit.model.addresses import parse, text

IGMP = (
    "Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n"
    "1\tlo        :     1      V3\n"
    "\t\t\t\t010000E0     1 0:00000000\t\t0\n"
    "11\teth1      :     2      V2\n"
    "\t\t\t\t030201EF     2 1:000001F3\t\t0\n"
    "\t\t\t\t010000E0     1 0:00000000\t\t1\n"
    "12\tempty     :     0      V3\n"
)
IGMP6 = (
    "11   eth1            ff150000000000000000000000000001     1 00000005 73\n"
    "11   eth1            ff0200000000000000000001ff000005     2 00000004 0\n"
    "11   eth1            ff020000000000000000000000000001     1 0000000C 0\n"
    "11   eth1            ff010000000000000000000000000001     1 00000008 0\n"
    "11   eth1            ff150000000000000000000000000002     1 00000017 -2\n"
    "11   eth1            ff150000000000000000000000000003     1 00000005 4611686018427387\n"
    "11   eth1            ff150000000000000000000000000004     1 00000000 0\n"
)
MCFILTER = (
    "Idx Device        MCA        SRC    INC    EXC\n"
    " 11   eth1 0xe8010101 0x0a000001      1      0\n"
    "112 a-very 0xef010203 0x0a000009      0      2\n"
)
MCFILTER6 = (
    "Idx Device                Multicast Address                   Source Address    INC    EXC\n"
    " 11   eth1 ff3e0000000000000000000080000001 20010db8000000000000000000000001      1      0\n"
)
DEV_MCAST = (
    "11   eth1            2     0     333300000001\n"
    "11   eth1            1     1     0180c200000e\n"
    "15   ib0             1     0     00ffffffff12401bffff00000000000000000001\n"
    "16   sit0            1     0     \n"
)
ANYCAST6 = "11   eth1            20010db8000200000000000000000000     1\n"


def test_igmp_groups_are_numbers_of_the_machine() -> None:
    devices, groups = parse_igmp(IGMP, order="little")

    assert devices == (ListedDevice(1, 3), ListedDevice(11, 2), ListedDevice(12, 3))
    assert [(g.index, text(g.group), g.users) for g in groups] == [
        (1, "224.0.0.1", 1),
        (11, "239.1.2.3", 2),
        (11, "224.0.0.1", 1),
    ]


def test_igmp_of_a_big_endian_machine_reads_as_it_is_written() -> None:
    _, groups = parse_igmp(IGMP.replace("030201EF", "EF010203"), order="big")

    assert text(groups[1].group) == "239.1.2.3"


def test_igmp_timers_are_hexadecimal_and_only_of_running_timers() -> None:
    _, groups = parse_igmp(IGMP, order="little")

    assert [g.timer_ticks for g in groups] == [None, 499, None]
    assert [g.flags for g in groups] == [(), ("timer running",), ("last reporter",)]


def test_igmp6_flags_are_words_and_timers_decimal() -> None:
    groups = parse_igmp6(IGMP6)

    assert [(text(g.group), g.users, g.timer_ticks) for g in groups[:4]] == [
        ("ff15::1", 1, 73),
        ("ff02::1:ff00:5", 2, None),
        ("ff02::1", 1, None),
        ("ff01::1", 1, None),
    ]
    assert [g.flags for g in groups[:5]] == [
        ("timer running", "loaded"),
        ("loaded",),
        ("loaded", "never reported"),
        ("never reported",),
        ("timer running", "last reporter", "loaded", "queried with sources"),
    ]
    assert groups[6].flags == ()


def test_a_timer_that_is_due_is_zero_however_the_kernel_prints_it() -> None:
    assert [g.timer_ticks for g in parse_igmp6(IGMP6)[4:6]] == [0, 0]


def test_mcfilter_is_in_reading_order_and_known_by_its_index() -> None:
    assert parse_mcfilter(MCFILTER) == (
        ListedSource(11, parse("232.1.1.1"), parse("10.0.0.1"), 1, 0),
        ListedSource(112, parse("239.1.2.3"), parse("10.0.0.9"), 0, 2),
    )
    assert parse_mcfilter(MCFILTER6) == (
        ListedSource(11, parse("ff3e::8000:1"), parse("2001:db8::1"), 1, 0),
    )


def test_dev_mcast_takes_addresses_of_any_length() -> None:
    assert parse_dev_mcast(DEV_MCAST) == (
        ListedMac(11, bytes.fromhex("333300000001"), 2, 0),
        ListedMac(11, bytes.fromhex("0180c200000e"), 1, 1),
        ListedMac(15, bytes.fromhex("00ffffffff12401bffff00000000000000000001"), 1, 0),
        ListedMac(16, b"", 1, 0),
    )


def test_anycast_addresses() -> None:
    assert parse_anycast6(ANYCAST6) == (ListedAnycast(11, parse("2001:db8:2::"), 1),)


def test_columns_that_an_older_kernel_lacks_are_unknown() -> None:
    _, (group,) = parse_igmp("Idx Device : Count\n2 eth0 : 1\n\t010000E0 1\n", order="little")
    (group6,) = parse_igmp6("2 eth0 ff020000000000000000000000000001 1\n")

    assert (group.users, group.flags, group.timer_ticks) == (1, None, None)
    assert (group6.users, group6.flags, group6.timer_ticks) == (1, None, None)


def test_tables_of_a_kernel_without_the_family_are_empty() -> None:
    assert parse_igmp("") == ((), ())
    assert parse_igmp6("") == ()
    assert parse_mcfilter("") == ()
    assert parse_mcfilter(MCFILTER.splitlines()[0]) == ()


@pytest.mark.parametrize(
    ("parser", "table"),
    [
        (parse_igmp, "head\n\t010000E0 1 0:0 0\n"),
        (parse_igmp, "head\nx eth0 : 1 V3\n"),
        (parse_igmp, "head\n2 eth0 : 1 V3\n\t1010000E0 1 0:0 0\n"),
        (parse_igmp6, "11 eth1 ff15 1 00000004 0\n"),
        (parse_igmp6, "11 eth1\n"),
        (parse_mcfilter, "head\n11 eth1 0xe8010101 0x0a000001\n"),
        (parse_dev_mcast, "11 eth1 2 0 zz\n"),
        (parse_anycast6, "11 eth1 2001\n"),
    ],
)
def test_a_line_that_is_no_such_table_is_quoted_in_the_error(parser: object, table: str) -> None:
    assert callable(parser)
    with pytest.raises(LinkError, match="not understood"):
        parser(table)


def test_of_a_long_line_the_error_shows_the_beginning() -> None:
    with pytest.raises(LinkError) as caught:
        parse_igmp6("11 eth1 " + "f" * 5000)

    assert len(caught.value.message) < 200
