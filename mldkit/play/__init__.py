"""Job: play a script and judge what the host sent.

::

    script -> target -> events in time -> expectations, in the order of the file
              sim         virtual time, the host machine
              kernel      this kernel's host side, in a namespace made for it
              responder   the host machine in real time, on a link made for it
              IF          a device on a wire
"""

from mldkit.play.performance import Judgement, Performance, Played, Reason, ScriptStall, judge
from mldkit.play.simulation import ZERO_TICK_MULTIPLE, simulate

__all__ = [
    "ZERO_TICK_MULTIPLE",
    "Judgement",
    "Performance",
    "Played",
    "Reason",
    "ScriptStall",
    "judge",
    "simulate",
]
