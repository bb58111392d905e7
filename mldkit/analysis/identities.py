"""Who is behind a hardware address on a link, and which groups share one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.model.addresses import IPV4_UNSPECIFIED, group_mac, mac_text, text

if TYPE_CHECKING:
    from mldkit.analysis.facts import Host, LinkKey, Mark
    from mldkit.analysis.ledger import Ledger
    from mldkit.analysis.memberships import Memberships
    from mldkit.model.addresses import Address


class Identities:
    """The hardware addresses of one link and family."""

    def __init__(self, link: LinkKey, ledger: Ledger, memberships: Memberships) -> None:
        self._link = link
        self._ledger = ledger
        self._memberships = memberships
        self.first_of: dict[int, Mark] = {}
        """The first message from addresses with a first octet; IPv4 only."""
        self._addresses: dict[bytes, Address | None] = {}
        """The one address of a MAC; None where it has several."""
        self._nameless: set[bytes] = set()
        """MACs that sent from 0.0.0.0 while they had no address."""
        self._groups: dict[bytes, Address] = {}
        """The first group that was reported of those with a MAC."""

    def host(self, source: Address, mac: bytes | None, mark: Mark) -> Host:
        """Return who sends; IGMP from 0.0.0.0 is the one address of that MAC, if it has one."""
        if source != IPV4_UNSPECIFIED:
            self.learn(source, mac, mark)
            return source
        if mac is None:
            return source
        address = self._addresses.get(mac)
        if address is None:
            self._nameless.add(mac)
            return source + mac
        return address

    def learn(self, source: Address, mac: bytes | None, mark: Mark) -> None:
        """Take in that an address sent something from a MAC."""
        if len(source) != 4 or mac is None or source == IPV4_UNSPECIFIED:
            return
        known = self._addresses.get(mac, b"")
        if known != source:
            self.first_of.setdefault(source[0], mark)
        if known == b"":
            self._addresses[mac] = source
            if mac in self._nameless:
                # Looks through all groups, so not for every new host.
                self._memberships.rename(IPV4_UNSPECIFIED + mac, source)
        elif known != source:
            self._addresses[mac] = None

    def compare_groups(self, mark: Mark) -> None:
        """D-28, for the groups that nobody was in before."""
        new_groups = self._memberships.new_groups
        for group in new_groups:
            mac = group_mac(group)
            other = self._groups.setdefault(mac, group)
            if other != group:
                detail = f"{text(other)} and {text(group)} both use {mac_text(mac)}"
                self._ledger.add("D-28", self._link, mark, detail, group=other)
        new_groups.clear()
