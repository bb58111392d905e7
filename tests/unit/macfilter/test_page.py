"""docs/mac-filter.md shows the rows of the code and what the command really prints."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from docs.tools.macfilter_page import device_table
from mldkit.cli.main import main

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "mac-filter.md").read_text()
SHOWN = re.findall(r"```\n\$ (mldkit macfilter explain .*)\n((?:.*\n)*?)```\n", PAGE)


def test_the_table_of_devices_is_that_of_the_code() -> None:
    assert device_table() in PAGE


@pytest.mark.parametrize(("command", "output"), SHOWN, ids=[command for command, _ in SHOWN])
def test_examples_print_what_the_page_shows(
    command: str, output: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(shlex.split(command)[1:]) == 0
    assert capsys.readouterr().out == output


def test_there_are_examples() -> None:
    assert len(SHOWN) >= 3
