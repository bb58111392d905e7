"""The program in the guest: every act of a tour, one after the other, and all that was observed.

::

    eth1  sends queries  ------ a hub of QEMU ------  eth0  real driver, traced

Nothing is understood here: the observations go out as they were made, and who started the guest
reads them.
"""

from __future__ import annotations

import socket
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mldkit.errors import LinkError
from mldkit.guest.program import answer
from mldkit.link import clock, packet_options
from mldkit.link.configuration import Configuration
from mldkit.link.device import PacketSocket
from mldkit.link.group_sockets import GroupSockets
from mldkit.link.interfaces import find
from mldkit.link.macs import change_list
from mldkit.model.addresses import parse, parse_mac
from mldkit.model.datagram import Datagram
from mldkit.model.messages import Query
from mldkit.model.units import MILLISECOND, SECOND
from mldkit.trace.observation import Announced, written
from mldkit.trace.recorder import Recorder
from mldkit.trace.story import Story
from mldkit.wire.encode import encode_frame

if TYPE_CHECKING:
    from collections.abc import Callable

    from mldkit.model.addresses import Address
    from mldkit.trace.observation import Observation

INTERFACE = "eth0"
FAR = "eth1"
FAR_MAC = parse_mac("02:00:00:00:00:01")
MANY = 300
_GROUP6, _GROUP4 = parse("ff15::77"), parse("239.1.2.3")
_ANY6, _ANY4 = parse("::"), parse("0.0.0.0")
_ALL6, _ALL4 = parse("ff02::1"), parse("224.0.0.1")
_ROUTER6, _ROUTER4 = parse("fe80::1"), parse("10.9.0.1")
_ADDRESS = parse("2001:db8::5")
_PROXIED = parse("2001:db8::99")
_LEAST_NS = 300 * MILLISECOND
_MOST_NS = 4 * SECOND
"""Longer than a change report and its repeat take (at most 1.2 s each)."""
_SETTLED_NS = 2500 * MILLISECOND
_CARRIER_NS = 15 * SECOND


