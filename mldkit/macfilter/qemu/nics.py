"""The network cards that QEMU emulates and Linux has drivers for, as far as they can be proved.

tulip is not among them: its device loses groups once the driver hashes them. igb came with QEMU 8.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EmulatedNic:
    """A card under test."""

    driver: str
    """The kernel module, and the row of the driver's intent."""
    device: str
    """The row of what QEMU's device does."""
    model: str
    """What QEMU calls it."""
    more: tuple[int, ...] = (20, 300)
    """How many addresses are added by hand, one state each."""
    filters_unicast: bool = False
    """Whether states with secondary unicast addresses are tried."""
    batch: int = 8
    """Frames in a row; small rings lose some of more."""
    maps_memory: bool = False
    """Its registers are mapped while the driver holds them, which a kernel has to be told."""
    lists_outside: bool = False
    """It has no registers, and QEMU tells what it was given (query-rx-filter)."""


EMULATED = {
    nic.driver: nic
    for nic in (
        EmulatedNic(
            "e1000e", "e1000e@qemu", "e1000e", more=(300,), filters_unicast=True, batch=64,
            maps_memory=True,
        ),
        EmulatedNic("e1000", "e1000@qemu", "e1000", filters_unicast=True, batch=64,
                    maps_memory=True),
        EmulatedNic("8139cp", "8139cp", "rtl8139", maps_memory=True),
        EmulatedNic("pcnet32", "pcnet32", "pcnet"),
        EmulatedNic("ne2k-pci", "ne2k-pci", "ne2k_pci", more=(20, 100), maps_memory=True),
        EmulatedNic("virtio_net", "virtio_net", "virtio-net-pci", batch=64, lists_outside=True),
        EmulatedNic("vmxnet3", "vmxnet3", "vmxnet3", batch=64),
        EmulatedNic("e100", "e100@qemu", "i82559er"),
    )
}  # fmt: skip
