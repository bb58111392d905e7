"""Where the proof takes place: interfaces that really filter, made in a sandbox of their own.

::

    tap      [nic0 | filter] -- this process --> host0, its IP stack and our sockets
    macvlan  far0 --- veth --- low0 --- mv0 (filter), its IP stack and our sockets
    veth     far0 --- veth --- near0, no filter at all

A vehicle brings its interface from state to state and tries each of them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Protocol

from mldkit.macfilter.devices import find_device
from mldkit.macfilter.observe import MembershipSocket
from mldkit.macfilter.probes import Mode, Probe
from mldkit.macfilter.receive_filter import BROADCAST, Passage, Verdict
from mldkit.macfilter.stage import FilterStage, PacketCable, Proof, ip, set_up, silence
from mldkit.macfilter.tap import Tap
from mldkit.model.addresses import group_mac, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from contextlib import ExitStack

    from mldkit.macfilter.trial import TrialResult
    from mldkit.model.addresses import Address

_UNLIKELY = 1e-6
_LEFT = {4: parse("239.66.66.66"), 16: parse("ff15::66:6666")}


class Vehicle(Protocol):
    """A stage that can be run to its end."""

    held: ExitStack

    def run(self) -> Proof:
        """Bring the stage into each of its states and try it there."""


class TapCable(PacketCable):
    """Sends on a filtering tap and hands over what comes through its filter."""

    def __init__(self, interface: str, filtering: Tap, receiving: Tap) -> None:
        super().__init__(interface)
        self._filtering = filtering
        self._receiving = receiving

    def carry(self) -> None:
        """Hand over what passed, throw away what the receiving stack says."""
        while (frame := self._filtering.read()) is not None:
            self._receiving.write(frame)
        while self._receiving.read() is not None:
            pass


class TapVehicle(FilterStage):
    """Every verdict is known, down to the bit."""

    def __init__(self, groups: Iterable[Address], seed: int) -> None:
        super().__init__("tap", "host0", groups, seed)
        self.device = find_device("tap")

    def run(self) -> Proof:
        """Try it without filter, with few groups, with many, and without filter again."""
        host, self._nic = Tap("host0"), Tap("nic0")
        self.held.callback(host.close)
        self.held.callback(self._nic.close)
        silence("nic0")
        set_up("host0")
        ip("link set nic0 up")
        self.connect(TapCable("nic0", self._nic, host))
        self.join(self.groups)
        self.wait_until_ready()
        self._is_off = True
        self.try_state("control: no filter", (Mode.DEFAULT,), _no_filter)
        self._is_off = False
        self.try_state("few groups")
        self.join(self.more_groups())
        self.try_state("many groups")
        self._is_off = True
        self.try_state("control: filter off again", (Mode.DEFAULT,), _no_filter)
        return self.proof

    def programmed(self, mode: Mode) -> None:
        """Program the tap as a driver would its device, from the list of the host's interface."""
        addresses = (self.own, BROADCAST, *self.listed())
        if self._is_off or mode is Mode.PROMISC:
            addresses = ()
        self._nic.set_filter(addresses, all_multicast=mode is Mode.ALLMULTICAST)


