"""The targets themselves, without coverage: their seeds, chance mutations, and planted faults.

A target that cannot fail proves nothing: into each a fault is planted that its seeds do not show,
and mutation has to find it.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest

from mldkit.craft import defects
from mldkit.craft.settings import set_field
from mldkit.link import capture, ethtool, interfaces, kernel_tables
from mldkit.model import addresses, codes
from mldkit.path import firewall
from mldkit.protocol import script_words
from mldkit.trace import text as trace_text
from mldkit.wire import decode_igmp
from mldkit.wire.media import read_rtp
from mldkit.zap import channel
from tests.fuzz import found, netlink_messages, run
from tests.fuzz.mutation import inputs, mutated
from tests.fuzz.pieces import SEPARATOR, join, packed, split
from tests.fuzz.target import BrokenInvariantError, Target, hold, same

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

pytestmark = pytest.mark.long

_FEW = 150
"""Mutations of each target in an ordinary run; `tox -e fuzz` makes many more."""
_MOST = 20_000
targets = pytest.mark.parametrize("name", run.NAMES)


@targets
def test_a_target_holds_for_its_seeds_and_for_what_runs_have_found(name: str) -> None:
    target = run.target_of(name)
    seeds = [*target.seeds(), *found.inputs_of(target)]

    assert sum(target.one_input(data) for data in seeds) > 0
    assert all(len(data) <= target.most_octets for data in seeds)


@targets
def test_a_target_holds_for_chance_mutations_of_its_seeds(name: str) -> None:
    target = run.target_of(name)
    seeds = list(target.seeds())
    tried = islice(
        inputs(Random(7), seeds, target.dictionary, target.most_octets), len(seeds), None
    )

    for data in islice(tried, _FEW):
        target.one_input(data)


def _raising(error: Exception, when: Callable[..., bool], instead: Any) -> Callable[..., Any]:
    """Return a function that does its work, and in some cases does not."""

    def planted(*given: Any, **named: Any) -> Any:
        if when(*given, **named):
            raise error
        return instead(*given, **named)

    return planted


def _unguarded(parse: Callable[..., object], line: str, *more: object) -> object:
    return parse(line.split(), *more)


def _unguarded_interfaces() -> Any:
    """The function without what `understood` has put around it."""
    return interfaces.interfaces.__wrapped__()  # type: ignore[attr-defined]


def _without_empty_names(interface: str, of_set: int, read: Any = ethtool._strings) -> Any:  # noqa: SLF001
    names = read(interface, of_set)
    if "" in names:
        raise KeyError("planted")
    return names


def _plant_in_codes() -> AbstractContextManager[object]:
    """A code that nobody thought of: everything that has a response time goes through it."""
    fault = _raising(ValueError("planted"), lambda code, **_: 0x90 <= code <= 0xFF, codes.decode)
    return mock.patch.object(codes, "decode", fault)


@contextmanager
def _plant(name: str) -> Iterator[None]:
    """Take a guard away for a time, or put a fault where one was once."""
    plants: dict[str, Callable[[], AbstractContextManager[object]]] = {
        "decoder": lambda: mock.patch.object(
            decode_igmp, "_short", side_effect=IndexError("planted")
        ),
        "captures": lambda: mock.patch.object(
            capture, "_not_a_capture", side_effect=KeyError("planted")
        ),
        "analysis": _plant_in_codes,
        "machines": _plant_in_codes,
        "play": lambda: mock.patch.object(script_words, "_MOST_SHOWN", 1 << 20),
        "lab": lambda: mock.patch.object(tomllib, "TOMLDecodeError", KeyError),
        "tables": lambda: mock.patch.object(kernel_tables, "_read", _unguarded),
        "netlink": lambda: mock.patch.object(
            netlink_messages,
            "_READERS",
            (_unguarded_interfaces, *netlink_messages._READERS[1:]),  # noqa: SLF001
        ),
        "tracing": lambda: mock.patch.object(
            trace_text,
            "_time_ns",
            _raising(ValueError("planted"), lambda it, _: len(it) > 4, trace_text._time_ns),  # noqa: SLF001
        ),
        "ethtool": lambda: mock.patch.object(ethtool, "_strings", _without_empty_names),
        "firewall": lambda: mock.patch.object(
            firewall, "_is_named", lambda _, entry: isinstance(entry, dict)
        ),
        "defects": lambda: mock.patch.object(
            defects,
            "set_field",
            _raising(IndexError("planted"), lambda _, it: it.index > 0, set_field),
        ),
        # A header extension, which no seed has.
        "media": lambda: mock.patch.object(
            channel,
            "read_rtp",
            _raising(IndexError("planted"), lambda it: it[:1] >= b"\x90", read_rtp),
        ),
        "notations": lambda: mock.patch.object(
            addresses, "_HEX", frozenset("0123456789abcdefABCDEF+ ")
        ),
    }
    with plants[name]():
        yield


@targets
def test_mutation_finds_a_fault_that_is_planted(name: str) -> None:
    target = run.target_of(name)
    seeds = list(target.seeds())
    with _plant(name):
        for data in seeds:
            target.one_input(data)
        tried = inputs(Random(3), seeds, target.dictionary, target.most_octets)
        assert any(_fails(target, data) for data in islice(tried, _MOST))


def _fails(target: Target, data: bytes) -> bool:
    try:
        target.one_input(data)
    except Exception:  # noqa: BLE001 (whatever the fault leads to)
        return True
    return False


def test_every_target_is_run_and_described() -> None:
    here = Path(__file__).parent
    modules = {path.stem for path in here.glob("*.py") if "\nTARGET = " in path.read_text()}
    page = (run.ROOT / "docs" / "fuzzing.md").read_text()
    described = re.findall(r"^\| `(\w+)` \|", page.partition("## How to run it")[0], re.MULTILINE)

    assert {run.target_of(name).name for name in run.NAMES} == set(run.NAMES) == set(described)
    assert {run.target_of(name).one_input.__module__ for name in run.NAMES} == {
        f"tests.fuzz.{module}" for module in modules
    }


def test_mutations_are_the_same_for_the_same_seed_and_never_too_long() -> None:
    corpus, words = [b"", b"abc", bytes(90)], [b"word" * 20]

    first, second = (
        [mutated(Random(number), corpus, words, 100) for number in range(2000)] for _ in range(2)
    )

    assert first == second
    assert max(map(len, first)) == 100
    assert len(set(first)) > 1000


def test_pieces_are_put_together_and_taken_apart() -> None:
    pieces = [b"one", b"", b"two" * 9]

    assert split(join(pieces)) == pieces
    assert [split(one) for one in packed(pieces, 9)] == [[b"one", b""], [b"two" * 9]]
    assert split(b"a" + SEPARATOR + SEPARATOR) == [b"a", b"", b""]


def test_an_invariant_that_does_not_hold_is_a_violation() -> None:
    with pytest.raises(BrokenInvariantError, match="two things"):
        hold([], "two things")
    with pytest.raises(BrokenInvariantError, match=r"alike\n  1\n  2"):
        same(1, 2, "alike")


def _failing(data: bytes) -> int:
    if b"!" in data:
        raise KeyError(data)
    return len(data)


def test_a_run_keeps_the_first_input_of_each_kind_of_failure_and_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = Target("failing", _failing, lambda: (), (), "octets")
    tally = run.Tally(target, tmp_path / "found", "by hand")

    for data in (b"ab", b"c!", b"d!", b"efg"):
        tally.one_input(data)

    (file,) = (tmp_path / "found").iterdir()
    assert file.read_bytes() == b"c!"
    assert f"python -m tests.fuzz.run failing --again {file}" in capsys.readouterr().out
    told = json.loads(tally.line())
    assert (told["inputs"], told["octets"], len(told["failures"])) == (4, 5, 1)


def test_a_run_without_atheris_says_that_nothing_guides_it() -> None:
    command = [sys.executable, "-m", "tests.fuzz.run", "tables", "--how", "chance"]
    done = subprocess.run(
        [*command, "--seconds", "0.2"],
        capture_output=True, text=True, check=False, cwd=run.ROOT,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    first, last = done.stdout.splitlines()
    assert first == "tables: not guided by coverage, inputs by chance alone"
    told = json.loads(last)
    assert told["how"] == "by chance"
    assert told["inputs"] > len(list(run.target_of("tables").seeds()))
