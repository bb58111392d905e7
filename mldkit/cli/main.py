"""The command `mldkit`: global options, the verb table, errors and exit codes.

Only the module of the verb that was asked for is imported, so that `--help` and a decode of a
small capture never pay for Scapy or rich. A verb's module has two functions::

    configure(parser)   adds its arguments, examples in the epilog
    run(args) -> int    does the work and returns the exit code

Exit codes: 0 done, 1 findings or something expected missing, 2 usage, 3 environment,
4 skipped, 70 an error of mldkit itself, 130 interrupted. SIGTERM is the regular end of verbs that
run until they are told to: 0.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn

from mldkit import __version__
from mldkit.cli.help_width import HelpFormatter
from mldkit.cli.interrupt import exit_code
from mldkit.errors import MldkitError
from mldkit.render import streams

if TYPE_CHECKING:
    from collections.abc import Sequence

VERBS: dict[str, str] = {
    "query": "ask a link who listens to what and list the answers",
    "querier": "be the querier of a link: elections, queries, who listens",
    "report": "send reports with any records",
    "join": "join groups with real sockets of this kernel",
    "decode": "print every IGMP and MLD message of a capture",
    "analyze": "say what captures show about queriers, members and faults",
    "explain": "say what a finding means and what to do about it",
    "watch": "follow a live link: who joins, leaves and goes wrong",
    "respond": "emulate Linux hosts that are members of groups",
    "play": "run a script of joins, queries and expected reports",
    "zap": "switch channels as a viewer does and measure the delays",
    "groups": "list what this kernel listens to and why",
    "trace": "show the way of a join in this kernel, from the system call to the wire",
    "macfilter": "explain and prove which frames a receive filter lets in",
    "lab": "learn by doing in small networks that the kernel checks",
    "doctor": "tell what this machine can do",
    "completion": "print the script that completes commands in your shell",
    "demo": "run the main job in two network namespaces made for it",
}

_MOST_SHOWN = 1000
"""Characters of an error: what was given may be as long as the kernel lets arguments be."""
_GLOBAL_OPTIONS = frozenset(("--netns", "-q", "--quiet", "-v", "--verbose"))


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line and a hint, like all others."""

    def error(self, message: str) -> NoReturn:
        """Print the error and leave with exit code 2."""
        _complain(message, hint=f"see {self.prog} --help")
        sys.exit(2)


class VerbParser(Parser):
    """The parser of one verb: its groups may stand before, between and behind its options."""

    _is_inside = False
    _has_verbs = False

    def add_subparsers(self, **kwargs: Any) -> Any:  # noqa: ANN401 (as argparse has it)
        """Add verbs of a verb; what stands in front of them cannot be mixed."""
        self._has_verbs = True
        return super().add_subparsers(**kwargs)

    def _takes_the_rest(self) -> bool:
        """Return whether a command of somebody else follows, which is not ours to mix."""
        return any(action.nargs == argparse.REMAINDER for action in self._actions)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:  # noqa: ANN401
        """Parse; words that nothing takes are an error here, where the hint can name the verb."""
        if self._is_inside:
            return super().parse_known_args(args, namespace)
        self._is_inside = True
        try:
            if self._has_verbs or self._takes_the_rest():
                found, extra = super().parse_known_args(args, namespace)
            else:
                found, extra = self.parse_known_intermixed_args(args, namespace)
        finally:
            self._is_inside = False
        # Of an empty word nothing would be seen.
        words = " ".join(word if word.strip() else repr(word) for word in extra)
        if _GLOBAL_OPTIONS.intersection(extra):
            _complain(
                f"unrecognized arguments: {words}",
                hint=f"{' '.join(sorted(_GLOBAL_OPTIONS))} stand in front of the verb",
            )
            sys.exit(2)
        if extra:
            self.error(f"unrecognized arguments: {words}")
        return found, extra


