"""The proof on a real pair of interfaces: frames go out of the peer, the driver's filter decides.

Nothing of the interface is changed that the kernel would not take back by itself: groups and
flags belong to sockets of this process, and end with it.
"""

from __future__ import annotations

import json
import os
import struct
import subprocess
from typing import TYPE_CHECKING

from mldkit.errors import LinkError, UsageError
from mldkit.link import ethtool, interfaces, netlink
from mldkit.link.own_command import mldkit_command
from mldkit.macfilter.devices import Device, SortingPlace, device_of, find_device
from mldkit.macfilter.probes import Mode, Sender
from mldkit.macfilter.stage import SENDER, FilterStage, Proof
from mldkit.model.addresses import parse, parse_mac

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from mldkit.macfilter.probes import Probe
    from mldkit.macfilter.receive_filter import Verdict
    from mldkit.model.addresses import Address

_IFLA_PROMISCUITY = 30
_IFLA_ALLMULTI = 61
_LINK_HEADER_OCTETS = 16


class RemoteCable:
    """Sends from an interface in another namespace, by a process that lives there."""

    def __init__(self, namespace: str, interface: str) -> None:
        """Start the process; raise `LinkError` with its words where it cannot send."""
        command = [*mldkit_command()[:-1], "mldkit.macfilter.emitter", namespace, interface]
        self._child = subprocess.Popen(  # noqa: S603 (no shell)
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        hello = json.loads(self._answer() or "{}")
        if "mac" not in hello:
            self.close()
            message = hello.get("error", "the sender ended")
            raise LinkError(f"--peer {namespace}/{interface}: {message}", hint=hello.get("hint"))
        self.sender = Sender(
            parse_mac(hello["mac"]),
            parse(hello["ipv4"]) if hello["ipv4"] else SENDER.ipv4,
            parse(hello["ipv6"]) if hello["ipv6"] else SENDER.ipv6,
        )

    def close(self) -> None:
        """End the process."""
        self._child.communicate()

    def send(self, frames: Sequence[bytes]) -> None:
        """Send frames in order and wait until they are out."""
        if self._child.stdin is not None:
            self._child.stdin.write(" ".join(frame.hex() for frame in frames) + "\n")
            self._child.stdin.flush()
        answer = self._answer()
        if answer != "sent":
            message = json.loads(answer)["error"] if answer else "the process ended"
            raise LinkError(f"the sender stopped: {message}")

    def carry(self) -> None:
        """Do nothing."""

    def _answer(self) -> str:
        return self._child.stdout.readline().strip() if self._child.stdout else ""


class PairVehicle(FilterStage):
    """An interface of this namespace and its peer in another one."""

    def __init__(
        self,
        interface: str,
        peer: str,
        groups: Iterable[Address],
        seed: int,
        device: Device | None = None,
    ) -> None:
        namespace, slash, name = peer.rpartition("/")
        if not slash or not namespace or not name:
            raise UsageError(f"--peer {peer!r}: write NETNS/INTERFACE")
        self._peer = namespace, name
        found = interfaces.find(interface)
        found_driver = ethtool.driver(interface)
        self._driver = found_driver.name
        super().__init__(device.id if device else self._driver, interface, groups, seed)
        self.device = device or _row(self._driver, ethtool.chip(found_driver.bus))
        self.own = found.mac
        self.addresses = tuple(entry.address for entry in interfaces.addresses(interface))

    def run(self) -> Proof:
        """Try it as it is, with our groups, in each mode."""
        promiscuous, all_multicast = flags_of_others(self.interface)
        notes = self.proof.notes
        if self.device.kind is SortingPlace.NO_FILTER:
            notes.append(f"{self.device.id} has no receive filter: this proves nothing about one")
        if promiscuous:
            notes.append(f"{self.interface} is promiscuous already: it filters nothing now")
        elif all_multicast:
            notes.append(f"{self.interface} lets all multicast in already")
        self._open = promiscuous, all_multicast
        cable = RemoteCable(*self._peer)
        self.connect(cable, cable.sender)
        self.join(self.groups)
        self.wait_until_ready()
        self.try_state("as it is", predict=self._predict)
        return self.proof

    def _predict(self, mode: Mode) -> Callable[[Probe], Verdict]:
        promiscuous, all_multicast = self._open
        if promiscuous:
            mode = Mode.PROMISC
        elif all_multicast and mode is Mode.DEFAULT:
            mode = Mode.ALLMULTICAST
        wanted = self.receive_filter(mode)
        return lambda probe: wanted.accepts(probe.mac)


def flags_of_others(interface: str) -> tuple[bool, bool]:
    """Return whether something has made an interface promiscuous, or let all multicast in.

    `ip link` hides what packet sockets asked for (net/core/dev.c:dev_get_flags); these two counts
    do not.
    """
    index = interfaces.find(interface).index
    dump = netlink.dump(netlink.GET_LINK, family=0, fixed_octets=_LINK_HEADER_OCTETS)
    for fixed, attributes in dump:
        if struct.unpack_from("=4xi", fixed)[0] == index:
            counts = (attributes.get(kind, b"") for kind in (_IFLA_PROMISCUITY, _IFLA_ALLMULTI))
            promiscuous, all_multicast = (any(count) for count in counts)
            return promiscuous, all_multicast
    return False, False


def _row(name: str, chip: int | None) -> Device:
    try:
        return device_of(name, os.uname().release, chip) or find_device(name)
    except UsageError as error:
        raise UsageError(
            f"the driver {name or '(none)'} is not in the table: name one with --nic",
            hint=error.hint,
        ) from error
