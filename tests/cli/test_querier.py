"""Wrong use of `querier`: exit 2 with the argument named, exit 3 where the machine says no."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from mldkit.cli.main import main
from mldkit.model.addresses import consecutive, parse, text
from mldkit.model.family import IGMP, MLD
from mldkit.model.messages import Query
from mldkit.protocol.querier_events import (
    Elected,
    MembershipChanged,
    OtherQuerier,
    RoomChanged,
    VersionChanged,
)
from mldkit.querier import AddressGone, QuerySent
from mldkit.render.analysis_json import MOST_SOURCES
from mldkit.render.querier import event_json

if TYPE_CHECKING:
    from mldkit.querier import QuerierJobEvent
    from tests.conftest import Ordinary

GROUP, HOST = parse("239.1.2.3"), parse("10.9.0.2")
SOURCE = parse("10.0.0.9")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        pytest.param([], "-i/--interface", id="no interface"),
        pytest.param(["-i", "lo", "--source", "224.0.0.1"], "--source: 224.0.0.1", id="a group"),
        pytest.param(["-i", "lo", "--interval", "soon"], "--interval", id="interval"),
        pytest.param(["-i", "lo", "--interval", "10s"], "--interval", id="not above response"),
        pytest.param(
            ["-i", "lo", "--interval", "0.5s", "--max-response", "0.2s"],
            "argument --interval: ",
            id="interval below a second",
        ),
        pytest.param(["-i", "lo", "--max-response", "50ms"], "--max-response", id="response"),
        pytest.param(
            ["-i", "lo", "-4", "--last-member-interval", "20ms"],
            "argument --last-member-interval: IGMP carries 100 ms at least",
            id="last member",
        ),
        pytest.param(
            ["-i", "lo", "--version", "igmp1", "--interval", "5s", "--max-response", "1s"],
            "argument --interval: IGMPv1: the response time of 10 s",
            id="IGMPv1 takes 10 s",
        ),
        pytest.param(
            ["-i", "lo", "--interval", "31745s"],
            "argument --interval: the query interval is announced, 31744 s at most",
            id="interval beyond what can be announced",
        ),
        pytest.param(["-i", "lo", "--robustness", "0"], "--robustness", id="robustness 0"),
        pytest.param(["-i", "lo", "--robustness", "8"], "--robustness", id="robustness 8"),
        pytest.param(["-i", "lo", "--version", "igmp4"], "--version", id="version"),
        pytest.param(["-i", "lo", "-6", "--version", "igmp2"], "--version", id="other family"),
        pytest.param(
            ["-i", "lo", "--version", "igmp2", "--version", "igmp3"], "--version", id="two of one"
        ),
        pytest.param(["-i", "lo", "-6", "--source", "10.0.0.1"], "--source", id="source"),
        pytest.param(["-i", "lo", "--for", "long"], "--for", id="time"),
        pytest.param(["-i", "lo", "--listen", "-1s"], "--listen", id="listen"),
        pytest.param(["-i", "lo", "-w", "-"], "-w", id="capture on standard output"),
        pytest.param(["-i", "lo", "--background"], "--background", id="no lab"),
        pytest.param(["-i", "lo", "239.1.2.3"], "239.1.2.3", id="a group"),
    ],
)
def test_wrong_use_is_refused_and_named(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code: object = main(["querier", *arguments])
    except SystemExit as end:
        code = end.code

    output = capsys.readouterr()
    assert code == 2
    assert output.out == ""
    assert output.err.startswith("mldkit: ")
    assert complaint in output.err.splitlines()[0]


def test_an_unknown_interface_is_the_environments_fault(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["querier", "-i", "eth9", "--for", "1s"]) == 3
    assert capsys.readouterr().err.startswith("mldkit: eth9: no such interface\nhint: ")


def test_without_permission_it_says_so(ordinary: Ordinary) -> None:
    done = ordinary.run(
        ordinary.python, "-m", "mldkit", "querier", "-i", "lo", "-4", "--source", "127.0.0.1",
        "--for", "1s",
    )  # fmt: skip
    assert done.returncode == 3
    assert done.stdout == ""
    assert done.stderr.startswith("mldkit: no permission for packet sockets\nhint: ")


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (
            Elected(5, IGMP, HOST, "start", is_own=True),
            {"event": "querier", "host": "10.9.0.2", "own": True, "reason": "start"},
        ),
        (
            OtherQuerier(5, IGMP, HOST, is_tie=False),
            {"event": "other", "host": "10.9.0.2", "own": False, "reason": "higher address"},
        ),
        (
            AddressGone(5, IGMP, HOST),
            {"event": "address", "host": "10.9.0.2", "own": True, "reason": "gone"},
        ),
        (
            RoomChanged(5, IGMP, 7, 3, is_over=True),
            {
                "event": "left-out",
                "what": "records",
                "count": 7,
                "since": "1700000000.000000003",
                "until": "1700000000.000000005",
                "detail": "IGMP: there is room again for all that is reported",
            },
        ),
        (
            VersionChanged(5, IGMP, 2, b""),
            {"event": "version", "host": None, "version": 2},
        ),
        (
            MembershipChanged("join", 5, IGMP, GROUP, True, (SOURCE,), (), 3, HOST),
            {
                "event": "join",
                "group": "239.1.2.3",
                "host": "10.9.0.2",
                "filter_mode": "EXCLUDE",
                "sources": ["10.0.0.9"],
                "requested": [],
                "version": 3,
            },
        ),
        (
            QuerySent(5, MLD, parse("fe80::1"), Query(2, parse("ff05::1"), 1000, True, 2, 125)),
            {
                "event": "query",
                "family": "ipv6",
                "host": "fe80::1",
                "own": True,
                "group": "ff05::1",
                "sources": [],
                "version": 2,
                "suppress": True,
                "max_response_ms": 1000,
            },
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_event_has_every_key(event: QuerierJobEvent, expected: dict[str, object]) -> None:
    document = event_json(event, "eth1", 1_700_000_000_000_000_005)
    keys = set(event_json(Elected(0, IGMP, HOST, "", is_own=True), "eth1", 0))
    assert set(document) == keys
    assert document["time"] == "1700000000.000000005"
    given = {key: value for key, value in document.items() if value is not None}
    place = {"time", "interface", "vlan", "family"}
    assert {key: given.get(key) for key in expected} == expected
    assert set(given) - place <= set(expected)
    json.dumps(document)


def test_an_event_counts_the_sources_that_it_does_not_name() -> None:
    sources = consecutive(parse("10.0.0.1"), MOST_SOURCES + 3)
    changed = MembershipChanged(
        "change", 0, IGMP, GROUP, True, sources, sources[:MOST_SOURCES], 3, HOST
    )
    document = event_json(changed, "eth1", 0)

    assert document["sources"] == document["requested"] == list(map(text, sources[:MOST_SOURCES]))
    assert (document["more_sources"], document["more_requested"]) == (3, None)
