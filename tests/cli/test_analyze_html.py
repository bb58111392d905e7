"""The page and the picture of `analyze`: whole, harmless, and readable without matplotlib."""

from __future__ import annotations

import json
import re
import struct
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from mldkit.cli.main import main
from mldkit.link.capture_writer import CaptureWriter
from mldkit.testing.story import Story

pytest.importorskip("matplotlib")
PNG = b"\x89PNG\r\n\x1a\n"
CAPTURES = Path(__file__).resolve().parents[2] / "captures"
_VOID = {"meta", "br", "hr", "img", "input", "link"}


class Page(HTMLParser):
    """A page as a strict reader sees it: every element closed in order, all text collected."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def read(file: Path) -> Page:
    page = Page(file.read_text(encoding="utf-8"))
    assert page.open == []
    return page


def written(path: Path, interface: str = "eth0") -> str:
    """Write a capture with a querier, a member, a leave and an unanswered one; return its name."""
    story = Story(interface)
    for second in (0, 125, 250):
        story.query(second, "10.0.0.1")
        story.report(second + 3, "10.0.0.2", "IS_EX(239.1.2.3)")
    story.report(60, "10.0.0.3", "ALLOW(232.1.1.1,{10.9.9.9})")
    story.report(300, "10.0.0.2", "TO_IN(239.1.2.3)")
    with CaptureWriter(str(path)) as writer:
        for frame in story.in_order():
            writer.write(frame)
    return str(path)


def test_the_page_says_what_the_json_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capture, file = written(tmp_path / "a.pcapng"), tmp_path / "a.html"

    code = main(["analyze", "--json", "--html", str(file), capture])

    document = json.loads(capsys.readouterr().out)
    page = read(file)
    assert code == 1
    for line in document["summary"]:
        assert " ".join(line.split()) in page.text
    for finding in document["findings"]:
        assert finding["id"] in page.text
        assert finding["reference"] in page.text
        assert finding["detail"] in page.text
    for row in document["memberships"]:
        assert row["host"] in page.text
        assert row["group"] in page.text
    for querier in document["queriers"]:
        assert querier["address"] in page.text


def test_the_page_runs_nothing_and_fetches_nothing(tmp_path: Path) -> None:
    file = tmp_path / "a.html"

    main(["analyze", "--html", str(file), written(tmp_path / "a.pcapng")])

    page = read(file)
    assert "svg" in page.tags
    assert page.tags.isdisjoint({"script", "link", "iframe", "img", "image", "object", "embed"})
    for name, value in page.attributes:
        assert not name.startswith("on")
        if name in ("href", "xlink:href", "src"):
            assert value.startswith("#")
    style = file.read_text().partition("<style>")[2].partition("</style>")[0]
    assert "prefers-color-scheme: dark" in style
    assert not re.search(r"url\(|@import", style)


def test_what_a_capture_says_cannot_become_part_of_the_page(tmp_path: Path) -> None:
    name = "a<script>alert(1)</script>\u202e\x1b[31m$x^2$&"
    file = tmp_path / "a.html"

    main(["analyze", "--html", str(file), written(tmp_path / "a.pcapng", name)])

    raw = file.read_text()
    page = read(file)
    assert "script" not in page.tags
    assert "<script>alert(1)</script>" in page.text
    assert "\u202e" not in raw
    assert "\x1b" not in raw
    assert "$x^2$" in raw


def test_a_capture_without_messages_still_gives_a_page(tmp_path: Path) -> None:
    capture = tmp_path / "none.pcap"
    capture.write_bytes(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
    file = tmp_path / "none.html"

    assert main(["analyze", "--html", str(file), str(capture)]) == 0
    assert "Nothing to analyse" in read(file).text


@pytest.mark.parametrize(
    "capture", sorted(CAPTURES.glob("*.pcapng")), ids=lambda capture: str(capture.stem)
)
def test_every_recording_gives_a_sound_page(tmp_path: Path, capture: Path) -> None:
    file = tmp_path / "a.html"

    main(["analyze", "--html", str(file), str(capture)])

    assert "svg" in read(file).tags


def test_a_plot_is_a_png_or_an_svg(tmp_path: Path) -> None:
    capture = written(tmp_path / "a.pcapng")

    main(["analyze", "--plot", str(tmp_path / "a.png"), capture])
    main(["analyze", "--plot", str(tmp_path / "a.svg"), capture])

    assert (tmp_path / "a.png").read_bytes().startswith(PNG)
    drawing = ET.parse(tmp_path / "a.svg").getroot()  # noqa: S314 (made by us a moment ago)
    assert drawing.tag.endswith("svg")
    assert "239.1.2.3" in "".join(drawing.itertext())


def test_another_ending_is_wrong_use_and_nothing_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["analyze", "--plot", str(tmp_path / "a.jpg"), "missing.pcap"]) == 2
    assert "--plot" in capsys.readouterr().err


def test_a_file_that_cannot_be_written_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capture = written(tmp_path / "a.pcapng")

    for option in ("--html", "--plot"):
        assert main(["analyze", option, str(tmp_path / "no" / "a.svg"), capture]) == 3
        assert len(capsys.readouterr().err.splitlines()) == 1


def without_matplotlib(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `mldkit analyze` where matplotlib cannot be found."""
    program = (
        "import sys, importlib.abc\n"
        "class Absent(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name.partition('.')[0] == 'matplotlib':\n"
        "            raise ModuleNotFoundError(name)\n"
        "import importlib.util as util\n"
        "found = util.find_spec\n"
        "util.find_spec = lambda n, *more: found(n, *more) if n != 'matplotlib' else None\n"
        "sys.meta_path.insert(0, Absent())\n"
        "from mldkit.cli.main import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    return subprocess.run(
        [sys.executable, "-c", program, "analyze", *arguments],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip


def test_without_matplotlib_a_plot_is_refused_with_the_way_out(tmp_path: Path) -> None:
    capture = written(tmp_path / "a.pcapng")

    done = without_matplotlib(tmp_path, "--plot", "a.png", capture)

    assert done.returncode == 3
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        "mldkit: pictures need matplotlib, which is not installed",
        "hint: pip install matplotlib",
    ]


def test_without_matplotlib_a_page_has_everything_but_pictures(tmp_path: Path) -> None:
    capture = written(tmp_path / "a.pcapng")

    done = without_matplotlib(tmp_path, "--html", "a.html", capture)

    page = read(tmp_path / "a.html")
    assert done.returncode == 1
    assert "without pictures" in done.stderr
    assert "svg" not in page.tags
    assert "239.1.2.3" in page.text


@pytest.mark.parametrize("option", ["--html", "--plot"])
def test_a_capture_is_never_written_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    capture = written(tmp_path / "a.svg")
    before = Path(capture).read_bytes()

    assert main(["analyze", option, capture, capture]) == 2
    assert main(["analyze", "--html", "-", capture]) == 2
    assert Path(capture).read_bytes() == before
    assert option in capsys.readouterr().err


def test_a_place_that_takes_no_file_is_told_before_the_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for file in (tmp_path, tmp_path / "no" / "a.html"):
        assert main(["analyze", "--html", str(file), "missing.pcap"]) == 3
        assert "cannot be written" in capsys.readouterr().err
