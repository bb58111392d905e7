"""Who is behind a hardware address on a link, and which groups share one.

::

    MAC 1  A  A  A   B  B  B        a host got another address
    MAC 1  A  B  A  B  A  B         two hosts behind one MAC: switches take them for one
    MAC 1  A  A  A                  a card was changed, or two hosts have one address
    MAC 2            A  A  A
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.analysis.limits import GROUP_MACS, IDENTITIES
from mldkit.analysis.shelf import NEEDED, USELESS
from mldkit.model.addresses import (
    IPV4_UNSPECIFIED,
    group_mac,
    is_unspecified,
    mac_text,
    text,
)
from mldkit.model.hardware_addresses import is_device, virtual_router_protocol
from mldkit.model.words import clock_text, named
from mldkit.wire.rules import INFO, WARNING

if TYPE_CHECKING:
    from collections.abc import Container

    from mldkit.analysis.facts import Host, Mark
    from mldkit.analysis.ledger import Ledger
    from mldkit.analysis.memberships import Memberships
    from mldkit.analysis.room import LinkRoom
    from mldkit.analysis.shelf import Table
    from mldkit.model.addresses import Address

_RETURNS_TO_JUDGE = 2
"""A host that gets a new address never uses the old one again. A virtual router that fails over
and back gives one return; two hosts that report side by side give one with each report."""

_MOST_ADDRESSES = 1000
"""Of one MAC that are told apart."""
_MOST_MARKS = 100
"""Reports of one MAC that a finding names."""


class _Shared:
    """A MAC from which several addresses reported."""

    __slots__ = ("addresses", "arrivals", "first", "mac", "marks", "told", "turns")

    def __init__(self, mac: bytes, first: Address) -> None:
        self.mac = mac
        self.first = first
        self.addresses: dict[Address, None] = {first: None}
        self.turns = 0
        """Reports after one of another address."""
        self.arrivals = 0
        """Those of an address that is new here."""
        self.marks: list[Mark] = []
        """Where the first turns were."""
        self.told = 0
        """How many of them stand in the finding."""

    @property
    def returns(self) -> int:
        """Turns of addresses that had reported before."""
        return self.turns - self.arrivals


class Identities:
    """The hardware addresses of one link and family."""

    def __init__(self, room: LinkRoom, ledger: Ledger, memberships: Memberships) -> None:
        self._link = link = room.key
        self._ledger = ledger
        self._memberships = memberships
        self.latest: Table[bytes | None, Address] = room.table(
            IDENTITIES, _worth_by_value, beside="latest"
        )
        """The address that reported last from a MAC: a report of the same one tells nothing new."""
        self.firsts: Table[tuple[Address, bytes], Mark] = room.table(IDENTITIES, _worth_of_pair)
        """The first report of each address from each MAC."""
        self.first_of: dict[int, Mark] = {}
        """The first message from addresses with a first octet; IPv4 only."""
        self._macs: Table[Address, tuple[bytes, int]] = room.table(
            IDENTITIES, _worth_by_key, beside="mac"
        )
        """The MAC from which an address reported last, and how often that changed."""
        self._addresses: Table[bytes, Address | None] = room.table(
            IDENTITIES, _worth_by_value, beside="address"
        )
        """The one IPv4 address of a MAC; None where it has several."""
        self.nameless: Table[bytes, Mark] = room.table(IDENTITIES, beside="nameless")
        """MACs that reported from 0.0.0.0 while they had no address, and where first."""
        self._shared: Table[bytes | None, _Shared] = room.table(IDENTITIES, beside="shared")
        all_nodes = link.family.all_hosts
        self._all_nodes = group_mac(all_nodes), all_nodes
        self._groups: Table[bytes, Address] = room.table(GROUP_MACS)
        """The first group that was reported of those with a MAC."""

    def host(self, source: Address, mac: bytes | None, mark: Mark) -> Host:
        """Return who reports; IGMP from 0.0.0.0 is the one address of that MAC, if it has one."""
        if source != IPV4_UNSPECIFIED:
            if mac is not None and self.latest.get(mac) != source:
                self.hear(source, mac, mark)
            return source
        if mac is None:
            return source
        address = self._addresses.get(mac)
        if address is None:
            if mac not in self.nameless:
                self.nameless.keep(mac, mark)
            return source + mac
        return address

    def hear(self, source: Address, mac: bytes | None, mark: Mark) -> None:
        """Take in that an address reported from a MAC from which it was not the last one to."""
        shared = self._shared.get(mac)
        if shared is not None and source in shared.addresses:
            # Nearly every report of a MAC with many hosts.
            if mac in self.latest:
                self.latest[mac] = source
            else:
                self.latest.keep(mac, source)
            shared.turns += 1
            if shared.turns <= _MOST_MARKS:
                shared.marks.append(mark)
                if shared.returns == _RETURNS_TO_JUDGE:
                    self._tell_shared(shared)
            return
        if mac is None or is_unspecified(source):
            return
        self.learn(source, mac, mark)
        if is_device(mac):
            self._meet(source, mac, mark)

    def learn(self, source: Address, mac: bytes | None, mark: Mark) -> None:
        """Take in that an address sent something from a MAC."""
        if len(source) != 4 or mac is None or source == IPV4_UNSPECIFIED:
            return
        known = self._addresses.get(mac, b"")
        if known != source:
            self.first_of.setdefault(source[0], mark)
        if known == b"":
            self._addresses.keep(mac, source)
            if mac in self.nameless:
                # Looks through all groups, so not for every new host.
                self._memberships.rename(IPV4_UNSPECIFIED + mac, source)
        elif known != source:
            self._addresses.keep(mac, None)

    def compare_groups(self, mark: Mark) -> None:
        """D-28, for the groups that nobody was in before."""
        new_groups = self._memberships.new_groups
        for group in new_groups:
            mac = group_mac(group)
            nodes_mac, all_nodes = self._all_nodes
            other = all_nodes if mac == nodes_mac else self._groups.get(mac)
            if other is None:
                other = self._groups.keep(mac, group)
            if other == group:
                continue
            detail = f"{text(other)} and {text(group)} both use {mac_text(mac)}"
            if other == self._link.family.all_hosts:
                detail += (
                    f"; all nodes listen to {text(other)} without a report, so every one of them"
                    f" receives {text(group)} too, and switches may flood it"
                )
            self._ledger.add("D-28", self._link, mark, detail, group=other)
        new_groups.clear()

    def finish(self) -> None:
        """Say of each MAC of several hosts how often they took turns."""
        for shared in self._shared.values():
            if shared.returns >= _RETURNS_TO_JUDGE:
                self._tell_shared(shared)

    def _meet(self, source: Address, mac: bytes, mark: Mark) -> None:
        """Take in an address that is new at a MAC, or that reported from another one meanwhile."""
        pair = source, mac
        if pair not in self.firsts:
            self.firsts.keep(pair, mark)
        before = self.latest.get(mac, source)
        self.latest.keep(mac, source)
        shared = self._shared.get(mac)
        if shared is None and before != source:
            shared = self._shared.keep(mac, _Shared(mac, before))
        if shared is not None:
            if len(shared.addresses) >= _MOST_ADDRESSES:
                del shared.addresses[next(iter(shared.addresses))]
            shared.addresses[source] = None
            shared.turns += 1
            shared.arrivals += 1
            if shared.turns <= _MOST_MARKS:
                shared.marks.append(mark)
        former, moves = self._macs.get(source, (mac, 0))
        moves += former != mac
        self._macs.keep(source, (mac, moves))
        if former != mac:
            # Its next report from there is another move.
            if self.latest.get(former) == source:
                self.latest.drop(former)
            if former in self._shared:
                self._shared[former].addresses.pop(source, None)
            self._tell_moved(source, former, mac, moves, mark)

    def _tell_shared(self, shared: _Shared) -> None:
        """D-37, one MAC of several hosts."""
        protocol = virtual_router_protocol(shared.mac)
        severity = WARNING if protocol else INFO
        addresses = list(shared.addresses)
        detail = _shared_text(shared.mac, addresses, protocol)
        first = shared.marks[0]
        unnamed = first._replace(frame=0), shared.turns - len(shared.marks)
        for mark, times in (*((mark, 1) for mark in shared.marks[shared.told :]), unnamed):
            if times:
                self._ledger.add(
                    "D-37", self._link, mark, detail, host=shared.first, severity=severity,
                    weight=len(addresses), times=times,
                )  # fmt: skip
        shared.told = len(shared.marks)

    def _tell_moved(
        self, source: Address, former: bytes, mac: bytes, moves: int, mark: Mark
    ) -> None:
        """D-37, one address from several MACs; routers with a virtual MAC have their own too."""
        if virtual_router_protocol(former) or virtual_router_protocol(mac):
            return
        detail = (
            f"{text(source)} reports from {mac_text(mac)} since {clock_text(mark.time_ns)}, before"
            f" that from {mac_text(former)}: another card, or a bridge that sends in its own name"
        )
        if moves > 1:
            detail = (
                f"{text(source)} reports from {mac_text(former)} and {mac_text(mac)} by turns,"
                f" {moves} changes: two hosts with one address, or a bridge that sends in its own"
                " name"
            )
        self._ledger.add("D-37", self._link, mark, detail, host=source, severity=INFO, weight=moves)


def _shared_text(mac: bytes, addresses: list[Address], protocol: str) -> str:
    line = f"{mac_text(mac)} sends the reports of {named(addresses)}"
    if protocol:
        return (
            f"{line}: the virtual MAC ({protocol}) belongs to the active router alone, and switches"
            " move it with each report"
        )
    return (
        f"{line}: a client bridge of Wi-Fi, or one machine with several addresses; switches count"
        " them as one"
    )


def _worth_of_pair(reserved: Container[Host], pair: tuple[Address, bytes], _: Mark) -> int:
    return NEEDED if pair[0] in reserved else USELESS


def _worth_by_key(reserved: Container[Host], address: Address, _: object) -> int:
    return NEEDED if address in reserved else USELESS


def _worth_by_value(reserved: Container[Host], _: object, address: Address | None) -> int:
    return NEEDED if address in reserved else USELESS
