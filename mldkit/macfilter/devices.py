"""What devices do with the list of groups, one row a driver.

The kernel gives a driver the device's list of addresses in order and two flags (promiscuous, all
multicast). What becomes of it differs: exact slots, a hash table, nothing at all, and for a list
that is too long a fallback inside the device which `ip link` does not show. Each row says so for
one driver of Linux 6.12; `receive_filter` is the one reader of these rows. Where a driver changed
what it does, each of its behaviours has a row with the kernels it is true of.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from mldkit.errors import UsageError
from mldkit.macfilter.hashes import (
    CRC_HIGH_6,
    CRC_HIGH_9,
    CRC_INVERTED_6,
    CRC_LE_HIGH_6,
    CRC_LE_LOW_7,
    CRC_LE_LOW_9,
    CRC_LOW_6,
    CRC_MIDDLE_6,
    EXCLUSIVE_OR_6,
    INTEL_1024,
    INTEL_4096,
    HashRule,
)


class Fallback(StrEnum):
    """What a device does when it is given more addresses than it has room for."""

    NONE = "none"
    """It cannot happen: the hash table takes any number, or the device asks for no list."""
    ALL_MULTICAST = "all multicast"
    ALL_UNICAST = "all unicast"
    EVERYTHING = "everything"
    LOST = "the rest is lost"
    OFF = "filter off"


class SortingPlace(StrEnum):
    """Where the frames of an interface are sorted out."""

    FILTER = "filter"
    NO_FILTER = "no filter"
    OUTSIDE = "outside"
    """Somewhere that this kernel neither programs nor sees."""


Release = tuple[int, int]
"""Of Linux: the first two numbers."""


@dataclass(frozen=True, slots=True)
class Device:
    """The receive filter that one driver programs.

    A row of data.
    """

    id: str
    covers: str
    aliases: tuple[str, ...] = ()
    kind: SortingPlace = SortingPlace.FILTER
    exact: int | None = 0
    """Slots for exact multicast addresses, filled in list order; None: as many as there are."""
    rule: HashRule | None = None
    """Where multicast addresses without a slot go."""
    hash_replaces_exact: bool = False
    """With too many addresses for the slots all go through the hash, not just the rest."""
    limit: int | None = None
    """More multicast addresses than this make the device fall back; None: no such number."""
    limit_known: bool = True
    """Whether the number is the driver's; firmware has its own, which it does not tell."""
    too_many: Fallback = Fallback.NONE
    shares_slots: bool = False
    """Secondary unicast addresses take slots of the same table first."""
    unicast_slots: int | None = None
    """Secondary unicast addresses it has room for; None: nothing is known about them."""
    too_many_unicast: Fallback = Fallback.NONE
    takes_own_slot: bool = False
    """The own address and broadcast are list entries like all others and take two slots."""
    undisclosed: str = ""
    """Why a frame for an address that is not listed cannot be predicted."""
    ignored_octets: int = 0
    """Octets at the front of the address that its hash leaves out."""
    sometimes_listed: tuple[bytes, ...] = ()
    """Addresses that the driver adds by itself in some states."""
    hashes_unicast: bool = False
    """Frames to foreign unicast addresses pass too when their bit is set."""
    promiscuity_opens_unicast: bool = True
    remark: str = ""
    driver: str = ""
    """The driver, where the row has another name: it is true of some kernels or chips only."""
    chips: frozenset[int] = frozenset()
    """PCI device numbers that the row is true of; empty: of all."""
    is_of_other_chips: bool = False
    """The row is true of those that no other row of the driver names."""
    doubt: str = ""
    """Why a card of this driver may let in what the row drops; nobody can see which it is."""
    since: Release | None = None
    """The first release of Linux that does so; None: as far back as anybody has looked."""
    until: Release | None = None
    """The first release that does not do so any more."""

    @property
    def kernels(self) -> str:
        """The kernels that the row is true of, in words; empty where it makes no difference."""
        if self.until is not None:
            return f"before Linux {_release_text(self.until)}"
        return f"Linux {_release_text(self.since)} and later" if self.since else ""


