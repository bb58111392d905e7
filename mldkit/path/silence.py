"""Why a member hears nothing: the ways of its groups walked, and what was counted meanwhile.

A prediction says where a frame would end; the counters say what became of the frames that really
came. Both are reasons to look, and the second is the stronger one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mldkit.link import device_details, firewall_rules, network_counters
from mldkit.macfilter.receive_filter import Passage
from mldkit.model.words import counted
from mldkit.path.host_stages import REVERSE_PATH_COUNTER
from mldkit.path.reading import take
from mldkit.path.stage import Stage
from mldkit.path.walk import Walker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mldkit.link.firewall_rules import FirewallRules
    from mldkit.path.frame import PathFrame

_MOST_FRAMES = 16
_TELLING = {
    REVERSE_PATH_COUNTER: "rp_filter dropped",
    "UdpIgnoredMulti": "no socket wanted",
    "Udp6IgnoredMulti": "no socket wanted",
    "UdpRcvbufErrors": "no buffer had room for",
    "Udp6RcvbufErrors": "no buffer had room for",
    "UdpInCsumErrors": "a checksum was wrong in",
    "Udp6InCsumErrors": "a checksum was wrong in",
}


@dataclass(frozen=True, slots=True)
class Baseline:
    """What had been counted when the groups were joined."""

    received: int
    counters: dict[str, int]
    rules: FirewallRules
    """Who waits for long has no right to read them any more."""


@dataclass(frozen=True, slots=True)
class Examination:
    """What was looked at, and what speaks for a reason."""

    interface: str
    checked: tuple[Stage, ...]
    suspicious: tuple[str, ...]
    received: int
    """Frames of any kind that the interface has counted since the groups were joined."""


def baseline(interface: str) -> Baseline:
    """Return what is counted now."""
    return Baseline(_received(interface), network_counters.read(), firewall_rules.read())


def examine(interface: str, frames: Sequence[PathFrame], before: Baseline) -> Examination:
    """Return what may keep datagrams of these frames from this program.

    Raise `LinkError` if the interface is gone.
    """
    looked_at = frames[:_MOST_FRAMES]
    reading = take(interface, looked_at, rules=before.rules)
    walker = Walker(reading)
    checked: dict[Stage, None] = {}
    suspicious: dict[str, None] = {}
    for name, words in _TELLING.items():
        rise = reading.counters.get(name, 0) - before.counters.get(name, 0)
        if rise > 0:
            suspicious[f"{words} {counted(rise, 'datagram')} since then ({name})"] = None
    for frame in looked_at:
        walked = walker.walk(frame)
        for result in walked.results:
            if result.verdict is not None:
                checked[result.stage] = None
            # The own socket is there, whether this program may still look at it or not.
            is_own = result.stage is Stage.SOCKET and result.verdict is Passage.UNKNOWN
            if result.verdict in (Passage.DROPPED, Passage.UNKNOWN) and not is_own:
                may = "would end" if result.verdict is Passage.DROPPED else "may end"
                suspicious[f"{frame.name} {may} at {result.stage}: {result.reason}"] = None
    received = _received(interface) - before.received
    return Examination(interface, tuple(checked), tuple(suspicious), received)


def _received(interface: str) -> int:
    devices = device_details.all_devices().values()
    return next((d.counts.received for d in devices if d.name == interface), 0)
