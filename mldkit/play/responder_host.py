"""Target `responder`: the host machine in real time, on a link made for it.

::

    querier's end --- veth --- PacketSocket -> Runner -> Host <- lines of the script

Link, carrier, addresses and settings are those of the machine; the device below stays as it is, and
this kernel's own host side has no groups on it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from mldkit.link import clock
from mldkit.link.runner import Runner
from mldkit.play import host_acts
from mldkit.play.performance import STALL_NS, AccountLine, ScriptStall
from mldkit.protocol.host import Host, HostOptions
from mldkit.protocol.timer import Grid
from mldkit.wire.decoder import Decoder
from mldkit.wire.encode import encode_frame
from mldkit.wire.split import split_report

if TYPE_CHECKING:
    from mldkit.link.device import PacketSocket
    from mldkit.protocol.events import Event
    from mldkit.protocol.script import Act, Script
    from mldkit.protocol.timer import Chance


class ResponderHost:
    """The responder as the host of a script, behind an open device."""

    def __init__(self, script: Script, device: PacketSocket, chance: Chance) -> None:
        self._interface = script.interface
        self._reasons: list[Event] = []
        self._late: list[ScriptStall] = []
        options = HostOptions(
            script.hosts[0].mac,
            script.profile,
            # Ticks begin where those of the kernel do, at multiples of their length.
            Grid(script.hz),
            script.mtu,
            host_acts.families_of(script),
        )
        self._host = Host(options, chance, split_report, self._reasons.append)
        self._runner = Runner(
            device,
            self._host,
            decode=Decoder().decode,
            encode=encode_frame,
            on_sent=self._note_lateness,
        )
        host_acts.prepare(self._host, script, self._runner.now_ns)
        self._reasons.clear()

    def __enter__(self) -> Self:
        """Return the host itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop running."""
        self._runner.close()

    def wait(self, until_ns: int) -> None:
        """Run until a monotonic time."""
        self._runner.run(until_ns)

    def act(self, act: Act) -> None:
        """Do what a line says, after everything that came before it."""
        self._runner.run(clock.now_ns())
        host_acts.carry_out(self._host, act, self._interface, self._runner.now_ns)

    def reasons_since(self, zero_ns: int) -> list[AccountLine]:
        """Return why timers were set and messages sent, in times after `zero_ns`."""
        return [AccountLine(reason.time_ns - zero_ns, str(reason)) for reason in self._reasons]

    def stalls_since(self, zero_ns: int) -> list[ScriptStall]:
        """Return when messages were sent late, in times after `zero_ns`."""
        return [ScriptStall(late.from_ns - zero_ns, late.until_ns - zero_ns) for late in self._late]

    def _note_lateness(self, _sent: object, intended_ns: int, sent_ns: int) -> None:
        if sent_ns - intended_ns > STALL_NS:
            self._late.append(ScriptStall(intended_ns, sent_ns))
