"""The expected decode of a recording: a head that tells the story, then every message.

The file is written one message a line, so that a change of one message is a change of one line.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mldkit.link.capture import open_capture
from mldkit.render.message_json import message_json, time_text
from mldkit.wire.decoder import Decoder
from mldkit.wire.validity import judge

if TYPE_CHECKING:
    from captures.recording.stage import Scenario, Step, Story

SCHEMA = "mldkit.recording/1"
_OF_CAPTURE = ("packets", "steps", "messages")


def write_document(scenario: Scenario, story: Story, capture: Path, path: Path) -> None:
    """Write the JSON that belongs to a recording, whose frames are in `capture`."""
    head = {
        "schema": SCHEMA,
        "title": scenario.title,
        "shows": scenario.shows,
        "rfc": list(scenario.rfc),
        "kernel": _kernel(),
        "command": f"python captures/record.py {scenario.name}",
        "network": story.network,
        "start": time_text(story.start_ns),
    }
    _write(head, story.steps, capture, path)


def write_decode_again(capture: Path) -> None:
    """Decode a stored recording again; its story and its head stay."""
    path = capture.with_suffix(".json")
    document = json.loads(path.read_text())
    head = {key: document[key] for key in document if key not in _OF_CAPTURE}
    _write(head, document["steps"], capture, path)


def _write(head: dict[str, Any], steps: list[Step], capture: Path, path: Path) -> None:
    decoder = Decoder()
    with open_capture(str(capture)) as opened:
        messages = [
            message_json(judge(decoded))
            for frame in opened.candidates()
            for decoded in decoder.decode(frame)
        ]
        head["packets"] = opened.packets
    lines = [f"{_text(key)}: {_text(value)}" for key, value in head.items()]
    lines += [_listed("steps", steps), _listed("messages", messages)]
    path.write_text("{" + ",\n".join(lines) + "}\n")


def _listed(key: str, items: list[dict[str, Any]]) -> str:
    body = ",\n".join("  " + _text(item) for item in items)
    return f"{_text(key)}: [\n{body}\n]"


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _kernel() -> str:
    """Return name and version of this kernel without what its builder appended."""
    running = os.uname()
    version = re.match(r"[\d.]*\d", running.release)
    return f"{running.sysname} {version[0] if version else running.release}"
