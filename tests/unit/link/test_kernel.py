"""When the absence of a source from mcfilter says something, and when not.

The cases follow the reading of net/ipv4/igmp.c:igmp_mcf_get_first and igmp_mcf_get_next; that
the kernel behaves so is held in tests/kernel/test_groups.py.
"""

from __future__ import annotations

from mldkit.link.kernel import Kernel, SourceLists, parse_multicast
from mldkit.link.kernel_tables import ListedDevice, ListedGroup, ListedSource
from mldkit.model.addresses import Address, parse

PLAIN, NEWER, FILTERED = parse("239.0.0.1"), parse("239.0.0.2"), parse("232.0.0.1")


def source_lists(
    groups: list[tuple[int, Address]], sources: list[tuple[int, Address]]
) -> SourceLists:
    state = Kernel(
        devices={},
        igmp_devices=tuple(ListedDevice(index, 3) for index in (1, 12, 11)),
        groups=tuple(ListedGroup(index, group, 1, (), None) for index, group in groups),
        sources=tuple(ListedSource(i, g, parse("10.0.0.1"), 1, 0) for i, g in sources),
        macs=(),
        anycast=(),
        addresses={},
        proxies={},
        joined={},
        forwarding=frozenset(),
    )
    return SourceLists(state)


def test_an_empty_table_proves_nothing_but_for_the_newest_group() -> None:
    listed = source_lists([(11, NEWER), (11, PLAIN)], [])

    assert listed.of(11, PLAIN) is None
    assert listed.of(11, NEWER) == ()


def test_from_the_first_device_shown_on_everything_is_shown() -> None:
    listed = source_lists(
        [(1, NEWER), (1, PLAIN), (12, FILTERED), (12, PLAIN), (11, NEWER), (11, PLAIN)],
        [(12, FILTERED)],
    )

    assert listed.of(12, PLAIN) == ()
    assert listed.of(11, PLAIN) == ()
    assert listed.of(1, PLAIN) is None
    assert listed.of(12, FILTERED) == (ListedSource(12, FILTERED, parse("10.0.0.1"), 1, 0),)


def test_the_tables_of_the_families_prove_nothing_for_each_other() -> None:
    six, older = parse("ff15::2"), parse("ff15::1")
    listed = source_lists([(12, FILTERED), (12, PLAIN), (12, six), (12, older)], [(12, FILTERED)])

    assert listed.of(12, PLAIN) == ()
    assert listed.of(12, six) == ()
    assert listed.of(12, older) is None


def test_a_notification_of_linux_6_18_names_interface_group_and_age() -> None:
    # Recorded when 239.9.9.9 was joined on interface 11 5,494.77 s after the start of the machine.
    fixed = bytes.fromhex("022080000b000000")
    attributes = {
        7: bytes.fromhex("ef090909"),
        6: bytes.fromhex("ffffffffffffffff6562080065620800"),
    }

    assert parse_multicast(fixed, attributes) == (11, parse("239.9.9.9"), 5494_770_000_000)
    assert parse_multicast(fixed, {7: attributes[7]}) == (11, parse("239.9.9.9"), None)
