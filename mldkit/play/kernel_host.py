"""Target `kernel`: the host side of this kernel, with real sockets, settings and links.

::

    querier's end  --- veth --- INTERFACE of this network namespace
    |                           MAC, addresses, sysctls, sockets of the script
    carrier: switched on and off at the other end

Warm: the link is up, its addresses are valid and its groups told, with nothing pending. To be there
soon the repeat intervals are short until then. Cold: the link is down.
"""

from __future__ import annotations

import errno
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mldkit.errors import LinkError, UsageError
from mldkit.link import clock, interfaces
from mldkit.link.alarm import Alarm
from mldkit.link.configuration import MAKES_FROM_MAC, MAKES_NONE, Configuration
from mldkit.link.group_sockets import GroupSockets
from mldkit.model.addresses import Address, from_mac, is_link_local, is_unspecified
from mldkit.model.family import IPV6_LEAST_MTU, MLD
from mldkit.model.units import MILLISECOND, SECOND
from mldkit.play import host_acts
from mldkit.protocol.filters import FilterMode
from mldkit.protocol.script import DeviceAct, SocketAct, SysctlAct

if TYPE_CHECKING:
    from collections.abc import Callable

    from mldkit.link.device import PacketSocket
    from mldkit.protocol.script import Act, Script

_SETTINGS = Path("/proc/sys")
_HASTE_MS = 40
_SILENCE_NS = 300 * MILLISECOND
_SETTLING_NS = 1100 * MILLISECOND
"""The kernel may tell once more within a second that a link is up (net/core/link_watch.c)."""
_PATIENCE_NS = 20 * SECOND
_POLL_NS = 5 * MILLISECOND
# Namespaces inherit what the machine has set for IPv4 (net/ipv4/devinet.c:devinet_init_net).
_USUAL = {
    "net.ipv4.conf.all.force_igmp_version": "0",
    "net.ipv4.conf.all.promote_secondaries": "0",
    "net.ipv4.conf.all.rp_filter": "0",
    "net.ipv4.conf.{}.force_igmp_version": "0",
    "net.ipv4.conf.{}.promote_secondaries": "0",
    "net.ipv4.conf.{}.rp_filter": "0",
    "net.ipv4.conf.{}.igmpv2_unsolicited_report_interval": "10000",
    "net.ipv4.conf.{}.igmpv3_unsolicited_report_interval": "1000",
    "net.ipv6.conf.{}.router_solicitations": "0",
    "net.ipv6.conf.{}.accept_dad": "1",
    "net.ipv6.conf.{}.mldv1_unsolicited_report_interval": "10000",
    "net.ipv6.conf.{}.mldv2_unsolicited_report_interval": "1000",
}
_HASTY = {
    "net.ipv4.conf.{}.igmpv2_unsolicited_report_interval": str(_HASTE_MS),
    "net.ipv4.conf.{}.igmpv3_unsolicited_report_interval": str(_HASTE_MS),
    "net.ipv6.conf.{}.accept_dad": "0",
    "net.ipv6.conf.{}.mldv1_unsolicited_report_interval": str(_HASTE_MS),
    "net.ipv6.conf.{}.mldv2_unsolicited_report_interval": str(_HASTE_MS),
}


