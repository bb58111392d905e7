"""`mldkit completion`: the script with which a shell completes verbs, options and names.

Names are those of files, interfaces, network namespaces, labs and rules; the metavar of an argument
says which. tcsh has no functions, so of what this machine has it completes files only.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from mldkit.analysis.rules import BY_ID
from mldkit.cli.main import build_parser
from mldkit.errors import MldkitError
from mldkit.lab import catalogue

if TYPE_CHECKING:
    from collections.abc import Iterator

EPILOG = """\
examples:
  mldkit completion bash > ~/.local/share/bash-completion/completions/mldkit
  mldkit completion zsh > ~/.zfunc/_mldkit

It needs the package shtab: pip install shtab

exit codes: 0 done, 2 wrong usage, 3 shtab is missing
"""

_BASH_FUNCTIONS = """\
_mldkit_interfaces() {{ compgen -W "$(command ls /sys/class/net 2>/dev/null)" -- "$1"; }}
_mldkit_namespaces() {{ compgen -W "$(command ls /run/netns 2>/dev/null)" -- "$1"; }}
_mldkit_labs() {{ compgen -W "{labs}" -- "$1"; }}
_mldkit_rules() {{ compgen -W "{rules}" -- "${{1^^}}"; }}
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
        raise MldkitError("the package shtab is missing", hint="pip install shtab") from error
    parser = build_parser()
    labs, rules = " ".join(entry.id for entry in catalogue.entries()), " ".join(BY_ID)
    names = {
        "FILE": shtab.FILE,
        "IF": {"bash": "_mldkit_interfaces", "zsh": "_net_interfaces"},
        "NAME": {"bash": "_mldkit_namespaces", "zsh": "_files -W /run/netns"},
        "LAB": {"bash": "_mldkit_labs", "zsh": f"({labs})", "tcsh": f"({labs})"},
        "RULE": {"bash": "_mldkit_rules", "zsh": f"({rules})", "tcsh": f"({rules})"},
    }
    for action in _actions(parser):
        if action.metavar in names:
            action.complete = names[action.metavar]  # type: ignore[attr-defined]
    preamble = _BASH_FUNCTIONS.format(labs=labs, rules=rules) if args.shell == "bash" else ""
    print(shtab.complete(parser, args.shell, preamble=preamble))
    return 0


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Give the actions of the parser and of its verbs."""
    for action in parser._actions:  # noqa: SLF001 (argparse has no other way to list them)
        yield action
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for child in action.choices.values():
                yield from _actions(child)
