"""`analyze` as a command: documents, filters, several files, exit codes, damaged input."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from mldkit.cli.main import main
from mldkit.model.family import IGMP, MLD
from mldkit.testing.stage import BEGIN_NS, Stage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mldkit.model.datagram import Frame

    Capture = Callable[..., str]
    Output = pytest.CaptureFixture[str]

KEYS = {
    "querier": {
        "interface", "vlan", "family", "address", "mac", "version", "first", "last",
        "general_queries", "interval_s", "elected", "acting", "captures",
    },
    "membership": {
        "interface", "vlan", "family", "group", "host", "mac", "version", "filter_mode", "sources",
        "from", "to", "ended_by", "reports", "changes", "captures",
    },
    "finding": {
        "id", "severity", "title", "detail", "reference", "capture", "interface", "vlan", "frames",
        "count", "time", "captures",
    },
    "capture": {"file", "packets", "messages", "first", "last", "truncated", "duplicates"},
    "event": {
        "event", "time", "captures", "interface", "vlan", "family", "host", "mac", "version",
        "group", "filter_mode", "sources", "finding",
    },
}  # fmt: skip


def busy() -> Stage:
    """A querier, two hosts, a leave that is asked about, a stream."""
    stage = Stage(IGMP)
    stage.query(0)
    stage.report(2.5, "IS_EX", 1)
    stage.report(3, "ALLOW", 2, host=2, sources=(1,))
    stage.report(3.5, "ALLOW", 2, host=2, sources=(1,))
    stage.report(20, "TO_IN", 1)
    stage.report(20.5, "TO_IN", 1)
    stage.query(20.01, 1, response=1)
    stage.query(21.01, 1, response=1)
    for number in range(50):
        stage.data(4 + number / 4, 1)
    return stage


def document(output: Output) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(output.readouterr().out)
    return parsed


def at(seconds: float) -> str:
    milliseconds = BEGIN_NS // 10**6 + round(seconds * 1000)
    return f"{milliseconds // 1000}.{milliseconds % 1000:03d}000000"


def test_the_document_has_every_key_of_the_contract(capture: Capture, capsys: Output) -> None:
    stage = busy()
    stage.report(22, "TO_EX", 3, hop_limit=9)

    code = main(["analyze", "--json", capture("a.pcapng", stage.frames())])

    found = document(capsys)
    assert code == 0, "a wrong TTL of IGMP is a warning"
    assert found["schema"] == "mldkit.analyze/1"
    assert found["profile"] == "rfc9776"
    for key, items in (
        ("querier", found["queriers"]), ("membership", found["memberships"]),
        ("finding", found["findings"]), ("capture", found["captures"]),
    ):  # fmt: skip
        assert items
        assert all(set(item) >= KEYS[key] for item in items)
    assert set(found["responses"]) == {"count", "delay_ms", "late"}
    assert set(found["responses"]["delay_ms"]) == {"min", "median", "p95", "max"}
    assert 1 <= len(found["summary"]) <= 10


def test_values_are_those_that_happened(capture: Capture, capsys: Output) -> None:
    main(["analyze", "--json", capture("a.pcapng", busy().frames())])

    found = document(capsys)
    (querier,) = found["queriers"]
    assert querier["address"] == "10.9.0.1"
    assert querier["elected"] is True
    assert querier["interval_s"] == {"announced": 125, "observed_median": None}
    assert querier["acting"] == [[at(0), at(21.01)]]
    first, second = found["memberships"]
    assert (first["host"], first["from"], first["to"]) == ("10.9.0.100", at(2.5), at(20))
    assert (first["ended_by"], first["filter_mode"], first["reports"]) == ("leave", "EXCLUDE", 1)
    assert (second["ended_by"], second["to"]) == ("capture-end", at(21.01))
    assert second["sources"] == ["10.0.0.201"]
    assert len(second["changes"]) == 1
    assert found["responses"]["count"] == 1
    assert found["responses"]["delay_ms"]["max"] == 2500
    (stream,) = found["streams"]
    assert stream["packets"] == 50
    (leaves,) = found["leaves"]
    assert (leaves["count"], leaves["asked"]) == (1, 1)
    assert leaves["query_delay_ms"] == {"min": 10, "median": 10, "p95": 10, "max": 10}
    assert leaves["data_after_s"] == {"239.1.1.1": 0}


def test_an_error_makes_the_exit_code_1(capture: Capture, capsys: Output) -> None:
    stage = Stage(MLD)
    stage.query(0, hop_limit=2)

    assert main(["analyze", "--json", capture("a.pcapng", stage.frames())]) == 1
    assert document(capsys)["findings"][0]["id"] == "V-03"


def test_text_begins_with_at_most_ten_lines_of_answers(capture: Capture, capsys: Output) -> None:
    assert main(["analyze", capture("a.pcapng", busy().frames())]) == 0

    answers, _, tables = capsys.readouterr().out.partition("\n\n")
    assert len(answers.splitlines()) <= 10
    assert "querier is 10.9.0.1, IGMPv3, announces 125 s" in answers
    assert "No errors and no warnings." in answers
    assert tables.startswith("queriers")
    assert "memberships" in tables


def test_events_are_one_line_each(capture: Capture, capsys: Output) -> None:
    main(["analyze", "--format", "ndjson", capture("a.pcapng", busy().frames())])

    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["event"] for event in events] == ["querier", "join", "join", "leave"]
    assert all(set(event) == KEYS["event"] for event in events)


def test_files_in_any_order_are_merged_by_time(capture: Capture, capsys: Output) -> None:
    frames = busy().frames()
    first, second = capture("a.pcapng", frames[:4]), capture("b.pcapng", frames[4:])

    main(["analyze", "--json", capture("whole.pcapng", frames)])
    whole = document(capsys)
    main(["analyze", "--json", second, first])
    merged = document(capsys)

    assert {tuple(row.pop("captures")) for row in whole["memberships"]} == {(0,)}
    assert {tuple(row.pop("captures")) for row in merged["memberships"]} == {(0, 1)}
    for found in (whole, merged):
        for querier in found["queriers"]:
            del querier["captures"]
    for key in ("queriers", "memberships", "responses"):
        assert merged[key] == whole[key]
    assert [part["packets"] for part in merged["captures"]] == [len(frames) - 4, 4]


def test_findings_say_which_capture(capture: Capture, capsys: Output) -> None:
    good, bad = Stage(MLD), Stage(MLD)
    good.query(0)
    bad.query(1, hop_limit=2)

    main(
        [
            "analyze",
            "--json",
            *(capture(f"{n}.pcap", s.frames()) for n, s in enumerate((good, bad))),
        ]
    )

    (finding,) = document(capsys)["findings"]
    assert (finding["id"], finding["capture"], finding["frames"]) == ("V-03", 1, [1])


def two_links() -> list[Frame]:
    stage = busy()
    stage.report(4, "TO_EX", 7, vlan=(20,), hop_limit=3)
    frames = stage.frames()
    for frame in frames:
        frame.interface = "eth0"
    frames[-1].interface = "eth1"
    return frames


@pytest.mark.parametrize(("option", "value", "groups"), [
    ("--vlan", "20", {"239.1.1.7"}),
    ("--vlan", "0", {"239.1.1.1", "239.1.1.2"}),
    ("--group", "239.1.1.2", {"239.1.1.2"}),
    ("--host", "10.9.0.101", {"239.1.1.2"}),
    ("--interface-name", "eth1", set()),
    ("--interface-name", "eth0", {"239.1.1.1", "239.1.1.2", "239.1.1.7"}),
])  # fmt: skip
def test_filters_choose_rows(
    capture: Capture, capsys: Output, option: str, value: str, groups: set[str]
) -> None:
    main(["analyze", "--json", option, value, capture("a.pcapng", two_links())])

    assert {row["group"] for row in document(capsys)["memberships"]} == groups


def test_the_profile_changes_how_long_memberships_live(capture: Capture, capsys: Output) -> None:
    stage = Stage(IGMP)
    stage.report(0, "TO_EX", 1)
    stage.report(400, "TO_EX", 2)
    name = capture("a.pcapng", stage.frames())

    ends = []
    for profile in ("rfc9776", "rfc3376"):
        main(["analyze", "--json", "--profile", profile, name])
        ends.append(document(capsys)["memberships"][0]["to"])

    assert ends == [at(270), at(260)]


def test_a_missing_querier_is_said_in_words_with_the_end_of_the_stream(
    capture: Capture, capsys: Output
) -> None:
    stage = Stage(IGMP, vlan=(20,))
    stage.report(10, "TO_EX", 1)
    for number in range(270):
        stage.data(number + 1, 1)
    stage.report(312, "TO_EX", 2, host=2)

    assert main(["analyze", capture("a.pcapng", stage.frames())]) == 1

    first = capsys.readouterr().out.splitlines()[0]
    assert "IGMP on VLAN 20: no querier in 311 s" in first or "no querier in 312 s" in first
    assert "260 s (RFC 3376, the Linux bridge) or 270 s (RFC 9776)" in first
    assert "your stream to 239.1.1.1 stopped 260 s after the last one, at 22:17:50 UTC" in first


def test_without_data_streams_are_not_looked_at(capture: Capture, capsys: Output) -> None:
    main(["analyze", "--json", "--no-data", capture("a.pcapng", busy().frames())])

    assert document(capsys)["streams"] == []


def test_a_capture_without_messages_says_why_that_may_be(capture: Capture, capsys: Output) -> None:
    stage = Stage(MLD)
    stage.data(1, 1)

    assert main(["analyze", capture("a.pcapng", stage.frames())]) == 0

    out = capsys.readouterr().out
    assert "Nothing to analyse: 1 packet, none of them IGMP or MLD." in out
    assert "icmp6" in out
    assert "--tunnels" not in out, "nothing is in a tunnel"


def test_an_empty_capture_is_fine_and_an_empty_file_is_not(
    capture: Capture, capsys: Output, tmp_path: Path
) -> None:
    nothing = tmp_path / "nothing.pcap"
    nothing.touch()

    assert main(["analyze", "--json", capture("a.pcapng", [])]) == 0
    assert document(capsys)["memberships"] == []
    assert main(["analyze", str(nothing)]) == 3


def test_a_cut_capture_is_analysed_to_the_break(
    capture: Capture, capsys: Output, tmp_path: Path
) -> None:
    whole = tmp_path / "cut.pcapng"
    name = capture("cut.pcapng", busy().frames())
    octets = whole.read_bytes()
    whole.write_bytes(octets[:-10])

    assert main(["analyze", "--json", name]) == 0

    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert found["captures"][0]["truncated"] is True
    assert found["memberships"]
    assert "damaged at octet" in captured.err


@pytest.mark.parametrize("arguments", [
    [], ["--compare", "a"], ["--profile", "rfc1", "x"], ["--group", "10.0.0.1", "x"],
    ["--compare", "a", "b", "c"],
])  # fmt: skip
def test_wrong_usage_is_2(arguments: list[str], capsys: Output) -> None:
    try:
        code: object = main(["analyze", *arguments])
    except SystemExit as stop:
        code = stop.code

    assert code == 2
    assert capsys.readouterr().err.startswith("mldkit: ")


def test_two_sides_of_a_switch_are_compared(capture: Capture, capsys: Output) -> None:
    frames = busy().frames()
    host_side, router_side = capture("a.pcapng", frames), capture("b.pcapng", frames[:-1])

    assert main(["analyze", "--json", "--compare", host_side, host_side]) == 0
    same = document(capsys)
    assert main(["analyze", "--json", "--compare", host_side, router_side]) == 1
    other = document(capsys)

    assert same["schema"] == "mldkit.compare/1"
    assert (same["offset_s"], same["only_a"], same["only_b"], same["changed"]) == (0, [], [], [])
    assert other["only_a"] == [len(frames)]
    assert other["outside_a"] == [len(frames)]
    assert main(["analyze", "--compare", host_side, router_side]) == 1
    out = capsys.readouterr().out
    assert "only in" in out
    assert "before the first packet of" in out


@pytest.mark.parametrize("option", ["--html", "--plot", "--vlan", "--host", "--group"])
def test_what_a_comparison_does_not_heed_is_refused(
    option: str, capture: Capture, capsys: Output
) -> None:
    side = capture("a.pcapng", busy().frames())
    value = {"--vlan": "5", "--host": "10.9.0.1", "--group": "239.1.1.1"}.get(option, "x.svg")

    assert main(["analyze", "--compare", side, side, option, value]) == 2
    assert f"argument {option}: not with --compare" in capsys.readouterr().err


@pytest.mark.parametrize("where", [2, -1])
@pytest.mark.parametrize("files", [1, 2])
def test_a_time_beyond_belief_is_no_time(
    files: int, where: int, capture: Capture, capsys: Output, tmp_path: Path
) -> None:
    frames = busy().frames()
    frames[where].time_ns = (1 << 63) + 5
    names = [capture(f"{number}.pcapng", frames[number::files]) for number in range(files)]
    page = tmp_path / "page.html"

    assert main(["analyze", "--json", "--html", str(page), *names]) == 0

    found = document(capsys)
    # What has no time has that of the packet before: a repeat may seem a copy.
    assert {item["severity"] for item in found["findings"]} <= {"info"}
    assert {row["ended_by"] for row in found["memberships"]} == {"leave", "capture-end"}
    assert all(at(0) <= row["from"] <= row["to"] <= at(22) for row in found["memberships"])
    assert page.exists()


def test_messages_of_other_protocols_are_a_remark_and_nothing_else(
    shared: Path, capsys: Output
) -> None:
    # mrinfo asks routers with IGMP type 0x13, by unicast and with a TTL of 255.
    assert main(["analyze", "--json", str(shared / "corpus" / "tcpdump-mrinfo.pcap")]) == 0

    found = document(capsys)
    assert {item["id"] for item in found["findings"]} == {"V-02"}
    assert found["summary"][0] == "Nothing to analyse: 2 packets, none of them IGMP or MLD."


def test_a_filter_that_leaves_nothing_says_so(capture: Capture, capsys: Output) -> None:
    assert main(["analyze", "--vlan", "77", capture("a.pcapng", busy().frames())]) == 0
    assert "is on a link that was chosen" in capsys.readouterr().out


def test_many_findings_of_one_rule_are_cut_in_text_only(capture: Capture, capsys: Output) -> None:
    stage = Stage(MLD)
    for host in range(1, 31):
        stage.report(2, "IS_EX", 1, host=host, hop_limit=9)
    name = capture("a.pcapng", stage.frames())

    main(["analyze", name])
    shown = capsys.readouterr().out
    main(["analyze", "--json", name])

    assert "20 more of V-03" in shown
    assert len(document(capsys)["findings"]) == 30


@pytest.mark.parametrize("arguments", [["-", "-"], ["--compare", "-", "-"]])
def test_standard_input_is_read_once(arguments: list[str], capsys: Output) -> None:
    assert main(["analyze", *arguments]) == 2
    assert "only once" in capsys.readouterr().err


def test_tables_of_a_flood_end_somewhere(capture: Capture, capsys: Output) -> None:
    stage = Stage(MLD)
    for number in range(1, 331):
        stage.query(number / 100, router=number)

    main(["analyze", capture("flood.pcapng", stage.frames())])

    printed = capsys.readouterr().out
    assert "30 more; --json has all" in printed
    assert "fe80::5" in printed
