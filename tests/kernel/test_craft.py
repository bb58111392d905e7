"""Packets crafted with Scapy, in front of this kernel's host side."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Link

JOIN = """
import socket, time
six = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP,
               socket.inet_pton(socket.AF_INET6, "ff15::1") + socket.if_nametoindex("eth1")
               .to_bytes(4, "little"))
four = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
four.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                socket.inet_aton("239.1.1.1") + socket.inet_aton("10.9.0.2"))
print("joined", flush=True)
time.sleep(60)
"""
ASK = """
from scapy.config import conf
from scapy.sendrecv import srp
from mldkit.craft.prompt import *

conf.checkIPaddr = False
queries = [
    IPv6(src="fe80::ff:fe00:1") / MLDHopByHop() / MLDv2Query(max_response_code="500ms"),
    IPv6(src="fe80::ff:fe00:1") / MLDHopByHop()
    / MLDv2Query(group="ff15::1", max_response_code="500ms"),
    IP(src="10.9.0.1", options=IPOption_Router_Alert())
    / IGMPv3Query(max_response_code="500ms"),
]
macs = ["33:33:00:00:00:01", "33:33:00:00:00:01", "01:00:5e:00:00:01"]
for query, mac in zip(queries, macs):
    frame = Ether(src="02:00:00:00:00:01", dst=mac) / query
    answers, _ = srp(frame, iface="eth1", multi=True, timeout=1.5, verbose=False)
    groups = {record.group for pair in answers for record in pair.answer.lastlayer().records}
    print(*sorted(groups))
"""


@pytest.mark.netns
def test_srp_pairs_queries_with_the_reports_of_this_kernel(link: Link) -> None:
    member = link.far.spawn(sys.executable, "-c", JOIN)
    assert member.stdout is not None
    assert member.stdout.readline() == "joined\n"

    done = link.near.run(sys.executable, "-c", ASK)

    assert (done.returncode, done.stderr) == (0, "")
    general, specific, igmp = done.stdout.splitlines()
    assert general.split() == ["ff02::1:ff00:2", "ff15::1"]
    assert specific.split() == ["ff15::1"]
    assert igmp.split() == ["239.1.1.1"]