class Tour:
    """Does the acts and keeps what was observed."""

    def __init__(self, acts: tuple[str, ...], *, many: int) -> None:
        self._wanted = acts
        self._many = many
        self._observed: list[str] = []
        self._story = Story()
        self._puts_off = True
        self._held = ExitStack()
        self._index = find(INTERFACE).index

    def run(self) -> list[str]:
        """Return the observations as lines."""
        with self._held:
            self._far = self._held.enter_context(PacketSocket(FAR, all_multicast=False))
            self._sockets = self._held.enter_context(GroupSockets(self._index))
            self._configuration = self._held.enter_context(Configuration())
            self._wait_for_carrier()
            self._recorder = self._held.enter_context(Recorder(INTERFACE))
            self._keep(*self._recorder.beginning())
            for name, acts in self._tour().items():
                if not self._wanted or name in self._wanted:
                    for what, act, wait_ns in acts:
                        self._do(what, act, wait_ns)
            self._keep(*self._recorder.ending())
        return self._observed

    def _tour(self) -> dict[str, list[tuple[str, Callable[[], None], int]]]:
        """Return the acts: in words, what is done, and how long its consequences may take."""
        join, leave = self._sockets.join, self._sockets.leave
        index, told = self._index, self._configuration
        both = _MOST_NS
        return {
            "join": [
                ("join ff15::77", lambda: join(_GROUP6), both),
                ("second join of ff15::77", lambda: join(_GROUP6, name="other"), 0),
                ("join 239.1.2.3", lambda: join(_GROUP4), both),
            ],
            "query": [
                ("General Query, MLDv2", lambda: self._ask(_ANY6), _MOST_NS),
                ("query for ff15::77", lambda: self._ask(_GROUP6), _MOST_NS),
                ("General Query, IGMPv3", lambda: self._ask(_ANY4), _MOST_NS),
                ("query for 239.1.2.3", lambda: self._ask(_GROUP4), _MOST_NS),
            ],
            "leave": [
                ("leave ff15::77 by the second socket", lambda: leave(_GROUP6, name="other"), 0),
                ("leave ff15::77", lambda: leave(_GROUP6), both),
                ("leave 239.1.2.3", lambda: leave(_GROUP4), both),
            ],
            "address": [
                ("address 2001:db8::5 added",
                 lambda: told.add_address(index, _ADDRESS, 64), both),
                ("address 2001:db8::5 removed",
                 lambda: told.remove_address(index, _ADDRESS, 64), both),
                ("forwarding on", lambda: _forwarding("1"), both),
                ("forwarding off", lambda: _forwarding("0"), both),
            ],
            "proxy": [
                ("proxy entry for 2001:db8::99",
                 lambda: told.add_proxy(index, _PROXIED), both),
                ("proxy entry removed", lambda: told.remove_proxy(index, _PROXIED), both),
            ],
            "filter": [
                ("all multicast on", lambda: self._mode(packet_options.MR_ALLMULTI), 0),
                ("all multicast off", self._normal, 0),
                ("promiscuous mode on", lambda: self._mode(packet_options.MR_PROMISC), 0),
                ("promiscuous mode off", self._normal, 0),
                (f"{self._many} MACs added by hand", self._add_many, 0),
            ],
            "link": [
                ("link down", lambda: told.set_up(index, is_up=False), 0),
                ("link up", lambda: told.set_up(index, is_up=True), both),
            ],
        }  # fmt: skip

    def _do(self, what: str, act: Callable[[], None], wait_ns: int) -> None:
        """Do one act and wait until all that it put off has happened, or is too late."""
        self._puts_off = wait_ns > 0
        self._keep(Announced(clock.now_ns(), what))
        act()
        least_ns = clock.now_ns() + _LEAST_NS
        until_ns = clock.now_ns() + wait_ns
        while (now_ns := clock.now_ns()) < least_ns or (
            now_ns < until_ns and self._story.is_pending
        ):
            self._keep(*self._recorder.poll())
        self._keep(*self._recorder.waiting())

    def _keep(self, *observations: Observation) -> None:
        for observation in observations:
            self._observed.append(written(observation))
            if not self._puts_off:
                continue
            for _ in self._story.feed(observation):
                pass  # the acts are told outside; here it is asked what is pending

    def _ask(self, group: Address) -> None:
        is_ipv4 = len(group) == 4
        is_general = not any(group)
        everybody = _ALL4 if is_ipv4 else _ALL6
        query = Query(
            version=3 if is_ipv4 else 2,
            group=group,
            max_response_code=5 if is_ipv4 else 500,
            robustness=2,
            interval_code=125,
        )
        datagram = Datagram(
            source=_ROUTER4 if is_ipv4 else _ROUTER6,
            destination=everybody if is_general else group,
            message=query,
            link_source=FAR_MAC,
            traffic_class=0xC0 if is_ipv4 else 0,
        )
        self._far.send(encode_frame(datagram))

    def _mode(self, kind: int) -> None:
        self._mode_socket = packet_options.open_socket()
        packet_options.add_membership(self._mode_socket, self._index, kind)

    def _normal(self) -> None:
        self._mode_socket.close()

    def _add_many(self) -> None:
        macs = [b"\x33\x33\x4d\x00" + number.to_bytes(2, "big") for number in range(self._many)]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
            change_list(control, INTERFACE, macs, add=True)

    def _wait_for_carrier(self) -> None:
        until_ns = clock.now_ns() + _CARRIER_NS
        while not all(find(name).is_running for name in (INTERFACE, FAR)):
            if clock.now_ns() > until_ns:
                raise LinkError("qemu: the link of the guest does not come up")
            clock.wait_ns(20 * MILLISECOND)
        # What the kernel does by itself after that is over by then.
        clock.wait_ns(_SETTLED_NS)


def _forwarding(value: str) -> None:
    Path("/proc/sys/net/ipv6/conf", INTERFACE, "forwarding").write_text(value)


def work(job: dict[str, Any]) -> dict[str, Any]:
    """Return the observations of the tour."""
    tour = Tour(tuple(job["acts"]), many=job["many"])
    return {"observations": tour.run()}


if __name__ == "__main__":
    answer(work)