_PAUSE = bytes.fromhex("0180c2000001")

_ALL = Fallback.ALL_MULTICAST
_UNICAST = Fallback.ALL_UNICAST

# drivers/net/ethernet/intel/e1000e/hw.h: 82571 to 82574, 82583, 80003ES2LAN. All others of the
# driver are ICH8 and later.
_82571_AND_KIN = frozenset((
    0x105E, 0x105F, 0x1060, 0x107D, 0x107E, 0x107F, 0x108B, 0x108C, 0x1096, 0x1098, 0x109A, 0x10A4,
    0x10A5, 0x10B9, 0x10BA, 0x10BB, 0x10BC, 0x10D3, 0x10D5, 0x10D9, 0x10DA, 0x10F6, 0x150C,
))  # fmt: skip
_ONE_R8169 = "one chip of this driver (version 35) lets all multicast in"

EXACT = Device(
    "exact", "a list without limits, no particular device", exact=None, remark="the ideal filter"
)

DEVICES: tuple[Device, ...] = (
    Device(
        "e1000e", "82571 to 82574, 82583, 80003ES2LAN", rule=INTEL_4096,
        unicast_slots=14, too_many_unicast=_UNICAST, chips=_82571_AND_KIN,
        remark="an 82571 whose own address was reset keeps 13 unicast slots; without memory for "
        "the list it accepts all multicast",
    ),
    Device(
        "e1000e-ich", "ICH8 to PCH, on-board I217 to I219", rule=INTEL_1024,
        unicast_slots=6, too_many_unicast=_UNICAST, driver="e1000e", is_of_other_chips=True,
        remark="7 address registers; ICH8 has 6, PCH2 5, LPT and later 12",
    ),
    Device(
        "e1000e@qemu", "QEMU's e1000e", rule=INTEL_4096, unicast_slots=14,
        too_many_unicast=_UNICAST, hashes_unicast=True,
    ),
    Device(
        "e1000", "8254x", exact=14, shares_slots=True, rule=INTEL_4096,
        unicast_slots=14, too_many_unicast=_UNICAST,
    ),
    Device(
        "e1000@qemu", "QEMU's e1000", exact=14, shares_slots=True, rule=INTEL_4096,
        unicast_slots=14, too_many_unicast=_UNICAST, hashes_unicast=True,
    ),
    Device(
        "igb", "82575, 82576, 82580, I350, I210", rule=INTEL_4096,
        unicast_slots=15, too_many_unicast=_UNICAST,
        remark="16 address registers; other chips have 24 or 32",
    ),
    Device(
        "ixgbe", "82598, 82599, X540, X550", rule=INTEL_4096,
        unicast_slots=127, too_many_unicast=_UNICAST, remark="128 address registers on an 82599",
    ),
    Device(
        "i40e", "X710, XL710", exact=None, limit_known=False, too_many=Fallback.EVERYTHING,
        too_many_unicast=Fallback.EVERYTHING,
        remark="logs a line; ends when a quarter of the addresses has gone",
    ),
    Device(
        "ice", "E810", exact=None, limit_known=False, too_many=Fallback.EVERYTHING,
        too_many_unicast=Fallback.EVERYTHING, remark="logs a line",
    ),
    Device(
        "bnxt_en", "Broadcom NetXtreme-C and -E", aliases=("bnxt",), exact=16, limit=16,
        too_many=_ALL, unicast_slots=3, too_many_unicast=Fallback.EVERYTHING,
    ),
    Device(
        "mlx5_core", "ConnectX-4 and later", aliases=("mlx5e", "mlx5"), exact=None,
        limit_known=False, too_many=Fallback.LOST, too_many_unicast=Fallback.LOST,
        remark="2^log_max_current_mc_list addresses; logs that some will be dropped",
    ),
    Device(
        "atlantic", "Aquantia AQC", exact=32, limit=32, shares_slots=True, too_many=_ALL,
        unicast_slots=32, too_many_unicast=Fallback.EVERYTHING,
    ),
    Device(
        "tg3", "Broadcom Tigon3", rule=CRC_LE_LOW_7, unicast_slots=3,
        too_many_unicast=Fallback.EVERYTHING, remark="2 unicast slots with ASF firmware",
    ),
    Device(
        "r8169", "RTL8169, RTL8168, RTL8125", rule=CRC_HIGH_6,
        unicast_slots=0,
        too_many_unicast=Fallback.EVERYTHING,
        remark="newer chips keep the 64 bits in another order, which changes no verdict",
        since=(6, 8), doubt=_ONE_R8169,
    ),
    Device(
        "r8169-before-6.8", "the same", rule=CRC_HIGH_6, limit=32, too_many=_ALL,
        unicast_slots=0, too_many_unicast=Fallback.EVERYTHING, driver="r8169", until=(6, 8),
        doubt=_ONE_R8169,
    ),
    Device(
        "r8169-ver35", "the RTL8168 that the driver calls version 35", limit=0, too_many=_ALL,
    ),
    Device("r8152", "RTL8152, RTL8153 (USB)", rule=CRC_HIGH_6, limit=32, too_many=_ALL),
    Device(
        "8139too", "RTL8139", rule=CRC_HIGH_6, limit=32, too_many=_ALL,
        remark="module parameter multicast_filter_limit",
    ),
    Device(
        "8139cp", "RTL8139C+", rule=CRC_HIGH_6, limit=32, too_many=_ALL,
        remark="module parameter multicast_filter_limit",
    ),
    Device(
        "e100", "8255x", exact=0, limit=64, too_many=_ALL,
        undisclosed="the chip hashes its list by a rule that the driver does not know",
    ),
    Device("e100@qemu", "QEMU's i82559er", rule=CRC_MIDDLE_6, limit=64, too_many=_ALL),
    Device("pcnet32", "AMD PCnet", rule=CRC_LE_HIGH_6),
    Device("ne2k-pci", "NE2000 clones", aliases=("8390",), rule=CRC_HIGH_6),
    Device(
        "tulip", "21140, 21143", exact=14, rule=CRC_LE_LOW_9, hash_replaces_exact=True,
        limit=1000, too_many=_ALL,
    ),
    Device(
        "stmmac", "Synopsys DesignWare (dwmac4)", aliases=("dwmac",), rule=CRC_INVERTED_6,
        limit=64, too_many=_ALL, unicast_slots=0, too_many_unicast=Fallback.EVERYTHING,
        doubt="its table may have 128 or 256 bits",
        remark="64 bits unless the device tree says 128 or 256; one perfect slot unless it says "
        "more",
    ),
    Device("macb", "Cadence MACB and GEM", aliases=("gem",), rule=EXCLUSIVE_OR_6),
    Device("fec", "Freescale FEC", rule=CRC_LE_HIGH_6),
    Device(
        "sky2", "Marvell Yukon 2", rule=CRC_LOW_6, sometimes_listed=(_PAUSE,),
        remark="the address of pause frames is added while they are received",
    ),
    Device("asix", "AX88172, AX88772 (USB)", rule=CRC_HIGH_6, limit=64, too_many=_ALL),
    Device(
        "ax88179_178a", "AX88179 (USB)", aliases=("ax88179",), rule=CRC_HIGH_6, limit=64,
        too_many=_ALL,
    ),
    Device("dm9601", "DM9601 (USB)", rule=CRC_HIGH_6, limit=64, too_many=_ALL),
    Device("lan78xx", "LAN7800 (USB)", exact=32, rule=CRC_HIGH_9),
    Device("smsc95xx", "LAN9500 (USB)", rule=CRC_HIGH_6),
    Device("cdc_ether", "USB class Ethernet", limit=0, too_many=_ALL),
    Device("hv_netvsc", "Hyper-V", aliases=("netvsc",), limit=0, too_many=_ALL),
    Device(
        "virtio_net", "QEMU's virtio-net without vhost", aliases=("virtio-net",), exact=None,
        limit=64, shares_slots=True, too_many=_ALL, unicast_slots=64, too_many_unicast=_UNICAST,
        doubt="not every hypervisor filters there (vhost-net does not)",
        remark="the 64 entries are those of QEMU's device; with vhost-net nothing is filtered "
        "there",
    ),
    Device(
        "vmxnet3", "VMware", exact=None, limit=10922, too_many=_ALL, remark="logs a line",
    ),
    Device(
        "tap", "tap with TUNSETTXFILTER, the own address and broadcast listed first", exact=8,
        shares_slots=True, takes_own_slot=True, rule=CRC_HIGH_6, unicast_slots=6,
        too_many_unicast=Fallback.OFF,
        remark="frames from the kernel to the program that holds the tap",
    ),
    Device(
        "macvlan", "macvlan (bridge, vepa, private)", exact=None,
        undisclosed="macvlan looks at a 256-bit hash that is keyed with an address in the kernel",
        promiscuity_opens_unicast=False,
        ignored_octets=2,
        remark="a group that was left stays until the next change; source mode filters by source",
    ),
    Device(
        "ipvlan", "ipvlan l2", exact=None,
        undisclosed="ipvlan looks at a 256-bit hash that is keyed with a number drawn at boot",
    ),
    Device("veth", "veth pairs", kind=SortingPlace.NO_FILTER),
    Device("dummy", "dummy", kind=SortingPlace.NO_FILTER),
    Device("netdevsim", "netdevsim", kind=SortingPlace.NO_FILTER),
    Device("tun", "tun and tap as they are", kind=SortingPlace.NO_FILTER),
    Device("ena", "Amazon ENA", kind=SortingPlace.OUTSIDE),
    Device("gve", "Google virtual NIC", kind=SortingPlace.OUTSIDE),
    Device("xen-netfront", "Xen", aliases=("vif",), kind=SortingPlace.OUTSIDE),
)  # fmt: skip

