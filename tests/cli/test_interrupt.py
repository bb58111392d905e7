"""Reading that is ended by a person: what was read until then is printed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from mldkit.analysis.engine import Analysis
from mldkit.cli.interrupt import SignalInterrupt
from mldkit.cli.main import main
from mldkit.link.capture import Capture
from mldkit.model.datagram import Decoded
from mldkit.model.family import MLD
from mldkit.testing.stage import Stage
from mldkit.wire.decode import decode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mldkit.model.datagram import Frame


def members() -> list[Frame]:
    """Return a query and twelve reports of two hosts."""
    stage = Stage(MLD)
    stage.query(0)
    for number in range(12):
        stage.report(1 + number, "IS_EX", number, host=1 + number % 2)
    return stage.frames()


def interrupted_at_frame_8(monkeypatch: pytest.MonkeyPatch, number: signal.Signals) -> None:
    read = Capture.candidates

    def candidates(self: Capture) -> Iterator[Frame]:
        for frame in read(self):
            if frame.number == 8:
                signal.raise_signal(number)
            yield frame

    monkeypatch.setattr(Capture, "candidates", candidates)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("step", ["reading", "looking"])
def test_what_was_read_is_analysed(
    step: str,
    number: signal.Signals,
    capture: Callable[..., str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    frames = members()
    look = Analysis.see_all

    def see_all(self: Analysis, taken: list[tuple[int, Frame]]) -> None:
        if step == "looking":
            signal.raise_signal(number)
        look(self, taken)

    if step == "reading":
        interrupted_at_frame_8(monkeypatch, number)
    monkeypatch.setattr(Analysis, "see_all", see_all)

    code = main(["analyze", "--json", capture("whole.pcapng", frames)])

    output, said = capsys.readouterr()
    found = json.loads(output)
    assert code == 130
    assert found["interrupted"] is True
    assert "interrupted: this is what the first" in said
    looked_at = frames[:7] if step == "reading" else frames
    (taken,) = found["captures"]
    assert taken["messages"] == sum(isinstance(decode(frame), Decoded) for frame in looked_at)
    assert {row["ended_by"] for row in found["memberships"]} >= {"capture-end"}
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("form", ["json", "ndjson", "text"])
def test_what_was_read_is_decoded(
    form: str,
    capture: Callable[..., str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = capture("whole.pcapng", members())
    interrupted_at_frame_8(monkeypatch, signal.SIGINT)

    code = main(["decode", "--format", form, name])

    output = capsys.readouterr().out
    assert code == 130
    if form == "json":
        document = json.loads(output)
        assert document["interrupted"] is True
        numbers = [message["frame"] for message in document["messages"]]
    elif form == "ndjson":
        numbers = [json.loads(line)["frame"] for line in output.splitlines()]
    else:
        numbers = [int(line.split()[0]) for line in output.splitlines() if line[0] != " "]
    assert numbers == list(range(1, 8))


def test_a_second_interrupt_ends_at_once() -> None:
    interrupt = SignalInterrupt()

    with interrupt.heard():
        signal.raise_signal(signal.SIGINT)
        assert interrupt.came
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)


def test_ctrl_c_before_the_command_has_begun_gives_no_traceback() -> None:
    program = (
        "import sys, mldkit.__main__ as command\n"
        "class Early:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'mldkit.cli.main':\n"
        "            raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Early())\n"
        "sys.exit(command.run())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")
