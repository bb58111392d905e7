"""The completion scripts, asked by the shell itself."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from mldkit.cli.main import VERBS
from mldkit.lab.catalogue import entries

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Link

COMPLETION = (sys.executable, "-m", "mldkit", "completion")


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The script for bash, where there is a bash."""
    if shutil.which("bash") is None:
        pytest.skip("bash is not installed")
    done = subprocess.run([*COMPLETION, "bash"], capture_output=True, text=True, check=True)
    path = tmp_path_factory.mktemp("completion") / "mldkit.bash"
    path.write_text(done.stdout)
    return path


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("mldkit que", {"query"}),
        ("mldkit query --max", {"--max-response"}),
        ("mldkit query --version mld", {"mld1", "mld2"}),
        ("mldkit decode --format nd", {"ndjson"}),
        ("mldkit macfilter exp", {"explain"}),
        ("mldkit ''", set(VERBS)),
        ("mldkit query -i l", {"lo"}),
        ("mldkit watch --interface ''", {"lo"}),
        ("mldkit lab start jo", {"join"}),
        ("mldkit lab reset ''", {entry.id for entry in entries()}),
        ("mldkit lab exec --lab broken-", {"broken-1", "broken-5"}),
        ("mldkit explain D-0", {"D-01", "D-09"}),
        ("mldkit explain d-01 v-0", {"V-01", "V-09"}),
    ],
)
def test_bash_completes_verbs_options_and_values(
    script: Path, line: str, offered: set[str]
) -> None:
    words = shlex.split(line)
    ask = (
        f"source {shlex.quote(str(script))}; COMP_WORDS=({shlex.join(words)}); "
        f"COMP_CWORD={len(words) - 1}; _shtab_mldkit; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    )
    done = subprocess.run(["bash", "-c", ask], capture_output=True, text=True, check=False)

    assert offered <= set(done.stdout.split())


@pytest.mark.netns
def test_bash_completes_the_names_of_network_namespaces(script: Path, link: Link) -> None:
    name = link.near.name
    ask = (
        f"source {shlex.quote(str(script))}; COMP_WORDS=(mldkit --netns {name[:-1]}); "
        "COMP_CWORD=2; _shtab_mldkit; printf '%s\\n' \"${COMPREPLY[@]}\""
    )
    done = subprocess.run(["bash", "-c", ask], capture_output=True, text=True, check=False)

    assert name in done.stdout.split()


@pytest.mark.parametrize("shell", ["zsh", "tcsh"])
def test_the_other_shells_know_the_labs(shell: str) -> None:
    done = subprocess.run([*COMPLETION, shell], capture_output=True, text=True, check=True)

    assert f"({' '.join(entry.id for entry in entries())})" in done.stdout


def test_without_shtab_it_is_one_line_and_a_hint() -> None:
    code = (
        "import sys\nsys.modules['shtab'] = None\n"
        "from mldkit.cli.main import main\nsys.exit(main(['completion', 'zsh']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 3
    assert done.stderr.splitlines() == [
        "mldkit: the package shtab is missing",
        "hint: pip install shtab",
    ]
