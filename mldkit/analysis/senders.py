"""Senders whose address cannot be their own: what only the whole of a link shows of V-23.

A host takes a query from its own address for its own and may drop it; a router may ignore what
comes from another subnet (RFC 9776 §4.2.14). A capture does not show the subnet, so nobody is
blamed but the only sender that shares not even the first octet with all others: subnets are no
larger than that, and two subnets on a link have more than one member each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.model.addresses import is_unspecified, mac_text, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mldkit.analysis.facts import LinkKey, Mark
    from mldkit.analysis.ledger import Ledger
    from mldkit.analysis.querier import Querier
    from mldkit.analysis.stays import Row
    from mldkit.model.addresses import Address

_LEAST_OTHERS = 2
_LOOPBACK, _GROUPS = 127, 224
"""First octets that one frame shows to be wrong, from the second one on."""


def judge(
    link: LinkKey,
    ledger: Ledger,
    queriers: Iterable[Querier],
    rows: Iterable[Row],
    first_of: Mapping[int, Mark],
) -> None:
    """Look at the addresses of all who sent something, once all of them are known.

    `first_of` has the first message from each first octet of IPv4 addresses.
    """
    macs: dict[Address, bytes] = {}
    for row in rows:
        if row.mac is not None and len(row.host) == link.family.address_octets:
            macs.setdefault(row.host, row.mac)
    senders = dict(macs)
    for querier in queriers:
        if querier.mac is None or is_unspecified(querier.address):
            continue
        mac = macs.get(querier.address, querier.mac)
        if mac != querier.mac:
            detail = (
                f"queries from {text(querier.address)} come from {mac_text(querier.mac)}, reports"
                f" from the same address from {mac_text(mac)}"
            )
            ledger.add("V-23", link, querier.first, detail, host=querier.address)
        senders[querier.address] = querier.mac
    if link.family.ip_version == 4:
        _find_stranger(link, ledger, senders, first_of)


def _find_stranger(
    link: LinkKey, ledger: Ledger, senders: Mapping[Address, bytes], first_of: Mapping[int, Mark]
) -> None:
    by_octet: dict[int, list[Address]] = {}
    for address in senders:
        if address[0] != _LOOPBACK and 0 < address[0] < _GROUPS:
            by_octet.setdefault(address[0], []).append(address)
    if len(by_octet) != 2:
        return
    (stranger, *more), others = sorted(by_octet.values(), key=len)
    if more or len({senders[address] for address in others}) < _LEAST_OTHERS:
        return
    detail = f"{text(stranger)} shares no subnet with the {len(others)} other senders on the link"
    ledger.add("V-23", link, first_of[stranger[0]], detail, host=stranger)
