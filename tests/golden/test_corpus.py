"""Third-party captures: every fact that their origin or tshark states about a frame.

The comparison itself is the shared script that checks the JSON contract; here it runs on the
objects of the decoder, so that a failing fact names its frame.
"""

from __future__ import annotations

import importlib.util
import json
from typing import TYPE_CHECKING, Any

import pytest

from mldkit.link.capture import open_capture
from mldkit.model.messages import Other
from mldkit.render.message_json import message_json
from mldkit.wire.decoder import Decoder
from mldkit.wire.validity import judge
from tests.material import shared_files

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

CORPUS = shared_files("corpus/*.json")

# The verdicts hold V- and D-rules only. They leave out that a message names ff02::1, which
# RFC 9777 §6 forbids: "no MLD messages are ever sent regarding ... the all-nodes address".
# D-42 is younger than they are: Scapy sends an advertisement to itself there.
NOT_IN_VERDICTS = {"M-28", "M-29", "D-42"}
NAME_ALL_NODES = {"trex-mld1_1", "trex-mld2_2", "smoltcp-a"}


@pytest.fixture(scope="module")
def comparer(shared: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("comparer", shared / "tools/compare_decode.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _decode(path: Path) -> dict[int, dict[str, Any]]:
    decoder = Decoder()
    with open_capture(str(path)) as capture:
        return {
            frame.number: message_json(judge(decoded))
            for frame in capture.candidates()
            for decoded in decoder.decode(frame)
            if not isinstance(decoded.datagram.message, Other)
        }


def test_the_corpus_is_there(shared: Path) -> None:
    assert len(list(shared.glob("corpus/*.json"))) == 27


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_every_fact_of_the_corpus_agrees(path: Path, comparer: ModuleType) -> None:
    expected = json.loads(path.read_text())
    found = _decode(path.with_suffix(".pcap"))

    for fact in expected["frames"]:
        if fact["parse"] == "not_membership" or fact.get("tunnel"):
            continue
        if fact["message"] in (None, "other"):
            continue
        assert comparer.compare(fact, found[fact["frame"]]) == [], f"frame {fact['frame']}"

    listed = {fact["frame"] for fact in expected["frames"]}
    assert set(found) <= listed, "a frame that is no message was decoded"


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_every_verdict_of_the_corpus_agrees(path: Path) -> None:
    expected = json.loads(path.read_text())
    found = _decode(path.with_suffix(".pcap"))

    for fact in expected["frames"]:
        if fact["frame"] not in found or fact.get("tunnel"):
            continue
        message = found[fact["frame"]]
        ids = {finding["id"] for finding in message["findings"]} - NOT_IN_VERDICTS
        if path.stem in NAME_ALL_NODES and "ff02::1" in _groups(message):
            ids -= {"D-15"}
        assert ids == set(fact["verdict"]["violations"]), f"frame {fact['frame']}"
        assert (message["malformed"] is not None) is fact["verdict"]["malformed"]


def _groups(message: dict[str, Any]) -> set[str]:
    return {message["group"]} | {record["group"] for record in message["records"] or []}
