"""The completion scripts, asked by the shell itself."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from mldkit.cli.main import VERBS

if TYPE_CHECKING:
    from pathlib import Path

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


def test_without_shtab_it_is_one_line_and_a_hint() -> None:
    code = (
        "import sys\nsys.modules['shtab'] = None\n"
        "from mldkit.cli.main import main\nsys.exit(main(['completion', 'zsh']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 3
    assert done.stderr.splitlines() == [
        "mldkit: the package shtab is missing",
        "hint: pip install 'mldkit[completion]'",
    ]
