"""What silences a member that looks right: the group is joined, and still nothing arrives.

Each is something that this machine itself tells, and a reason to look; none of them proves that a
datagram was lost, except where a counter says so.

::

    an interface   no MULTICAST flag, rp_filter with frames that it has dropped, a port of a bridge,
                   a firewall that drops IGMP or MLD
    a socket       as many groups as it may have, datagrams that found no room, a group that was
                   joined on loopback
"""

from __future__ import annotations

from collections import Counter as Tally
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mldkit.groups.row import ReasonKind
from mldkit.link import (
    device_details,
    firewall_rules,
    network_counters,
    receiving_sockets,
    return_route,
)
from mldkit.link.device_details import IFF_MULTICAST
from mldkit.model.addresses import text
from mldkit.model.family import IGMP, MLD
from mldkit.model.protocol_numbers import ICMPV6
from mldkit.model.protocol_numbers import IGMP as IGMP_PROTOCOL
from mldkit.model.words import counted
from mldkit.path.firewall import DROP, Ruleset
from mldkit.path.host_stages import REVERSE_PATH_COUNTER
from mldkit.path.packet_match import Packet
from mldkit.path.stage import Counter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mldkit.groups.row import GroupRow, Listing
    from mldkit.link.device_details import DeviceDetails
    from mldkit.model.addresses import Address
    from mldkit.model.family import Family

# Types of queries and reports, as nft may write them.
_TYPES: dict[str, tuple[tuple[object, ...], tuple[object, ...]]] = {
    "igmp": (("membership-query", 0x11), ("membership-report-v3", 0x22)),
    "mld": (("mld-listener-query", 130), ("mld2-listener-report", 143)),
}
_MOST_MEMBERSHIPS = Path("/proc/sys/net/ipv4/igmp_max_memberships")


@dataclass(frozen=True, slots=True)
class Suspicion:
    """One thing that may silence a member."""

    interface: str
    group: Address | None
    """None: all groups of the interface."""
    words: str
    counter: Counter | None = None
    cure: str = ""


def suspicions(listing: Listing) -> list[Suspicion]:
    """Return what may silence the members that are listed, as this machine is now."""
    devices = {device.name: device for device in device_details.all_devices().values()}
    rows = [row for row in listing.rows if row.interface in devices and _is_of_program(row)]
    names = dict.fromkeys(row.interface for row in rows)
    found = [each for name in names for each in _of_interface(devices, devices[name], rows)]
    return found + list(_of_sockets(rows))


def _is_of_program(row: GroupRow) -> bool:
    """Return whether somebody beside the kernel is, or may be, a member."""
    kinds = (ReasonKind.SOCKET, ReasonKind.UNKNOWN)
    return any(reason.kind in kinds for reason in row.reasons)


def _of_interface(
    devices: dict[str, DeviceDetails], device: DeviceDetails, rows: list[GroupRow]
) -> Iterator[Suspicion]:
    name = device.name
    here = [row.group for row in rows if row.interface == name]
    if name == "lo":
        for group in here:
            yield Suspicion(
                name,
                group,
                f"{text(group)} is joined on loopback, where nothing from a link arrives: a "
                "program that names no interface gets that of the route to the group",
                cure=f"name the interface, or: ip route add {_range(group)} dev IF",
            )
        return
    if not device.flags & IFF_MULTICAST:
        words = f"{name} has no MULTICAST flag: some drivers then take no group in"
        yield Suspicion(name, None, words, cure=f"ip link set {name} multicast on")
    above = next((d for d in devices.values() if d.index == device.master), None)
    if above is not None and above.kind in ("bridge", "bond", "team"):
        words = f"{name} belongs to {above.name}: the IP layer sees its frames there, not on {name}"
        yield Suspicion(name, None, words, cure=f"join on {above.name}")
    if any(len(group) == 4 for group in here):
        yield from _reverse_path(name)
    for family in (IGMP, MLD):
        if any(len(group) == len(family.unspecified) for group in here):
            yield from _firewall(name, family)


def _reverse_path(name: str) -> Iterator[Suspicion]:
    mode = return_route.reverse_path_filter(name)
    dropped = network_counters.read().get(REVERSE_PATH_COUNTER, 0)
    if mode and dropped:
        words = (
            f"rp_filter is {mode} on {name}, and this host has dropped "
            f"{counted(dropped, 'datagram')} whose source is not reached that way"
        )
        cure = f"mldkit macfilter explain -i {name} GROUP --from SOURCE says which"
        yield Suspicion(name, None, words, Counter(REVERSE_PATH_COUNTER, dropped), cure)


def _firewall(name: str, family: Family) -> Iterator[Suspicion]:
    """Yield rules that drop queries on their way in, or reports on their way out."""
    ruleset = Ruleset(firewall_rules.read())
    protocol = IGMP_PROTOCOL if family is IGMP else ICMPV6
    query, report = _TYPES[family.name]
    incoming = Packet(None, family.all_hosts, protocol, incoming=name, message_type=query)
    outgoing = Packet(None, family.reports, protocol, outgoing=name, message_type=report)
    for what, packet, hooks in (
        ("queries", incoming, ("prerouting", "input")),
        ("reports", outgoing, ("output", "postrouting")),
    ):
        for hook in hooks:
            outcome = ruleset.judge(packet, hook)
            if DROP in outcome.possible:
                sure = "drops" if outcome.possible == {DROP} else "may drop"
                rule = outcome.dropping[0]
                words = f"the firewall {sure} {family.name.upper()} {what} on {name}: {rule}"
                cure = "nft -a list ruleset; switches forget members that do not answer"
                yield Suspicion(name, None, words, cure=cure)


def _of_sockets(rows: list[GroupRow]) -> Iterator[Suspicion]:
    sockets = receiving_sockets.find({}).sockets
    drops = {(one.pid, one.descriptor): one for one in sockets}
    groups: Tally[tuple[int, str, int]] = Tally()
    interfaces: dict[tuple[int, int], str] = {}
    told = set()
    for row in rows:
        for process in row.processes or ():
            for one in process.sockets:
                interfaces.setdefault((one.pid, one.descriptor), row.interface)
                if len(row.group) == 4:
                    groups[one.pid, process.name, one.descriptor] += 1
                held = drops.get((one.pid, one.descriptor))
                if held is None or not held.dropped or (one.pid, one.descriptor) in told:
                    continue
                told.add((one.pid, one.descriptor))
                who = f"{process.name} (process {one.pid}, descriptor {one.descriptor})"
                words = f"{counted(held.dropped, 'datagram')} found no room in the buffer of {who}"
                counter = Counter(f"drops of {who}", held.dropped)
                cure = "let it read faster, or give its socket more room (net.core.rmem_max)"
                yield Suspicion(row.interface, row.group, words, counter, cure)
    limit = _most_memberships()
    for (pid, name, descriptor), count in groups.items():
        if limit is not None and count >= limit:
            words = (
                f"{name} (process {pid}, descriptor {descriptor}) is in {count} groups, and "
                f"igmp_max_memberships is {limit}: its next join fails"
            )
            cure = f"sysctl -w net.ipv4.igmp_max_memberships={2 * count}, or one more socket"
            yield Suspicion(interfaces[pid, descriptor], None, words, cure=cure)


def _most_memberships() -> int | None:
    try:
        return int(_MOST_MEMBERSHIPS.read_text())
    except (OSError, ValueError):
        return None


def _range(group: Address) -> str:
    return "224.0.0.0/4" if len(group) == 4 else "ff00::/8 table local"
