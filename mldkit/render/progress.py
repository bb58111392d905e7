"""A bar for work of known length: on a terminal only, on standard error, gone at the end."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mldkit.model.printing import printable
from mldkit.model.units import SECOND

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from mldkit.link.capture import Capture

_WORTH_SHOWING_NS = SECOND
# The line stays short of 80 columns even with the `^C` that the terminal echoes behind it.
_BAR_COLUMNS = 24
# Less is decoded within a second, whatever it holds.
_WORTH_SHOWING_OCTETS = 4_000_000
_UNTIL_CTRL_C = "(Ctrl-C ends it early)"


@contextmanager
def waiting(args: argparse.Namespace, total_ns: int, what: str) -> Iterator[None]:
    """Show a bar that fills in `total_ns` while the block runs."""
    if total_ns < _WORTH_SHOWING_NS or not _has_spectator(args):
        yield
        return
    from mldkit.link import clock

    begun_ns = clock.now_ns()

    def elapsed_s() -> float:
        return (clock.now_ns() - begun_ns) / SECOND

    words = f"{{task.completed:.0f}} of {{task.total:.0f}} s {_UNTIL_CTRL_C}"
    with _bar(what, words, total_ns / SECOND, elapsed_s):
        yield


@contextmanager
def reading(args: argparse.Namespace, capture: Capture) -> Iterator[None]:
    """Show how much of a large capture has been read, unless lines tell it on the terminal."""
    total = capture.size_octets
    if total is None or total < _WORTH_SHOWING_OCTETS or not _has_spectator(args):
        yield
        return
    if sys.stdout.isatty():
        yield
        return
    words = f"{{task.percentage:.0f}} % {_UNTIL_CTRL_C}"
    with _bar("reading", words, total, lambda: capture.read_octets):
        yield


def _has_spectator(args: argparse.Namespace) -> bool:
    return not args.quiet and sys.stderr.isatty()


@contextmanager
def _bar(what: str, words: str, total: float, position: Callable[[], float]) -> Iterator[None]:
    """Show a bar at `position` of `total`.

    It draws itself from a thread of rich, so the work inside never waits for it.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    class _Position(BarColumn):
        """A bar that looks for itself how far things are."""

        def render(self, task):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
            progress.update(task.id, completed=min(position(), total), refresh=False)
            return super().render(task)

    # A name stands as it is: braces in it are no field, brackets no style, `:a:` no emoji.
    progress = Progress(
        TextColumn("{task.description}", markup=False),
        _Position(bar_width=_BAR_COLUMNS),
        TextColumn(words),
        console=Console(stderr=True),
        transient=True,
        # Lines on the same terminal go above the bar; data for a file or a pipe must get there.
        redirect_stdout=sys.stdout.isatty(),
    )
    with progress:
        progress.add_task(printable(what), total=total)
        yield