def build_parser(verb: str | None = None) -> Parser:
    """Return the parser; only `verb` gets its arguments, the others just their help line.

    With `verb` None every verb is complete, which shell completion and the manual need.
    """
    parser = Parser(
        prog="mldkit",
        description="Build, send, read and explain MLDv2 and IGMPv3 at the packet level.",
        epilog="mldkit VERB --help has examples. Start with: mldkit demo",
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"mldkit {__version__}")
    parser.add_argument(
        "--netns",
        type=_namespace,
        metavar="NAME",
        help="run inside this network namespace (a name or a path)",
    )
    parser.add_argument(
        "-v", "--verbose", action="count", default=0, help="say more on standard error"
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="no notes on standard error")
    verbs = parser.add_subparsers(
        dest="verb", metavar="VERB", title="verbs", parser_class=VerbParser
    )
    for name, summary in VERBS.items():
        child = verbs.add_parser(
            name,
            help=summary,
            description=summary[0].upper() + summary[1:] + ".",
            formatter_class=HelpFormatter,
        )
        if verb in (None, name):
            importlib.import_module(f"mldkit.cli.{name}").configure(child)
    return parser


def _namespace(value: str) -> str:
    if not value.strip():
        raise argparse.ArgumentTypeError("the name is empty")
    return value


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        streams.check()
        try:
            code = _run(arguments)
        finally:
            # Here and not at the interpreter's end, where what goes wrong could not be caught.
            sys.stdout.flush()
    except MldkitError as error:
        _complain(error.message, hint=error.hint)
        return error.exit_code
    except KeyboardInterrupt as interrupt:
        return exit_code(interrupt)
    except BrokenPipeError:
        # The reader of what would never end has gone (`| head`).
        streams.discard_output()
        return 0
    except OSError as error:
        streams.discard_output()
        _complain(streams.failure_text(error))
        return MldkitError.exit_code
    except MemoryError:
        _complain("the memory is not enough", hint="give it more (ulimit -v), or less input")
        return MldkitError.exit_code
    except RecursionError:
        _complain("the input is nested too deeply")
        return MldkitError.exit_code
    except Exception as error:  # noqa: BLE001 (nobody foresaw it)
        return _give_up(error, arguments)
    return code


def _give_up(error: Exception, arguments: list[str]) -> int:
    """Say that this is our own fault, and where the details are."""
    from mldkit.cli import last_resort

    with suppress(OSError):
        streams.discard_output()
    message, hint = last_resort.describe(error, arguments)
    _complain(message, hint=hint)
    return last_resort.EXIT_CODE


def _run(arguments: list[str]) -> int:
    verb = next((word for word in _positionals(arguments) if word in VERBS), "")
    parser = build_parser(verb)
    args = parser.parse_args(arguments)
    if args.verb is None:
        parser.print_help()
        return 2
    if args.netns is not None:
        # Replaces this process: the package `netns` and Scapy never share one.
        from mldkit.link.launcher import run_in_namespace

        run_in_namespace(args.netns, _without_netns(arguments))
    module = importlib.import_module(f"mldkit.cli.{args.verb}")
    code: int = module.run(args)
    return code


def _positionals(arguments: list[str]) -> list[str]:
    words = iter(arguments)
    found = []
    for word in words:
        if word == "--netns":
            next(words, None)
        elif not word.startswith("-"):
            found.append(word)
    return found[:1]


def _without_netns(arguments: list[str]) -> list[str]:
    """Return the arguments without the global `--netns NAME` in front of the verb."""
    for index, word in enumerate(arguments):
        if word == "--netns":
            return arguments[:index] + arguments[index + 2 :]
        if word.startswith("--netns="):
            return arguments[:index] + arguments[index + 1 :]
        if not word.startswith("-"):
            break
    return arguments


def _complain(message: str, *, hint: str | None = None) -> None:
    from mldkit.render.terminal import printable  # only errors need it

    if len(message) > _MOST_SHOWN:
        # The beginning names the argument, the end says what is wrong.
        message = f"{message[: _MOST_SHOWN // 2]} ... {message[-_MOST_SHOWN // 2 :]}"
    streams.say(f"mldkit: {printable(message)}")
    if hint:
        streams.say(f"hint: {printable(hint)}")
