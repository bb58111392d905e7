"""The analysis of every recording in `captures/`, number by number.

`python -m tests.golden.test_analysis_of_captures` writes the expected documents anew; read what
has changed before it is kept. The words of the answers have their own tests.
"""

from __future__ import annotations

import json
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from mldkit.cli.main import main

CAPTURES = sorted((Path(__file__).resolve().parents[2] / "captures").glob("*.pcapng"))
EXPECTED = Path(__file__).resolve().parent / "analysis"


def analysed(path: Path) -> dict[str, Any]:
    printed = StringIO()
    with redirect_stdout(printed):
        main(["analyze", "--json", str(path)])
    document: dict[str, Any] = json.loads(printed.getvalue())
    del document["summary"]
    for capture in document["captures"]:
        capture["file"] = Path(capture["file"]).name
    return document


def test_each_recording_has_one_document() -> None:
    assert len(CAPTURES) >= 12
    assert [path.stem for path in sorted(EXPECTED.glob("*.json"))] == [p.stem for p in CAPTURES]


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_the_analysis_is_the_stored_one(path: Path) -> None:
    assert analysed(path) == json.loads((EXPECTED / f"{path.stem}.json").read_text())


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_the_analysis_agrees_with_the_decode(path: Path) -> None:
    """Messages, hosts and groups are those of the decode of the recording, which tshark checked."""
    messages = json.loads(path.with_suffix(".json").read_text())["messages"]
    found = analysed(path)
    reported = set()
    for message in messages:
        if message["kind"] == "report":
            groups = [record["group"] for record in message["records"] or []]
            reported |= {*groups, *([message["group"]] if message["group"] else [])}

    (capture,) = found["captures"]
    assert capture["messages"] == len(messages)
    assert {row["group"] for row in found["memberships"]} <= reported
    asking = {m["ip"]["src"] for m in messages if m["kind"] == "query"}
    assert {querier["address"] for querier in found["queriers"]} <= asking
    assert {item["id"] for message in messages for item in message["findings"]} <= {
        item["id"] for item in found["findings"]
    }


if __name__ == "__main__":
    EXPECTED.mkdir(exist_ok=True)
    for recording in CAPTURES:
        text = json.dumps(analysed(recording), indent=1, ensure_ascii=False)
        (EXPECTED / f"{recording.stem}.json").write_text(f"{text}\n")
