"""Checks: what has to hold in a lab, asked again until it does or cannot any more.

A lab's `check.py` has a tuple `CHECKS`. Each check looks once and returns an `Outcome`; where
that may still become true by itself, the outcome says until when (`until_ns`, from a timer of
the protocol), and the check is asked again. A check that is `after` others waits while one of
those does not hold: it would only repeat what they say.
"""

from __future__ import annotations

import runpy
import traceback
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from mldkit.errors import LabError, MldkitError, UnsupportedError
from mldkit.lab import progress
from mldkit.lab.answers import is_right
from mldkit.link import clock
from mldkit.model.units import MILLISECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from mldkit.lab.lab import Lab

PASS, FAIL, WAITING, SKIP = "pass", "fail", "waiting", "skip"
_POLL_NS = 20 * MILLISECOND


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one look brought."""

    holds: bool
    expected: str
    got: str
    where: str
    frames: tuple[int, ...] = ()
    """Numbers of frames in the capture that `where` names."""
    until_ns: int = 0
    """Wall time up to which it may become true without the student; 0: only the student can."""


Look: TypeAlias = "Callable[[Lab], Outcome]"
Patience: TypeAlias = "Callable[[int, str], AbstractContextManager[None]]"
"""What tells a person that something takes so many nanoseconds, while it lasts."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that has to hold."""

    id: str
    title: str
    look: Look
    after: tuple[str, ...] = ()
    """Checks that must hold before this one makes sense."""
    takes_ns: int = 0
    """How long one look lasts where it is an experiment."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What became of a check."""

    check: Check
    status: str
    outcome: Outcome | None = None
    reason: str = ""
    """Why it was skipped or waits."""


def load(folder: Path) -> tuple[Check, ...]:
    """Return the checks of a lab's `check.py`."""
    where = f"{folder.name}/check.py"
    try:
        # Unlike an import, this leaves no compiled file in the lab's folder.
        found = runpy.run_path(str(folder / "check.py")).get("CHECKS")
    except OSError as error:
        raise LabError(f"{where}: {(error.strerror or str(error)).lower()}") from error
    except Exception as error:  # whatever the author of a lab has written
        raise _fault(folder, error) from error
    if not isinstance(found, tuple) or not all(isinstance(check, Check) for check in found):
        raise LabError(f"{where}: CHECKS: is not a tuple of checks")
    ids = [check.id for check in found]
    for position, check in enumerate(found):
        for other in check.after:
            if other not in ids[:position]:
                raise LabError(f"{where}: {check.id}: after {other!r}: no such check before it")
        if check.id in ids[:position]:
            raise LabError(f"{where}: {check.id}: is there twice")
    return found


def run(
    lab: Lab, checks: tuple[Check, ...], patience: Patience = lambda *_: nullcontext()
) -> Iterator[CheckResult]:
    """Carry out the checks in order and give each result when it is known."""
    held: set[str] = set()
    for check in checks:
        missing = [other for other in check.after if other not in held]
        if missing:
            yield CheckResult(check, WAITING, reason=f"after {', '.join(missing)}")
            continue
        try:
            outcome = _ask(check, lab, patience)
        except UnsupportedError as error:
            yield CheckResult(check, SKIP, reason=error.message)
            continue
        except MldkitError as error:
            outcome = Outcome(
                holds=False, expected=check.title, got=error.message, where="the lab itself"
            )
        except Exception as error:  # whatever the author of a lab has written
            raise _fault(lab.entry.folder, error) from error
        if outcome.holds:
            held.add(check.id)
        yield CheckResult(check, PASS if outcome.holds else FAIL, outcome)


def answer(question: str, *right: str, after: tuple[str, ...] = ()) -> Check:
    """Return the check of an answer: any of the given texts, in any notation."""

    def look(lab: Lab) -> Outcome:
        given = progress.answers(lab).get(question)
        holds = given is not None and is_right(given, *right)
        how = f"mldkit lab answer {question} VALUE"
        return Outcome(
            holds=holds,
            # The right answer is not given away: it is found in the lab.
            expected=right[0] if holds else lab.topology.questions.get(question, question),
            got="no answer yet" if given is None else given,
            where=how if given is None else "your answer",
        )

    return Check(f"answer-{question}", f"answer: {question}", look, after)


def _fault(folder: Path, error: Exception) -> LabError:
    """Return what is wrong with the `check.py` of a folder, with the line of it."""
    path = str(folder / "check.py")
    if isinstance(error, SyntaxError):
        return LabError(f"{folder.name}/check.py: line {error.lineno}: {error.msg}")
    lines = [
        entry.lineno
        for entry in traceback.extract_tb(error.__traceback__)
        if entry.filename == path
    ]
    place = f"line {lines[-1]}: " if lines else ""
    return LabError(f"{folder.name}/check.py: {place}{type(error).__name__}: {error}")


def _ask(check: Check, lab: Lab, patience: Patience) -> Outcome:
    with patience(check.takes_ns, check.title):
        outcome = check.look(lab)
    left_ns = 0 if outcome.holds else outcome.until_ns - clock.wall_ns()
    with patience(left_ns, check.title):
        while not outcome.holds and clock.wall_ns() < outcome.until_ns:
            clock.wait_ns(_POLL_NS)
            outcome = check.look(lab)
    return outcome
