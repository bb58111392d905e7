"""The recordings of `captures/`: decoded as stored, as tshark does, and telling their story."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from mldkit.cli.main import main

CAPTURES = Path(__file__).resolve().parents[2] / "captures"
RECORDINGS = sorted(CAPTURES.glob("*.pcapng"))
Message = dict[str, Any]

every_recording = pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)

# Findings of severity error: frames that were made wrong on purpose.
ERRORS = {"22-mldv2-ignored-queries": {"V-03", "V-04", "V-05", "V-06"}}

FIELDS = (
    "frame.number", "frame.time_epoch", "eth.src", "eth.dst", "vlan.id",
    "ip.src", "ip.dst", "ip.ttl", "ip.dsfield", "ip.opt.ra",
    "ipv6.src", "ipv6.dst", "ipv6.hlim", "ipv6.opt.router_alert",
    "igmp.type", "igmp.max_resp", "igmp.s", "igmp.qrv", "igmp.qqic", "igmp.num_src",
    "igmp.num_grp_recs", "igmp.record_type", "igmp.maddr", "igmp.saddr", "igmp.checksum.status",
    "icmpv6.type", "icmpv6.mld.maximum_response_code", "icmpv6.mld.maximum_response_delay",
    "icmpv6.mld.flag.s", "icmpv6.mld.flag.qrv", "icmpv6.mld.qqi", "icmpv6.mld.nb_sources",
    "icmpv6.mldr.nb_mcast_records", "icmpv6.mldr.mar.record_type",
    "icmpv6.mldr.mar.multicast_address", "icmpv6.mldr.mar.source_address",
    "icmpv6.mldr.mar.nb_sources", "icmpv6.mld.multicast_address", "icmpv6.mld.source_address",
    "icmpv6.checksum.status",
)  # fmt: skip
NEIGHBOUR_SOLICITATION = 135


def stored(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.with_suffix(".json").read_text())
    return document


def test_each_recording_has_its_decode_and_its_row_and_nothing_else_is_listed() -> None:
    names = [path.stem for path in RECORDINGS]
    rows = re.findall(
        r"^\| \[(\S+)\]\((\S+)\.pcapng\) \| (.*?) \|", (CAPTURES / "README.md").read_text(), re.M
    )

    assert len(names) >= 12
    assert [path.stem for path in sorted(CAPTURES.glob("*.json"))] == names
    assert [name for name, _, _ in rows] == names
    assert [target for _, target, _ in rows] == names
    for path, (_, _, title) in zip(RECORDINGS, rows, strict=True):
        assert title == stored(path)["title"]
        assert path.stat().st_size < 10_000


@every_recording
def test_decode_prints_what_is_stored(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["decode", "--json", str(path)])

    printed = json.loads(capsys.readouterr().out)
    expected = stored(path)
    assert printed["messages"] == expected["messages"]
    assert printed["packets"] == expected["packets"]
    assert printed["truncated"] is False
    found = {
        finding["id"]
        for message in printed["messages"]
        for finding in message["findings"]
        if finding["severity"] == "error"
    }
    assert found == ERRORS.get(path.stem, set())
    assert code == int(bool(found))


@every_recording
def test_the_kernel_sent_what_the_story_says_in_that_order(path: Path) -> None:
    recording = stored(path)
    messages = iter(recording["messages"])

    for step in recording["steps"]:
        if "sends" in step:
            assert said(next(messages)) == step["sends"]
        expected = step.get("expect", [])
        got = [next(messages) for _ in expected]
        words = [said(message) for message in got]
        if step.get("any_order"):
            assert sorted(words) == sorted(expected)
        else:
            assert words == expected
        if "from" in step:
            assert {message["ip"]["src"] for message in got} == {step["from"]}

    assert next(messages, None) is None, "a message that the story does not explain"


def said(message: Message) -> str:
    """Return a message in the notation of scripts, from its JSON alone."""
    protocol = f"{message['protocol'].upper()}v{message['version']}"
    if message["kind"] == "query":
        if message["group"] in ("0.0.0.0", "::"):
            return f"{protocol} General Query"
        return f"{protocol} Query({message['group']}{_listed(message['sources'])})"
    if message["records"] is not None:
        return " ".join(
            f"{record['type']}({record['group']}{_listed(record['sources'])})"
            for record in message["records"]
        )
    if message["kind"] == "leave":
        return f"leave {message['group']}"
    return f"report {message['version']} {message['group']}"


def _listed(sources: list[str] | None) -> str:
    return ",{" + ",".join(sources) + "}" if sources else ""


@every_recording
def test_tshark_reads_the_same(path: Path) -> None:
    rows = _tshark(path)
    recording = stored(path)
    messages = {message["frame"]: message for message in recording["messages"]}
    assert len(rows) == recording["packets"]

    for row in rows:
        number = int(row["frame.number"][0])
        if number not in messages:
            assert row["icmpv6.type"] == [str(NEIGHBOUR_SOLICITATION)]
            continue
        message = messages[number]
        assert row["frame.time_epoch"] == [message["time"]]
        assert row["eth.src"] + row["eth.dst"] == [message["link"]["src"], message["link"]["dst"]]
        assert row["vlan.id"] == [str(number) for number in message["link"]["vlan"]]
        compare = _igmp_facts if message["protocol"] == "igmp" else _mld_facts
        for field, value in compare(message).items():
            assert row[field] == value, f"frame {number}: {field}"


def _igmp_facts(message: Message) -> dict[str, list[str]]:
    ip = message["ip"]
    facts = {
        "ip.src": [ip["src"]],
        "ip.dst": [ip["dst"]],
        "ip.ttl": [str(ip["hop_limit"])],
        "ip.dsfield": [f"0x{ip['traffic_class']:02x}"],
        "ip.opt.ra": _maybe(ip["router_alert"]),
        "igmp.type": [f"0x{message['type']:02x}"],
        "igmp.record_type": _of_records(message, "type_code"),
        "igmp.maddr": _groups(message),
        "igmp.saddr": _sources(message),
        "igmp.checksum.status": ["1"],
        "igmp.s": _maybe(message["suppress"]),
        "igmp.qrv": _maybe(message["qrv"]),
        "igmp.qqic": _maybe(message["qqic"]),
    }
    if message["records"] is not None:
        facts["igmp.num_grp_recs"] = [str(len(message["records"]))]
        facts["igmp.num_src"] = [str(len(record["sources"])) for record in message["records"]]
    if message["kind"] == "query" and message["version"] > 1:
        facts["igmp.max_resp"] = [str(message["max_response_code"])]
    return facts


def _mld_facts(message: Message) -> dict[str, list[str]]:
    ip = message["ip"]
    in_report = message["records"] is not None
    code = "maximum_response_code" if message["version"] == 2 else "maximum_response_delay"
    facts = {
        "ipv6.src": [ip["src"]],
        "ipv6.dst": [ip["dst"]],
        "ipv6.hlim": [str(ip["hop_limit"])],
        "ipv6.opt.router_alert": _maybe(ip["router_alert"]),
        "icmpv6.type": [str(message["type"])],
        "icmpv6.mldr.mar.record_type": _of_records(message, "type_code"),
        "icmpv6.mldr.mar.multicast_address": _groups(message) if in_report else [],
        "icmpv6.mldr.mar.source_address": _sources(message) if in_report else [],
        "icmpv6.mld.multicast_address": [] if in_report else _groups(message),
        "icmpv6.mld.source_address": [] if in_report else _sources(message),
        "icmpv6.checksum.status": ["1"],
        "icmpv6.mld.flag.s": _maybe(message["suppress"]),
        "icmpv6.mld.flag.qrv": _maybe(message["qrv"]),
        "icmpv6.mld.qqi": _maybe(message["qqic"]),
    }
    if in_report:
        facts["icmpv6.mldr.nb_mcast_records"] = [str(len(message["records"]))]
    if message["kind"] == "query":
        facts[f"icmpv6.mld.{code}"] = [str(message["max_response_code"])]
    return facts


def _maybe(value: int | None) -> list[str]:
    """Return how tshark prints a number that may be absent; a flag is 0 or 1."""
    return [] if value is None else [str(int(value))]


def _of_records(message: Message, key: str) -> list[str]:
    return [str(record[key]) for record in message["records"] or []]


def _groups(message: Message) -> list[str]:
    if message["records"] is not None:
        return _of_records(message, "group")
    return [message["group"]]


def _sources(message: Message) -> list[str]:
    if message["records"] is not None:
        return [source for record in message["records"] for source in record["sources"]]
    return list(message["sources"] or [])


def _tshark(path: Path) -> list[dict[str, list[str]]]:
    """Return the fields of each frame; a field that is absent is an empty list."""
    if shutil.which("tshark") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("tshark is missing")
        pytest.skip("tshark is not installed")
    done = subprocess.run(
        ["tshark", "-n", "-r", path, "-T", "fields", "-E", "separator=|", "-E", "aggregator=,",
         "-E", "occurrence=a", *[word for field in FIELDS for word in ("-e", field)]],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [
        {
            field: value.split(",") if value else []
            for field, value in zip(FIELDS, line.split("|"), strict=True)
        }
        for line in done.stdout.splitlines()
    ]
