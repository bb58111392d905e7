"""The stages of the IP layer: is this host in the group, and is the source believed.

net/ipv4/route.c:ip_route_input_rcu asks for the group (ip_check_mc_rcu) and then for the source
(ip_mc_validate_source); net/ipv6/ip6_input.c:ip6_mc_input asks for the group alone. The question
for the group knows the filter of the interface too, which stands here with the source filters of
the sockets, because it is made of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.groups.listing import filter_text
from mldkit.groups.merge import merge
from mldkit.groups.reasons import kernel_reasons
from mldkit.macfilter.receive_filter import BROADCAST, Passage
from mldkit.model.addresses import is_multicast, mac_text, scope, text
from mldkit.path.stage import Counter, Stage, StageResult

if TYPE_CHECKING:
    from mldkit.groups.merge import Merged
    from mldkit.link.kernel_tables import ListedGroup
    from mldkit.path.frame import PathFrame
    from mldkit.path.reading import Reading

STRICT, LOOSE = 1, 2
REVERSE_PATH_COUNTER = "TcpExtIPReversePathFilter"
_RECEIVED = {4: "IpInReceives", 16: "Ip6InMcastPkts"}
_DELIVERED = {4: "IpInDelivers", 16: "Ip6InDelivers"}
_LOCAL_BLOCK = b"\xe0\x00\x00"


def group(reading: Reading, frame: PathFrame) -> StageResult:
    """Judge whether this host is a member of the group on the interface that it comes in by."""
    if frame.group is None:
        return StageResult(Stage.GROUP, None, "a MAC alone has no group")
    host, octets = reading.host, frame.octets
    received = _RECEIVED[octets]
    counter = Counter(received, reading.counters.get(received, 0))
    confirm = f"nstat -az {received} {_DELIVERED[octets]}: the first rises, the second does not"
    refused = _refused(reading, frame)
    if refused is not None:
        return refused
    entry = listed_group(reading, frame)
    if entry is None:
        reason, cure = _not_joined(reading, frame)
        return StageResult(Stage.GROUP, Passage.DROPPED, reason, counter, confirm, cure)
    reason = f"joined on {host.name}, {_who(reading, entry)}"
    confirm = f"mldkit groups -i {host.name}"
    return StageResult(Stage.GROUP, Passage.PASSES, reason, counter, confirm)


def listed_group(reading: Reading, frame: PathFrame) -> ListedGroup | None:
    """Return the entry of the group in the kernel's table of the interface."""
    return reading.groups.get((reading.host.index, frame.group or b""))


def _refused(reading: Reading, frame: PathFrame) -> StageResult | None:
    """Return why the IP layer takes no frame like this, whoever has joined."""
    host, wanted = reading.host, frame.group or b""
    if not frame.mac[0] & 1 and frame.mac not in (host.mac, BROADCAST):
        reason = (
            f"{mac_text(frame.mac)} is another host's address: the IP layer takes no such frame"
        )
        confirm = f"ip -s -s link show dev {host.name}: otherhost rises"
        return StageResult(Stage.GROUP, Passage.DROPPED, reason, None, confirm)
    if len(wanted) == 4:
        if all(device.index != host.index for device in reading.state.igmp_devices):
            reason = f"{host.name} has no IPv4"
            cure = f"give it an address: ip address add ADDRESS/LENGTH dev {host.name}"
            return StageResult(Stage.GROUP, Passage.DROPPED, reason, cure=cure)
        return None
    if reading.is_ipv6_off:
        reason = f"IPv6 is switched off on {host.name}"
        cure = f"sysctl -w {setting_name(6, host.name, 'disable_ipv6')}=0"
        counter = Counter("Ip6InDiscards", reading.counters.get("Ip6InDiscards", 0))
        return StageResult(Stage.GROUP, Passage.DROPPED, reason, counter, cure=cure)
    if scope(wanted) < 2:
        reason = "scope 0 and 1 never come from a link (ip6_rcv_core)"
        counter = Counter("Ip6InHdrErrors", reading.counters.get("Ip6InHdrErrors", 0))
        return StageResult(
            Stage.GROUP, Passage.DROPPED, reason, counter, "nstat -az Ip6InHdrErrors"
        )
    return None


def _not_joined(reading: Reading, frame: PathFrame) -> tuple[str, str]:
    host, wanted = reading.host, frame.group or b""
    elsewhere = [
        reading.name(entry.index)
        for entry in reading.state.groups
        if entry.group == wanted and entry.index != host.index
    ]
    cure = f"join it on {host.name}: mldkit join -i {host.name} {text(wanted)}"
    if not elsewhere:
        return f"nobody on this host has joined it on {host.name}", cure
    names = ", ".join(elsewhere)
    reason = f"joined on {names}, and the frame comes in by {host.name}"
    if reading.named.name in elsewhere and reading.named.index != host.index:
        reason += f": {reading.named.name} is a port of it, whose frames the IP layer never sees"
    elif "lo" in elsewhere:
        reason += "; loopback is where a program ends that names no interface and has no route"
    return reason, cure


