"""The page about the Scapy prompt shows what the prompt prints."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mldkit.craft import prompt
from mldkit.craft.message import Extension, MembershipMessage, Record

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "scapy.md").read_text()
BLOCK = re.compile(r"^```python\n(.*?)^```$(?:\n\n^```\n(.*?)^```$)?", re.DOTALL | re.MULTILINE)


@pytest.fixture
def bound() -> Iterator[None]:
    prompt.bind()
    yield
    prompt.unbind()


@pytest.mark.usefixtures("bound")
def test_the_page_shows_what_is_printed() -> None:
    names: dict[str, Any] = {}
    compared = 0
    for code, output in BLOCK.findall(PAGE):
        if "iface=" in code:
            continue
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(code, names)  # noqa: S102 (the page's own examples)
        lines = [line.rstrip() for line in printed.getvalue().rstrip().splitlines()]
        assert lines == output.splitlines()
        compared += bool(output)

    assert compared == 4


def test_the_page_lists_every_layer_with_its_fields() -> None:
    layers = [getattr(prompt, name) for name in prompt.__all__]
    kinds = (MembershipMessage, Record, Extension)
    ours = [layer for layer in layers if isinstance(layer, type) and issubclass(layer, kinds)]

    for layer in ours:
        fields = " ".join(field.name for field in layer.fields_desc)
        assert f"| `{layer.__name__}` | {fields} |" in PAGE
