"""Run targets for a time: guided by coverage where atheris is installed, else by chance alone.

::

    python -m tests.fuzz.run --seconds 600 decoder
    python -m tests.fuzz.run --seconds 60 --corpus /var/tmp/corpus all

Each target is a process of its own. What makes it fail is written to `--found` and printed with
the command that shows it again; the exit code is 1 then. The last line of each target is its
tally, as JSON.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib.util
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from tests.fuzz.target import BrokenInvariantError

if TYPE_CHECKING:
    from tests.fuzz.target import Target

_MODULES = {
    "decoder": "decoder",
    "captures": "captures",
    "analysis": "analysis",
    "machines": "machines",
    "play": "play_scripts",
    "lab": "lab_files",
    "tables": "kernel_tables",
    "netlink": "netlink_messages",
    "tracing": "trace_text",
    "ethtool": "ethtool_answers",
    "firewall": "firewall_listings",
    "defects": "defect_words",
    "media": "media_streams",
    "notations": "notations",
}
NAMES = tuple(_MODULES)
_INSTALLED = "MLDKIT_FUZZ_INSTALLED"
"""Set to 1, what is installed is tried, with its compiled core, and not the source beside it."""
ROOT = Path(__file__).resolve().parents[2]
_MOST_MEMORY_MIB = 1024
_SECONDS_AN_INPUT = 10
_TELLS_S = 60.0
_LOOKS_AT_THE_CLOCK = 64
"""Inputs between two looks."""


def target_of(name: str) -> Target:
    """Return a target; its modules are loaded now, and not before."""
    module = importlib.import_module(f"tests.fuzz.{_MODULES[name]}")
    found: Target = module.TARGET
    return found


class Tally:
    """What a run has done so far, and the inputs that made it fail, each kind once."""

    def __init__(self, target: Target, found: Path, how: str) -> None:
        self.target = target
        self.inputs = self.things = 0
        self.kinds: set[str] = set()
        self._found = found
        self.how = how
        self._begun = self._told = time.monotonic()

    def one_input(self, data: bytes) -> None:
        """Hold the target's invariant against an input; keep it if it fails in a new way."""
        self.inputs += 1
        if self.inputs % _LOOKS_AT_THE_CLOCK == 0 and time.monotonic() - self._told > _TELLS_S:
            # Whatever ends a long run, what it has done is known.
            self._told = time.monotonic()
            print(self.line(), flush=True)
        try:
            self.things += self.target.one_input(data)
        except Exception as error:  # noqa: BLE001 (whatever it is, it is what we look for)
            self._keep(data, error)

    def _keep(self, data: bytes, error: Exception) -> None:
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(last.filename).name}:{last.lineno}"
        kind = str(error).partition("\n")[0] if isinstance(error, BrokenInvariantError) else ""
        kind = f"{type(error).__name__} {kind or 'at ' + where}"
        if kind in self.kinds:
            return
        self.kinds.add(kind)
        self._found.mkdir(parents=True, exist_ok=True)
        name = self.target.name
        file = self._found / f"{name}-{hashlib.sha256(data).hexdigest()[:12]}"
        file.write_bytes(data)
        print("".join(traceback.format_exception(error)))
        print(f"found: {kind}\n  python -m tests.fuzz.run {name} --again {file}", flush=True)

    def line(self) -> str:
        """Return the tally as a line of JSON."""
        from mldkit.core import core

        seconds = round(time.monotonic() - self._begun, 1)
        return json.dumps(
            {
                "target": self.target.name,
                "how": self.how,
                "compiled core": core is not None,
                "inputs": self.inputs,
                self.target.unit: self.things,
                "seconds": seconds,
                "failures": sorted(self.kinds),
            }
        )


def _by_chance(tally: Tally, seconds: float, seed: int) -> None:
    from tests.fuzz.mutation import inputs

    target = tally.target
    until = time.monotonic() + seconds
    for data in inputs(Random(seed), list(target.seeds()), target.dictionary, target.most_octets):
        tally.one_input(data)
        if time.monotonic() >= until:
            break


