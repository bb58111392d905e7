"""Functions of devices: their lists and flags, and the neighbours that are proxied.

Kernel functions are those of Linux 6.1 to 6.18.
"""

from __future__ import annotations

from mldkit.trace.function import (
    DEVICE,
    MAC,
    Function,
)

LISTS = "net/core/dev_addr_lists.c"
DEV = "net/core/dev.c"
NEIGHBOUR = "net/core/neighbour.c"
PACKET = "net/packet/af_packet.c"

ROWS = (
    Function("neigh_add", "device", NEIGHBOUR, "`ip neigh add`", act="proxy"),
    Function("neigh_delete", "device", NEIGHBOUR, "`ip neigh del`", act="proxy"),
    Function("pneigh_lookup", "device", NEIGHBOUR, "looks a proxied address up and makes it",
        callers=("neigh_add",),  kernels="up to 6.16"),
    Function("pneigh_create", "device", NEIGHBOUR, "makes a proxied address",
        callers=("neigh_add",), kernels="from 6.17 on"),
    Function("pneigh_delete", "device", NEIGHBOUR, "removes a proxied address",
        callers=("neigh_delete",)),
    Function("dev_mc_add", "device", LISTS, "adds a MAC to the device's list of groups",
        act="filter",
        callers=("igmp6_group_added", "igmp_group_added", "ip_mc_filter_add", "packet_dev_mc"),
        arguments=f"{DEVICE} {MAC}"),
    Function("dev_mc_add_excl", "device", LISTS, "adds a MAC, if it is not listed",
        act="filter", arguments=f"{DEVICE} {MAC}"),
    Function("dev_mc_add_global", "device", LISTS, "an administrator adds a MAC (`ip maddr add`)",
        act="filter", arguments=f"{DEVICE} {MAC}"),
    Function("__dev_mc_add", "device", LISTS, "does it under the lock of the list",
        callers=("dev_mc_add", "dev_mc_add_global")),
    Function("__hw_addr_add_ex", "device", LISTS, "makes the entry, or counts it",
        callers=("__dev_mc_add", "dev_mc_add_excl", "dev_uc_add", "dev_uc_add_excl", "dev_mc_add",
            "dev_mc_add_global")),
    Function("dev_mc_del", "device", LISTS, "takes a MAC from the device's list of groups",
        act="filter",
        callers=("igmp6_group_dropped", "__igmp_group_dropped", "igmp_group_dropped",
            "ip_mc_filter_del", "packet_dev_mc"), arguments=f"{DEVICE} {MAC}"),
    Function("dev_mc_del_global", "device", LISTS,
        "an administrator takes a MAC away (`ip maddr del`)", act="filter",
        arguments=f"{DEVICE} {MAC}"),
    Function("__dev_mc_del", "device", LISTS, "does it under the lock of the list",
        callers=("dev_mc_del", "dev_mc_del_global")),
    Function("__hw_addr_del_ex", "device", LISTS, "removes the entry, or counts it down",
        callers=("__dev_mc_del", "dev_mc_del", "dev_mc_del_global", "dev_uc_del")),
    Function("dev_uc_add", "device", LISTS, "adds a secondary unicast address", act="filter",
        callers=("packet_dev_mc",), arguments=f"{DEVICE} {MAC}"),
    Function("dev_uc_del", "device", LISTS, "takes one away", act="filter",
        callers=("packet_dev_mc",), arguments=f"{DEVICE} {MAC}"),
    Function("__dev_set_rx_mode", "device", DEV, "gives the driver its lists and flags",
        callers=("__dev_mc_add", "__dev_mc_del", "dev_mc_add", "dev_mc_del", "dev_mc_add_global",
            "dev_mc_del_global", "dev_set_rx_mode", "dev_uc_add", "dev_uc_del", "dev_mc_add_excl"),
        arguments=DEVICE),
    Function("dev_set_rx_mode", "device", DEV, "the same, with the lock taken",
        callers=("dev_set_allmulti", "dev_set_promiscuity", "__dev_set_allmulti",
            "__dev_set_promiscuity", "netif_set_allmulti", "netif_set_promiscuity", "__dev_open",
            "__dev_change_flags", "netif_set_rx_mode"), arguments=DEVICE),
    Function("dev_set_allmulti", "device", DEV, "all multicast is wanted, or no longer",
        act="filter", callers=("packet_dev_mc",), arguments=f"{DEVICE} count=$arg2:s32"),
    Function("netif_set_allmulti", "device", DEV, "counts it", callers=("dev_set_allmulti",),
        kernels="from 6.15 on"),
    Function("__dev_set_allmulti", "device", DEV, "counts it",
        callers=("dev_set_allmulti", "__dev_change_flags"),
        arguments=f"{DEVICE} count=$arg2:s32", kernels="up to 6.14"),
    Function("dev_set_promiscuity", "device", DEV, "promiscuous mode is wanted, or no longer",
        act="filter", callers=("packet_dev_mc",), arguments=f"{DEVICE} count=$arg2:s32"),
    Function("__dev_set_promiscuity", "device", DEV, "counts it",
        callers=("dev_set_promiscuity", "__dev_change_flags", "__dev_set_rx_mode"),
        arguments=f"{DEVICE} count=$arg2:s32"),
    Function("__dev_change_flags", "device", DEV, "the flags of the device are changed",
        act="link", callers=("dev_change_flags", "netif_change_flags"), arguments=DEVICE),
    Function("dev_change_flags", "device", DEV, "`ip link set`", act="link", arguments=DEVICE),
    Function("netif_change_flags", "device", DEV, "the flags of the device are changed", act="link",
        callers=("dev_change_flags", "do_setlink"), arguments=DEVICE, kernels="from 6.14 on"),
    Function("__dev_open", "device", DEV, "the device is switched on", act="link",
        callers=("dev_open", "netif_open", "__dev_change_flags"), arguments=DEVICE),
    Function("__dev_close_many", "device", DEV, "the device is switched off",
        callers=("__dev_close", "__dev_change_flags", "dev_close_many", "netif_close_many")),
    Function("packet_dev_mc", "device", PACKET, "a packet socket asks for a MAC or for all",
        act="filter", arguments=DEVICE),
)  # fmt: skip
