"""Recordings of the real kernel under analysis: only what was made wrong on purpose is an error."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mldkit.analysis.engine import Analysis, analyze
from mldkit.analysis.result import AnalysisResult
from mldkit.cli.main import main
from mldkit.link.capture import open_capture
from tests.material import shared_files

RECORDINGS = shared_files("kernel-captures/*.pcap")

# The true errors as the tables list them. Beyond those listed, the recording of query validation
# has a Router Alert of another value, a General Query to a group, and an MLDv1 General Query
# after MLDv2 ones, which is a mix of versions.
ERRORS = {
    "07-mldv1-compat": {"V-09", "D-06", "D-11"},
    "08-igmpv2-compat": {"D-06", "D-11"},
    "10-mld-query-validation": {
        "V-01", "V-03", "V-04", "V-05", "V-06", "V-09", "V-10", "V-12", "D-06", "D-20",
    },
    "20-no-address": {"D-06"},
}  # fmt: skip
# Single frames that show by themselves what the host was made to do: joins of the older version
# or any-source joins in the source-specific range, a query for ff02::1, one with sources.
WARNINGS = {
    "05-mldv2-statechange": {"D-16"},
    "07-mldv1-compat": {"D-16"},
    "08-igmpv2-compat": {"D-16"},
    "10-mld-query-validation": {"V-18", "D-15"},
}


def diagnose(path: Path) -> AnalysisResult:
    with open_capture(str(path), data=True) as capture:
        return analyze([capture], Analysis())


def test_the_recordings_are_there(shared: Path) -> None:
    assert len(list(shared.glob("kernel-captures/*.pcap"))) == 14


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_errors_and_warnings_are_exactly_the_true_ones(path: Path) -> None:
    found = diagnose(path).findings

    errors = {entry.id for entry in found if entry.severity == "error"}
    warnings = {entry.id for entry in found if entry.severity == "warning"}
    assert errors == ERRORS.get(path.stem, set())
    assert warnings == WARNINGS.get(path.stem, set())


# Our own recordings of the kernel: queries of two versions, leaves that nobody asks about, and
# frames that were made wrong so that the kernel ignores them.
OWN = sorted((Path(__file__).resolve().parents[2] / "captures").glob("*.pcapng"))
OWN_ERRORS = {
    "09-igmpv1-querier": {"D-06"},
    "10-igmpv2-querier": {"D-06", "D-11"},
    "11-mldv1-querier": {"D-06", "D-11"},
    "16-no-address": {"D-11"},
    "22-mldv2-ignored-queries": {"V-03", "V-04", "V-05", "V-06"},
}
OWN_WARNINGS = {
    "10-igmpv2-querier": {"D-16"},
    "11-mldv1-querier": {"D-16"},
    "21-igmpv3-unusual-queries": {"V-03", "V-04"},
}


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.stem)
def test_what_the_kernel_does_is_no_fault(path: Path) -> None:
    found = diagnose(path).findings

    errors = {entry.id for entry in found if entry.severity == "error"}
    warnings = {entry.id for entry in found if entry.severity == "warning"}
    assert errors == OWN_ERRORS.get(path.stem, set())
    assert warnings == OWN_WARNINGS.get(path.stem, set())


def test_delays_are_those_that_the_recording_states(shared: Path) -> None:
    # Three General Queries, each answered once; times from the recording's own list.
    path = shared / "kernel-captures" / "01-mldv2-general.pcap"
    observed = json.loads(path.with_suffix(".json").read_text())["observed"]
    delays, asked = [], 0.0
    for fact in observed:
        if "query" in fact["kind"]:
            asked = fact["t"]
        elif asked and "IS_" in fact["content"]:
            delays.append(fact["t"] - asked)

    result = diagnose(path)

    (link,) = result.links
    assert link.delays.count == len(delays) == 3
    assert link.delays.late == 0
    assert (link.delays.shortest_ns or 0) / 1e9 == pytest.approx(min(delays), abs=1e-5)
    assert (link.delays.longest_ns or 0) / 1e9 == pytest.approx(max(delays), abs=1e-5)


def test_the_host_without_an_address_is_told_by_its_mac(shared: Path) -> None:
    ((key, row),) = diagnose(shared / "kernel-captures" / "20-no-address.pcap").rows

    assert key.family.name == "igmp"
    assert row.host == bytes(4) + bytes.fromhex("020000000002")
    assert row.ended_by == "capture-end"


@pytest.mark.parametrize("command", ["analyze captures/10-igmpv2-querier.pcapng", "explain D-06"])
def test_the_first_page_shows_what_the_command_prints(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    root = Path(__file__).resolve().parents[2]
    page = (root / "README.md").read_text()
    _, _, shown = page.partition(f"$ mldkit {command}\n")
    shown, _, _ = shown.partition("```")
    monkeypatch.chdir(root)

    main(command.split())

    assert shown
    assert capsys.readouterr().out.startswith(shown)
