"""What has to hold at the end of the lab `path`."""

from mldkit.lab import progress
from mldkit.lab.checks import Check, Outcome
from mldkit.lab.lab import Lab
from mldkit.lab.switching import received
from mldkit.link import clock
from mldkit.model.units import MILLISECOND, SECOND

SOURCE, GROUP, PORT = "192.0.2.7", "239.1.2.3", 5000
FEW = 5


def taken(lab: Lab) -> int:
    """Return how many datagrams programs on h1 have taken from their sockets."""
    lines = lab.read("h1", "/proc/net/snmp").splitlines()
    names, values = (line.split() for line in lines if line.startswith("Udp: "))
    return int(values[names.index("InDatagrams")])


def shown(lab: Lab) -> Outcome:
    """Look whether a program on h1 takes the stream, a second long."""
    before = taken(lab)
    until_ns = clock.now_ns() + SECOND
    count = 0
    while count < FEW and clock.now_ns() < until_ns:
        clock.wait_ns(50 * MILLISECOND)
        count = taken(lab) - before
    return Outcome(
        holds=count >= FEW,
        expected=f"{FEW} datagrams taken by a program within a second",
        got=f"{count} taken",
        where="h1: InDatagrams of Udp in /proc/net/snmp",
    )


def stage(lab: Lab) -> Outcome:
    """Compare the answer with what this lab was broken by."""
    given = progress.answers(lab).get("stage")
    variant = lab.topology.variant(lab.state.seed)
    right = variant.name if variant else ""
    holds = given is not None and given.strip().lower() == right
    return Outcome(
        holds=holds,
        expected=right if holds else lab.topology.questions["stage"],
        got="no answer yet" if given is None else given,
        where="mldkit lab answer stage STAGE" if given is None else "your answer",
    )


CHECKS = (
    Check(
        "sends",
        "the stream is sent on r1",
        received("r1-sw", GROUP, PORT, wanted=True, source=SOURCE),
    ),
    Check("shown", "a program on h1 gets it", shown, after=("sends",), takes_ns=SECOND),
    Check("answer-stage", "answer: stage", stage),
)
