"""The page of `analyze --html` as a file of a command."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from mldkit.cli.main import main
from mldkit.model.family import MLD
from mldkit.render import analysis_page
from mldkit.testing.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mldkit.model.datagram import Frame


def reports() -> list[Frame]:
    stage = Stage(MLD)
    for number in range(10):
        stage.report(number, "IS_EX", number)
    return stage.frames()


@pytest.mark.parametrize(("files", "heading"), [(1, "0.pcapng"), (5, "5 captures")])
def test_the_heading_of_a_page_has_room(
    files: int,
    heading: str,
    capture: Callable[..., str],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    frames = reports()
    names = [capture(f"{number}.pcapng", frames[number::files]) for number in range(files)]
    page = tmp_path / "page.html"

    main(["analyze", "--html", str(page), *names])

    capsys.readouterr()
    text = page.read_text()
    assert f"<h1>{heading}</h1>" in text
    assert ("0.pcapng, 1.pcapng, 2.pcapng, 3.pcapng, 4.pcapng" in text) == (files == 5)


def test_every_table_of_a_page_says_how_much_it_leaves_out(
    capture: Callable[..., str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(analysis_page, "MOST_ROWS", 3)
    stage = Stage(MLD)
    for number in range(1, 6):
        stage.query(number / 10, router=number)
        stage.report(number, "IS_EX", 1, host=number)
        stage.data(number, 1, source=number)
    page = tmp_path / "page.html"

    main(["analyze", "--html", str(page), capture("many.pcapng", stage.frames())])

    capsys.readouterr()
    _, *tables = page.read_text().split("<h2>")
    rests = {
        table.partition("<")[0]: found[1]
        for table in tables
        if (found := re.search(r"(\d+) more; --json has all", table))
    }
    assert rests == {"Queriers": "2", "Memberships": "2", "Data to groups": "2", "Devices": "7"}
