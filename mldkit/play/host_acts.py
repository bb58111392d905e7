"""The acts of a script, carried out on the host machine of `protocol`.

The simulation and the responder both use it, so that a line means the same in both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.model.family import IGMP, MLD, family_of
from mldkit.protocol.script import DeviceAct, SocketAct, SysctlAct
from mldkit.protocol.settings import parse_setting

if TYPE_CHECKING:
    from mldkit.model.family import Family
    from mldkit.protocol.filters import FilterMode
    from mldkit.protocol.host import Host
    from mldkit.protocol.script import Act, Script


def families_of(script: Script) -> tuple[Family, ...]:
    """Return the families of the host lines."""
    return tuple(
        family
        for family in (IGMP, MLD)
        if any(family_of(station.address) is family for station in script.hosts)
    )


def prepare(host: Host, script: Script, now_ns: int) -> None:
    """Bring a host into the state in which a script begins."""
    for _, setting in script.sysctls:
        carry_out(host, setting, script.interface, now_ns)
    if script.is_warm:
        host.link_up(now_ns)
    for station in script.hosts:
        host.add_address(station.address, station.prefix, now_ns, returns=True)
    if script.is_warm:
        host.settle()


def carry_out(host: Host, act: Act, interface: str, now_ns: int) -> None:
    """Let the host do what a line says; raise UsageError where the kernel would refuse it.

    Messages and data are the business of others.
    """
    if isinstance(act, SocketAct):
        _request(host, act, now_ns)
    elif isinstance(act, SysctlAct):
        host.set(parse_setting(act.name, act.value, interface), now_ns)
    elif isinstance(act, DeviceAct):
        _change(host, act, interface, now_ns)


def _request(host: Host, act: SocketAct, now_ns: int) -> None:
    sockets = host.sockets
    match act.verb:
        case "join":
            sockets.join(act.group, act.sources, now_ns, socket=act.socket)
        case "leave":
            sockets.leave(act.group, now_ns, socket=act.socket)
        case "block":
            sockets.block(act.group, act.sources, now_ns, socket=act.socket)
        case "unblock":
            sockets.unblock(act.group, act.sources, now_ns, socket=act.socket)
        case "drop":
            sockets.drop(act.group, act.sources, now_ns, socket=act.socket)
        case "close":
            sockets.close(now_ns, socket=act.socket)
        case _:
            mode = mode_of(act)
            sockets.set_filter(act.group, mode, act.sources, now_ns, socket=act.socket)


def _change(host: Host, act: DeviceAct, interface: str, now_ns: int) -> None:
    match act.verb:
        case "address add":
            host.add_address(act.address, act.number, now_ns, returns=False)
        case "address del":
            host.remove_address(act.address, now_ns)
        case "proxy add":
            host.add_proxy(act.address, now_ns)
        case "proxy del":
            host.remove_proxy(act.address, now_ns)
        case "link up":
            host.link_up(now_ns)
        case "link down":
            host.link_down(now_ns)
        case "carrier up":
            host.carrier_up(now_ns)
        case "carrier down":
            host.carrier_down()
        case "mtu":
            host.set_mtu(act.number, now_ns)
        case _:
            setting = forwarding_setting(act, interface)
            host.set(parse_setting(setting.name, setting.value, interface), now_ns)


def forwarding_setting(act: DeviceAct, interface: str) -> SysctlAct:
    """Return the sysctl that `forwarding on` and `off` stand for."""
    value = "1" if act.verb == "forwarding on" else "0"
    return SysctlAct(f"net.ipv6.conf.{interface}.forwarding", value)


def mode_of(act: SocketAct) -> FilterMode:
    """Return the mode of a `filter` line."""
    if act.mode is None:
        raise ValueError("a filter without mode")
    return act.mode
