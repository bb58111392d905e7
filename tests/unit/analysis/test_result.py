"""A result is a value: it can be compared, kept and made smaller, and nobody changes it."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError, fields, is_dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

import pytest

from mldkit.analysis.engine import Analysis
from mldkit.analysis.result import AnalysisResult
from mldkit.model.addresses import text
from mldkit.model.family import IGMP, MLD, Family
from mldkit.render.summary import summary
from mldkit.testing.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mldkit.analysis.events import Event, Listener


def lively(family: Family) -> list[Stage]:
    """Tell of two VLANs with members, leaves, data, an older querier and faults."""
    stages = []
    for vlan in ((), (20,)):
        stage = Stage(family, vlan=vlan)
        for second in (0, 125, 250, 375):
            stage.query(second)
            stage.report(second + 3, "IS_EX", 1, 2)
            stage.report(second + 4, "IS_IN", 3, host=2, sources=[1])
        stage.report(20, "TO_IN", 2)
        stage.query(20.5, 2, response=1)
        stage.query(60, router=2, version=family.current_version - 1)
        stage.older_report(62, 1, host=3)
        stage.report(64, "IS_EX", 4, host=4)
        stage.report(70, "IS_EX", 4, host=4, router_alert=None)
        for second in range(5, 40):
            stage.data(second, 2)
            stage.data(second, 5, source=2)
        stages.append(stage)
    return stages


def analysed(family: Family, listener: Listener = None) -> AnalysisResult:
    frames = [frame for stage in lively(family) for frame in stage.frames()]
    analysis = Analysis(traced=True, listener=listener)
    for frame in sorted(frames, key=lambda frame: frame.time_ns or 0):
        analysis.see(frame)
    return analysis.finish()


@pytest.fixture(params=(IGMP, MLD), ids=("igmp", "mld"))
def result(request: pytest.FixtureRequest) -> AnalysisResult:
    return analysed(request.param)


def values(value: Any) -> Iterator[Any]:
    """Give a value and all that it holds."""
    yield value
    if is_dataclass(value):
        for field in fields(value):
            yield from values(getattr(value, field.name))
    elif isinstance(value, tuple):
        for item in value:
            yield from values(item)


def test_a_result_holds_nothing_that_can_be_changed(result: AnalysisResult) -> None:
    kinds = {type(value) for value in values(result)}

    assert {tuple, bytes, int, str} <= kinds
    for kind in kinds - {bytes, int, str, bool, type(None)}:
        assert issubclass(kind, tuple | Enum) or kind.__dataclass_params__.frozen, kind
    with pytest.raises(FrozenInstanceError):
        result.links = ()  # type: ignore[misc]


def test_two_runs_give_equal_results(result: AnalysisResult) -> None:
    family = result.links[0].key.family

    assert analysed(family) == result
    assert analysed(MLD if family is IGMP else IGMP) != result


def test_listening_changes_nothing(result: AnalysisResult) -> None:
    events: list[Event] = []

    assert analysed(result.links[0].key.family, events.append) == result
    assert {"join", "leave", "expire", "querier", "finding"} <= {event.kind for event in events}


def test_a_result_comes_back_from_a_pickle_as_it_was(result: AnalysisResult) -> None:
    back = pickle.loads(pickle.dumps(result))  # noqa: S301 (our own octets)

    assert back == result
    # Families are compared by identity: there are no copies of them.
    assert back.links[0].key.family is result.links[0].key.family
    assert summary(back, 100) == summary(result, 100)


def test_choosing_leaves_what_was_chosen_from_as_it_was(result: AnalysisResult) -> None:
    before = pickle.dumps(result)
    group, host = result.links[0].stays[0].group, result.links[0].stays[0].host

    for chosen in (
        result.only(groups={group}),
        result.only(hosts={host}),
        result.only(vlans={20}),
        result.only(interfaces=set()),
    ):
        assert chosen != result
    assert pickle.dumps(result) == before
    assert result.only() == result


def test_a_group_is_chosen_everywhere(result: AnalysisResult) -> None:
    family = result.links[0].key.family
    group = Stage(family).group(2)

    chosen = result.only(groups={group})

    assert {stay.group for _, stay in chosen.stays()} == {group}
    assert {stream.group for link in chosen.links for stream in link.streams} == {group}
    assert {entry.group for entry in chosen.findings} <= {b"", group}
    # Who is member of other groups still explains their data.
    assert [link.everybody for link in chosen.links] == [link.everybody for link in result.links]
    assert not chosen.tells_all
    assert result.tells_all


def test_a_host_is_chosen_with_the_findings_about_it(result: AnalysisResult) -> None:
    family = result.links[0].key.family
    host = Stage(family).host(4)

    chosen = result.only(hosts={host})

    assert {stay.host for _, stay in chosen.stays()} == {host}
    assert {text(entry.host) for entry in chosen.findings} <= {"", text(host)}
    assert any(entry.host == host for entry in chosen.findings)


@pytest.mark.parametrize(("vlan", "stack"), [(0, ()), (20, (20,))])
def test_a_vlan_is_chosen_and_0_is_none(
    result: AnalysisResult, vlan: int, stack: tuple[int, ...]
) -> None:
    chosen = result.only(vlans={vlan})

    assert [link.key.vlan for link in chosen.links] == [stack]
    assert {entry.link.vlan for entry in chosen.findings if entry.link is not None} == {stack}
    assert chosen.tells_all
