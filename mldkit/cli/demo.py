"""`mldkit demo`: the main job in two network namespaces made for it."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING

from mldkit.cli.arguments import add_format
from mldkit.demo import Demo
from mldkit.link import clock
from mldkit.model.units import SECOND
from mldkit.render.terminal import detail, line_printer, note, print_json

if TYPE_CHECKING:
    import argparse

INDENT = " " * 5
EPILOG = """\
examples:
  mldkit demo
  mldkit demo --json | jq '.steps[].commands'

No arguments, no hardware, and no root where user namespaces are allowed
(mldkit doctor tells). It takes a few seconds and leaves nothing behind.

exit codes: 0 done, 3 this machine cannot do it, 130 interrupted
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `demo`."""
    parser.epilog = EPILOG
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    """Carry out the steps and print each when it is done."""
    if sys.stdout.isatty():
        # The steps print into a pipe: tell them how wide the terminal behind it is.
        os.environ["COLUMNS"] = str(shutil.get_terminal_size().columns - len(INDENT))
    begun_ns = clock.now_ns()
    with Demo(as_data=args.format != "text") as demo:
        if args.format == "text":
            _print_steps(demo)
        else:
            _print_data(args, demo)
    note(args, "both namespaces and everything in them are removed")
    whose = "in a user namespace" if demo.is_rootless else "as root"
    detail(args, f"{whose}, in {(clock.now_ns() - begun_ns) / SECOND:.1f} s")
    return 0


def _print_steps(demo: Demo) -> None:
    emit = line_printer()
    for number, step in enumerate(demo.steps(), 1):
        emit(f"{number}. {step.title}", "bold")
        for command in step.commands:
            emit(f"   $ {command}", "cyan")
        for line in step.lines:
            emit(f"{INDENT}{line}")
        emit("")
        # Each step is there to be read when it is done, through a pipe as well.
        sys.stdout.flush()


def _print_data(args: argparse.Namespace, demo: Demo) -> None:
    steps = [
        {"title": step.title, "commands": list(step.commands), "data": step.data or step.lines}
        for step in demo.steps()
    ]
    if args.format == "json":
        print_json({"schema": "mldkit.demo/1", "rootless": demo.is_rootless, "steps": steps})
    else:
        for step in steps:
            print_json(step)
