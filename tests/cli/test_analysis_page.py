"""The page of `analyze --html` as a file of a command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mldkit.cli.main import main
from mldkit.model.family import MLD
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
