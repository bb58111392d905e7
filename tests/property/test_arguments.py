"""Arguments of every verb, made from its own parser: whatever comes, a known exit code.

The interface that verbs get does not exist, so that nothing is sent and nothing waits; what makes
namespaces or runs programs is only parsed.
"""
# ruff: noqa: SLF001 (argparse has no other way to say what a parser takes)

from __future__ import annotations

import argparse
import contextlib
import io
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mldkit.cli.main import VERBS, build_parser, main

if TYPE_CHECKING:
    from collections.abc import Iterator

PARSED_ONLY = frozenset(("demo", "lab", "doctor", "completion"))
KNOWN_CODES = frozenset((0, 1, 2, 3, 4))
ABSENT = "no-such-if0"
ODD = st.sampled_from(
    (
        *("", " ", "-", "--", "-1", "0", "1e400", "nan", "9" * 5000, "0x" + "f" * 5000),
        *("1" * 100_000, "x" * 100_000, "1" * 400 + "s", "1s", "1ms", "\u0661\u0662"),
        *("fe80::1%eth0", "ff02::1%1", "239.1.2.3%lo", "::ffff:239.1.2.3", "0.0.0.0"),
        *("239.1.2.3", "ff15::1", "232.1.1.1+65536", "10.0.0.1@232.1.1.1", "@", ",@", "+"),
        *("IS_EX(239.1.2.3)", "TO_IN(ff15::1,{::1})", "IS_EX(", "ALLOW(239.1.1.1,{})"),
        *("02:00:00:00:00:01", "ff:ff:ff:ff:ff:ff", "MLDv2Query.qrv=7", "IP.ttl", "a.b=c=d"),
        *("/", "/dev/null", "/dev/full", "/proc/self/mem", "/nonexistent/file", "../.."),
        *("\udcff\udcfe", "a\nb", "\x1b[31m", "%n%s", "{}", "["),
        *("D-01", "igmp2", "text", "linux", "auto"),
    )
)
VALUES = ODD | st.text(max_size=12) | st.integers(-(10**30), 10**30).map(str)


def actions_of(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Give what a parser takes, of verbs of a verb too, without what prints and exits."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for child in action.choices.values():
                yield from actions_of(child)
        elif not isinstance(action, argparse._HelpAction | argparse._VersionAction):
            yield action


def parser_of(verb: str) -> argparse.ArgumentParser:
    for action in build_parser(verb)._actions:
        if isinstance(action, argparse._SubParsersAction):
            found = action.choices[verb]
            assert isinstance(found, argparse.ArgumentParser)
            return found
    raise LookupError(verb)


def words_of(action: argparse.Action) -> st.SearchStrategy[list[str]]:
    """Give an option with as many values as it takes, or a word for an argument."""
    value = VALUES
    if action.choices:
        value |= st.sampled_from(sorted(map(str, action.choices)))
    if action.dest == "interface":
        value = st.just(ABSENT)
    count = 0 if action.nargs == 0 else 1
    values = st.lists(value, min_size=count, max_size=count)
    if not action.option_strings:
        return values
    names = st.sampled_from(action.option_strings)
    return st.builds(lambda name, given: [name, *given], names, values)


@st.composite
def command_lines(draw: st.DrawFn, verb: str) -> list[str]:
    parser = parser_of(verb)
    known = list(actions_of(parser))
    subverbs = [
        name
        for action in parser._actions
        if isinstance(action, argparse._SubParsersAction)
        for name in action.choices
    ]
    chosen = draw(st.lists(st.sampled_from(known).flatmap(words_of), max_size=5))
    words = [word for group in chosen for word in group]
    if any("-i" in action.option_strings for action in known) and "-i" not in words:
        words = ["-i", ABSENT, *words]
    first = [draw(st.sampled_from(subverbs))] if subverbs else []
    return [verb, *first, *words]


def run(words: list[str]) -> tuple[object, str]:
    said, output = io.StringIO(), io.StringIO()
    with (
        # The process of the tests needs its rights for the next ones.
        patch("mldkit.link.rights.give_up"),
        TemporaryDirectory() as folder,
        contextlib.chdir(folder),
        contextlib.redirect_stderr(said),
        contextlib.redirect_stdout(output),
    ):
        try:
            code: object = main(words)
        except SystemExit as end:
            code = end.code
    return code, said.getvalue()


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb not in PARSED_ONLY])
@given(data=st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_a_verb_is_given_it_ends_with_a_known_code(verb: str, data: st.DataObject) -> None:
    words = data.draw(command_lines(verb))
    code, said = run(words)

    assert code in KNOWN_CODES, said
    assert "Traceback" not in said
    complaints = [line for line in said.splitlines() if line.startswith("mldkit: ")]
    assert all(line.rstrip()[-1] != ":" for line in complaints)
    if code in (2, 3):
        assert complaints


@pytest.mark.parametrize("verb", sorted(PARSED_ONLY))
@given(data=st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_what_is_only_parsed_gives_arguments_or_exit_code_2(verb: str, data: st.DataObject) -> None:
    words = data.draw(command_lines(verb))
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        try:
            code: object = 0 if build_parser(verb).parse_args(words).verb == verb else None
        except SystemExit as end:
            code = end.code
    assert code == (2 if said.getvalue().startswith("mldkit: ") else 0)
