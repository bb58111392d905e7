"""Both families as one parameter, and a stage run through all folds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mldkit.analysis.engine import Analysis
from mldkit.analysis.result import AnalysisResult
from mldkit.model.family import IGMP, MLD
from mldkit.model.units import SECOND
from mldkit.testing.stage import BEGIN_NS, Stage

if TYPE_CHECKING:
    from collections.abc import Callable

    from mldkit.analysis import diagnosis
    from mldkit.model.family import Family


class Diagnosis:
    """A result in terms that tests ask for."""

    def __init__(self, result: AnalysisResult) -> None:
        self.result = result

    @property
    def ids(self) -> set[str]:
        """The rules that were broken."""
        return {entry.id for entry in self.result.findings}

    def finding(self, rule: str) -> diagnosis.Diagnosis:
        """The one finding of a rule."""
        (found,) = [entry for entry in self.result.findings if entry.id == rule]
        return found

    @property
    def stays(self) -> list[tuple[float, float, str]]:
        """From, to (seconds from the start) and how it ended, of all rows."""
        return [
            ((row.from_ns - BEGIN_NS) / SECOND, (row.to_ns - BEGIN_NS) / SECOND, row.ended_by)
            for _, row in self.result.rows
        ]


@pytest.fixture(params=(IGMP, MLD), ids=("igmp", "mld"))
def stage(request: pytest.FixtureRequest) -> Stage:
    """An empty link of each family."""
    family: Family = request.param
    return Stage(family)


@pytest.fixture
def diagnose() -> Callable[..., Diagnosis]:
    """Run what happened on a stage through all folds, up to `until` seconds."""

    def run(stage: Stage, until: float, **settings: object) -> Diagnosis:
        analysis = Analysis(**settings)  # type: ignore[arg-type]
        analysis.intake.begun_ns = BEGIN_NS
        for frame in stage.frames():
            analysis.see(frame)
        return Diagnosis(analysis.finish(BEGIN_NS + round(until * SECOND)))

    return run
