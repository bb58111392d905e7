"""Runs in a guest for the tests of `macfilter explain -i`: what its card and its VLAN let in.

::

    eth1  e1000e, sends  ------ a hub of QEMU ------  eth0     e1000e, read and walked
                                                      eth0.20  a VLAN device of it

Each frame is walked through a reading of this machine, and then sent.
"""

from __future__ import annotations

import mmap
import os
import subprocess
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from mldkit.errors import LinkError
from mldkit.guest.program import answer
from mldkit.link import clock
from mldkit.link.firewall_rules import FirewallRules
from mldkit.link.interfaces import find
from mldkit.macfilter.collide import same_bit, same_mac
from mldkit.macfilter.observe import MembershipSocket, Observation, Observer
from mldkit.macfilter.probes import Layer, Mode, Probe
from mldkit.macfilter.receive_filter import BROADCAST
from mldkit.macfilter.stage import SENDER, PacketCable
from mldkit.model.addresses import group_mac, parse
from mldkit.model.units import MILLISECOND, SECOND
from mldkit.path.frame import PathFrame
from mldkit.path.reading import take
from mldkit.path.stage import Stage
from mldkit.path.walk import Walker

if TYPE_CHECKING:
    from collections.abc import Iterator

CARD, VLAN, TAG, NO_SUCH_TAG = "eth0", "eth0.20", 20, 30
ON_CARD = (parse("239.1.2.3"), parse("ff15::77"))
ON_VLAN = (parse("239.20.2.3"), parse("ff15::20:77"))
_PATIENCE_NS = 10 * SECOND
_BATCH = 16
_PRIORITY = 5 << 13
_RCTL = 0x100
_MPE, _VFE = 1 << 4, 1 << 18


class Wire:
    """Sends frames and says of each how deep it got, on each interface."""

    def __init__(self, held: ExitStack) -> None:
        self._cable = PacketCable("eth1")
        held.callback(self._cable.close)
        self._number = 0

    def send(
        self, frames: list[tuple[Probe, int | None]], observers: dict[str, Observer]
    ) -> list[dict[str, str]]:
        """Return for each frame and each interface the layer; a tag of None is none at all."""
        layers = []
        for first in range(0, len(frames), _BATCH):
            part = frames[first : first + _BATCH]
            seen = {name: Observation() for name in observers}
            numbers = [self._send(probe, tag) for probe, tag in part]
            # What arrives in every state comes last: the frames before it are accounted for then.
            if not self._arrives(observers, seen):
                raise LinkError("qemu: a broadcast does not arrive")
            layers += [
                {name: str(seen[name].layer(number)) for name in observers} for number in numbers
            ]
        return layers

    def wait(self, observers: dict[str, Observer]) -> None:
        """Send until something arrives, and the kernel says that there is a carrier.

        A link that has just come up takes a moment, and linkwatch up to a second more to say so.
        """
        until_ns = clock.now_ns() + _PATIENCE_NS
        seen = {name: Observation() for name in observers}
        while not (self._arrives(observers, seen, 200 * MILLISECOND) and find(CARD).is_running):
            if clock.now_ns() > until_ns:
                raise LinkError("qemu: no frame arrives")
            clock.wait_ns(20 * MILLISECOND)

    def _send(self, probe: Probe, tag: int | None) -> int:
        self._number += 1
        data = SENDER.frame(probe, self._number)
        if tag is not None:
            data = data[:12] + b"\x81\x00" + (_PRIORITY | tag).to_bytes(2, "big") + data[12:]
        self._cable.send((data,))
        return self._number

    def _arrives(
        self,
        observers: dict[str, Observer],
        seen: dict[str, Observation],
        patience_ns: int = _PATIENCE_NS,
    ) -> bool:
        last = self._send(Probe("control", BROADCAST, ON_CARD[0]), None)
        until_ns = clock.now_ns() + patience_ns
        while seen[CARD].layer(last) is Layer.NONE and clock.now_ns() < until_ns:
            observers[CARD].wait()
            observers[CARD].collect(seen[CARD])
        for name, observer in observers.items():
            observer.collect(seen[name])
        return seen[CARD].layer(last) is not Layer.NONE


