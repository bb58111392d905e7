"""The page of Scapy's faults says what Scapy does: each reproduction is run and compared."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import scapy

PAGE = Path(__file__).resolve().parents[3] / "docs" / "upstream.md"
ENTRY = re.compile(
    r"^### (?P<title>\d+\. .*?)$.*?^```python\n(?P<code>.*?)^```$\s*^```\n(?P<output>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
VERSION = "2.8.0"


def entries() -> list[tuple[str, str, str]]:
    return [(e["title"], e["code"], e["output"]) for e in ENTRY.finditer(PAGE.read_text())]


# One process for all of them, each with names of its own: loading Scapy is what takes the time.
RUN = """
import json, sys
from contextlib import redirect_stdout
from io import StringIO
printed = []
for code in json.load(sys.stdin):
    with redirect_stdout(StringIO()) as output:
        exec(code, {})
    printed.append(output.getvalue())
json.dump(printed, sys.stdout)
"""


@pytest.fixture(scope="module")
def printed() -> dict[str, str]:
    codes = [code for _, code, _ in entries()]
    done = subprocess.run(
        [sys.executable, "-c", RUN],
        input=json.dumps(codes),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return dict(zip(codes, json.loads(done.stdout), strict=True))


@pytest.mark.skipif(
    scapy.VERSION != VERSION, reason=f"the page is about Scapy {VERSION}, not this version"
)
@pytest.mark.parametrize(
    ("code", "output"), [pytest.param(code, out, id=title) for title, code, out in entries()]
)
def test_the_reproduction_prints_what_the_page_shows(
    code: str, output: str, printed: dict[str, str]
) -> None:
    assert printed[code] == output


def test_every_entry_of_the_page_is_complete_and_numbered() -> None:
    text = PAGE.read_text()
    sections = re.split(r"^### ", text, flags=re.MULTILINE)[1:]

    assert len(entries()) == len(sections)
    assert VERSION in text
    for number, section in enumerate(sections, start=1):
        assert section.startswith(f"{number}. ")
        assert "Expected" in section
        assert "Where" in section
        assert re.search(r"\bfix\b", section, re.IGNORECASE)
