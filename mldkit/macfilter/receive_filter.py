"""The receive filter of an interface as a value, and its verdict on a frame.

::

    own address, unicast list, multicast list (in order), flags  +  device
                                  |  program, once
                                  v
        exact entries | bits of the hash table | what is open
                                  |  accepts(destination), per frame
                                  v
              passes / dropped / unknown, with the reason in words

Contract: total and pure; `unknown` where a device decides by something that cannot be seen from
outside, so a verdict that is not `unknown` is a prediction that must come true.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from mldkit.macfilter.devices import EXACT, Device, Fallback, SortingPlace
from mldkit.model.addresses import mac_text
from mldkit.model.words import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

BROADCAST = b"\xff" * 6


class Passage(StrEnum):
    """What becomes of a frame at the device."""

    PASSES = "passes"
    DROPPED = "dropped"
    UNKNOWN = "unknown"


class Verdict(NamedTuple):
    """A prediction for one frame."""

    outcome: Passage
    reason: str
    bit: int | None
    """Bit of the device's hash table that the address falls on, None where there is no table."""


@dataclass(frozen=True, slots=True)
class _Programmed:
    """What the driver has written into its device."""

    slots: dict[bytes, int]
    """Exact multicast entries, with their place from 1."""
    bits: dict[int, bytes]
    """Bits that are set, with the first address that set them."""
    listed: frozenset[bytes]
    """Addresses that are let in for certain, by whatever means."""
    tails: dict[bytes, bytes]
    """Listed addresses by the octets that a hash looks at, where it leaves some out."""
    maybe: frozenset[int]
    """Bits that the driver sets in some states."""
    all_unicast: str = ""
    """Why every unicast frame is let in; empty when it is not so."""
    all_multicast: str = ""
    everything: str = ""
    maybe_everything: str = ""
    """Why the device may be promiscuous; empty when nothing speaks for it."""
    strangers: dict[int, Verdict] = field(default_factory=dict)
    """Verdicts given so far on addresses that are not listed: they depend on the bit alone."""


