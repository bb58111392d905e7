"""`groups` against `ip maddr`, known joins and every statement about the device lists."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.kernel.group_listing import (
    bytes_of,
    details,
    held,
    joined,
    kinds,
    listing,
    made,
    of_ip,
    rows,
)

if TYPE_CHECKING:
    from tests.conftest import Link

pytestmark = pytest.mark.netns


def test_groups_users_and_macs_are_those_of_ip_maddr(link: Link) -> None:
    joined(link.far, "239.1.2.3", "239.129.2.3", "ff15::1", "10.0.0.1@232.1.1.1", lines=4)
    joined(link.far, "239.1.2.3")
    link.far.ip("maddr add 01:80:c2:00:00:0e dev eth1")

    document = listing(link.far)

    groups, macs = of_ip(link.far)
    ours = {(row["interface"], row["group"]): row["users"] for row in document["groups"]}
    assert ours == groups
    of_groups = {
        (row["interface"], row["mac"]): row["mac_references"]
        for row in document["groups"]
        if row["mac_references"]
    }
    of_others = {(o["interface"], o["mac"]): o["references"] for o in document["other_macs"]}
    assert of_groups | of_others == macs


def test_every_line_of_a_router_with_proxy_and_two_prefixes_is_explained(link: Link) -> None:
    far = link.far
    for address in ("2001:db8:1::5/64", "2001:db8:2::5/64"):
        far.ip(f"address add {address} dev eth1")
    far.sysctl("net.ipv6.conf.all.forwarding", 1)
    far.ip("-6 neigh add proxy 2001:db8:1::99 dev eth1")

    found = rows(far)

    listed = {
        line.split()[2] for line in far.read("/proc/net/igmp6").splitlines() if "eth1" in line
    }
    assert {bytes_of(group) for group in found if ":" in group} == listed
    assert all(row["unexplained_users"] == 0 for row in found.values())
    assert all(len(kinds(row)) == row["users"] for row in found.values())
    assert {group: sorted(set(kinds(row))) for group, row in found.items()} == {
        "224.0.0.1": ["all-nodes"],
        "ff01::1": ["all-nodes"],
        "ff02::1": ["all-nodes"],
        "ff01::2": ["forwarding"],
        "ff02::2": ["forwarding"],
        "ff05::2": ["forwarding"],
        "ff02::1:ff00:5": ["solicited-node"],
        "ff02::1:ff00:2": ["solicited-node"],
        "ff02::1:ff00:0": ["anycast"],
        "ff02::1:ff00:99": ["proxy"],
    }
    # Two addresses with equal low 24 bits are two users of one group.
    assert found["ff02::1:ff00:5"]["users"] == 2
    assert "2001:db8:1::5" in details(found["ff02::1:ff00:5"])
    assert "2001:db8:2::5" in details(found["ff02::1:ff00:5"])
    assert "2001:db8:1::99" in details(found["ff02::1:ff00:99"])
    for prefix in ("2001:db8:1::/64", "2001:db8:2::/64", "fe80::/64"):
        assert f"subnet-router anycast address of {prefix}" in details(found["ff02::1:ff00:0"])


def test_forwarding_adds_two_references_for_three_groups_of_routers(link: Link) -> None:
    before = of_ip(link.far)[1]
    link.far.sysctl("net.ipv6.conf.all.forwarding", 1)

    found = rows(link.far)

    # ff01::2 has the same MAC but is never loaded (net/ipv6/mcast.c:igmp6_group_added).
    assert ("eth1", "33:33:00:00:00:02") not in before
    assert of_ip(link.far)[1]["eth1", "33:33:00:00:00:02"] == 2
    assert [found[group]["mac_references"] for group in ("ff01::2", "ff02::2", "ff05::2")] == [
        2
    ] * 3
    assert found["ff02::2"]["shares_mac_with"] == ["ff05::2", "ff01::2"]
    assert found["ff01::2"]["flags"] == ["never reported"]
    assert found["ff02::2"]["flags"] == ["loaded"]


def test_a_device_made_while_forwarding_joins_one_group_of_routers_only(link: Link) -> None:
    link.far.sysctl("net.ipv6.conf.all.forwarding", 1)
    link.far.sysctl("net.ipv6.conf.default.forwarding", 1)
    link.far.ip("link add late type veth peer name later")
    link.far.ip("link set late up")

    found = rows(link.far, "late")

    # net/ipv6/addrconf.c: ipv6_add_dev knows ff02::2, only dev_forward_change all three.
    assert {g for g in ("ff01::2", "ff02::2", "ff05::2") if g in found} == {"ff02::2"}
    assert kinds(found["ff02::2"]) == ["forwarding"]
    assert found["ff02::2"]["mac_references"] == 1


def test_a_join_is_explained_by_its_process_and_its_exact_filter(link: Link) -> None:
    child = joined(link.far, "10.0.0.2,10.0.0.1@232.1.1.1", "2001:db8::1@ff3e::1", lines=2)
    other = joined(link.far, "239.1.2.3", "ff15::1", "--block", "10.0.0.9", "--block", "fe80::9",
                   lines=2)  # fmt: skip

    found = rows(link.far)

    for group, holder, mode, sources in (
        ("232.1.1.1", child, "INCLUDE", ["10.0.0.2", "10.0.0.1"]),
        ("ff3e::1", child, "INCLUDE", ["2001:db8::1"]),
        ("239.1.2.3", other, "EXCLUDE", ["10.0.0.9"]),
        ("ff15::1", other, "EXCLUDE", ["fe80::9"]),
    ):
        row = found[group]
        assert (row["filter_mode"], row["sources"]) == (mode, sources)
        (process,) = row["processes"]
        name = Path(f"/proc/{holder.pid}/comm").read_text().strip()
        assert (process["pid"], process["name"]) == (holder.pid, name)
        (one,) = process["sockets"]
        assert (one["filter_mode"], one["sources"]) == (mode, sources)
        assert kinds(row) == ["socket"]
        assert row["unexplained_users"] == 0
        # Linux 6.12 tells it of IPv6 only.
        assert (row["age_s"] is None and ":" not in group) or 0 <= row["age_s"] < 60


def test_a_second_socket_is_a_second_user_and_no_second_reference(link: Link) -> None:
    first = joined(link.far, "239.1.2.3", "--block", "10.0.0.8", "--block", "10.0.0.9")
    second = joined(link.far, "239.1.2.3", "--block", "10.0.0.9", "--block", "10.0.0.7")
    third = joined(link.far, "10.0.0.8@239.1.2.3")

    row = rows(link.far)["239.1.2.3"]

    assert (row["users"], row["mac_references"]) == (3, 1)
    assert [p["pid"] for p in row["processes"]] == [first.pid, second.pid, third.pid]
    # RFC 9776 §3.2: both exclude 10.0.0.9 and nobody wants it.
    assert (row["filter_mode"], row["sources"]) == ("EXCLUDE", ["10.0.0.9"])


def test_groups_with_one_mac_share_it_and_count_on_it(link: Link) -> None:
    joined(link.far, "239.1.2.3", "225.1.2.3", "239.129.2.3", lines=3)
    joined(link.far, "ff02::123", "ff05::123", "ff0e::123", lines=3)

    found = rows(link.far)

    for mac, groups in (
        ("01:00:5e:01:02:03", {"239.1.2.3", "225.1.2.3", "239.129.2.3"}),
        ("33:33:00:00:01:23", {"ff02::123", "ff05::123", "ff0e::123"}),
    ):
        for group in groups:
            assert (found[group]["mac"], found[group]["mac_references"]) == (mac, 3)
            assert set(found[group]["shares_mac_with"]) == groups - {group}


def test_groups_of_scope_0_and_1_are_never_in_the_device_list(link: Link) -> None:
    joined(link.far, "ff01::99", "ff11::98", lines=2)

    found = rows(link.far)

    macs = of_ip(link.far)[1]
    for group in ("ff01::99", "ff11::98"):
        assert "loaded" not in found[group]["flags"]
        assert found[group]["mac_references"] == 0
        assert ("eth1", found[group]["mac"]) not in macs


def test_a_mac_added_by_hand_counts_once_however_often_it_is_added(link: Link) -> None:
    link.far.ip("maddr add 01:80:c2:00:00:0e dev eth1")
    link.far.ip("maddr add 01:80:c2:00:00:0e dev eth1")
    joined(link.far, "239.1.2.3")
    link.far.ip("maddr add 01:00:5e:01:02:03 dev eth1")

    document = listing(link.far, "-i", "eth1")

    assert document["other_macs"] == [
        {
            "interface": "eth1",
            "mac": "01:80:c2:00:00:0e",
            "references": 1,
            "because": "added by hand",
        }
    ]
    (row,) = [row for row in document["groups"] if row["group"] == "239.1.2.3"]
    assert row["mac_references"] == 2


def test_a_packet_socket_is_named_as_owner_of_its_reference(link: Link) -> None:
    held(link.far, """
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
s.setsockopt(263, 1, struct.pack("=iHH8s", index, 0, 6, bytes.fromhex("01005e0a0b0c0000")))
s.setsockopt(263, 1, struct.pack("=iHH8s", index, 0, 6, bytes.fromhex("01005e0000010000")))
""")  # fmt: skip

    document = listing(link.far, "-i", "eth1")

    assert [(o["mac"], o["because"]) for o in document["other_macs"]] == [
        ("01:00:5e:0a:0b:0c", "packet socket")
    ]
    assert any("01:00:5e:00:00:01 (packet socket)" in i["text"] for i in document["invariants"])


def test_a_macvlan_counts_at_both_ends(link: Link) -> None:
    made(link.far, "link add mv0 link eth1 type macvlan mode bridge")
    link.far.ip("link set mv0 up")
    link.far.wait_for_ipv6("mv0")
    child = link.far.spawn_mldkit("join", "-i", "mv0", "239.1.2.3")
    assert child.stdout is not None
    assert "joined" in child.stdout.readline()

    document = listing(link.far)

    (row,) = [row for row in document["groups"] if row["group"] == "239.1.2.3"]
    assert (row["interface"], row["mac_references"]) == ("mv0", 2)
    below = {o["mac"]: o for o in document["other_macs"]}["01:00:5e:01:02:03"]
    assert (below["interface"], below["references"]) == ("eth1", 1)
    assert below["because"] == "device mv0 above"


def test_a_bridge_does_not_pass_its_groups_to_its_ports(link: Link) -> None:
    link.far.ip("link add br0 type bridge")
    link.far.ip("link set eth1 master br0")
    link.far.ip("link set br0 up")
    link.far.wait_for_ipv6("br0")
    child = link.far.spawn_mldkit("join", "-i", "br0", "239.1.2.3")
    assert child.stdout is not None
    assert "joined" in child.stdout.readline()

    found = rows(link.far, "br0")

    assert found["239.1.2.3"]["mac_references"] == 1
    assert ("eth1", "01:00:5e:01:02:03") not in of_ip(link.far)[1]


def test_the_flag_multicast_switched_off_changes_nothing_here(link: Link) -> None:
    before = rows(link.far)
    link.far.ip("link set eth1 multicast off")
    joined(link.far, "239.1.2.3")

    found = rows(link.far)

    assert found.keys() == before.keys() | {"239.1.2.3"}
    assert found["239.1.2.3"]["mac_references"] == 1


def test_a_link_that_is_down_keeps_its_groups_and_only_the_macs_added_by_hand(link: Link) -> None:
    joined(link.far, "239.1.2.3", "ff15::1", lines=2)
    link.far.ip("maddr add 01:80:c2:00:00:0e dev eth1")
    link.far.ip("link set eth1 down")

    document = listing(link.far, "-i", "eth1")

    groups, macs = of_ip(link.far)
    assert [mac for device, mac in macs if device == "eth1"] == ["01:80:c2:00:00:0e"]
    assert {row["group"] for row in document["groups"]} == {g for d, g in groups if d == "eth1"}
    by_group = {row["group"]: row for row in document["groups"]}
    assert by_group["ff15::1"]["flags"] == []
    assert (by_group["ff15::1"]["users"], by_group["ff15::1"]["mac_references"]) == (1, 0)
    assert by_group["239.1.2.3"]["mac_references"] == 0


def test_a_device_without_group_addresses_has_no_mac(link: Link) -> None:
    made(link.far, "tuntap add dev tun0 mode tun")
    link.far.ip("link set tun0 up")

    found = rows(link.far, "tun0")

    # The flag is set before the mapping fails (net/ipv6/mcast.c:igmp6_group_added).
    assert found["ff02::1"]["flags"] == ["loaded", "never reported"]
    assert {(row["mac"], row["mac_references"]) for row in found.values()} == {(None, None)}
    assert not any(device == "tun0" for device, _ in of_ip(link.far)[1])


def test_a_bridge_that_snoops_listens_for_routers(link: Link) -> None:
    link.far.ip("link add br0 type bridge mcast_snooping 1")
    link.far.ip("link set br0 up")
    link.far.ip("link set eth1 master br0")
    link.far.wait_for_ipv6("br0")

    found = rows(link.far, "br0")

    for group in ("224.0.0.106", "ff02::6a"):
        assert kinds(found[group]) == ["well-known"]
        assert found[group]["unexplained_users"] == 0
        assert found[group]["processes"] == []


def test_the_group_of_a_vxlan_device_is_explained_by_the_device(link: Link) -> None:
    for name, group in (("vx4", "239.1.1.1"), ("vx6", "ff15::6")):
        device = f"link add {name} type vxlan id 5 group {group} dev eth1 dstport 4789"
        made(link.far, device)
        link.far.ip(f"link set {name} up")

    found = rows(link.far)

    for name, group in (("vx4", "239.1.1.1"), ("vx6", "ff15::6")):
        assert details(found[group]) == f"vxlan device {name}, a socket of the kernel"
        assert (found[group]["users"], found[group]["processes"]) == (1, [])


def test_an_address_that_another_host_has_still_has_its_group(link: Link) -> None:
    link.near.ip("address add 2001:db8::77/64 dev eth1")
    link.far.sysctl("net.ipv6.conf.eth1.accept_dad", 1)
    link.far.ip("address add 2001:db8::77/64 dev eth1")
    until = time.monotonic() + 10
    while "dadfailed" not in link.far.ip("address show dev eth1"):
        assert time.monotonic() < until
        time.sleep(0.01)

    row = rows(link.far)["ff02::1:ff00:77"]

    assert row["users"] == 1
    assert row["reasons"] == [
        {"kind": "solicited-node", "detail": "own address 2001:db8::77 (a duplicate)"}
    ]


def test_names_that_everybody_knows_come_with_the_socket_that_joined(link: Link) -> None:
    joined(link.far, "224.0.0.251", "ff02::fb", "239.255.255.250", "ff02::1:3", lines=4)

    found = rows(link.far)

    names = {group: found[group]["reasons"][0]["detail"]
             for group in ("224.0.0.251", "ff02::fb", "239.255.255.250", "ff02::1:3")}  # fmt: skip
    assert list(names.values()) == ["mDNS", "mDNS", "SSDP", "LLMNR"]
    assert all(kinds(found[group]) == ["well-known", "socket"] for group in names)
