"""What has to hold at the end of the lab `route`."""

import json

from mldkit.lab.checks import Check, Outcome, answer
from mldkit.lab.datagrams import datagrams
from mldkit.lab.evidence import filtered, frames, sent_by
from mldkit.lab.lab import Lab
from mldkit.lab.switching import received
from mldkit.link import clock
from mldkit.model.addresses import parse
from mldkit.model.messages import RecordType, Report
from mldkit.model.units import MILLISECOND, SECOND

NEAR, FAR = "s1-r1", "h1-r1"
GROUP, PORT = "ff3e::8000:1", 5000
WANTED, OTHER = "2001:db8:1::1", "2001:db8:1::2"
END_NS = 500 * MILLISECOND
"""What is under way when a host leaves may still arrive."""


def crossed(lab: Lab, source: str) -> list[tuple[int, int]]:
    """Return time and number of the frames of a source that h1 was sent."""
    wanted = (parse(source), parse(GROUP))
    return [
        (sent.frame.time_ns or 0, sent.frame.number)
        for sent in datagrams(frames(lab, FAR))
        if (sent.source, sent.group) == wanted
    ]


def routed(lab: Lab) -> Outcome:
    """Look whether r1 has a route that carries the stream."""
    entries = json.loads(lab.run("r1", "ip", "-6", "-j", "-s", "mroute").stdout or "[]")
    found = [
        f"{entry['packets']} packets"
        for entry in entries
        if (entry["src"], entry["dst"], entry.get("iif")) == (WANTED, GROUP, "eth1")
    ]
    return Outcome(
        holds=bool(found) and found != ["0 packets"],
        expected=f"a route for {WANTED} > {GROUP} from eth1 that carries packets",
        got=", ".join(found) or "no such route",
        where="r1: ip -6 -s mroute",
    )


def other_came(lab: Lab) -> Outcome:
    """Look whether the source that nobody wants was once routed."""
    found = [number for _, number in crossed(lab, OTHER)]
    return Outcome(
        holds=bool(found),
        expected=f"a datagram from {OTHER} on the link of h1, at any time",
        got=f"{len(found)} datagrams",
        where=f"capture of {FAR}",
        frames=tuple(found),
    )


def changes(lab: Lab) -> list[tuple[int, int, bool]]:
    """Return when h1 told a change of the group: time, frame, and whether it was a leave."""
    return [
        (decoded.frame.time_ns or 0, decoded.frame.number, record.type == RecordType.BLOCK)
        for decoded in sent_by(lab, FAR, "h1")
        if isinstance(report := decoded.datagram.message, Report)
        for record in report.records
        if record.group == parse(GROUP) and record.type in (RecordType.ALLOW, RecordType.BLOCK)
    ]


def followed(lab: Lab) -> Outcome:
    """Look for a leave behind which the stream ended for a second, until which h1 did not join."""
    stream = [time_ns for time_ns, _ in crossed(lab, WANTED)]
    told = changes(lab)
    now_ns = clock.wall_ns()
    leaves = ended = until_ns = 0
    for time_ns, number, is_leave in told:
        # What is asked of this leave is not known before the second is over.
        end_ns = time_ns + END_NS + SECOND
        is_cut = any(time_ns < at < end_ns for at, _, leave in told if not leave)
        if not is_leave or is_cut:
            continue
        leaves += 1
        came = any(time_ns - SECOND < at <= time_ns for at in stream)
        went_on = any(time_ns + END_NS < at < end_ns for at in stream)
        if came and not went_on:
            until_ns = end_ns
            ended = number if now_ns >= end_ns else ended
    if ended:
        got = "it ended"
    else:
        got = "no stream ended behind a leave" if leaves else "h1 has not told that it left"
    return Outcome(
        holds=ended > 0,
        expected="h1 got the stream, left, and the stream ended for a second or more",
        got=got,
        where=f"capture of {FAR}",
        frames=(ended,) if ended else (),
        until_ns=until_ns,
    )


CHECKS = (
    Check(
        "sources",
        "s1 sends from two addresses",
        received(NEAR, GROUP, PORT, wanted=True, source=OTHER),
    ),
    Check(
        "joined",
        "h1 wants the group from one of them",
        filtered("h1", "eth1", GROUP, {WANTED: (1, 0)}),
    ),
    Check("other", "the other one was routed for a while", other_came),
    Check("followed", "the router ended the stream when h1 left", followed),
    Check("route", "r1 routes the group from the source that is wanted", routed, ("joined",)),
    Check(
        "gets",
        "h1 gets it",
        received(FAR, GROUP, PORT, wanted=True, source=WANTED),
        after=("route",),
    ),
    Check(
        "spared",
        "and nothing from the source that nobody wants",
        received(FAR, GROUP, PORT, wanted=False, source=OTHER),
        # Nothing there proves something only while the other source gets through.
        after=("sources", "gets"),
    ),
    answer("allmulti", "1"),
    answer("hops", "15"),
    answer("short", "no", "n"),
    answer("program", "no", "n"),
    answer("record", "BLOCK", "BLOCK_OLD_SOURCES"),
)
