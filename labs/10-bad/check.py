"""What has to hold at the end of the lab `bad`.

The right answers are not written here: each is what h1 did when it was asked in that way.
"""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

from mldkit.lab import progress
from mldkit.lab.answers import is_right
from mldkit.lab.checks import Check, Look, Outcome, answer
from mldkit.lab.evidence import messages, sent_by
from mldkit.model.messages import Query
from mldkit.model.units import MILLISECOND
from mldkit.protocol.exchange import current_state, late_limit_ns

if TYPE_CHECKING:
    from mldkit.lab.lab import Lab
    from mldkit.model.datagram import Decoded

LINK = "r1-h1"
OWN_NETWORKS = {4: ip_network("10.9.0.0/24"), 6: ip_network("fe80::/10")}
SAYS = {True: "yes", False: "no"}


def defects(decoded: Decoded) -> set[str]:
    """Return what is wrong with a query, in words of this lab."""
    datagram = decoded.datagram
    network = OWN_NETWORKS[decoded.family.ip_version]
    found = {
        "hop limit": datagram.hop_limit != 1,
        "alert": datagram.router_alert is None,
        "source": ip_address(datagram.source) not in network,
        "checksum": decoded.checksum == "bad",
        "unicast": not ip_address(datagram.destination).is_multicast,
    }
    return {name for name, there in found.items() if there}


def queries(lab: Lab, version: int) -> list[tuple[Decoded, int | None]]:
    """Return the queries of a family that are over, each with the frame that answered it."""
    asked: list[tuple[Decoded, int | None]] = []
    for decoded in messages(lab, LINK):
        if decoded.family.ip_version == version and isinstance(decoded.datagram.message, Query):
            asked.append((decoded, None))
    answers = [decoded for decoded in sent_by(lab, LINK, "h1") if _is_answer(decoded, version)]
    for position, (query, _) in enumerate(asked):
        start_ns, end_ns = query.frame.time_ns or 0, _end_ns(query)
        if position + 1 < len(asked):
            end_ns = min(end_ns, asked[position + 1][0].frame.time_ns or 0)
        for decoded in answers:
            if start_ns <= (decoded.frame.time_ns or 0) <= end_ns:
                asked[position] = (query, decoded.frame.number)
    return asked


def enclosed(lab: Lab, version: int) -> list[tuple[Decoded, int | None]]:
    """Return the queries from the first right one that was answered to the last."""
    asked = queries(lab, version)
    right = [
        position
        for position, (query, number) in enumerate(asked)
        if not defects(query) and number is not None
    ]
    return asked[right[0] : right[-1] + 1] if right else []


def tried(question: str, version: int, defect: str) -> Check:
    """Return the check of one kind of bad query: asked, and the answer is what the link shows."""

    def look(lab: Lab) -> Outcome:
        expected = lab.topology.questions[question]
        found = [entry for entry in enclosed(lab, version) if defects(entry[0]) == {defect}]
        if not found:
            got = "no query that is wrong in just this way, between two right ones"
            return Outcome(holds=False, expected=expected, got=got, where=f"capture of {LINK}")
        given = progress.answers(lab).get(question)
        was_answered = any(number is not None for _, number in found)
        return Outcome(
            holds=given is not None and is_right(given, SAYS[was_answered]),
            expected=expected,
            got="no answer yet" if given is None else given,
            where=f"your answer, and the capture of {LINK}",
            frames=tuple(
                number
                for query, answered in found
                for number in (query.frame.number, answered)
                if number is not None
            ),
            until_ns=_end_ns(found[-1][0]) if not was_answered else 0,
        )

    return Check(f"answer-{question}", f"answer: {question}", look, (f"control-{version}",))


def control(version: int) -> Look:
    """Look whether right queries were answered before and behind others.

    Between them, silence says that the host refused; without them it may say anything.
    """

    def look(lab: Lab) -> Outcome:
        found, asked = enclosed(lab, version), queries(lab, version)
        return Outcome(
            holds=any(defects(query) for query, _ in found),
            expected="a right query that is answered, wrong ones, and a right one again",
            got=f"{len(found)} of {len(asked)} queries stand between right ones",
            where=f"capture of {LINK}",
            frames=tuple(query.frame.number for query, _ in found),
            until_ns=_end_ns(asked[-1][0]) if asked else 0,
        )

    return look


def _is_answer(decoded: Decoded, version: int) -> bool:
    return decoded.family.ip_version == version and any(current_state(decoded.datagram.message))


def _end_ns(query: Decoded) -> int:
    """Return when an answer to a query would be late."""
    message = query.datagram.message
    limit_ns = late_limit_ns(message) if isinstance(message, Query) else 0
    return (query.frame.time_ns or 0) + limit_ns + 20 * MILLISECOND


CHECKS = (
    Check("control-6", "MLD was asked correctly before and after", control(6)),
    Check("control-4", "so was IGMP", control(4)),
    tried("hop", 6, "hop limit"),
    tried("alert", 6, "alert"),
    tried("source", 6, "source"),
    tried("checksum", 6, "checksum"),
    tried("unicast", 6, "unicast"),
    tried("ttl", 4, "hop limit"),
    tried("alert4", 4, "alert"),
    tried("source4", 4, "source"),
    tried("checksum4", 4, "checksum"),
    answer("counted", "yes", "y"),
    answer("rule", "V-03", "V03"),
)
