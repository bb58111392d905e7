"""`mldkit completion`: the script with which a shell completes verbs, options and file names."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from mldkit.cli.main import build_parser
from mldkit.errors import MldkitError

if TYPE_CHECKING:
    from collections.abc import Iterator

EPILOG = """\
examples:
  mldkit completion bash > ~/.local/share/bash-completion/completions/mldkit
  mldkit completion zsh > ~/.zfunc/_mldkit

It needs the package shtab: pip install 'mldkit[completion]'

exit codes: 0 done, 2 wrong usage, 3 shtab is missing
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `completion`."""
    parser.epilog = EPILOG
    parser.add_argument("shell", choices=("bash", "zsh", "tcsh"), help="the shell it is for")


def run(args: argparse.Namespace) -> int:
    """Print the script."""
    try:
        import shtab
    except ImportError as error:
        raise MldkitError(
            "the package shtab is missing", hint="pip install 'mldkit[completion]'"
        ) from error
    parser = build_parser()
    for action in _actions(parser):
        if action.metavar == "FILE":
            action.complete = shtab.FILE  # type: ignore[attr-defined]
    print(shtab.complete(parser, args.shell))
    return 0


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Give the actions of the parser and of its verbs."""
    for action in parser._actions:  # noqa: SLF001 (argparse has no other way to list them)
        yield action
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for child in action.choices.values():
                yield from _actions(child)
