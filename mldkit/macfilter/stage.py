"""A stage: an interface that groups are joined on, a cable to it, and trials one after the other.

The list of the interface is read back from the kernel each time; it is what predictions start
from, so a group that the kernel did not load is not predicted to pass.
"""

from __future__ import annotations

import subprocess
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from mldkit.errors import LinkError, UnsupportedError
from mldkit.link.device import PacketSocket
from mldkit.link.interfaces import find
from mldkit.link.kernel_tables import parse_dev_mcast
from mldkit.link.namespace import complaint_of, environment
from mldkit.macfilter.observe import MembershipSocket, Observer
from mldkit.macfilter.probes import (
    ALL_HOSTS,
    Layer,
    Mode,
    Probe,
    ReceivingInterface,
    Sender,
    choose,
)
from mldkit.macfilter.receive_filter import ReceiveFilter
from mldkit.macfilter.trial import BATCH, Cable, Trial, TrialResult, TrialRunner
from mldkit.model.addresses import group_mac, parse, parse_mac, solicited_node, text
from mldkit.model.units import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from mldkit.macfilter.devices import Device
    from mldkit.macfilter.receive_filter import Verdict
    from mldkit.model.addresses import Address

    Prediction = Callable[[Mode], Callable[[Probe], Verdict]]

SENDER = Sender(parse_mac("02:00:00:00:00:01"), parse("10.9.0.1"), parse("fe80::1"))
HOST_MAC = parse_mac("02:00:00:00:00:02")
HOST_IPV6 = parse("fe80::2")
_FOREIGN = 100
_MANY = 20
_PATIENCE_NS = 8 * SECOND


@dataclass(slots=True)
class Proof:
    """All that was observed with one vehicle."""

    vehicle: str
    results: list[TrialResult] = field(default_factory=list)
    statements: list[dict[str, Any]] = field(default_factory=list)
    """What was asserted about many frames at once: text, whether it holds, the numbers."""
    notes: list[str] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """Return it as the worker passes it on."""
        frames = [{"vehicle": self.vehicle, **result.as_json()} for result in self.results]
        statements = [{"vehicle": self.vehicle, **entry} for entry in self.statements]
        return {"frames": frames, "statements": statements, "notes": self.notes}


class PacketCable:
    """Sends on an interface of this namespace; the kernel carries the frames."""

    def __init__(self, interface: str) -> None:
        self._socket = PacketSocket(interface, all_multicast=False)

    def close(self) -> None:
        """Close it."""
        self._socket.close()

    def send(self, frames: Sequence[bytes]) -> None:
        """Send frames in order."""
        self._socket.send_many(frames)

    def carry(self) -> None:
        """Do nothing."""


