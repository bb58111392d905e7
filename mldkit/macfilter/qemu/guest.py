"""The program in the guest: a driver brought from state to state, each of them tried.

::

    eth1  e1000e, sends  ------ a hub of QEMU ------  eth0  the driver under test

Prediction and observation are those of the other vehicles and run here, next to the driver.
"""

from __future__ import annotations

import dataclasses
import socket
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mldkit.errors import LinkError
from mldkit.guest.program import answer
from mldkit.link import clock
from mldkit.link.interfaces import find
from mldkit.link.macs import change_list
from mldkit.macfilter.devices import find_device
from mldkit.macfilter.probes import Mode, Probe
from mldkit.macfilter.qemu.device_registers import DeviceRegisters, OutsideList
from mldkit.macfilter.qemu.nics import EMULATED, EmulatedNic
from mldkit.macfilter.receive_filter import BROADCAST, Passage, ReceiveFilter
from mldkit.macfilter.stage import FilterStage, PacketCable, Proof
from mldkit.model.addresses import group_mac, parse, solicited_node
from mldkit.model.units import MILLISECOND, SECOND

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mldkit.model.addresses import Address

_SPARE = (parse("ff15::4d:77"), parse("239.77.7.7"), parse("ff05::4d:78"))
_WANTED = 3
_STRANGERS = 12
_PATIENCE_NS = 10 * SECOND
_SOL_PACKET = 263
_ADD_MEMBERSHIP = 1
_UNICAST = 3


