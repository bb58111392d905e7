"""What has to hold at the end of the lab `elect`.

All is told by the General Queries on the link of h1: who asked, when, and from which address.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from mldkit.lab.checks import Check, Look, Outcome, answer
from mldkit.lab.evidence import messages, sender
from mldkit.model.messages import Query
from mldkit.model.units import SECOND

if TYPE_CHECKING:
    from mldkit.lab.lab import Lab

LINK, LOW, HIGH, FORGER = "h1-sw", "q1", "q2", "h1"
WHERE = f"capture of {LINK}"


@dataclass(frozen=True)
class Asked:
    """One General Query."""

    node: str | None
    source: bytes
    time_ns: int
    frame: int
    interval_ns: int
    lasts_ns: int
    """How long other queriers are silent behind it (RFC 9776 §8.5, RFC 9777 §9.5)."""


def asked(lab: Lab, version: int) -> list[Asked]:
    """Return the General Queries of a family."""
    found = []
    for decoded in messages(lab, LINK):
        query = decoded.datagram.message
        if not isinstance(query, Query) or not query.is_general:
            continue
        if decoded.family.ip_version == version:
            interval_ns = query.interval_ns or 0
            lasts_ns = query.robustness * interval_ns + query.max_response_ns // 2
            found.append(
                Asked(
                    sender(lab, decoded),
                    decoded.datagram.source,
                    decoded.frame.time_ns or 0,
                    decoded.frame.number,
                    interval_ns,
                    lasts_ns,
                )
            )
    return found


def in_turn(version: int, *nodes: str) -> Look:
    """Look for queries of these nodes in this order, two or more of each without another's."""

    def look(lab: Lab) -> Outcome:
        found = asked(lab, version)
        left, frames = list(nodes), []
        for first, second in pairwise(found):
            if left and first.node == second.node == left[0]:
                frames.append(first.frame)
                left.pop(0)
        return Outcome(
            holds=not left,
            expected=f"two queries of {', then two of '.join(nodes)}",
            got=f"not seen: two of {left[0]}" if left else "seen",
            where=WHERE,
            frames=tuple(frames),
        )

    return look


def waited(version: int) -> Look:
    """Look whether q2 took over, and not before the time that the last query of q1 set.

    Where a forged query stands between them, it was that one which q2 waited for.
    """

    def look(lab: Lab) -> Outcome:
        gaps = [
            (later.time_ns - earlier.time_ns, earlier, later)
            for earlier, later in pairwise(asked(lab, version))
            if (earlier.node, later.node) == (LOW, HIGH)
        ]
        longest = max(gaps, key=lambda gap: gap[0] - gap[1].lasts_ns, default=None)
        expected = "robustness x interval + half of the response time, then a query of q2"
        if longest is None:
            got = "no query of q2 behind one of q1"
            return Outcome(holds=False, expected=expected, got=got, where=WHERE)
        gap_ns, earlier, later = longest
        return Outcome(
            holds=gap_ns >= earlier.lasts_ns * 95 // 100,
            expected=f"{expected}: {earlier.lasts_ns / SECOND:g} s",
            got=f"after {gap_ns / SECOND:.1f} s",
            where=WHERE,
            frames=(earlier.frame, later.frame),
        )

    return look


def forged(*, lower: bool) -> Look:
    """Look for a query of h1 in the name of another address, while q1 asked, and what came of it.

    A lower address has to silence both queriers for its time, a higher one neither.
    """

    def look(lab: Lab) -> Outcome:
        found = asked(lab, 6)
        expected = "both silent for its time, and then q1 again" if lower else "q1 goes on"
        result = Outcome(
            holds=False,
            expected=f"a query of h1 while q1 asks, from a {'lower' if lower else 'higher'} "
            f"address than that of q1: {expected}",
            got="no such query",
            where=WHERE,
        )
        for position, query in enumerate(found):
            before = [entry for entry in found[:position] if entry.node == LOW]
            if query.node != FORGER or not before:
                continue
            if query.time_ns - before[-1].time_ns > before[-1].lasts_ns:
                continue  # nobody was there to be silenced
            if (query.source < before[-1].source) == lower:
                behind = [entry for entry in found[position + 1 :] if entry.node != FORGER]
                result = _judged(result, query, before[-1], behind, lower=lower)
                if result.holds:
                    break
        return result

    return look


def _judged(
    result: Outcome, query: Asked, before: Asked, behind: list[Asked], *, lower: bool
) -> Outcome:
    """Return what became of a forged query."""
    limit_ns = query.lasts_ns * 95 // 100 if lower else before.interval_ns * 5 // 4
    after_ns = behind[0].time_ns - query.time_ns if behind else None
    is_right = after_ns is not None and (after_ns >= limit_ns) == lower
    comes_back = LOW in [entry.node for entry in behind]
    return Outcome(
        holds=is_right and comes_back,
        expected=result.expected,
        got="no query behind it yet"
        if after_ns is None
        else f"{behind[0].node} asked {after_ns / SECOND:.1f} s later",
        where=result.where,
        frames=(query.frame, *(entry.frame for entry in behind[:1])),
        until_ns=query.time_ns + query.lasts_ns + SECOND,
    )


CHECKS = (
    Check("elected", "q2 asked, until q1 did: MLD", in_turn(6, HIGH, LOW)),
    Check("elected-ipv4", "q2 asked, until q1 did: IGMP", in_turn(4, HIGH, LOW)),
    Check("took-over", "q2 waited, then took over: MLD", waited(6), ("elected",)),
    Check("took-over-ipv4", "q2 waited, then took over: IGMP", waited(4), ("elected-ipv4",)),
    Check("back", "q1 came back", in_turn(6, HIGH, LOW, HIGH, LOW), ("took-over",)),
    Check(
        "higher", "a forged query from a higher address did nothing", forged(lower=False), ("back",)
    ),
    Check(
        "forged", "a forged query from a lower address silenced both", forged(lower=True), ("back",)
    ),
    answer("winner", "fe80::ff:fe00:1"),
    answer("seconds", "4.5", "4.5s", "4,5"),
    answer("forged", "0", "none"),
    answer("higher", "no", "n"),
)
