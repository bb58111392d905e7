"""What the settings are called in devices that are no Linux bridge.

Only what the makers' public documentation says is here. Which page was read stands at each.
"""

from __future__ import annotations

from mldkit.advice.advice import BRIDGE, Cure

# The bridge: bridge(8) and the section "BRIDGE Type Support" of ip-link(8); its times are
# hundredths of a second. Tests type these lines.
BRIDGE_TIMES = "# times are hundredths of a second"
BRIDGE_QUERIER = (
    "ip link set br0 type bridge mcast_query_use_ifaddr 1",
    "ip link set br0 type bridge mcast_querier 1",
)
BRIDGE_VERSIONS = Cure(
    BRIDGE,
    (
        "ip link set br0 type bridge mcast_igmp_version 3",
        "ip link set br0 type bridge mcast_mld_version 2",
    ),
)
BRIDGE_INTERVALS = Cure(
    BRIDGE,
    (
        BRIDGE_TIMES,
        "ip link set br0 type bridge mcast_query_interval 12500",
        "ip link set br0 type bridge mcast_query_response_interval 1000",
    ),
)
BRIDGE_NO_FAST_LEAVE = "bridge link set dev eth1 fastleave off"

# FRR: "PIM Interface Configuration" of doc/user/pim.rst and "PIMv6 Interface Configuration" of
# doc/user/pimv6.rst in FRRouting/frr.
FRR = "FRR"
FRR_QUERIER = Cure(FRR, ("interface eth0", " ip igmp", " ipv6 mld"))
FRR_VERSIONS = Cure(FRR, ("interface eth0", " ip igmp version 3", " ipv6 mld version 2"))
FRR_INTERVAL = Cure(
    FRR, ("interface eth0", " ip igmp query-interval 125", " ipv6 mld query-interval 125")
)
FRR_LAST_MEMBER = Cure(
    FRR,
    (
        "interface eth0",
        " ip igmp last-member-query-count 2",
        " ip igmp last-member-query-interval 10",
        " ipv6 mld last-member-query-count 2",
        " ipv6 mld last-member-query-interval 10",
    ),
)

# MikroTik RouterOS: the properties of /interface bridge on help.mikrotik.com, "Bridge IGMP/MLD
# snooping" (docs/x/eoCIAw). Times there are written as 1s or 4m20s.
MIKROTIK = "MikroTik"
MIKROTIK_QUERIER = Cure(
    MIKROTIK,
    (
        "/interface bridge set bridge1 igmp-snooping=yes",
        "/interface bridge set bridge1 multicast-querier=yes",
    ),
)
MIKROTIK_VERSIONS = Cure(MIKROTIK, ("/interface bridge set bridge1 igmp-version=3 mld-version=2",))
MIKROTIK_LAST_MEMBER = Cure(
    MIKROTIK,
    (
        "/interface bridge set bridge1 last-member-interval=1s",
        "/interface bridge set bridge1 last-member-query-count=2",
    ),
)
MIKROTIK_NO_FAST_LEAVE = Cure(
    MIKROTIK, ("/interface bridge port set [find interface=ether2] fast-leave=no",)
)
MIKROTIK_LIFETIME = Cure(
    MIKROTIK,
    (
        "/interface bridge set bridge1 igmp-snooping=yes",
        "/interface bridge set bridge1 membership-interval=4m20s",
    ),
)

# OpenWrt: options of the bridge in /etc/config/network. Robustness and the three times are in the
# commit "bridge: multicast: Export some parameters RFCs suggest to be tunable" of netifd, in
# hundredths of a second as the kernel's; igmp_snooping is in the documentation of netjsonconfig.
OPENWRT = "OpenWrt"
OPENWRT_QUERIER = Cure(OPENWRT, ("option igmp_snooping '1'", "option multicast_querier '1'"))
OPENWRT_INTERVALS = Cure(
    OPENWRT, ("option query_interval '12500'", "option query_response_interval '1000'")
)
OPENWRT_SNOOPING = Cure(OPENWRT, ("option igmp_snooping '1'",))

# systemd-networkd: the sections [Bridge] of systemd.netdev(5) and systemd.network(5).
NETWORKD = "systemd-networkd"
NETWORKD_QUERIER = Cure(NETWORKD, (".netdev of the bridge, [Bridge]: MulticastQuerier=yes",))
NETWORKD_IGMP_VERSION = Cure(NETWORKD, (".netdev of the bridge, [Bridge]: MulticastIGMPVersion=3",))
NETWORKD_NO_FAST_LEAVE = Cure(NETWORKD, (".network of the port, [Bridge]: FastLeave=no",))
NETWORKD_FLOOD = Cure(NETWORKD, (".network of the port, [Bridge]: MulticastFlood=yes",))
NETWORKD_NO_UNICAST = Cure(NETWORKD, (".network of the port, [Bridge]: MulticastToUnicast=no",))
NETWORKD_STP = Cure(NETWORKD, (".netdev of the bridge, [Bridge]: STP=yes",))

# HPE Comware: "igmp-snooping querier" of the command reference for IP multicast (12900E).
COMWARE_QUERIER = Cure(
    "HPE Comware", ("vlan 20", " igmp-snooping enable", " igmp-snooping querier")
)
# Aruba CX: "ip igmp querier" of the multicast guide (OS-CX 10.01).
ARUBA_QUERIER = Cure("Aruba CX", ("interface vlan 20", " ip igmp enable", " ip igmp querier"))
# Junos: the statements igmp-snooping and immediate-leave of the configuration reference.
JUNOS_QUERIER = Cure(
    "Junos", ("set protocols igmp-snooping vlan V l2-querier source-address 192.0.2.1",)
)
JUNOS_NO_FAST_LEAVE = Cure("Junos", ("delete protocols igmp-snooping vlan V immediate-leave",))
# Cisco IOS: "Configuring IGMP Snooping" of the guide for the Catalyst 2960-X, 15.2(3)E, says that
# the querier needs an address and knows IGMPv1 and IGMPv2 only; last-member-query-count is in the
# command reference of the 5760.
CISCO_QUERIER = Cure(
    "Cisco IOS", ("! the VLAN's interface needs an address", "ip igmp snooping querier")
)
CISCO_LAST_MEMBER = Cure("Cisco IOS", ("ip igmp snooping last-member-query-count 2",))