class FilterStage:
    """What vehicles share: groups that are joined, what is sent, what was seen."""

    def __init__(self, name: str, interface: str, groups: Iterable[Address], seed: int) -> None:
        self.proof = Proof(name)
        self.interface = interface
        self.groups = tuple(dict.fromkeys(groups))
        self.chance = Random(seed)  # noqa: S311 (frames to try, no secrets)
        self.held = ExitStack()
        self.cable: Cable
        self.runner: TrialRunner
        self.membership: MembershipSocket
        self._before = ExitStack()
        self.device: Device
        self.own = HOST_MAC
        self.addresses: tuple[Address, ...] = (HOST_IPV6,)

    def connect(self, cable: Cable, sender: Sender = SENDER, *, batch: int = BATCH) -> None:
        """Use a cable for all that follows, to the end of the stage."""
        self.held.callback(cable.close)
        self.cable = cable
        self.runner = TrialRunner(cable, sender, batch=batch)

    def join(self, groups: Sequence[Address]) -> None:
        """Hold exactly these groups."""
        before, self._before = self._before, ExitStack()
        self.groups = tuple(groups)
        self.membership = MembershipSocket(self.interface, groups)
        self._before.callback(self.membership.close)
        self.held.callback(self.membership.close)
        # Afterwards, so that what is in both never leaves the list.
        before.close()

    def station(self) -> ReceivingInterface:
        """Return how deep frames get on the interface."""
        families = {len(group) for group in self.groups}
        by_kernel = {group for group in ALL_HOSTS if len(group) in families}
        if 16 in families:
            by_kernel |= {solicited_node(a) for a in self.addresses if len(a) == 16}
        joined = frozenset(self.groups)
        return ReceivingInterface(self.own, joined, frozenset(by_kernel) - joined)

    def listed(self) -> tuple[bytes, ...]:
        """Return the multicast list of the interface as the kernel has it now, in its order."""
        return multicast_list(self.interface)

    def receive_filter(self, mode: Mode) -> ReceiveFilter:
        """Return the filter that the device should have in a mode."""
        station = self.station()
        names = {group_mac(g): text(g) for g in (*station.by_kernel, *reversed(self.groups))}
        return ReceiveFilter(
            device=self.device,
            multicast=self.listed(),
            own=self.own,
            promiscuous=mode is Mode.PROMISC,
            all_multicast=mode is Mode.ALLMULTICAST,
            names=names,
        )

    def wait_until_ready(self) -> None:
        """Wait until joined sockets get frames: a link that has just come up takes a moment."""
        with Observer(self.interface, self.membership, Mode.DEFAULT) as observer:
            for octets in sorted({len(group) for group in self.groups}):
                group = next(group for group in self.groups if len(group) == octets)
                probe = Probe("control", group_mac(group), group)
                if not self.runner.arrives(probe, Layer.SOCKET, observer, _PATIENCE_NS):
                    raise LinkError(
                        f"{self.interface}: frames for {text(group)} do not get to a socket that "
                        "joined it",
                        hint="a firewall or rp_filter may drop them",
                    )

    def try_state(
        self,
        state: str,
        modes: Iterable[Mode] = tuple(Mode),
        predict: Prediction | None = None,
        extra: tuple[Probe, ...] = (),
    ) -> list[TrialResult]:
        """Try the present state in each mode and keep the results."""
        found: list[TrialResult] = []
        for mode in modes:
            with Observer(self.interface, self.membership, mode) as observer:
                self.programmed(mode)
                trial = self.trial(state, mode, predict, extra)
                found += self.runner.run(trial, observer)
        self.proof.results += found
        return found

    def programmed(self, mode: Mode) -> None:
        """Bring the filter up to date where the kernel does not do so by itself."""

    def control(self) -> Probe:
        """Return the frame that must arrive in every state."""
        return Probe("control", group_mac(self.groups[0]), self.groups[0])

    def trial(
        self,
        state: str,
        mode: Mode,
        predict: Prediction | None,
        extra: tuple[Probe, ...] = (),
    ) -> Trial:
        """Return what is to be sent in the present state, and what should come of it."""
        station = self.station()
        listed = frozenset(self.listed())
        probes = choose(station, listed, self.device.rule, self.chance, foreign=_FOREIGN)
        probes += extra
        if predict is None:
            wanted = self.receive_filter(mode)
            return Trial(
                state, mode, station, lambda p: wanted.accepts(p.mac), probes, self.control()
            )
        return Trial(state, mode, station, predict(mode), probes, self.control())

    def more_groups(self) -> tuple[Address, ...]:
        """Return the groups and some more of each family."""
        more = list(self.groups)
        for octets in sorted({len(group) for group in self.groups}):
            prefix = b"\xef\x4d" if octets == 4 else b"\xff\x15" + bytes(9) + b"\x4d"
            size = octets - len(prefix)
            more += [prefix + self.chance.randbytes(size) for _ in range(_MANY)]
        return tuple(dict.fromkeys(more))


def multicast_list(interface: str) -> tuple[bytes, ...]:
    """Return the list of group addresses of a device, in the kernel's order."""
    index = find(interface).index
    table = Path("/proc/thread-self/net/dev_mcast").read_text()
    return tuple(entry.mac for entry in parse_dev_mcast(table) if entry.index == index)


def silence(*interfaces: str) -> None:
    """Keep the IP layer from speaking on interfaces that only carry frames."""
    for name in interfaces:
        setting = Path("/proc/sys/net/ipv6/conf", name, "disable_ipv6")
        if setting.exists():
            setting.write_text("1")


def set_up(interface: str, mac: bytes = HOST_MAC) -> None:
    """Give an interface its addresses and switch it on, without duplicate address detection."""
    ip(f"link set {interface} address {mac.hex(':')} addrgenmode none")
    ip(f"link set {interface} up\naddress add 10.9.0.2/24 dev {interface}")
    if Path("/proc/sys/net/ipv6").exists():
        ip(f"address add fe80::2/64 dev {interface} nodad")


def ip(commands: str, missing: str = "") -> None:
    """Run `ip` commands; where one fails because a link type is missing say `missing`."""
    done = subprocess.run(
        ["ip", "-batch", "-"],  # noqa: S607 (the path of the sandbox)
        input=commands, capture_output=True, text=True, env=environment(), check=False,
    )  # fmt: skip
    if done.returncode:
        complaint = complaint_of(done)
        if missing:
            raise UnsupportedError(f"{missing}: {complaint}", hint="mldkit doctor")
        raise LinkError(f"ip: {complaint}")