class QemuVehicle(FilterStage):
    """Every verdict is known; the device hashes unicast too, which the driver never asked for."""

    def __init__(self, groups: Iterable[Address], seed: int, nic: EmulatedNic) -> None:
        super().__init__("qemu", "eth0", groups, seed)
        self._nic = nic
        self.device = find_device(nic.device)
        self._held_by_device: DeviceRegisters | OutsideList = (
            OutsideList() if nic.lists_outside else DeviceRegisters(nic.driver, self.interface)
        )
        self._wanted = self.groups
        for group in _SPARE:
            if len(self._wanted) < _WANTED and group not in self._wanted:
                self._wanted += (group,)
        self._unicast: tuple[bytes, ...] = ()
        self._surplus = 0
        self._now = ""

    def run(self) -> Proof:
        """Try it with nothing joined, some, many, with unicast addresses, and in each mode."""
        if find(self.interface).mac != self.own:
            raise LinkError(f"qemu: {self.interface} of the guest is another interface")
        self.connect(PacketCable("eth1"), batch=self._nic.batch)
        self.join(self._wanted)
        self.wait_until_ready()
        self._wait_for_the_address()
        self.join(())
        self._state("default")
        self.join(self._wanted)
        self._state("joined")
        self._state_of_many()
        slots = self.device.unicast_slots if self._nic.filters_unicast else None
        for number in () if slots is None else (slots, slots + 1):
            self._state_of_unicast(number)
        self._state("allmulti", Mode.ALLMULTICAST)
        self._state("promisc", Mode.PROMISC)
        self.join(())
        self._state("left")
        if self.device.hashes_unicast:
            self.proof.notes.append(
                f"qemu: {self._surplus} of these frames passed that the driver did not ask for "
                f"(row {self._nic.driver}): QEMU's device looks unicast addresses up in the table "
                "of groups, too"
            )
        return self.proof

    def receive_filter(self, mode: Mode) -> ReceiveFilter:
        """Return the filter with the secondary addresses."""
        return dataclasses.replace(super().receive_filter(mode), unicast=self._unicast)

    def control(self) -> Probe:
        """Return a frame that arrives with nothing joined, too."""
        return Probe("control", BROADCAST, self._wanted[0])

    def _state(self, state: str, mode: Mode = Mode.DEFAULT, extra: tuple[Probe, ...] = ()) -> None:
        self._now = state
        results = self.try_state(state, (mode,), extra=extra + self._strangers())
        driver = dataclasses.replace(
            self.receive_filter(mode), device=find_device(self._nic.driver)
        )
        verdicts = ((driver.accepts(result.probe.mac), result.passed) for result in results)
        self._surplus += sum(v.outcome is Passage.DROPPED and passed for v, passed in verdicts)

    def programmed(self, mode: Mode) -> None:
        """Hold what the driver has written against the model, before frames are sent."""
        for text, holds in self._held_by_device.compare(self.receive_filter(mode)):
            self.proof.statements.append(
                {"state": self._now, "mode": str(mode), "text": text, "holds": holds}
            )

    def _strangers(self) -> tuple[Probe, ...]:
        """Return frames to groups that may not be joined, and to other hosts.

        Half of the unicast addresses end as a listed group does and so fall on its bit.
        """
        probes = [Probe("group", group_mac(group), group) for group in self._wanted]
        listed = self.listed()
        for place in range(_STRANGERS):
            tail = listed[place % len(listed)][4:]
            same = b"\x02\xfd" + self.chance.randbytes(2) + tail
            probes.append(Probe("unicast, same bit", same, b""))
            probes.append(Probe("unicast", b"\x02\xfc" + self.chance.randbytes(4), b""))
            group = b"\xef" + self.chance.randbytes(3)
            probes.append(Probe("foreign", group_mac(group), group))
        # A frame for a joined group has been asked for already, among those of every vehicle.
        return tuple(probe for probe in probes if probe.group not in self.groups)

    def _state_of_many(self) -> None:
        """Add addresses to the list by hand, as `ip maddr add` does: some, and too many."""
        for number in self._nic.more:
            self._state_of_more(number)

    def _state_of_more(self, number: int) -> None:
        prefixes = (b"\x33\x33\x4d", b"\x01\x00\x5e\x4d")
        addresses = dict.fromkeys(
            prefix + self.chance.randbytes(6 - len(prefix))
            for prefix in (prefixes[place % 2] for place in range(number + number // 10 + 1))
        )
        chosen = list(addresses)[:number]
        before = len(self.listed())
        self._change_list(chosen, add=True)
        state = f"{number} more"
        self._state(state, extra=tuple(Probe("listed", mac, b"") for mac in chosen))
        self._say(
            state,
            f"{len(self.listed())} addresses are listed and IFF_ALLMULTI is not set",
            holds=len(self.listed()) == before + number and not self._flags() & 0x300,
        )
        self._change_list(chosen, add=False)

    def _change_list(self, addresses: Sequence[bytes], *, add: bool) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
            change_list(control, self.interface, addresses, add=add)

    def _state_of_unicast(self, number: int) -> None:
        """Add secondary addresses for as long as a socket lives."""
        self._unicast = tuple(b"\x02\x4d" + self.chance.randbytes(4) for _ in range(number))
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as holder:
            for mac in self._unicast:
                wish = struct.pack("iHH8s", find(self.interface).index, _UNICAST, 6, mac)
                holder.setsockopt(_SOL_PACKET, _ADD_MEMBERSHIP, wish)
            extra = tuple(Probe("secondary", mac, b"") for mac in self._unicast)
            state = f"{number} unicast"
            self._state(state, extra=extra)
            text = f"with {number} secondary addresses IFF_PROMISC is not set"
            self._say(state, text, holds=not self._flags() & 0x300)
        self._unicast = ()

    def _flags(self) -> int:
        """Return dev->flags as the driver sees them (include/uapi/linux/if.h)."""
        return int(Path("/sys/class/net", self.interface, "flags").read_text(), 16)

    def _say(self, state: str, text: str, *, holds: bool) -> None:
        self.proof.statements.append(
            {"state": state, "mode": str(Mode.DEFAULT), "text": text, "holds": holds}
        )

    def _wait_for_the_address(self) -> None:
        """Wait for the list's last entry: the address is taken into use behind the carrier."""
        wanted = group_mac(solicited_node(self.addresses[0]))
        deadline_ns = clock.now_ns() + _PATIENCE_NS
        while wanted not in self.listed():
            if clock.now_ns() > deadline_ns:
                raise LinkError("qemu: the guest does not take its IPv6 address into use")
            clock.wait_ns(10 * MILLISECOND)


def work(job: dict[str, Any]) -> dict[str, Any]:
    """Return the report of the vehicle."""
    nic = EMULATED[job["driver"]]
    vehicle = QemuVehicle(map(parse, job["groups"]), job["seed"], nic)
    with vehicle.held:
        return vehicle.run().document()


if __name__ == "__main__":
    answer(work)
