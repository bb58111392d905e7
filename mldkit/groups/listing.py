"""The tables joined: one row a group and interface.

::

    Kernel (tables, dumps) --+-- reasons of the kernel --+
                             `-- users left over --> sockets of processes --> rows, invariants

`join` is pure; `take` reads, and reads again where the tables contradict each other, because
they are not read in one instant.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from mldkit.errors import LinkError
from mldkit.groups.invariants import check, surplus_text
from mldkit.groups.merge import merge
from mldkit.groups.reasons import kernel_reasons
from mldkit.groups.row import (
    GroupRow,
    ListedInterface,
    Listing,
    OtherMac,
    Process,
    Reason,
    ReasonKind,
)
from mldkit.link import clock, kernel, kernel_devices, kernel_sockets
from mldkit.link.kernel import SourceLists
from mldkit.link.kernel_sockets import Sockets
from mldkit.model.addresses import group_mac, text
from mldkit.model.units import SECOND

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from mldkit.link.kernel import Kernel
    from mldkit.link.kernel_devices import KernelDevice
    from mldkit.link.kernel_sockets import KernelFilter, Wanted
    from mldkit.link.kernel_tables import ListedGroup
    from mldkit.model.addresses import Address

_ATTEMPTS = 3


def take(interface: str | None = None) -> Listing:
    """Return the listing of this network namespace, or of one interface of it.

    Raise `LinkError` if there is no such interface.
    """
    listing = _take_once(interface)
    for _ in range(_ATTEMPTS - 1):
        if all(invariant.holds for invariant in listing.invariants):
            break
        listing = _take_once(interface)
    return listing


def _take_once(interface: str | None) -> Listing:
    state = kernel.read()
    names = {device.name for device in state.devices.values()}
    if interface is not None and interface not in names:
        raise LinkError(
            f"{interface}: no such interface",
            hint=f"interfaces here: {', '.join(sorted(names))}",
        )
    wanted = _with_users_left(state, interface)
    sockets = kernel_sockets.find(wanted, own_namespace_only=True)
    found = Counter((f.index, f.group) for f in sockets.filters)
    missing = {one: users for one, users in wanted.items() if found[one] < users}
    if missing:
        # Somebody else's namespace may hold sockets that were made in this one.
        everywhere = kernel_sockets.find(missing, own_namespace_only=False)
        kept = tuple(f for f in sockets.filters if (f.index, f.group) not in missing)
        sockets = Sockets(kept + everywhere.filters, blind=everywhere.blind)
    return join(
        state,
        sockets,
        packets=kernel_devices.packet_memberships(),
        interface=interface,
        now_ns=clock.now_ns(),
    )


def join(
    state: Kernel,
    sockets: Sockets,
    *,
    packets: Counter[tuple[int, bytes]] | None,
    interface: str | None = None,
    now_ns: int | None = None,
) -> Listing:
    """Return the listing of what was read, of all interfaces or one.

    `packets` are the references that packet sockets hold, None if that cannot be seen; `now_ns`
    is monotonic time, which the kernel's stamps count from the same start.
    """
    chosen = [d for _, d in sorted(state.devices.items()) if interface in (None, d.name)]
    joiner = _Joiner(state, sockets, now_ns)
    indexes = {device.index for device in chosen}
    return Listing(
        interfaces=tuple(_state(state, device) for device in chosen),
        rows=tuple(row for device in chosen for row in joiner.rows(device)),
        other_macs=tuple(_other_macs(state, chosen, packets)),
        invariants=tuple(check(state, chosen, packets)),
        macs={
            (state.devices[m.index].name, m.mac): m.references
            for m in state.macs
            if m.index in indexes
        },
        blind=sockets.blind,
    )


def _with_users_left(state: Kernel, interface: str | None) -> dict[Wanted, int]:
    """Return the groups that the kernel's own reasons do not explain, with the users left."""
    wanted = {}
    for entry in state.groups:
        device = state.devices.get(entry.index)
        if device is None or interface not in (None, device.name):
            continue
        left = entry.users - sum(r.users for r in kernel_reasons(state, entry, device))
        if left > 0:
            wanted[entry.index, entry.group] = left
    return wanted


