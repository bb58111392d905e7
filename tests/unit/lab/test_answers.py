"""What counts as the same answer: the notations of the kernel's tables, of captures and people."""

from __future__ import annotations

import pytest

from mldkit.lab.answers import is_right


@pytest.mark.parametrize(
    ("right", "given"),
    [
        # /proc/net/dev_mcast, Windows, Cisco
        ("33:33:43:21:12:34", "333343211234"),
        ("33:33:43:21:12:34", "33-33-43-21-12-34"),
        ("33:33:43:21:12:34", "3333.4321.1234"),
        ("01:00:5e:01:01:01", "01:00:5E:01:01:01"),
        # /proc/net/igmp6, ip address
        ("ff02::1:ff4f:34bc", "ff0200000000000000000001ff4f34bc"),
        ("ff02::1:ff00:2", "FF02:0:0:0:0:1:FF00:2"),
        ("fe80::ff:fe00:1", "fe80::ff:fe00:1%eth1"),
        ("10.20.0.5", "10.20.0.5/32"),
        ("::", "`::`"),
        # mldkit lab capture, tshark, the RFC
        ("TO_IN", "to-in"),
        ("TO_IN", "TO_IN ff15::beef"),
        ("TO_IN", "TO_IN ff15::8000:1 {2001:db8::1, 2001:db8::2}"),
        ("BLOCK", "BLOCK ff3e::8000:1 {2001:db8:1::1}"),
        ("ALLOW", "ALLOW(232.1.1.1,{10.0.0.1})"),
        ("BLOCK_OLD_SOURCES", "Block old sources"),
        ("0x8388", "33672"),
        ("0x8388", "0X8388"),
        # mldkit query --dry-run
        ("0x8388", "83 88"),
        ("0x8388", "8388"),
        ("0x8388", "8388h"),
        # sysctl, ip -d link, bridge -d link
        ("force_mld_version", "force_mld_version=1"),
        ("net.ipv6.conf.eth1.force_mld_version", "net.ipv6.conf.eth1.force_mld_version = 1"),
        ("mcast_router", "mcast_router 0"),
        ("mcast_hash_max", "mcast_hash_max 16"),
        ("TcpExtIPReversePathFilter", "TcpExtIPReversePathFilter       71    0.0"),
        # bridge mdb, ip route get
        ("p2", "dev br0 port p2 grp ff15::4321:1234 temp"),
        ("p2", "port p2"),
        ("eth2", "10.20.0.5 via 10.8.0.1 dev eth2 src 10.8.0.2 uid 0"),
        ("ENOBUFS", "ENOBUFS (No buffer space available)"),
        ("030201EF", "030201ef"),
        ("2", " 2. "),
        ("2", "two"),
        ("72", "72 records"),
        ("2", "two sockets"),
        ("0", "neither"),
        ("0", "none"),
        ("4.5", "4,5 s"),
        ("4.5", "4.501399"),
        ("40.5", "40.5 seconds"),
        ("yes", "Y"),
        ("no", "No, it does not."),
        ("net.ipv6.conf.eth1.force_mld_version", "net/ipv6/conf/eth1/force_mld_version"),
        ("V-03", "v03"),
        ("V-03", "error V-03: The hop limit is not 1"),
        ("p2", "P2"),
    ],
)
def test_an_answer_counts_in_any_notation(right: str, given: str) -> None:
    assert is_right(given, right)


@pytest.mark.parametrize(
    ("right", "given"),
    [
        ("33:33:43:21:12:34", "33:33:43:21:12:35"),
        ("TO_IN", "TO_EX ff15::beef"),
        ("TO_IN", "TO_IN or TO_EX"),
        ("ff02::1", "ff01::1"),
        ("0x8388", "8389"),
        ("0x8388", "88 83"),
        ("mcast_router", "mcast_flood 0"),
        ("mcast_router", "mcast_router on p1"),
        ("ENOBUFS", "ENOMEM (Cannot allocate memory)"),
        ("4.5", "4.5 ms"),
        ("p2", "dev br0 port p3 grp ff15::4321:1234 temp"),
        ("br0", "dev br0 port p3 grp ff15::4321:1234 temp"),
        ("40.5", "45"),
        ("4.5", "45"),
        ("4.5", "4.56"),
        ("2", "2.1"),
        ("0", "no idea"),
        ("yes", "no"),
        ("no", "none"),
        ("V-03", "V-30"),
        ("2", ""),
    ],
)
def test_another_answer_does_not(right: str, given: str) -> None:
    assert not is_right(given, right)
