"""What must hold between the tables, whatever the machine does.

For every interface that is up and whose groups have Ethernet addresses::

    the MAC of every loaded group is in the device list          igmp6_group_added, dev_mc_add
    references(MAC) >= loaded groups with that MAC + 1 if an administrator added it
    no IPv6 group of scope 0 or 1 is loaded                       igmp6_group_added
    the netlink dump and /proc list the same groups

More references than that are no fault; they have other owners, which are named as far as they
can be seen: packet sockets, devices stacked above, the device below (net/core/dev_addr_lists.c
counts once more for each device an entry is synchronised to).
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from mldkit.groups.row import Invariant
from mldkit.model.addresses import group_mac, mac_text, scope, text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mldkit.link.kernel import Kernel
    from mldkit.link.kernel_devices import KernelDevice
    from mldkit.link.kernel_tables import ListedGroup, ListedMac
    from mldkit.model.addresses import Address

Packets = Counter[tuple[int, bytes]] | None


def check(state: Kernel, devices: Sequence[KernelDevice], packets: Packets) -> Iterator[Invariant]:
    """Yield the invariants of these devices, the text saying what was compared."""
    for device in devices:
        entries = [entry for entry in state.groups if entry.index == device.index]
        if device.is_up and device.maps_groups and entries:
            loaded = [entry.group for entry in entries if is_loaded(entry)]
            yield _macs_are_listed(state, device, loaded)
            yield _references_add_up(state, device, loaded, packets)
        if any(len(entry.group) == 16 for entry in entries):
            yield _small_scopes_stay_out(device, entries)
    yield from _dump_agrees(state, devices)


def is_loaded(entry: ListedGroup) -> bool:
    """Return whether a group of an interface that is up is in the device's list.

    IPv6 says so by a flag; of IPv4 no table tells, but every group is loaded
    (net/ipv4/igmp.c:igmp_group_added).
    """
    if entry.flags is None or len(entry.group) == 4:
        return len(entry.group) == 4 or scope(entry.group) > 1
    return "loaded" in entry.flags


def surplus_text(state: Kernel, entry: ListedMac, surplus: int, packets: Packets) -> str:
    """Return who holds `surplus` references of a MAC that no group accounts for."""
    owners = []
    by_sockets = packets[entry.index, entry.mac] if packets is not None else 0
    for count, owner in (
        (entry.by_administrator, "added by hand"),
        (by_sockets, "packet socket" if by_sockets == 1 else "packet sockets"),
        *((1, f"device {name}") for name in _synchronised_with(state, entry)),
    ):
        if count and surplus > 0:
            owners.append(owner if count == 1 else f"{count} {owner}")
            surplus -= count
    if surplus > 0:
        owners.append(f"{surplus} not visible")
    return ", ".join(owners)


def _synchronised_with(state: Kernel, entry: ListedMac) -> Iterator[str]:
    """Yield the devices below and above that share the entry."""
    listed = {(m.index, m.mac) for m in state.macs}
    device = state.devices[entry.index]
    lower = None if device.lower is None else state.devices.get(device.lower)
    if lower is not None and (lower.index, entry.mac) in listed:
        yield f"{lower.name} below"
    for upper in state.devices.values():
        if upper.lower == entry.index and (upper.index, entry.mac) in listed:
            yield f"{upper.name} above"


def _macs_are_listed(state: Kernel, device: KernelDevice, loaded: Sequence[Address]) -> Invariant:
    listed = {m.mac for m in state.macs if m.index == device.index}
    missing = [group for group in loaded if group_mac(group) not in listed]
    statement = f"{device.name}: the MAC of each of {len(loaded)} loaded groups is in its list"
    return _invariant(statement, [f"{text(g)} ({mac_text(group_mac(g))})" for g in missing])


def _references_add_up(
    state: Kernel, device: KernelDevice, loaded: Sequence[Address], packets: Packets
) -> Invariant:
    by_groups = Counter(map(group_mac, loaded))
    entries = [m for m in state.macs if m.index == device.index]
    wrong, more = [], []
    for entry in entries:
        surplus = entry.references - by_groups[entry.mac] - entry.by_administrator
        if surplus < 0:
            wrong.append(
                f"{mac_text(entry.mac)} has {entry.references} references, less than its groups"
            )
        elif surplus > 0 and entry.mac in by_groups:
            owner = surplus_text(state, _without_hand(entry), surplus, packets)
            more.append(f"{mac_text(entry.mac)} ({owner})")
    statement = f"{device.name}: the references of {len(entries)} MACs cover their groups"
    if more:
        statement += f", with more for {', '.join(more)}"
    return _invariant(statement, wrong)


def _without_hand(entry: ListedMac) -> ListedMac:
    return type(entry)(entry.index, entry.mac, entry.references, 0)


def _small_scopes_stay_out(device: KernelDevice, entries: Sequence[ListedGroup]) -> Invariant:
    small = [e for e in entries if len(e.group) == 16 and scope(e.group) < 2]
    loaded = [text(e.group) for e in small if e.flags and "loaded" in e.flags]
    statement = f"{device.name}: none of {len(small)} groups of scope 0 and 1 is loaded"
    return _invariant(statement, loaded)


def _dump_agrees(state: Kernel, devices: Sequence[KernelDevice]) -> Iterator[Invariant]:
    indexes = {device.index for device in devices}
    for octets, name in ((4, "IPv4"), (16, "IPv6")):
        if octets not in state.joined:
            continue
        dumped = {one for one in state.joined[octets] if one[0] in indexes}
        listed = {
            (e.index, e.group)
            for e in state.groups
            if len(e.group) == octets and e.index in indexes
        }
        differing = sorted(f"{text(group)} of interface {i}" for i, group in dumped ^ listed)
        statement = f"netlink and /proc list the same {len(listed)} {name} groups"
        yield _invariant(statement, differing)


def _invariant(statement: str, faults: Sequence[str]) -> Invariant:
    if faults:
        return Invariant(holds=False, text=f"{statement}; not so: {', '.join(faults)}")
    return Invariant(holds=True, text=statement)