class _Joiner:
    """Joins the tables of one reading into rows."""

    def __init__(self, state: Kernel, sockets: Sockets, now_ns: int | None) -> None:
        self._state = state
        self._now_ns = now_ns
        self._references = {(m.index, m.mac): m.references for m in state.macs}
        self._sources = SourceLists(state)
        self._sockets: dict[Wanted, list[KernelFilter]] = defaultdict(list)
        for one in sockets.filters:
            self._sockets[one.index, one.group].append(one)

    def rows(self, device: KernelDevice) -> list[GroupRow]:
        listed = [entry for entry in self._state.groups if entry.index == device.index]
        by_mac: dict[bytes, list[Address]] = defaultdict(list)
        for entry in listed if device.maps_groups else ():
            by_mac[group_mac(entry.group)].append(entry.group)
        return [self._row(entry, device, by_mac) for entry in listed]

    def _row(
        self, entry: ListedGroup, device: KernelDevice, by_mac: dict[bytes, list[Address]]
    ) -> GroupRow:
        sockets = self._sockets[entry.index, entry.group]
        reasons = kernel_reasons(self._state, entry, device)
        of_kernel = sum(reason.users for reason in reasons)
        merged = merge(
            entry.users,
            by_kernel=of_kernel,
            sockets=sockets,
            listed=self._sources.of(entry.index, entry.group),
        )
        left = entry.users - of_kernel - len(sockets)
        ticks = entry.timer_ticks
        mac = group_mac(entry.group) if device.maps_groups else None
        return GroupRow(
            interface=device.name,
            group=entry.group,
            users=entry.users,
            is_exclude=merged.is_exclude,
            sources=merged.sources,
            timer_ns=None if ticks is None else ticks * SECOND // kernel.TICKS_A_SECOND,
            flags=entry.flags,
            mac=mac,
            mac_references=None if mac is None else self._references.get((device.index, mac), 0),
            shares_mac_with=tuple(g for g in by_mac[mac] if g != entry.group) if mac else (),
            reasons=reasons + tuple(map(_socket_reason, sockets)) + _unknown(left, entry.users),
            processes=None if left > 0 and not sockets else _processes(sockets),
            age_ns=self._age_ns(entry),
        )

    def _age_ns(self, entry: ListedGroup) -> int | None:
        of_family = self._state.joined.get(len(entry.group), {})
        made_ns = of_family.get((entry.index, entry.group))
        if made_ns is None or self._now_ns is None:
            return None
        return max(self._now_ns - made_ns, 0)


def filter_text(is_exclude: bool | None, sources: Sequence[Address] | None) -> str:  # noqa: FBT001
    """Return a filter in words: `any source`, `all but 10.0.0.9`, `only 10.0.0.1`."""
    if is_exclude is None:
        return "unknown"
    if sources is None:
        return "all but some sources" if is_exclude else "some sources"
    listed = ", ".join(map(text, sources))
    if is_exclude:
        return f"all but {listed}" if sources else "any source"
    return f"only {listed}" if sources else "no source"


def _socket_reason(one: KernelFilter) -> Reason:
    wants = filter_text(one.is_exclude, one.sources)
    return Reason(
        ReasonKind.SOCKET,
        f"{one.process} (process {one.pid}, descriptor {one.descriptor}): {wants}",
    )


def _unknown(left: int, users: int) -> tuple[Reason, ...]:
    if left <= 0:
        return ()
    share = "its user is" if users == 1 else f"{left} of {users} users are"
    detail = f"{share} not visible: a process that may not be looked into, or a kernel driver"
    return (Reason(ReasonKind.UNKNOWN, detail, users=left),)


def _processes(sockets: Sequence[KernelFilter]) -> tuple[Process, ...]:
    by_pid: dict[int, list[KernelFilter]] = defaultdict(list)
    for one in sockets:
        by_pid[one.pid].append(one)
    return tuple(Process(pid, held[0].process, tuple(held)) for pid, held in by_pid.items())


def _state(state: Kernel, device: KernelDevice) -> ListedInterface:
    version = next((d.version for d in state.igmp_devices if d.index == device.index), None)
    return ListedInterface(
        device.name, device.is_up, device.kind, version, device.promiscuity, device.allmulti
    )


def _other_macs(
    state: Kernel,
    devices: Collection[KernelDevice],
    packets: Counter[tuple[int, bytes]] | None,
) -> list[OtherMac]:
    by_index = {device.index: device for device in devices}
    wanted = {(entry.index, group_mac(entry.group)) for entry in state.groups}
    return [
        OtherMac(
            by_index[m.index].name,
            m.mac,
            m.references,
            surplus_text(state, m, m.references, packets),
        )
        for m in state.macs
        if m.index in by_index and (m.index, m.mac) not in wanted
    ]
