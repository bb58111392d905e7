"""What the doctor says of a network: frames in, the words and the document of `analyze` out.

A test here tells a story as frames, in the terms of somebody who was there, and holds what a
person reads against it. The way is the whole one: a capture file, the command, its output::

    stage.query(0)
    stage.report(0.5, "IS_EX", 1)
    told = doctor(stage)
    assert told.severity("D-07") == "warning"
    assert "10.9.0.100" in told.text
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from mldkit.cli.main import main
from mldkit.link.capture_writer import CaptureWriter
from mldkit.model.family import IGMP, MLD
from mldkit.testing.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from mldkit.model.datagram import Frame
    from mldkit.model.family import Family

    Doctor = Callable[..., "Told"]


@dataclass(frozen=True)
class Told:
    """What `analyze` said of a capture."""

    code: int
    """Exit code of the text form, which is that of the document too."""
    text: str
    document: dict[str, Any]

    @property
    def ids(self) -> set[str]:
        """The rules among the findings."""
        return {finding["id"] for finding in self.document["findings"]}

    @property
    def first(self) -> str:
        """The first line."""
        return self.text.split("\n", 1)[0]

    def findings(self, rule: str) -> list[dict[str, Any]]:
        """Return the findings of one rule."""
        return [finding for finding in self.document["findings"] if finding["id"] == rule]

    def severity(self, rule: str) -> str | None:
        """Return the worst severity in which a rule was told, None where it was not."""
        told = {finding["severity"] for finding in self.findings(rule)}
        return next((one for one in ("error", "warning", "info") if one in told), None)


@pytest.fixture(params=(IGMP, MLD), ids=("igmp", "mld"))
def stage(request: pytest.FixtureRequest) -> Stage:
    """An empty link of each family."""
    family: Family = request.param
    return Stage(family)


@pytest.fixture
def doctor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Doctor:
    """Run what happened on stages, or any frames, through `analyze`.

    Stages are merged by time into one capture, each on the interface that `interfaces` names;
    further positional arguments are options of the command.
    """

    def run(
        happened: Stage | Iterable[Stage] | Iterable[Frame],
        *options: str,
        interfaces: Iterable[str] | None = None,
    ) -> Told:
        path = tmp_path / "capture.pcapng"
        with CaptureWriter(str(path)) as writer:
            for frame in _frames(happened, interfaces):
                writer.write(frame)
        code = main(["analyze", *options, str(path)])
        words = capsys.readouterr().out
        assert main(["analyze", *options, "--json", str(path)]) == code
        document = json.loads(capsys.readouterr().out)
        for finding in document["findings"]:
            # Its row of advice knows why it is so severe, and what to do.
            assert finding["grounds"], finding
            assert finding["cure"] or finding["severity"] == "info", finding
        return Told(code, words, document)

    return run


def _frames(
    happened: Stage | Iterable[Stage] | Iterable[Frame], interfaces: Iterable[str] | None
) -> list[Frame]:
    if isinstance(happened, Stage):
        happened = (happened,)
    names = iter(interfaces or ())
    frames: list[Frame] = []
    is_staged = False
    for one in happened:
        if isinstance(one, Stage):
            is_staged = True
            name = next(names, None)
            frames += [replace(frame, interface=name) for frame in one.frames()]
        else:
            frames.append(one)
    return sorted(frames, key=lambda frame: frame.time_ns or 0) if is_staged else frames