def _guided(tally: Tally, arguments: argparse.Namespace, folder: Path) -> None:
    """Hand over to libFuzzer, which ends the process; the tally is printed before."""
    import atheris

    target = tally.target
    seeds, grown = folder / "seeds", (arguments.corpus or folder) / target.name
    for one in (seeds, grown):
        one.mkdir(parents=True, exist_ok=True)
    for data in target.seeds():
        (seeds / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
    words = folder / "words"
    words.write_text("".join(f'"{_escaped(word)}"\n' for word in target.dictionary))
    until = time.monotonic() + arguments.seconds

    def entry(data: bytes) -> None:
        tally.one_input(data)
        if time.monotonic() >= until:
            # libFuzzer would end without a word of ours, and neither it nor we clean up then.
            shutil.rmtree(folder, ignore_errors=True)
            print(tally.line(), flush=True)
            os._exit(1 if tally.kinds else 0)

    options = [
        *(f"-dict={words}", f"-max_len={target.most_octets}", f"-timeout={_SECONDS_AN_INPUT}"),
        *(f"-rss_limit_mb={_MOST_MEMORY_MIB}", f"-artifact_prefix={arguments.found}/"),
        *(f"-seed={arguments.seed}", "-print_pcs=0", "-verbosity=0", "-reload=0"),
        *(str(grown), str(seeds)),
    ]
    arguments.found.mkdir(parents=True, exist_ok=True)
    atheris.Setup([sys.argv[0], *options], entry)
    atheris.Fuzz()


def _instrumented(name: str) -> Target:
    """Return a target whose code tells what it runs: mldkit and nothing else.

    Its seeds are run at once, because some modules are loaded when they are needed first.
    """
    import atheris

    with (
        contextlib.redirect_stderr(io.StringIO()),
        atheris.instrument_imports(include=["mldkit"], enable_loader_override=False),
    ):
        target = target_of(name)
        for data in target.seeds():
            with contextlib.suppress(Exception):  # it will be found again, and told
                target.one_input(data)
    return target


def _version() -> str:
    from importlib.metadata import version

    return version("atheris")


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{octet:02x}" for octet in word)


def _one(arguments: argparse.Namespace) -> int:
    name = arguments.targets[0]
    guided = arguments.how != "chance" and importlib.util.find_spec("atheris") is not None
    if arguments.how == "guided" and not guided:
        print("atheris is not installed here", file=sys.stderr)
        return 3
    if not guided:
        print(f"{name}: not guided by coverage, inputs by chance alone", flush=True)
        tally = Tally(target_of(name), arguments.found, "by chance")
        _by_chance(tally, arguments.seconds, arguments.seed)
        print(tally.line(), flush=True)
        return 1 if tally.kinds else 0
    target = _instrumented(name)
    with tempfile.TemporaryDirectory(prefix="mldkit-fuzz-") as folder:
        tally = Tally(target, arguments.found, f"guided by atheris {_version()}")
        _guided(tally, arguments, Path(folder))
    return 0


def _again(name: str, file: Path) -> int:
    """Show what an input does, without a net."""
    print(target_of(name).one_input(file.read_bytes()), target_of(name).unit)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.run", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("targets", nargs="+", choices=(*NAMES, "all"), metavar="TARGET")
    parser.add_argument("--seconds", type=float, default=60, help="for all targets together")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--corpus", type=Path, help="folder in which what was learnt is kept")
    parser.add_argument("--found", type=Path, default=Path(tempfile.gettempdir(), "mldkit-found"))
    parser.add_argument("--how", choices=("auto", "guided", "chance"), default="auto")
    parser.add_argument(
        "--again", type=Path, metavar="FILE", help="run one input and show what happens"
    )
    return parser


def main() -> int:
    """Run the targets one after the other."""
    if os.environ.get(_INSTALLED) == "1":
        # What is installed comes first then; the tests are found behind it.
        sys.path[:] = [place for place in sys.path if Path(place or ".").resolve() != ROOT]
        sys.path.append(str(ROOT))
    arguments = _parser().parse_args()
    if arguments.again is not None:
        return _again(arguments.targets[0], arguments.again)
    if len(arguments.targets) == 1 and arguments.targets[0] != "all":
        return _one(arguments)
    names = NAMES if "all" in arguments.targets else tuple(arguments.targets)
    code = 0
    for name in names:
        command = [sys.executable, "-m", "tests.fuzz.run", name]
        command += ["--seconds", str(arguments.seconds / len(names)), "--how", arguments.how]
        command += ["--seed", str(arguments.seed), "--found", str(arguments.found)]
        if arguments.corpus is not None:
            command += ["--corpus", str(arguments.corpus)]
        code = max(code, subprocess.run(command, check=False).returncode)
    return code


if __name__ == "__main__":
    sys.exit(main())
