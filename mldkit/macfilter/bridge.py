"""The vehicle `bridge`: multicast snooping, which filters by IP group and port.

::

    e1 ---- p1 |     | p2 ---- e2   the host, in the groups
     sender    | br0 |
               |     | p3 ---- e3   a host in no group

Snooping needs a querier of each family, so the bridge is one itself once the control is done.
Both ports behind it are watched: the frame must come out here and must not come out there.
"""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

from mldkit.errors import LinkError, UnsupportedError
from mldkit.link import clock
from mldkit.link.namespace import complaint_of, environment
from mldkit.macfilter.devices import find_device
from mldkit.macfilter.observe import MembershipSocket, Observer
from mldkit.macfilter.probes import Layer, Mode, Probe, ReceivingInterface
from mldkit.macfilter.receive_filter import BROADCAST, Verdict
from mldkit.macfilter.snooping import SnoopingPort
from mldkit.macfilter.stage import HOST_MAC, FilterStage, PacketCable, Proof, ip, set_up, silence
from mldkit.macfilter.trial import Trial
from mldkit.model.addresses import group_mac, parse, parse_mac, text
from mldkit.model.units import MILLISECOND, SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mldkit.model.addresses import Address

_NETWORK = """\
link add e1 index 21 type veth peer name p1 index 22
link add e2 index 23 type veth peer name p2 index 24
link add e3 index 25 type veth peer name p3 index 26
"""
# Hundredths of a second. A querier counts as known after one response interval.
_BRIDGE = "link add br0 index 27 type bridge mcast_snooping 1 mcast_query_response_interval 20"
_PORTS = "".join(f"link set p{n} master br0\nlink set p{n} up\n" for n in (1, 2, 3))
_EMPTY = parse_mac("02:00:00:00:00:03")
_QUERIER_NS = 15 * SECOND
_WAIT_NS = 50 * MILLISECOND


class BridgeVehicle(FilterStage):
    """The interface under test is the host's end of the port with members."""

    def __init__(self, groups: Iterable[Address], seed: int) -> None:
        super().__init__("bridge", "e2", groups, seed)
        self.device = find_device("veth")

    def run(self) -> Proof:
        """Try it with no querier, with one of each family, with a router port, and without."""
        ip(_NETWORK, "no veth here")
        ip(_BRIDGE, "no bridge with multicast snooping here")
        silence("e1", "e3", "p1", "p2", "p3")
        ip("link set br0 addrgenmode none")
        set_up("e2")
        ip(f"link set e3 address {_EMPTY.hex(':')}\nlink set e1 up\nlink set e3 up\n{_PORTS}")
        ip("link set br0 up\naddress add 10.9.0.9/24 dev br0")
        self.connect(PacketCable("e1"))
        self.join(self.groups)
        self.wait_until_ready()
        families = frozenset(len(group) for group in self.groups)
        self._try("control: no querier", frozenset())
        ip("link set br0 type bridge mcast_querier 1")
        if 16 in families:
            # A bridge without an IPv6 address of its own cannot query for MLD.
            self._wait_for_the_querier(families - {16})
            self._try("querier of IPv4", families - {16})
            ip("address add fe80::9/64 dev br0 nodad")
            ip("link set br0 type bridge mcast_querier 0")
            ip("link set br0 type bridge mcast_querier 1")
        self._wait_for_the_querier(families)
        self._try("querier", families, tuple(Mode))
        ip("link set p3 type bridge_slave mcast_router 2")
        self._try_the_other_port("querier, router port", families, is_router_port=True)
        ip("link set br0 type bridge mcast_snooping 0")
        self._try("control: no snooping", frozenset())
        return self.proof

    def _try(
        self, state: str, active: frozenset[int], modes: tuple[Mode, ...] = (Mode.DEFAULT,)
    ) -> None:
        """Try a state at the port with members and at the other one."""
        here = SnoopingPort(database("br0").get("p2", frozenset()), active, learned=HOST_MAC)
        self.try_state(f"{state}, member port", modes, _by(here))
        self._try_the_other_port(f"{state}, port without members", active)

    def _try_the_other_port(
        self, state: str, active: frozenset[int], *, is_router_port: bool = False
    ) -> None:
        """Send the same kinds of frames and watch the port where nobody has joined."""
        elsewhere = frozenset((HOST_MAC,))
        port = SnoopingPort(frozenset(), active, is_router_port, _EMPTY, elsewhere)
        frames = self.trial(state, Mode.DEFAULT, _by(port))
        # Broadcast goes everywhere; a control for a group would have to be dropped here.
        control = Probe("control", BROADCAST, self.groups[0])
        trial = Trial(
            state, Mode.DEFAULT, ReceivingInterface(_EMPTY), frames.predict, frames.probes, control
        )
        membership = MembershipSocket("e3", ())
        try:
            with Observer("e3", membership, Mode.DEFAULT) as observer:
                self.proof.results += self.runner.run(trial, observer)
        finally:
            membership.close()

    def _wait_for_the_querier(self, families: frozenset[int]) -> None:
        """Wait until the host's groups are known and flooding of these families has ended."""
        deadline_ns = clock.now_ns() + _QUERIER_NS
        wanted = frozenset(group for group in self.groups if len(group) in families)
        while not wanted <= database("br0").get("p2", frozenset()):
            if clock.now_ns() > deadline_ns:
                raise LinkError("bridge: the groups of the host do not get into its database")
            clock.wait_ns(_WAIT_NS)
        strangers = {4: parse("239.200.200.200"), 16: parse("ff15::c8c8:c8c8")}
        with Observer("e3", self.membership, Mode.DEFAULT) as observer:
            for octets in sorted(families):
                group = strangers[octets]
                probe = Probe("control", group_mac(group), group)
                while self.runner.arrives(probe, Layer.DEVICE, observer, _WAIT_NS):
                    if clock.now_ns() > deadline_ns:
                        raise LinkError(f"bridge: {text(group)} is flooded in spite of a querier")
                    clock.wait_ns(_WAIT_NS)


def _by(port: SnoopingPort) -> Callable[[Mode], Callable[[Probe], Verdict]]:
    return lambda _: port.forwards


def database(bridge: str) -> dict[str, frozenset[Address]]:
    """Return the groups of each port as the bridge's database has them."""
    command = ["bridge", "-json", "mdb", "show", "dev", bridge]
    try:
        done = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, env=environment(), check=False
        )
    except FileNotFoundError as error:
        raise UnsupportedError("no program bridge", hint="apt install iproute2") from error
    if done.returncode:
        raise LinkError(f"bridge: {complaint_of(done)}")
    ports: dict[str, set[Address]] = {}
    for table in json.loads(done.stdout):
        for entry in table.get("mdb", ()):
            try:
                group = parse(entry["grp"])
            except ValueError:
                continue  # a static entry for a MAC
            ports.setdefault(entry["port"], set()).add(group)
    return {port: frozenset(groups) for port, groups in ports.items()}