def _who(reading: Reading, entry: ListedGroup) -> str:
    """Return in words who is a member, and with which filter of the interface."""
    members = reading.members.get((entry.index, entry.group), ())
    names = [f"{one.process} ({one.pid})" for one in members]
    reasons = kernel_reasons(reading.state, entry, reading.state.devices[entry.index])
    names += [f"the kernel ({reason.kind.value})" for reason in reasons if reason.users]
    left = entry.users - len(names)
    if left > 0:
        names.append(f"{left} that cannot be seen")
    merged = interface_filter(reading, entry)
    wants = filter_text(merged.is_exclude, merged.sources)
    return f"by {', '.join(dict.fromkeys(names))}: {wants}"


def interface_filter(reading: Reading, entry: ListedGroup) -> Merged:
    """Return the filter of the interface for a group, merged from its users."""
    device = reading.state.devices[entry.index]
    reasons = kernel_reasons(reading.state, entry, device)
    return merge(
        entry.users,
        by_kernel=sum(reason.users for reason in reasons),
        sockets=reading.members.get((entry.index, entry.group), ()),
        listed=reading.source_lists.of(entry.index, entry.group),
    )


def reverse_path(reading: Reading, frame: PathFrame) -> StageResult:
    """Judge whether the source of an IPv4 frame is believed."""
    if frame.octets != 4:
        return StageResult(Stage.REVERSE_PATH, None, "IPv6 has no such stage")
    host, mode, source = reading.host, reading.reverse_path_filter, frame.source
    counter = Counter(REVERSE_PATH_COUNTER, reading.counters.get(REVERSE_PATH_COUNTER, 0))
    confirm = f"nstat -az {REVERSE_PATH_COUNTER}"
    if source is None:
        if mode:
            reason = f"rp_filter is {mode}, and no source was named: give it with --from"
            return StageResult(Stage.REVERSE_PATH, Passage.UNKNOWN, reason, counter, confirm)
        return StageResult(Stage.REVERSE_PATH, Passage.PASSES, "rp_filter is 0")
    impossible = _impossible(reading, frame)
    if impossible:
        confirm = f"sysctl -w {setting_name(4, host.name, 'log_martians')}=1; dmesg"
        return StageResult(Stage.REVERSE_PATH, Passage.DROPPED, impossible, None, confirm)
    if not mode or not source[0]:
        return StageResult(
            Stage.REVERSE_PATH,
            Passage.PASSES,
            "no source to look for" if mode else "rp_filter is 0",
        )
    above = reading.devices.get(host.master or 0)
    if above is not None and above.kind == "vrf":
        reason = f"rp_filter is {mode}, and the routes of {above.name} are not looked at here"
        return StageResult(Stage.REVERSE_PATH, Passage.UNKNOWN, reason, counter, confirm)
    back = reading.routes[source]
    has_address = any(len(a.address) == 4 for a in reading.state.addresses.get(host.index, ()))
    where = f"rp_filter is {mode}, and {text(source)}"
    cure = f"a route to {text(source)} by {host.name}, or rp_filter 0 for it and for all"
    if not back.exists:
        reason = f"{where} has no route back"
    elif host.index in back.interfaces:
        reason = f"{text(source)} is reached by {host.name} itself"
        return StageResult(Stage.REVERSE_PATH, Passage.PASSES, reason, counter, confirm)
    elif not has_address:
        reason = f"rp_filter is {mode}, and {host.name} has no IPv4 address"
    elif mode == STRICT:
        names = ", ".join(reading.name(index) for index in back.interfaces)
        reason = f"{where} is reached by {names}"
        cure = (
            f"sysctl -w {setting_name(4, host.name, 'rp_filter')}=2, "
            f"or a route to {text(source)} by {host.name}"
        )
    else:
        reason = f"rp_filter is {mode}, and {text(source)} has some route back"
        return StageResult(Stage.REVERSE_PATH, Passage.PASSES, reason, counter, confirm)
    return StageResult(Stage.REVERSE_PATH, Passage.DROPPED, reason, counter, confirm, cure)


def _impossible(reading: Reading, frame: PathFrame) -> str:
    """Return why no host believes such a source (ip_mc_validate_source); empty: it may."""
    source = frame.source or b""
    if is_multicast(source):
        return f"{text(source)} is a group, and no source"
    if source[0] == 127:
        return f"{text(source)} is loopback, which never comes from a link"
    if not source[0] and not (frame.group or b"").startswith(_LOCAL_BLOCK):
        return f"{text(source)} is no source outside of 224.0.0.0/24"
    way = reading.routes.get(source)
    if way is not None and way.is_own and not reading.accepts_local:
        return f"{text(source)} is an address of this host itself"
    return ""


def setting_name(version: int, interface: str, name: str) -> str:
    """Return the name of a sysctl; a dot in the name of an interface is a slash to sysctl(8)."""
    return f"net.ipv{version}.conf.{interface.replace('.', '/')}.{name}"
