"""`mldkit doctor`: what this machine can do, and what to do about the rest."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from mldkit.cli.arguments import add_format
from mldkit.link.machine import MachineCheck, Status, checks, core_works, sandbox_works
from mldkit.render.terminal import broken_at, output_columns

if TYPE_CHECKING:
    import argparse

EXAMPLES = """\
examples:
  mldkit doctor
  mldkit doctor --json | jq '.checks[] | select(.status != "ok")'

exit codes: 0 the core works, 3 it does not
"""

_MISSING_CORE = 3
_SEEN_AT = 48


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `doctor`."""
    add_format(parser)
    parser.epilog = EXAMPLES


def run(args: argparse.Namespace) -> int:
    """Look, print each finding as it comes, return 0 if the core works and else 3."""
    found = []
    for check in checks():
        found.append(check)
        if args.format == "text":
            print(_line(check), flush=True)
        elif args.format == "ndjson":
            print(json.dumps(_entry(check)), flush=True)
    works = core_works(found)
    if args.format == "json":
        document = {
            "schema": "mldkit.doctor/1",
            "core_works": works,
            "checks": [_entry(check) for check in found],
        }
        print(json.dumps(document, indent=2))
    elif args.format == "text":
        print(f"\n{_verdict(found, works=works)}")
    return 0 if works else _MISSING_CORE


def _verdict(found: list[MachineCheck], *, works: bool) -> str:
    if not works:
        return "the core does not work here"
    # The demonstration needs a sandbox, which the own interfaces of a machine do without.
    return "the core works: try mldkit demo" if sandbox_works(found) else "the core works"


def _entry(check: MachineCheck) -> dict[str, str | None]:
    return {
        "name": check.name,
        "status": check.status.value,
        "seen": check.seen,
        "advice": check.advice,
    }


def _line(check: MachineCheck) -> str:
    columns = output_columns() or len(check.seen + (check.advice or "")) + 2 * _SEEN_AT
    seen = f"{check.status.value:8} {check.name:38} {check.seen}"
    lines = [broken_at(seen, columns, _SEEN_AT)]
    if check.status is not Status.OK and check.advice:
        lines.append(broken_at(f"{'':{_SEEN_AT}}-> {check.advice}", columns, _SEEN_AT + 3))
    return "\n".join(lines)
