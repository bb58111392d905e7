"""Filters of `analyze` choose what is told; they make nothing true that is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.cli.main import main
from mldkit.model.family import IGMP
from mldkit.testing.questions import silent
from mldkit.testing.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    Capture = Callable[..., str]
    Output = pytest.CaptureFixture[str]


def test_a_stream_has_its_members_though_only_another_host_was_asked_about(
    capture: Capture, capsys: Output
) -> None:
    main(["analyze", "--host", "10.9.0.101", capture("a.pcapng", silent())])

    out = capsys.readouterr().out
    assert "nobody reported to be a member" not in out
    assert "your stream to 239.1.1.1 stopped 260 s after the last one" in out
    assert "  10.9.0.100  " not in out, "its row was not asked for"


def test_streams_to_other_groups_are_left_out(capture: Capture, capsys: Output) -> None:
    name = capture("a.pcapng", silent())

    main(["analyze", "--group", "239.1.1.2", name])
    other = capsys.readouterr().out
    main(["analyze", "--group", "239.1.1.1", name])
    same = capsys.readouterr().out

    assert "239.1.1.1" not in other
    assert "\ndata\n" not in other
    assert "your stream to 239.1.1.1 stopped" in same
    assert "\ndata\n" in same


def test_a_chosen_host_has_not_the_answers_of_all(capture: Capture, capsys: Output) -> None:
    stage = Stage(IGMP)
    stage.report(0, "TO_EX", 1, host=2)
    stage.query(5)
    stage.report(8, "IS_EX", 1)
    name = capture("a.pcapng", stage.frames())

    main(["analyze", name])
    everybody = capsys.readouterr().out
    main(["analyze", "--host", "10.9.0.101", name])
    chosen = capsys.readouterr().out

    assert "2 hosts in 1 group; 1 answer, the slowest after 3.00 s" in everybody
    assert "host 10.9.0.101 in 1 group." in chosen