@dataclass(frozen=True, slots=True)
class ReceiveFilter:
    """The addresses and flags that the kernel gives a device, and the device."""

    device: Device = EXACT
    multicast: tuple[bytes, ...] = ()
    """Group addresses in the order of the device's list: the first ones get the exact slots."""
    own: bytes | None = None
    unicast: tuple[bytes, ...] = ()
    """Secondary unicast addresses."""
    promiscuous: bool = False
    all_multicast: bool = False
    names: Mapping[bytes, str] = field(default_factory=dict, compare=False)
    """What people call an address, for the reasons: the group that was joined."""
    _state: _Programmed = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Program the device."""
        object.__setattr__(self, "_state", _program(self))

    def accepts(self, mac: bytes) -> Verdict:
        """Return what the device does with a frame to `mac`."""
        device = self.device
        if device.kind is SortingPlace.NO_FILTER:
            return Verdict(Passage.PASSES, f"{device.id} has no receive filter", None)
        rule = device.rule
        is_group = bool(mac[0] & 1)
        hashed = rule is not None and (is_group or device.hashes_unicast) and mac != BROADCAST
        bit = rule.index(mac) if rule is not None and hashed else None
        state = self._state
        if state.everything and (is_group or device.promiscuity_opens_unicast):
            return Verdict(Passage.PASSES, state.everything, bit)
        if mac == BROADCAST:
            return Verdict(Passage.PASSES, "broadcast", None)
        if not is_group:
            return self._doubted(self._unicast(mac, bit))
        if state.all_multicast:
            return Verdict(Passage.PASSES, state.all_multicast, bit)
        if bit is not None and mac not in state.listed:
            known = state.strangers.get(bit)
            if known is None:
                known = state.strangers[bit] = self._doubted(self._multicast(mac, bit))
            return known
        if device.kind is SortingPlace.OUTSIDE:
            reason = f"{device.id} gets no list of groups: the filter is outside of this machine"
            return Verdict(Passage.UNKNOWN, reason, None)
        return self._doubted(self._multicast(mac, bit))

    def strangers(self) -> float | None:
        """Return the share of groups nobody listed that passes; None: it cannot be told.

        Of a hash table it is the share of bits that are set: the index of an address that has
        nothing to do with the listed ones may be any of them.
        """
        device, state = self.device, self._state
        is_open = bool(state.everything or state.all_multicast)
        if device.kind is SortingPlace.NO_FILTER or is_open:
            return 1.0
        is_unknown = bool(device.undisclosed or state.maybe_everything or not device.limit_known)
        if device.kind is SortingPlace.OUTSIDE or is_unknown:
            return None
        return len(state.bits) / device.rule.table_bits if device.rule else 0.0

    def fill_text(self, *, is_real: bool = False) -> str:
        """Return how full the device is and what share of strangers passes, in words.

        Of a real card of which not everything can be seen the share is left out.
        """
        device, state = self.device, self._state
        if device.kind is not SortingPlace.FILTER:
            return ""
        parts = []
        if device.exact:
            parts.append(f"{len(state.slots)} of {device.exact} exact entries taken")
        if device.rule is not None:
            parts.append(f"{len(state.bits):,} of {device.rule.table_bits:,} hash bits set")
        share = self.strangers()
        if share is not None and not (is_real and device.doubt):
            parts.append(f"{share_text(share)} of strange groups pass")
        parts.insert(0, f"{counted(len(self.multicast), 'address', 'addresses')} listed")
        return ", ".join(parts)

    def _doubted(self, verdict: Verdict) -> Verdict:
        """Return a verdict with the doubt that secondary unicast addresses may raise."""
        if verdict.outcome is not Passage.DROPPED or not self._state.maybe_everything:
            return verdict
        reason = f"{verdict.reason}, but {self._state.maybe_everything}"
        return Verdict(Passage.UNKNOWN, reason, verdict.bit)

    def _unicast(self, mac: bytes, bit: int | None) -> Verdict:
        state = self._state
        if mac == self.own:
            return Verdict(Passage.PASSES, "the interface's own address", bit)
        if state.all_unicast:
            return Verdict(Passage.PASSES, state.all_unicast, bit)
        if mac in self.unicast:
            place = self.unicast.index(mac) + 1
            return Verdict(Passage.PASSES, f"unicast entry {place}", bit)
        if bit is not None and bit in state.bits:
            return Verdict(Passage.PASSES, self._shared(mac, bit), bit)
        if self.own is None:
            reason = "a unicast address: passes only where it is the interface's own"
            return Verdict(Passage.UNKNOWN, reason, bit)
        return Verdict(Passage.DROPPED, "another host's unicast address", bit)

    def _multicast(self, mac: bytes, bit: int | None) -> Verdict:
        state, device = self._state, self.device
        place = state.slots.get(mac)
        if place is not None:
            named = f" ({self.names[mac]})" if mac in self.names else ""
            return Verdict(Passage.PASSES, f"exact entry {place}{named}{self._doubt(mac)}", bit)
        if bit is not None and bit in state.bits:
            return Verdict(Passage.PASSES, self._shared(mac, bit), bit)
        if mac in state.listed:
            return Verdict(Passage.PASSES, "on the list", bit)
        twin = state.tails.get(mac[device.ignored_octets :])
        if twin is not None:
            reason = f"differs from {self._name(twin)} only in octets that the hash leaves out"
            return Verdict(Passage.PASSES, reason, bit)
        if device.rule is not None and bit is not None and bit in state.maybe:
            reason = f"hash bit {device.rule.shown(bit)} is set in some states: {device.remark}"
            return Verdict(Passage.UNKNOWN, reason, bit)
        if device.undisclosed:
            return Verdict(Passage.UNKNOWN, f"not on the list, but {device.undisclosed}", bit)
        if bit is not None and device.rule is not None:
            shown = device.rule.shown(bit)
            also = ", and it is no exact entry" if state.slots else ""
            return Verdict(Passage.DROPPED, f"hash bit {shown} is not set{also}", bit)
        return Verdict(Passage.DROPPED, f"not on the exact list{self._doubt(mac)}", bit)

    def _doubt(self, mac: bytes) -> str:
        """Return what is to be added where only the firmware knows how much it has room for."""
        device = self.device
        if device.limit_known or not self.multicast:
            return ""
        listed = mac in self._state.listed
        if listed and device.too_many is Fallback.LOST:
            return ", as long as the device has room for the whole list"
        if not listed and device.too_many is Fallback.EVERYTHING:
            return ", as long as the firmware has room for the whole list"
        return ""

    def _shared(self, mac: bytes, bit: int) -> str:
        rule = self.device.rule
        shown = rule.shown(bit) if rule else ""
        if mac in self._state.listed:
            return f"hash bit {shown}, set for {self.names.get(mac) or 'this very address'}"
        return f"hash bit {shown} shared with {self._name(self._state.bits[bit])}"

    def _name(self, mac: bytes) -> str:
        return self.names.get(mac) or mac_text(mac)


def share_text(share: float) -> str:
    """Return a share in percent: `0 %`, `0.24 %`, `14.6 %`, `100 %`."""
    return f"{share * 100:.3g} %"


def _program(wanted: ReceiveFilter) -> _Programmed:
    """Return what the driver makes of the list and the flags."""
    device, multicast = wanted.device, tuple(dict.fromkeys(wanted.multicast))
    everything = "promiscuous mode" if wanted.promiscuous else ""
    all_multicast = "all multicast is switched on" if wanted.all_multicast else ""
    all_unicast = ""
    taken = len(wanted.unicast) if device.shares_slots else 0
    # e1000_set_rx_mode: secondary addresses that do not fit are not loaded at all.
    if device.unicast_slots is not None and len(wanted.unicast) > device.unicast_slots:
        reason = f"{len(wanted.unicast)} secondary unicast addresses are too many"
        if device.too_many_unicast is Fallback.ALL_UNICAST:
            all_unicast = f"{reason}: the device lets all unicast in"
            taken = 0
        elif device.too_many_unicast is not Fallback.NONE:
            everything = everything or f"{reason}: the device lets everything in"
    if device.limit is not None and len(multicast) + taken > device.limit:
        count = f"{len(multicast) + taken} addresses are more than {device.limit}"
        if device.limit == 0:
            count = "any group is too many"
        all_multicast = all_multicast or f"{count}: the device lets all multicast in"
    slots, hashed = _places(device, multicast, taken)
    bits: dict[int, bytes] = {}
    maybe: frozenset[int] = frozenset()
    if device.rule is not None:
        for mac in hashed:
            bits.setdefault(device.rule.index(mac), mac)
        maybe = frozenset(map(device.rule.index, device.sometimes_listed))
    return _Programmed(
        slots={mac: place for place, mac in enumerate(slots, 1)},
        bits=bits,
        listed=frozenset(multicast),
        tails={mac[device.ignored_octets :]: mac for mac in multicast}
        if device.ignored_octets
        else {},
        maybe=maybe,
        all_unicast=all_unicast,
        all_multicast=all_multicast,
        everything=everything,
        # net/core/dev.c:__dev_set_rx_mode makes a device promiscuous for its secondary addresses
        # unless the driver has said that it filters them (IFF_UNICAST_FLT).
        maybe_everything="secondary unicast addresses make some devices promiscuous"
        if wanted.unicast and device.unicast_slots is None and device is not EXACT
        else "",
    )


def _places(
    device: Device, multicast: tuple[bytes, ...], taken: int
) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """Return the addresses with an exact slot of their own, and those in the hash table."""
    if device.exact is None:
        return multicast, ()
    room = max(device.exact - taken - (2 if device.takes_own_slot else 0), 0)
    if device.hash_replaces_exact and len(multicast) > room:
        return (), multicast
    return multicast[:room], multicast[room:]