_NEWEST: Release = (1 << 30, 0)
_BY_NAME = {name: device for device in DEVICES for name in (device.id, *device.aliases)}


def device_of(driver: str, release: str, chip: int | None = None) -> Device | None:
    """Return the row of a driver in a kernel; None: there is none, or it cannot be told which.

    `release` is the kernel's own name, `chip` the PCI device number, None where nobody tells it.
    """
    numbers = _release(release)
    rows = [device for device in DEVICES if driver in (device.driver or device.id, *device.aliases)]
    named = frozenset[int]().union(*(device.chips for device in rows))
    for device in rows:
        if named and (chip is None or (chip in device.chips) is device.is_of_other_chips):
            continue
        is_early = device.since is not None and numbers < device.since
        is_late = device.until is not None and numbers >= device.until
        if not is_early and not is_late:
            return device
    return None


def _release(release: str) -> Release:
    """Return the numbers at the front of `uname -r`; one that has none is a new one."""
    found = re.match(r"(\d+)\.(\d+)", release)
    return (int(found[1]), int(found[2])) if found else _NEWEST


def _release_text(release: Release) -> str:
    return f"{release[0]}.{release[1]}"


def find_device(name: str) -> Device:
    """Return the row of a driver; raise `UsageError` that lists them all."""
    if name == EXACT.id:
        return EXACT
    try:
        return _BY_NAME[name]
    except KeyError:
        known = " ".join(device.id for device in DEVICES)
        raise UsageError(f"{name!r}: no such NIC in the table", hint=f"NICs: {known}") from None
