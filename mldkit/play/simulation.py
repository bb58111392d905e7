"""Target `sim`: a script in virtual time, with the host machine, no privilege and no waiting.

::

    script -> host machine <- frames of querier and others (encoded and decoded like real ones)
                 |
              events in time

The order at one instant: timers that are due, then the lines of the script in their order.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from mldkit.errors import UsageError
from mldkit.model.datagram import Decoded, Frame
from mldkit.model.units import SECOND
from mldkit.play import host_acts
from mldkit.play.acting_querier import querier_of
from mldkit.play.frames import frame_of
from mldkit.play.performance import Performance, Played, judge, refused
from mldkit.protocol.host import Host, HostOptions
from mldkit.protocol.script import MessageAct
from mldkit.protocol.timer import Chance, Draws, Grid
from mldkit.wire.decode import decode
from mldkit.wire.encode import encode_frame
from mldkit.wire.split import split_report

if TYPE_CHECKING:
    from mldkit.protocol.script import Action, Script

ZERO_TICK_MULTIPLE = 4096
"""Time 0 is the beginning of a tick whose number is a multiple of this."""


def simulate(
    script: Script, *, seed: int | None = None, chance: Chance | None = None
) -> Performance:
    """Play `script` in virtual time; `seed` wins over that of the script, `chance` over both.

    Raises ScriptError where the kernel would refuse a request.
    """
    performance = Performance(script)
    stage = _Simulation(script, chance or draws(script, seed), performance)
    for action in script.actions:
        stage.run(action.time_ns)
        performance.began_ns.append(action.time_ns)
        stage.act(action)
    stage.run(performance.end_ns(script.tolerance_ns or 0))
    performance.outcomes = judge(performance, script.tolerance_ns or 0)
    return performance


def draws(script: Script, seed: int | None) -> Draws:
    """Return the draws of a host; `seed` wins over that of the script."""
    number = next((known for known in (seed, script.seed) if known is not None), None)
    return Draws(Random(number))  # noqa: S311 (delays, not secrets)


class _Simulation:
    """The host of a script and the virtual link around it."""

    def __init__(self, script: Script, chance: Chance, performance: Performance) -> None:
        self._script = script
        self._performance = performance
        tick_ns = SECOND / script.hz
        grid = Grid(
            script.hz,
            script.jiffies or ZERO_TICK_MULTIPLE,
            int(script.phase * tick_ns),
        )
        families = host_acts.families_of(script)
        options = HostOptions(script.hosts[0].mac, script.profile, grid, script.mtu, families)
        self.host = Host(options, chance, split_report, performance.reasons.append)
        host_acts.prepare(self.host, script, 0)
        performance.reasons.clear()
        self._querier = querier_of(script)
        if self._querier is not None:
            self._querier.start(0)

    def run(self, until_ns: int) -> None:
        """Carry out what host and querier do until `until_ns`, that instant included."""
        while (next_ns := self._next_ns()) is not None and next_ns <= until_ns:
            self._poll(next_ns)

    def _next_ns(self) -> int | None:
        machines = (self.host, self._querier)
        deadlines = [machine.deadline_ns for machine in machines if machine is not None]
        return min((known for known in deadlines if known is not None), default=None)

    def _poll(self, now_ns: int) -> None:
        for datagram in self.host.poll(now_ns):
            heard = self._record(encode_frame(datagram), now_ns, "host")
            if heard is not None and self._querier is not None:
                self._querier.receive(heard, now_ns)
        for datagram in self._querier.poll(now_ns) if self._querier is not None else ():
            heard = self._record(encode_frame(datagram), now_ns, "querier")
            if heard is not None:
                self.host.receive(heard, now_ns)

    def act(self, action: Action) -> None:
        """Carry out one line, and send what the host sends at once."""
        now_ns = action.time_ns
        act = action.act
        if isinstance(act, MessageAct):
            heard = self._record(frame_of(act), now_ns, act.who)
            if heard is not None:
                self.host.receive(heard, now_ns)
                if self._querier is not None:
                    self._querier.receive(heard, now_ns)
        else:
            try:
                host_acts.carry_out(self.host, act, self._script.interface, now_ns)
            except UsageError as error:
                raise refused(self._script, action, error) from error
        self.run(now_ns)

    def _record(self, frame: bytes, now_ns: int, who: str) -> Decoded | None:
        number = len(self._performance.events) + 1
        decoded = decode(Frame(frame, now_ns, number, interface=self._script.interface))
        if not isinstance(decoded, Decoded):
            return None
        self._performance.events.append(Played(now_ns, who, decoded))
        return decoded