class MacvlanVehicle(FilterStage):
    """What is listed passes; the rest is unknown one by one and known in numbers."""

    def __init__(self, groups: Iterable[Address], seed: int) -> None:
        super().__init__("macvlan", "mv0", groups, seed)
        self.device = find_device("macvlan")
        self._left: tuple[Probe, ...] = ()

    def run(self) -> Proof:
        """Try it with few groups, with many, after a leave, and after the change behind it."""
        ip("link add low0 index 11 type veth peer name far0 index 12", "no veth here")
        ip("link add mv0 index 13 link low0 type macvlan mode bridge", "no macvlan here")
        silence("low0", "far0")
        set_up("mv0")
        ip("link set low0 up\nlink set far0 up")
        self.connect(PacketCable("far0"))
        self.join(self.groups)
        self.wait_until_ready()
        self._state("few groups", tuple(Mode))
        few, many = self.groups, self.more_groups()
        self.join(many)
        self._state("many groups", tuple(Mode))
        self.join(few)
        gone = tuple(Probe("left", group_mac(g), g) for g in many if g not in few)
        self._leave_one()
        ip("link set mv0 promisc on\nlink set mv0 promisc off")
        self._left += gone
        self._state("after the next change", (Mode.DEFAULT,))
        return self.proof

    def _leave_one(self) -> None:
        """Leave a group as the last change of all.

        drivers/net/macvlan.c:macvlan_set_mac_lists computes the filter before it forgets what
        was left, so it stays in the filter until the next change.
        """
        group = _LEFT[len(self.groups[0])]
        MembershipSocket(self.interface, (group,)).close()
        self._left = (Probe("left", group_mac(group), group),)
        results = self.try_state("after a leave", (Mode.DEFAULT,), extra=self._left)
        passes = any(result.passed for result in results if result.probe.kind == "left")
        what = "still passes until the next change" if passes else "is dropped at once"
        self.proof.notes.append(f"macvlan: the group that was left last {what}")

    def _state(self, state: str, modes: tuple[Mode, ...]) -> None:
        """Try a state; strangers may pass by chance, so their number is what is judged."""
        strangers = [
            result
            for result in self.try_state(state, modes, extra=self._left)
            if result.trial.mode is Mode.DEFAULT
            and result.verdict.outcome is Passage.UNKNOWN
            and result.probe.kind in ("foreign", "same mac", "wrong mac", "left")
        ]
        self.proof.statements.append(few_strangers(state, len(self.listed()) + 1, 256, strangers))


class VethVehicle(FilterStage):
    """No filter: frames that arrive prove nothing about filters."""

    def __init__(self, groups: Iterable[Address], seed: int) -> None:
        super().__init__("veth", "near0", groups, seed)
        self.device = find_device("veth")

    def run(self) -> Proof:
        """Show that everything arrives in every mode."""
        ip("link add near0 index 11 type veth peer name far0 index 12", "no veth here")
        silence("far0")
        set_up("near0")
        ip("link set far0 up")
        self.connect(PacketCable("far0"))
        self.join(self.groups)
        self.wait_until_ready()
        self.try_state("no filter")
        self.proof.notes.append(
            "veth has no receive filter: that a frame arrives proves nothing about filters"
        )
        return self.proof


def few_strangers(
    state: str, entries: int, table_bits: int, results: Sequence[TrialResult]
) -> dict[str, Any]:
    """Return the statement that a hash with an unknown key lets in as many as chance would.

    Each stranger passes with the chance that its bit is set, so the number that passes is
    binomial; more than the bound has a chance below one in a million.
    """
    chance = 1 - (1 - 1 / table_bits) ** entries
    frames, passed = len(results), sum(result.passed for result in results)
    bound = binomial_bound(frames, chance)
    return {
        "state": state,
        "mode": str(Mode.DEFAULT),
        "text": f"of {frames} frames to strangers {passed} passed, {frames * chance:.1f} are "
        f"expected and at most {bound} allowed",
        "frames": frames,
        "passed": passed,
        "expected": round(frames * chance, 2),
        "bound": bound,
        "holds": passed <= bound,
    }


def binomial_bound(frames: int, chance: float) -> int:
    """Return the smallest number that is exceeded with a probability below one in a million."""
    tail = 1.0
    for number in range(frames + 1):
        tail -= math.comb(frames, number) * chance**number * (1 - chance) ** (frames - number)
        if tail < _UNLIKELY:
            return number
    return frames


def _no_filter(_: Mode) -> Callable[[Probe], Verdict]:
    return lambda _probe: Verdict(Passage.PASSES, "control: no filter is programmed", None)