@contextmanager
def behind_the_back(bit: int) -> Iterator[None]:
    """Set a bit of the card's RCTL without its driver, for the duration of a block."""
    number = os.open(Path("/sys/class/net", CARD, "device", "resource0"), os.O_RDWR | os.O_SYNC)
    with mmap.mmap(number, os.fstat(number).st_size) as memory, memoryview(memory) as octets:
        # Whole words: a device answers no other accesses.
        words = octets.cast("I")
        before = words[_RCTL // 4]
        words[_RCTL // 4] = before | bit
        try:
            yield
        finally:
            words[_RCTL // 4] = before
            words.release()
            os.close(number)


def strangers(joined: tuple[bytes, ...]) -> list[Probe]:
    """Return frames of all kinds that a card has to decide about."""
    chance = Random(20)
    walker = Walker(take(CARD, (), rules=FirewallRules()))
    rule = walker.model.rule if walker.model else None
    if rule is None:
        raise LinkError("qemu: the model of this card has no hash")
    listed = {*walker.filter.multicast}
    probes = []
    for group in joined:
        mac = group_mac(group)
        probes.append(Probe("joined", mac, group))
        probes += [Probe("same mac", mac, other) for other in islice(same_mac(group), 2)]
        others = (g for g in same_bit(rule, rule.index(mac), group) if group_mac(g) not in listed)
        probes += [Probe("same bit", group_mac(g), g) for g in islice(others, 4)]
        probes.append(Probe("not joined", group_mac(group[:-1] + b"\x99"), group[:-1] + b"\x99"))
        for _ in range(8):
            other = group[:-3] + chance.randbytes(3)
            probes.append(Probe("not joined", group_mac(other), other))
    probes.append(Probe("broadcast", BROADCAST, joined[0]))
    probes.append(Probe("own address", find(CARD).mac, joined[0]))
    return probes


def walked(state: str, interface: str, frames: list[tuple[Probe, int | None]]) -> list[Any]:
    """Return what `explain -i` says of each frame at the stages of the card and the VLAN."""
    asked = [
        PathFrame(p.given, p.mac, p.group, SENDER.ipv4 if len(p.group) == 4 else SENDER.ipv6,
                  vlan=tag or 0)
        for p, tag in frames
    ]  # fmt: skip
    walker = Walker(take(interface, asked, rules=FirewallRules()))
    found = []
    for (probe, tag), frame in zip(frames, asked, strict=True):
        stages = {result.stage: result for result in walker.walk(frame).results}
        entry: dict[str, Any] = {
            "state": state, "interface": interface, "kind": probe.kind, "given": probe.given,
            "tag": tag,
        }  # fmt: skip
        for stage in (Stage.CARD, Stage.VLAN, Stage.GROUP):
            verdict = stages[stage].verdict
            entry[str(stage)] = None if verdict is None else str(verdict)
            entry[f"{stage} reason"] = stages[stage].reason
        found.append(entry)
    return found


def card(wire: Wire, membership: MembershipSocket) -> list[Any]:
    """Try the card in each mode, and with a register that is wrong; no frame has a tag."""
    found = []
    for mode in Mode:
        with Observer(CARD, membership, mode) as observer:
            found += tried(str(mode), wire, observer)
    with Observer(CARD, membership, Mode.DEFAULT) as observer, behind_the_back(_MPE):
        found += tried("wrong register", wire, observer)
    return found


def tried(state: str, wire: Wire, observer: Observer) -> list[Any]:
    """Return what was predicted and seen of frames of all kinds."""
    frames: list[tuple[Probe, int | None]] = [(probe, None) for probe in strangers(ON_CARD)]
    entries = walked(state, CARD, frames)
    layers = wire.send(frames, {CARD: observer})
    return [{**entry, "seen": seen} for entry, seen in zip(entries, layers, strict=True)]


def vlan(wire: Wire, membership: MembershipSocket) -> list[Any]:
    """Try each tag on the card and on its VLAN device, with the VLAN filter and without."""
    subprocess.run(["vconfig", "add", CARD, str(TAG)], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["ip", "link", "set", VLAN, "up"], check=True)
    with ExitStack() as held:
        above = MembershipSocket(VLAN, ON_VLAN)
        held.callback(above.close)
        beside = held.enter_context(Observer(VLAN, above, Mode.DEFAULT))
        found = []
        for mode in (Mode.DEFAULT, Mode.PROMISC):
            with Observer(CARD, membership, mode) as observer:
                found += tagged(str(mode), wire, {CARD: observer, VLAN: beside})
        with Observer(CARD, membership, Mode.DEFAULT) as observer, behind_the_back(_VFE):
            found += tagged("filter", wire, {CARD: observer, VLAN: beside})
    return found


def tagged(state: str, wire: Wire, observers: dict[str, Observer]) -> list[Any]:
    """Return what was predicted and seen of frames with each tag, on each interface."""
    frames = [
        (Probe("joined", group_mac(group), group), tag)
        for group in ON_CARD + ON_VLAN
        for tag in (None, 0, TAG, NO_SUCH_TAG)
    ]
    found = []
    for interface in observers:
        entries = walked(state, interface, frames)
        layers = wire.send(frames, observers)
        found += [{**entry, "seen": seen} for entry, seen in zip(entries, layers, strict=True)]
    return found


def work(_: dict[str, Any]) -> dict[str, Any]:
    """Return what was predicted and seen of each frame."""
    with ExitStack() as held:
        membership = MembershipSocket(CARD, ON_CARD)
        held.callback(membership.close)
        wire = Wire(held)
        with Observer(CARD, membership, Mode.DEFAULT) as observer:
            wire.wait({CARD: observer})
        return {"card": card(wire, membership), "vlan": vlan(wire, membership)}


if __name__ == "__main__":
    answer(work)
