"""One state of an interface in one mode: send marked frames, compare each with its prediction.

Frames go out in batches, and each batch ends with a control frame that must arrive: what follows
it cannot overtake it, so once it was seen the others have been seen too or were dropped. A frame
that was predicted to pass and was not seen is sent once more (in small batches up to three times),
since a busy machine loses frames too; that can confirm a prediction but never make up one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from mldkit.link import clock
from mldkit.macfilter.observe import Observation
from mldkit.macfilter.probes import Layer, Mode
from mldkit.macfilter.receive_filter import Passage
from mldkit.model.addresses import group_mac, mac_text, text
from mldkit.model.units import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from mldkit.macfilter.observe import Observer
    from mldkit.macfilter.probes import Probe, ReceivingInterface, Sender
    from mldkit.macfilter.receive_filter import Verdict

BATCH = 64
"""Frames in a row; a device with a small ring loses some of so many."""
_CONTROL_NS = 2 * SECOND
_ATTEMPTS = 3


class Cable(Protocol):
    """How frames get to the interface under test."""

    def send(self, frames: Sequence[bytes]) -> None:
        """Send frames in order."""

    def carry(self) -> None:
        """Move what is on its way and needs our hands; most cables need none."""

    def close(self) -> None:
        """Take it away."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What is tried and what should come of it."""

    state: str
    mode: Mode
    station: ReceivingInterface
    predict: Callable[[Probe], Verdict]
    probes: tuple[Probe, ...]
    control: Probe


@dataclass(frozen=True, slots=True)
class TrialResult:
    """One frame: predicted and observed."""

    trial: Trial
    probe: Probe
    number: int
    verdict: Verdict
    layer: Layer
    """The deepest place where it was seen."""
    reached_unjoined: bool

    @property
    def passed(self) -> bool:
        """Whether the frame got through the filter."""
        return self.layer is not Layer.NONE

    @property
    def expected_layer(self) -> Layer | None:
        """How deep it should have got; None where the filter's verdict is not known."""
        if self.verdict.outcome is Passage.DROPPED:
            return Layer.NONE
        if self.verdict.outcome is Passage.UNKNOWN and not self.passed:
            return None
        return self.trial.station.layer(self.probe)

    @property
    def is_wrong(self) -> bool:
        """Whether the prediction did not come true."""
        return self.reached_unjoined or self.expected_layer not in (None, self.layer)

    def as_json(self) -> dict[str, Any]:
        """Return the entry of `macfilter check --json`."""
        expected = self.expected_layer
        station, probe = self.trial.station, self.probe
        sharing = [group for group in sorted(station.joined) if group_mac(group) == probe.mac]
        groups = dict.fromkeys([probe.group, *sharing] if probe.group else sharing)
        return {
            "input": probe.given,
            "mac": mac_text(probe.mac),
            "groups": [text(group) for group in groups],
            "verdict": str(self.verdict.outcome),
            "reason": self.verdict.reason,
            "bit": self.verdict.bit,
            "mode": str(self.trial.mode),
            "observed": "passed" if self.passed else "dropped",
            "layer": str(self.layer),
            "expected_layer": None if expected is None else str(expected),
            "state": self.trial.state,
            "kind": probe.kind,
            "number": self.number,
            "unjoined_socket": self.reached_unjoined,
            "wrong": self.is_wrong,
        }


class TrialRunner:
    """Carries out trials over one cable; numbers go on from trial to trial."""

    def __init__(self, cable: Cable, sender: Sender, *, batch: int = BATCH) -> None:
        self._cable = cable
        self.sender = sender
        self._next = 1
        self._size = batch
        self._attempts = 1 if batch >= BATCH else _ATTEMPTS

    def run(self, trial: Trial, observer: Observer) -> list[TrialResult]:
        """Send the frames of a trial and return what became of each."""
        # Frames of a trial that somebody else watched may fill the buffers of these sockets.
        observer.collect(Observation())
        results: list[TrialResult] = []
        for start in range(0, len(trial.probes), self._size):
            results += self._batch(trial, trial.probes[start : start + self._size], observer)
        return results

    def arrives(self, probe: Probe, layer: Layer, observer: Observer, patience_ns: int) -> bool:
        """Return whether a frame gets to `layer`, sent again and again until it does."""
        deadline_ns = clock.now_ns() + patience_ns
        while clock.now_ns() < deadline_ns:
            (number,) = self._send((probe,))
            seen = self._watch(observer, number, clock.now_ns() + SECOND // 20, layer)
            if seen.layer(number) is layer:
                return True
        return False

    def _batch(
        self, trial: Trial, probes: Sequence[Probe], observer: Observer
    ) -> Iterator[TrialResult]:
        verdicts = [trial.predict(probe) for probe in probes]
        numbers, seen = self._round(trial, probes, observer)
        again: dict[int, int] = {}
        for _ in range(self._attempts):
            lost = [
                place
                for place, verdict in enumerate(verdicts)
                if verdict.outcome is Passage.PASSES
                and again.get(place, numbers[place]) not in seen.layers
            ]
            if not lost:
                break
            fresh, more = self._round(trial, [probes[place] for place in lost], observer)
            again |= dict(zip(lost, fresh, strict=True))
            seen.layers |= more.layers
            seen.by_unjoined |= more.by_unjoined
        for place, (probe, verdict) in enumerate(zip(probes, verdicts, strict=True)):
            number = again.get(place, numbers[place])
            yield TrialResult(
                trial, probe, number, verdict, seen.layer(number), number in seen.by_unjoined
            )

    def _round(
        self, trial: Trial, probes: Sequence[Probe], observer: Observer
    ) -> tuple[list[int], Observation]:
        *numbers, control = self._send((*probes, trial.control))
        wanted = trial.station.layer(trial.control)
        return numbers, self._watch(observer, control, clock.now_ns() + _CONTROL_NS, wanted)

    def _send(self, probes: Sequence[Probe]) -> list[int]:
        numbers = list(range(self._next, self._next + len(probes)))
        self._next += len(probes)
        frames = [self.sender.frame(*pair) for pair in zip(probes, numbers, strict=True)]
        self._cable.send(frames)
        return numbers

    def _watch(
        self, observer: Observer, control: int, deadline_ns: int, wanted: Layer
    ) -> Observation:
        """Collect until the control frame was seen where it must be, and once more after that."""
        seen = Observation()
        while True:
            self._cable.carry()
            observer.collect(seen)
            if seen.layer(control) is wanted or clock.now_ns() >= deadline_ns:
                break
            observer.wait()
        self._cable.carry()
        observer.collect(seen)
        return seen
