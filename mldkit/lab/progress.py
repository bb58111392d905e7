"""How far a student has come in a lab that runs: answers given and hints taken."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from mldkit.errors import UsageError
from mldkit.lab import state

if TYPE_CHECKING:
    from mldkit.lab.lab import Lab

_FILE = "progress.json"


def answers(lab: Lab) -> dict[str, str]:
    """Return the answers given so far, by question."""
    found = _read(lab).get("answers")
    return found if isinstance(found, dict) else {}


def answer(lab: Lab, given: dict[str, str]) -> None:
    """Store answers by question; the last one to a question counts."""
    questions = lab.topology.questions
    for question in given:
        if question not in questions:
            known = " ".join(questions) or "none"
            raise UsageError(f"QUESTION {question!r}: no such question", hint=f"questions: {known}")
    document = _read(lab)
    document["answers"] = answers(lab) | given
    state.write_json(lab.folder / _FILE, document)


def next_hint(lab: Lab) -> tuple[int, str]:
    """Return the next hint and its number; at the end the last one again."""
    hints = lab.topology.hints
    if not hints:
        raise UsageError(f"{lab.entry.id}: this lab has no hints")
    document = _read(lab)
    taken = document.get("hints")
    number = min((taken if isinstance(taken, int) else 0) + 1, len(hints))
    document["hints"] = number
    state.write_json(lab.folder / _FILE, document)
    return number, hints[number - 1]


def _read(lab: Lab) -> dict[str, Any]:
    """Return what the file says; what somebody else has made of it counts for nothing."""
    try:
        document = json.loads((lab.folder / _FILE).read_text())
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}
