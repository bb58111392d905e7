"""Target `IF`: a device on a wire, behind an interface of this machine.

::

    INTERFACE ----- wire ----- the device: host line of the script, known by its MAC

Only messages and data are sent; what the device has joined is its own doing. Lines that would
change a host are refused before anything is sent.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

from mldkit.errors import LinkError, UsageError
from mldkit.link import clock, interfaces
from mldkit.link.alarm import Alarm
from mldkit.link.device import PacketSocket
from mldkit.play.acting_querier import ActingQuerier
from mldkit.play.performance import Performance, refused
from mldkit.play.real_time import RealTime, next_zero_ns
from mldkit.protocol.script import DataAct, MessageAct
from mldkit.protocol.script_words import ScriptError

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from mldkit.protocol.script import Act, Script

_HINT = (
    "leave the line out: the device joins by its own means before the script begins "
    "(or play it on sim, kernel or responder)"
)


def play_on_device(
    script: Script,
    interface: str,
    around: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> Performance:
    """Play a script at a device behind `interface`, inside of `around`, when the sockets are open.

    Raises ScriptError at the first line that only a host under our control can do, and LinkError
    where the interface is missing. One that goes away ends the play with what there is so far.
    """
    refuse_host_lines(script)
    with (
        PacketSocket(interface) as device,
        Alarm() as alarm,
        ActingQuerier(script, interface) as querier,
        around(),
    ):
        zero_ns = next_zero_ns(clock.now_ns(), clock.tick_ns(), script.phase)
        performance = RealTime(script, device, _Device(alarm), querier).play(zero_ns)
    if not performance.broke_off:
        # A socket whose interface has gone is silent and says nothing.
        try:
            interfaces.find(interface)
        except LinkError as error:
            performance.broke_off = error.message
    return performance


def refuse_host_lines(script: Script) -> None:
    """Raise ScriptError at the first line that a device cannot be made to do."""
    for line, setting in script.sysctls:
        raise ScriptError(
            f"{script.name}:{line}:{setting.column}: a device on a wire has no sysctl to set",
            hint=_HINT,
        )
    for action in script.actions:
        if not isinstance(action.act, MessageAct | DataAct):
            verb = action.text.split()[1]
            raise refused(
                script,
                action,
                UsageError(f"`{verb}` cannot be done on a device on a wire", hint=_HINT),
            )


class _Device:
    """A host under test that nobody here can command."""

    def __init__(self, alarm: Alarm) -> None:
        self._alarm = alarm

    def act(self, act: Act) -> None:
        """Refuse; such lines were refused before the start already."""
        raise UsageError(f"{type(act).__name__} cannot be done on a device")

    def wait(self, until_ns: int) -> None:
        """Sleep until a monotonic time."""
        while clock.now_ns() < until_ns:
            self._alarm.wait(until_ns)
