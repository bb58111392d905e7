"""Stories that both families tell in the same way: a cast, and functions that it plays.

Records are written in the notation of scripts. Groups that a host's kernel joins by itself are
in every answer to a General Query: with MLD the solicited-node group of its own address.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from captures.recording.asking import Asked
from mldkit.model.family import IGMP, MLD, Family

if TYPE_CHECKING:
    from captures.recording.stage import Stage


@dataclass(frozen=True, slots=True)
class Cast:
    """Groups and sources of one family."""

    family: Family
    general: str
    """The group of a General Query."""
    group: str
    other: str
    specific: str
    """A group of the source-specific range."""
    sources: tuple[str, str, str, str]
    always: str = ""
    """Records at the end of each general answer: the oldest groups of the host."""

    def state(self, *records: str) -> str:
        """Return a general answer with these records and those that are always there."""
        return " ".join((*records, self.always)).strip()


IGMP_CAST = Cast(
    IGMP,
    "0.0.0.0",
    "239.1.2.3",
    "239.4.5.6",
    "232.1.1.1",
    ("10.9.0.11", "10.9.0.12", "10.9.0.13", "10.9.0.14"),
)
MLD_CAST = Cast(
    MLD,
    "::",
    "ff15::4321:1234",
    "ff15::4321:5678",
    "ff3e::8000:1",
    ("2001:db8::a", "2001:db8::b", "2001:db8::c", "2001:db8::d"),
    always="IS_EX(ff02::1:ff00:2)",
)


def join_leave(cast: Cast, stage: Stage) -> None:
    """Join and leave with two programs: only the first join and the last leave are told."""
    a, b, _, _ = cast.sources
    stage.use_pair(cast.family)
    stage.begin()
    host = stage.host()
    host.join(cast.group)
    stage.expect(*_twice(f"TO_EX({cast.group})"))
    host.join(cast.group, program="b")
    stage.quiet(1.2)
    host.leave(cast.group)
    stage.quiet(1.2)
    host.leave(cast.group, program="b")
    stage.expect(*_twice(f"TO_IN({cast.group})"))
    host.join(cast.specific, a, b)
    stage.expect(*_twice(f"ALLOW({cast.specific},{{{a},{b}}})"))
    host.leave(cast.specific)
    # What is given up is kept newest first (net/ipv6/mcast.c:ip6_mc_del1_src).
    stage.expect(*_twice(f"BLOCK({cast.specific},{{{b},{a}}})"))
    stage.quiet(1.2)


def source_changes(cast: Cast, stage: Stage) -> None:
    """Change a source list and a filter mode in every way there is."""
    group = cast.group
    a, b, c, d = cast.sources
    stage.use_pair(cast.family)
    stage.begin()
    host = stage.host()
    host.join(group, a)
    stage.expect(*_twice(f"ALLOW({group},{{{a}}})"))
    host.join(group, b)
    stage.expect(*_twice(f"ALLOW({group},{{{b}}})"))
    host.drop(group, a)
    stage.expect(*_twice(f"BLOCK({group},{{{a}}})"))
    host.filter(group, "include", c)
    stage.expect(*_twice(f"ALLOW({group},{{{c}}}) BLOCK({group},{{{b}}})"))
    host.filter(group, "exclude", a)
    stage.expect(*_twice(f"TO_EX({group},{{{a}}})"))
    host.block(group, b)
    stage.expect(*_twice(f"BLOCK({group},{{{b}}})"))
    host.unblock(group, a)
    stage.expect(*_twice(f"ALLOW({group},{{{a}}})"))
    host.filter(group, "include", c, d)
    stage.expect(*_twice(f"TO_IN({group},{{{c},{d}}})"))
    stage.quiet(1.2)


def general_query(cast: Cast, stage: Stage) -> None:
    """Ask for everything, then once more with another robustness, which is adopted."""
    a, b, c, _ = cast.sources
    stage.use_pair(cast.family)
    host = stage.host()
    host.join(cast.group)
    host.join(cast.specific, a, b)
    host.join(cast.other)
    host.block(cast.other, c)
    stage.begin()
    answer = cast.state(
        f"IS_EX({cast.other},{{{c}}})",
        f"IS_IN({cast.specific},{{{a},{b}}})",
        f"IS_EX({cast.group})",
    )
    stage.query(cast.general)
    stage.expect(answer)
    stage.query(cast.general, Asked(robustness=3))
    stage.expect(answer)
    host.leave(cast.other)
    stage.expect(*[f"TO_IN({cast.other})"] * 3)
    stage.quiet(1.2)


def specific_queries(cast: Cast, stage: Stage) -> None:
    """Ask for a group, and for sources of a group in both filter modes."""
    a, b, c, d = cast.sources
    stage.use_pair(cast.family)
    host = stage.host()
    host.join(cast.specific, a, b, c)
    host.join(cast.group)
    host.block(cast.group, a, b)
    stage.begin()
    stage.query(cast.group)
    stage.expect(f"IS_EX({cast.group},{{{a},{b}}})")
    stage.query(cast.other)
    stage.quiet(1.2)
    stage.query(cast.specific, Asked(sources=(c, a, d)))
    stage.expect(f"IS_IN({cast.specific},{{{a},{c}}})")
    stage.query(cast.specific, Asked(sources=(d,)))
    stage.quiet(1.2)
    stage.query(cast.group, Asked(sources=(a, d)))
    stage.expect(f"IS_EX({cast.group},{{{a},{b}}})")
    stage.query(cast.group, Asked(sources=(a,)))
    stage.quiet(1.2)


def _twice(message: str) -> tuple[str, str]:
    """Return a change as it is told with the default robustness."""
    return message, message
