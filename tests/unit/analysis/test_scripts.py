"""Timelines in the script notation, played in virtual time: the folds say what the script told.

A host of the scripts behaves as the kernel does, to the tick; others say what the script says.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from mldkit.analysis.engine import Analysis
from mldkit.analysis.facts import host_address
from mldkit.analysis.result import AnalysisResult
from mldkit.model.addresses import text
from mldkit.model.datagram import Frame
from mldkit.model.units import SECOND
from mldkit.play import simulate
from mldkit.play.frames import data_frame
from mldkit.protocol.script import DataAct
from mldkit.protocol.script_parser import parse_script
from mldkit.render.summary import summary
from mldkit.testing.stage import BEGIN_NS

SCRIPTS = sorted((Path(__file__).resolve().parents[2] / "play").glob("*.play"))
IGMP = "host 10.9.0.2 02:00:00:00:00:02\nquerier 10.9.0.1 02:00:00:00:00:01\n"
MLD = "host fe80::2 02:00:00:00:00:02\nquerier fe80::1 02:00:00:00:00:01\n"
HOST_RULES = {"D-07", "D-08", "D-09", "D-10", "D-15", "D-17", "D-24"}
"""Rules that blame hosts."""


OFTENER = {"h-10-own-address-comes-back-mld"}
"""Link and address both start to tell a change, which is a remark (D-10) where both are sent."""
SILENT = {"h-04-source-without-a-way-back-igmp"}
"""Told by rp_filter, the host drops queries that others answer: on the wire it is silent (D-07)."""


class Timeline(NamedTuple):
    """A script, and what an analysis makes of it."""

    script: str
    stays: list[str]
    """Group, host, filter, from and to in tenths of a second, and how it ended."""
    rules: frozenset[str] = frozenset()
    words: str = ""


TIMELINES = {
    "a stay ends with a leave": Timeline(
        IGMP
        + """
        5    join 239.1.1.1
        20   query 0.0.0.0
        60   leave 239.1.1.1
        60.1 query 239.1.1.1 max-response 1s
        61.1 query 239.1.1.1 max-response 1s
        90   query 0.0.0.0
        """,
        ["239.1.1.1 10.9.0.2 EXCLUDE{} 5.0-60.0 leave"],
        words="the leave was asked about after",
    ),
    "a stay without reports ends after the lifetime of RFC 9777": Timeline(
        MLD
        + """
        1    report IS_EX(ff15::1) from-host fe80::9
        2    query ::
        4    report IS_EX(ff15::1) from-host fe80::9
        150  query ::
        275  query ::
        300  query ::
        """,
        ["ff15::1 fe80::9 EXCLUDE{} 1.0-274.0 expiry"],
        frozenset({"D-07"}),
    ),
    "sources come and go": Timeline(
        IGMP
        + """
        5    join 232.1.1.1 from 10.0.0.1,10.0.0.2
        15   drop 232.1.1.1 from 10.0.0.2
        15.1 query 232.1.1.1 max-response 1s sources 10.0.0.2
        16.1 query 232.1.1.1 max-response 1s sources 10.0.0.2
        30   query 0.0.0.0
        60   query 0.0.0.0
        """,
        ["232.1.1.1 10.9.0.2 INCLUDE{10.0.0.1} 5.0-60.0 capture-end"],
    ),
    "an older querier and the way back": Timeline(
        IGMP
        + """
        1    join 239.1.1.1
        5    query 0.0.0.0
        60   query 0.0.0.0 version 2
        180  query 0.0.0.0 version 2
        300  query 0.0.0.0
        450  query 0.0.0.0
        470  query 0.0.0.0
        """,
        ["239.1.1.1 10.9.0.2 EXCLUDE{} 1.0-470.0 capture-end"],
        frozenset({"D-06"}),
        ", and came back to IGMPv3",
    ),
    "an older report of another host": Timeline(
        MLD
        + """
        1    join ff15::1
        10   query :: max-response 1s
        20   report 1 ff15::1 from-host fe80::9
        40   query :: max-response 1s
        80   query :: max-response 1s
        """,
        [
            "ff15::1 fe80::2 EXCLUDE{} 1.0-80.0 capture-end",
            "ff15::1 fe80::9 EXCLUDE{} 20.0-80.0 capture-end",
        ],
        words="fe80::9 speaks MLDv1 though no querier asks in it",
    ),
    "a stream goes on after the leave": Timeline(
        IGMP
        + """
        1    query 0.0.0.0
        5    join 239.1.1.1
        """
        + "".join(f"{second}.5 data 239.1.1.1 from 10.0.0.1 ttl 8\n" for second in range(8, 30))
        + """
        30   leave 239.1.1.1
        30.1 query 239.1.1.1 max-response 1s
        31.1 query 239.1.1.1 max-response 1s
        """
        + "".join(f"{second}.5 data 239.1.1.1 from 10.0.0.1 ttl 8\n" for second in range(31, 50)),
        ["239.1.1.1 10.9.0.2 EXCLUDE{} 5.0-30.0 leave"],
        frozenset({"D-12"}),
    ),
    "one station with two addresses": Timeline(
        # One station of the script sends from both addresses.
        IGMP
        + """
        1    join 239.1.1.1
        20   query 0.0.0.0 from 10.9.0.7
        90   query 0.0.0.0
        200  query 0.0.0.0 from 10.9.0.7
        230  query 0.0.0.0
        """,
        ["239.1.1.1 10.9.0.2 EXCLUDE{} 1.0-230.0 capture-end"],
        frozenset({"D-02", "D-14"}),
        "also heard: 10.9.0.7",
    ),
}


def analysed(script_text: str, seed: int) -> AnalysisResult:
    script = parse_script(script_text)
    performance = simulate(script, seed=seed)
    timed = [(event.time_ns, event.decoded.frame.data) for event in performance.events]
    timed += [
        (action.time_ns, data_frame(action.act))
        for action in script.actions
        if isinstance(action.act, DataAct)
    ]
    analysis = Analysis()
    analysis.intake.begun_ns = BEGIN_NS
    for number, (time_ns, data) in enumerate(sorted(timed, key=lambda item: item[0]), 1):
        analysis.see(Frame(data, BEGIN_NS + time_ns, number))
    return analysis.finish(BEGIN_NS + script.end_ns)


def stays(result: AnalysisResult) -> list[str]:
    told = []
    for _, row in result.rows:
        kind = "EXCLUDE" if row.exclude else "INCLUDE"
        sources = ",".join(map(text, row.sources))
        begun, ended = ((at_ns - BEGIN_NS) / SECOND for at_ns in (row.from_ns, row.to_ns))
        told.append(
            f"{text(row.group)} {text(host_address(row.host))} {kind}{{{sources}}}"
            f" {begun:.1f}-{ended:.1f} {row.ended_by}"
        )
    return sorted(line for line in told if not line.startswith("ff02::1:ff"))


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("name", TIMELINES)
def test_the_folds_tell_what_the_script_told(name: str, seed: int) -> None:
    timeline = TIMELINES[name]

    result = analysed(timeline.script, seed)

    assert stays(result) == timeline.stays
    assert {entry.id for entry in result.findings if entry.severity != "info"} == timeline.rules
    assert timeline.words in "\n".join(summary(result, 100))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_host_that_keeps_the_requirements_is_not_blamed(path: Path) -> None:
    found = {entry.id for entry in analysed(path.read_text(), seed=3).findings}

    if path.stem in OFTENER:
        assert found & HOST_RULES <= {"D-10"}
    elif path.stem in SILENT:
        assert found & HOST_RULES == {"D-07"}
    elif not path.stem.startswith("deviation-"):
        assert found.isdisjoint(HOST_RULES)