class KernelHost:
    """This network namespace as the host of a script.

    `peer` changes the namespace of the link's other end, which has the number `peer_index` there.
    """

    def __init__(self, script: Script, peer: Configuration, peer_index: int) -> None:
        self._script = script
        self._peer = peer
        self._peer_index = peer_index
        self._alarm = Alarm()
        self._own = Configuration()
        self._index = interfaces.find(script.interface).index
        self._sockets = GroupSockets(self._index)
        self._prefixes = {station.address: station.prefix for station in script.hosts}
        self._has_ipv6 = MLD in host_acts.families_of(script)

    def prepare(self, device: PacketSocket) -> None:
        """Bring the host into the state in which the script begins; `device` hears it."""
        script = self._script
        own, index = self._own, self._index
        wished = {setting.name: setting.value for _, setting in script.sysctls}
        # An interface that gets IPv6 again, as its MTU grows, takes the default.
        for name in ("default", "{}"):
            self._store({f"net.ipv6.conf.{name}.disable_ipv6": str(int(not self._has_ipv6))})
        own.set_mtu(index, script.mtu)
        self._store(_USUAL)
        for _, setting in script.sysctls:
            _write(setting)
        if not script.is_warm:
            self._generate_link_local()
            for address, prefix in self._prefixes.items():
                if not is_link_local(address):
                    self._add_address(address, prefix)
            return
        self._store(_HASTY)
        self._generate(MAKES_NONE)
        own.set_up(index, is_up=True)
        settled_ns = clock.now_ns() + _SETTLING_NS
        self._wait_for(self._is_ready, "the link did not come up")
        for address, prefix in self._prefixes.items():
            self._add_address(address, prefix)
        # Before the silence: IPv6 tells its groups again at every change of a device
        # (net/ipv6/addrconf.c:addrconf_notify).
        self._generate_link_local()
        is_valid = partial(_has_valid_addresses, script.interface)
        self._wait_for(is_valid, "its addresses did not become valid")
        _await_silence(device, settled_ns)
        self._store({name: _USUAL[name] for name in _HASTY} | wished)

    def come_to_rest(self, device: PacketSocket) -> None:
        """Make sure that the host is still at rest; what it told meanwhile is told twice."""
        if device.take() is not None:
            _await_silence(device, clock.now_ns() + _SETTLING_NS)

    # The contract of a host under test

    def wait(self, until_ns: int) -> None:
        """Sleep until a monotonic time."""
        while clock.now_ns() < until_ns:
            self._alarm.wait(until_ns)

    def act(self, act: Act) -> None:
        """Do what a line says."""
        try:
            if isinstance(act, SocketAct):
                self._request(act)
            elif isinstance(act, SysctlAct):
                _write(act)
            elif isinstance(act, DeviceAct):
                self._change(act)
        except LinkError as error:
            raise UsageError(error.message, hint=error.hint) from error
        except OSError as error:
            name = errno.errorcode.get(error.errno or 0, "")
            raise UsageError(f"{os.strerror(error.errno or 0).lower()} ({name})") from error

    def _request(self, act: SocketAct) -> None:
        sockets = self._sockets
        match act.verb:
            case "join":
                sockets.join(act.group, act.sources, name=act.socket)
            case "leave":
                sockets.leave(act.group, name=act.socket)
            case "block":
                sockets.block(act.group, act.sources, name=act.socket)
            case "unblock":
                sockets.unblock(act.group, act.sources, name=act.socket)
            case "drop":
                sockets.drop(act.group, act.sources, name=act.socket)
            case "close":
                sockets.close(name=act.socket)
            case _:
                includes = host_acts.mode_of(act) is FilterMode.INCLUDE
                sockets.set_filter(act.group, act.sources, includes=includes, name=act.socket)

    def _change(self, act: DeviceAct) -> None:
        match act.verb:
            case "address add":
                self._prefixes[act.address] = act.number
                self._add_address(act.address, act.number)
            case "address del":
                # Kept: the address may come back with the link.
                prefix = self._prefixes.get(act.address, 8 * len(act.address))
                self._own.remove_address(self._index, act.address, prefix)
            case "proxy add":
                self._own.add_proxy(self._index, act.address)
            case "proxy del":
                self._own.remove_proxy(self._index, act.address)
            case "link up":
                self._own.set_up(self._index, is_up=True)
                self._return_link_local()
            case "link down":
                self._own.set_up(self._index, is_up=False)
            case "carrier up" | "carrier down":
                self._peer.set_up(self._peer_index, is_up=act.verb == "carrier up")
            case "mtu":
                self._own.set_mtu(self._index, act.number)
            case _:
                _write(host_acts.forwarding_setting(act, self._script.interface))

    # Addresses

    def _add_address(self, address: Address, prefix: int) -> None:
        if not is_unspecified(address):
            self._own.add_address(self._index, address, prefix)

    def _link_local(self) -> dict[Address, int]:
        """Return the host's own link-local addresses, which come back with the link."""
        stations = self._script.hosts
        return {s.address: s.prefix for s in stations if is_link_local(s.address)}

    def _generate_link_local(self) -> None:
        """Let the kernel make the link-local address whenever the link comes up, if it can."""
        makes = from_mac(self._script.hosts[0].mac) in self._link_local()
        self._generate(MAKES_FROM_MAC if makes else MAKES_NONE)

    def _return_link_local(self) -> None:
        """Add the link-local addresses that the kernel does not make by itself."""
        present = {entry.address for entry in interfaces.addresses(self._script.interface)}
        for address, prefix in self._link_local().items():
            if address not in present and address != from_mac(self._script.hosts[0].mac):
                self._add_address(address, prefix)

    def _generate(self, mode: int) -> None:
        if self._has_ipv6 and self._script.mtu >= IPV6_LEAST_MTU:
            self._own.set_address_generation(self._index, mode)

    # Settings and waiting

    def _store(self, settings: dict[str, str]) -> None:
        """Set sysctls; an interface without IPv6 has none of its settings."""
        for name, value in settings.items():
            path = _path(name.format(self._script.interface))
            if path.exists():
                path.write_text(value)

    def _wait_for(self, condition: Callable[[], bool], complaint: str) -> None:
        deadline_ns = clock.now_ns() + _PATIENCE_NS
        while not condition():
            if clock.now_ns() > deadline_ns:
                raise LinkError(f"{self._script.interface}: {complaint}")
            clock.wait_ns(_POLL_NS)

    def _is_ready(self) -> bool:
        """Return whether the kernel has told its protocols that the link is there."""
        name = self._script.interface
        if not interfaces.find(name).is_running:
            return False
        if not self._has_ipv6 or self._script.mtu < IPV6_LEAST_MTU:
            return True
        # The last thing that IPv6 makes when a link comes up is the route of its groups.
        routes = Path("/proc/thread-self/net/ipv6_route").read_text().splitlines()
        return any(line.startswith("ff00") and line.split()[-1] == name for line in routes)


def _has_valid_addresses(interface: str) -> bool:
    """Return whether no address is tentative, as each tells its group once it is valid."""
    return all(entry.is_usable for entry in interfaces.addresses(interface))


def _await_silence(device: PacketSocket, until_ns: int) -> None:
    """Wait until the host has told everything, at least until a monotonic time."""
    deadline_ns = clock.now_ns() + _PATIENCE_NS
    while device.receive(max(clock.now_ns() + _SILENCE_NS, until_ns)) is not None:
        if clock.now_ns() > deadline_ns:
            raise LinkError("the host does not come to rest")


def _write(setting: SysctlAct) -> None:
    try:
        _path(setting.name).write_text(setting.value)
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()
        raise UsageError(f"sysctl {setting.name}: {reason}") from error


def _path(name: str) -> Path:
    """Return the file of a sysctl; names of interfaces may hold dots, other parts do not."""
    return _SETTINGS / name.replace(".", "/")
