# ruff: noqa: T201 (a script talks to whoever runs it)
"""Make the recordings of this folder again, with this machine's kernel.

::

    python captures/record.py                       all of them
    python captures/record.py 01-igmpv3-join-leave  this one
    python captures/record.py --decode              no recording, only the decode as JSON
    python captures/record.py --list

Each one is played in a sandbox of its own, so nothing is left behind, no interface of the
machine is touched, and no root is needed where user namespaces are allowed. MACs, addresses and
groups are fixed: a new recording has the same messages in the same order, at other times.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

# Python puts the folder of a script first; the packages are named from the repository's root.
sys.path[0] = str(Path(__file__).resolve().parents[1])

from captures.recording import igmp, links, mld  # noqa: E402
from captures.recording.document import write_decode_again, write_document  # noqa: E402
from captures.recording.stage import Scenario, Stage, Unexpected  # noqa: E402
from mldkit.errors import MldkitError  # noqa: E402
from mldkit.link.namespace import Sandbox  # noqa: E402

FOLDER = Path(__file__).resolve().parent
LONGEST_SECONDS = 90
ATTEMPTS = 3

SCENARIOS = {
    scenario.name: scenario
    for scenario in sorted(
        (*igmp.SCENARIOS, *mld.SCENARIOS, *links.SCENARIOS), key=lambda scenario: scenario.name
    )
}


def main() -> int:
    """Record what was asked for; return 1 when the kernel did not do what a scenario says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="recordings (default: all)")
    parser.add_argument("--list", action="store_true", help="print the names and titles")
    parser.add_argument(
        "--decode", action="store_true", help="only write the decode of existing recordings again"
    )
    parser.add_argument("--output", type=Path, default=FOLDER, metavar="FOLDER")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    unknown = [name for name in args.names if name not in SCENARIOS]
    if unknown:
        parser.error(f"no such recording: {', '.join(unknown)} (--list prints them)")
    if not args.output.is_dir():
        parser.error(f"argument --output: {args.output} is not a folder")
    chosen = [SCENARIOS[name] for name in args.names or SCENARIOS]
    if args.list:
        for scenario in chosen:
            print(f"{scenario.name:<28} {scenario.title}")
        return 0
    if args.decode:
        for scenario in chosen:
            write_decode_again(args.output / f"{scenario.name}.pcapng")
        return 0
    record = _record_inside if args.inside else _record
    return max(record(scenario, args.output.resolve()) for scenario in chosen)


def _record(scenario: Scenario, folder: Path) -> int:
    """Play a scenario in a new sandbox, which this script enters as another process."""
    command = [sys.executable, __file__, "--inside", "--output", str(folder), scenario.name]
    for _ in range(ATTEMPTS):
        with Sandbox() as sandbox:
            done = sandbox.run(command, timeout=LONGEST_SECONDS)
        print(f"{scenario.name:<28} {done.stderr.strip() or done.stdout.strip()}", flush=True)
        # Random delays can fall together (two hosts that answer at the same instant, a repeat and
        # a query): then the story is told once more.
        if done.returncode != 1:
            break
    return done.returncode


def _record_inside(scenario: Scenario, folder: Path) -> int:
    # The sandbox has a /run of its own: what was recorded before stays until the story was told.
    capture = Path("/run", f"{scenario.name}.pcapng")
    try:
        with Stage(str(capture)) as stage:
            scenario.play(stage)
            story = stage.story()
    except Unexpected as error:
        print(error.message, file=sys.stderr)
        return 1
    write_document(scenario, story, capture, folder / f"{scenario.name}.json")
    shutil.copyfile(capture, folder / capture.name)
    print(f"{capture.stat().st_size} octets")
    return 0


def _run() -> int:
    try:
        return main()
    except MldkitError as error:
        print(f"record.py: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"hint: {error.hint}", file=sys.stderr)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(_run())
