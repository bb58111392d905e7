"""What a host did and why, as values: the material of `--explain`.

::

    TimerSet    a rule armed a timer: the draw, the ticks asked for, the wheel's rounding
    Sent        a rule sent a message

A host hands each event to the function it was given for that; without one nothing is built.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from mldkit.model.addresses import text as address_text
from mldkit.model.units import MILLISECOND

if TYPE_CHECKING:
    from mldkit.model.addresses import Address
    from mldkit.model.family import Family
    from mldkit.model.messages import Message


@dataclass(frozen=True, slots=True)
class TimerSet:
    """A timer was armed."""

    time_ns: int
    family: Family
    rule: str
    """What it is for, in the words of the profile."""
    limit: int
    """The draw is one of 0 to `limit` - 1 ticks."""
    draw: int
    ticks: int
    """Ticks from the current one that were asked for."""
    expiry: int
    """The tick that was asked for."""
    granularity: int
    """Ticks of one step of the wheel at that distance; 1 without a wheel."""
    fires_ns: int
    subject: Address = b""
    """The group or address that it is for; empty for the interface."""

    def __str__(self) -> str:
        """Return the event as one line."""
        subject = f" for {address_text(self.subject)}" if self.subject else ""
        text = f"{self.family.name} {self.rule}{subject}: "
        if self.granularity == 0:
            return text + f"in {(self.fires_ns - self.time_ns) / MILLISECOND:.3f} ms"
        text += f"drew {self.draw} of 0..{self.limit - 1} ticks, " if self.limit > 1 else ""
        text += f"asked for tick {self.expiry} ({self.ticks} from now), "
        wait = (self.fires_ns - self.time_ns) / MILLISECOND
        return text + f"wheel step {self.granularity}, expires in {wait:.3f} ms"


@dataclass(frozen=True, slots=True)
class Sent:
    """A message was sent."""

    time_ns: int
    family: Family
    rule: str
    message: Message

    def __str__(self) -> str:
        """Return the event as one line."""
        return f"{self.family.name} {self.rule}: sent {self.message}"


Event: TypeAlias = TimerSet | Sent
