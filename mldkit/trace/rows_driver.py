"""Functions of drivers: ndo_set_rx_mode, and what some of them do in it."""

from __future__ import annotations

from mldkit.trace.function import Function

_ETHERNET = "drivers/net/ethernet"
_SET_RX_MODE = (
    ("e1000e_set_rx_mode", f"{_ETHERNET}/intel/e1000e/netdev.c"),
    ("e1000_set_rx_mode", f"{_ETHERNET}/intel/e1000/e1000_main.c"),
    ("igb_set_rx_mode", f"{_ETHERNET}/intel/igb/igb_main.c"),
    ("igc_set_rx_mode", f"{_ETHERNET}/intel/igc/igc_main.c"),
    ("ixgbe_set_rx_mode", f"{_ETHERNET}/intel/ixgbe/ixgbe_main.c"),
    ("i40e_set_rx_mode", f"{_ETHERNET}/intel/i40e/i40e_main.c"),
    ("ice_set_rx_mode", f"{_ETHERNET}/intel/ice/ice_main.c"),
    ("e100_set_multicast_list", f"{_ETHERNET}/intel/e100.c"),
    ("tg3_set_rx_mode", f"{_ETHERNET}/broadcom/tg3.c"),
    ("bnxt_set_rx_mode", f"{_ETHERNET}/broadcom/bnxt/bnxt.c"),
    ("mlx5e_set_rx_mode", f"{_ETHERNET}/mellanox/mlx5/core/en_main.c"),
    ("rtl_set_rx_mode", f"{_ETHERNET}/realtek/r8169_main.c"),
    ("rtl8139_set_rx_mode", f"{_ETHERNET}/realtek/8139too.c"),
    ("cp_set_rx_mode", f"{_ETHERNET}/realtek/8139cp.c"),
    ("pcnet32_set_multicast_list", f"{_ETHERNET}/amd/pcnet32.c"),
    ("ei_set_multicast_list", f"{_ETHERNET}/8390/8390.c"),
    ("__ei_set_multicast_list", f"{_ETHERNET}/8390/lib8390.c"),
    ("virtnet_set_rx_mode", "drivers/net/virtio_net.c"),
    ("vmxnet3_set_mc", "drivers/net/vmxnet3/vmxnet3_drv.c"),
    ("tun_net_mclist", "drivers/net/tun.c"),
    ("veth_set_multicast_list", "drivers/net/veth.c"),
    ("macvlan_set_mac_lists", "drivers/net/macvlan.c"),
    ("vlan_dev_set_rx_mode", "net/8021q/vlan_dev.c"),
    ("bond_set_rx_mode", "drivers/net/bonding/bond_main.c"),
    ("br_dev_set_multicast_list", "net/bridge/br_device.c"),
)

ROWS = (
    *(
        Function(name, "driver", file, "ndo_set_rx_mode: writes the list into the device",
                 callers=("__dev_set_rx_mode",))
        for name, file in _SET_RX_MODE
    ),
    Function("e1000e_update_mc_addr_list_generic", "driver", f"{_ETHERNET}/intel/e1000e/mac.c",
        "writes the hash table of groups", callers=("e1000e_set_rx_mode",)),
    Function("e1000e_rar_set_generic", "driver", f"{_ETHERNET}/intel/e1000e/mac.c",
        "writes one exact address", callers=("e1000e_set_rx_mode",)),
    Function("igb_update_mc_addr_list", "driver", f"{_ETHERNET}/intel/igb/e1000_mac.c",
        "writes the hash table of groups", callers=("igb_set_rx_mode",)),
    Function("e1000_write_mc_addr_list", "driver", f"{_ETHERNET}/intel/e1000/e1000_main.c",
        "writes the hash table of groups", callers=("e1000_set_rx_mode",)),
    Function("__cp_set_rx_mode", "driver", f"{_ETHERNET}/realtek/8139cp.c",
        "writes the hash table of groups", callers=("cp_set_rx_mode",)),
)  # fmt: skip
