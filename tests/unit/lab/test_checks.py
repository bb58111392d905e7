"""How checks are asked, in which order, and what becomes of those behind a failed one."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from mldkit.errors import LabError, UnsupportedError, UsageError
from mldkit.lab import catalogue, checks, progress, state
from mldkit.lab.checks import Check, Outcome
from mldkit.lab.lab import Lab
from mldkit.link import clock
from mldkit.model.units import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """The lab `join` as if it ran; the process that holds it is this one."""
    (tmp_path / "mldkit" / "join").mkdir(parents=True, mode=0o700)
    (tmp_path / "mldkit").chmod(0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    entry = catalogue.find("join")
    pid = os.getpid()
    state.write(
        state.State(
            lab="join",
            folder=str(entry.folder),
            pid=pid,
            started=state.start_time(pid) or "",
            rootless=False,
            nodes=("r1", "h1"),
            links=("r1-h1",),
        )
    )
    return Lab.running()


def says(*answers: bool, until_ns: int = 0) -> Callable[[Lab], Outcome]:
    """Return a look that holds or not, one answer after the other."""
    left = list(answers)

    def look(_: Lab) -> Outcome:
        return Outcome(left.pop(0), "it holds", "what is seen", "here", (7,), until_ns)

    return look


def statuses(lab: Lab, *listed: Check) -> list[str]:
    return [result.status for result in checks.run(lab, listed)]


def test_what_is_behind_a_failed_check_waits(lab: Lab) -> None:
    found = statuses(
        lab,
        Check("a", "first", says(False)),
        Check("b", "second", says(True), after=("a",)),
        Check("c", "third", says(True), after=("b",)),
        Check("d", "fourth", says(True)),
    )
    assert found == ["fail", "waiting", "waiting", "pass"]


def test_a_check_is_asked_again_only_while_the_protocol_has_a_timer(lab: Lab) -> None:
    soon = clock.wall_ns() + 5 * SECOND
    assert statuses(lab, Check("a", "first", says(False, False, True, until_ns=soon))) == ["pass"]
    assert statuses(lab, Check("a", "first", says(False, True, until_ns=1))) == ["fail"]


def test_who_waits_is_told_how_long(lab: Lab) -> None:
    told: list[tuple[str, float]] = []

    @contextmanager
    def patience(total_ns: int, what: str) -> Iterator[None]:
        told.append((what, total_ns / SECOND))
        yield

    listed = (
        Check("a", "an experiment", says(True), takes_ns=2 * SECOND),
        Check("b", "a timer", says(False, True, until_ns=clock.wall_ns() + 60 * SECOND)),
    )
    assert [result.status for result in checks.run(lab, listed, patience)] == ["pass", "pass"]
    assert [what for what, _ in told] == ["an experiment"] * 2 + ["a timer"] * 2
    assert told[0][1] == 2
    assert 30 < told[3][1] <= 60


def test_what_the_machine_lacks_is_skipped_with_the_reason(lab: Lab) -> None:
    def look(_: Lab) -> Outcome:
        raise UnsupportedError("this kernel has no such thing")

    (result,) = checks.run(lab, (Check("a", "first", look),))
    assert (result.status, result.reason) == ("skip", "this kernel has no such thing")


@pytest.mark.parametrize(
    ("right", "given"),
    [
        ("33:33:43:21:12:34", "33-33-43-21-12-34"),
        ("ff02::1:ff00:2", "FF02:0:0:0:0:1:FF00:2"),
        ("TO_EX", "to-ex"),
        ("0x8388", "33672"),
        ("2", " 2. "),
    ],
)
def test_an_answer_counts_in_any_notation(lab: Lab, right: str, given: str) -> None:
    progress.answer(lab, {"mac": given})
    assert statuses(lab, checks.answer("mac", right)) == ["pass"]
    progress.answer(lab, {"mac": "something else"})
    assert statuses(lab, checks.answer("mac", right)) == ["fail"]


def test_a_wrong_answer_does_not_give_the_right_one_away(lab: Lab) -> None:
    progress.answer(lab, {"mac": "wrong"})
    (result,) = checks.run(lab, (checks.answer("mac", "33:33:43:21:12:34"),))

    assert result.outcome is not None
    assert "33:33" not in f"{result.outcome.expected} {result.outcome.got} {result.outcome.where}"


def test_a_question_that_is_not_there_is_named(lab: Lab) -> None:
    with pytest.raises(UsageError, match="no such question") as raised:
        progress.answer(lab, {"nonsense": "2"})
    assert raised.value.hint == "questions: mac frames references leave octets"


def test_hints_come_one_by_one(lab: Lab) -> None:
    assert [progress.next_hint(lab)[0] for _ in range(4)] == [1, 2, 3, 3]


@pytest.mark.parametrize("content", ["", "[1]", "{", '{"answers": [], "hints": "two"}'])
def test_progress_that_cannot_be_read_begins_anew(lab: Lab, content: str) -> None:
    (lab.folder / "progress.json").write_text(content)

    assert progress.answers(lab) == {}
    assert progress.next_hint(lab)[0] == 1
    (lab.folder / "progress.json").write_text(content)
    progress.answer(lab, {"mac": "1"})
    assert progress.answers(lab) == {"mac": "1"}


def test_a_file_that_cannot_be_written_is_named(lab: Lab) -> None:
    (lab.folder / "progress.json").mkdir()

    with pytest.raises(LabError, match=r"/join/progress\.json: cannot be written: is a directory"):
        progress.answer(lab, {"mac": "1"})


def test_a_check_file_that_makes_no_sense_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "01-one"
    folder.mkdir()
    with pytest.raises(LabError, match=r"01-one/check\.py: no such file"):
        checks.load(folder)
    (folder / "check.py").write_text("CHECKS = ['a']\n")
    with pytest.raises(LabError, match=r"01-one/check\.py: CHECKS: is not a tuple of checks"):
        checks.load(folder)
    assert [path.name for path in folder.iterdir()] == ["check.py"]
    for content, message in (
        ("\ndef", "line 2: invalid syntax"),
        ("\n\n{}['x']", "line 3: KeyError: 'x'"),
        ("import no_such_thing", "line 1: ModuleNotFoundError: No module named 'no_such_thing'"),
    ):
        (folder / "check.py").write_text(content)
        with pytest.raises(LabError) as raised:
            checks.load(folder)
        assert raised.value.message == f"01-one/check.py: {message}"


def test_a_check_that_fails_in_itself_names_its_file(lab: Lab) -> None:
    def look(_: Lab) -> Outcome:
        raise KeyError("x")

    with pytest.raises(LabError, match=r"02-join/check\.py: KeyError: 'x'"):
        list(checks.run(lab, (Check("a", "first", look),)))


def test_a_relative_runtime_directory_is_not_used(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert state.folder("join") == lab.folder
    monkeypatch.chdir(tmp_path.parent)
    monkeypatch.setenv("XDG_RUNTIME_DIR", tmp_path.name)
    assert state.root().is_absolute()
    assert state.root() != tmp_path / "mldkit"


def test_a_process_that_has_the_number_of_a_dead_holder_is_no_lab(lab: Lab) -> None:
    found = state.read("join")
    assert found is not None
    assert found.is_alive
    state.write(
        state.State(
            lab="join",
            folder=found.folder,
            pid=found.pid,
            started="1",
            rootless=False,
            nodes=found.nodes,
            links=found.links,
        )
    )
    assert state.running() == ()
    assert lab.state.lab in state.known()
