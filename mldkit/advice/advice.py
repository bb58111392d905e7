"""The shape of a row of advice: what a rule means, why it is how severe, and what to do.

::

    Advice    meaning       in plain words, for who never read the RFC
              grounds       why a finding is an error, a warning or a remark
              brief         the cure in one line, as it stands behind "What to do:"
              confirm       how to see it: a command, or a place to capture at
              cures         what to change, and where
              leave_alone   when to change nothing

A row for what is never worse than a remark may end behind its grounds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

BRIDGE = "Linux bridge"
"""Cures of which every line can be typed: tests run them, with other names and shorter times."""
HOST = "Linux host"
ELSEWHERE = "elsewhere"
_PROGRAMS = frozenset(
    ("#", "/interface", "bridge", "ethtool", "ip", "mldkit", "nft", "sysctl", "tcpdump")
)


class Ground(NamedTuple):
    """Why a finding has a severity."""

    severity: str
    when: str


class Cure(NamedTuple):
    """What to change in one kind of device."""

    where: str
    do: tuple[str, ...]
    """Lines to type there, or a sentence. `br0` is a bridge, `eth0` an interface of a machine,
    `eth1` the port of a bridge at which the host is."""


@dataclass(frozen=True, slots=True)
class Advice:
    """What to do about one rule."""

    rule: str
    meaning: str
    grounds: tuple[Ground, ...]
    """The worst severity first; each severity once."""
    brief: str = ""
    """An imperative without a full stop; empty where there is nothing to do."""
    confirm: tuple[str, ...] = ()
    cures: tuple[Cure, ...] = ()
    leave_alone: str = ""

    def ground(self, severity: str) -> str | None:
        """Return why a finding has this severity, None where the row does not know it."""
        return next((one.when for one in self.grounds if one.severity == severity), None)


def is_typed(line: str) -> bool:
    """Return whether a line is there to be typed, so that nobody may break it."""
    return line.split(" ", 1)[0] in _PROGRAMS


def error(when: str) -> Ground:
    """Return the ground of an error."""
    return Ground("error", when)


def warning(when: str) -> Ground:
    """Return the ground of a warning."""
    return Ground("warning", when)


def info(when: str) -> Ground:
    """Return the ground of a remark."""
    return Ground("info", when)
