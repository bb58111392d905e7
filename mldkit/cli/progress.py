"""A bar for waits of known length: on a terminal only, on standard error, gone at the end."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mldkit.model.units import SECOND

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

_WORTH_SHOWING_NS = SECOND
# The line stays short of 80 columns even with the `^C` that the terminal echoes behind it.
_BAR_COLUMNS = 24


@contextmanager
def waiting(args: argparse.Namespace, total_ns: int, what: str) -> Iterator[None]:
    """Show a bar that fills in `total_ns` while the block runs.

    The bar draws itself from a thread of rich, so the work inside never waits for it.
    """
    if args.quiet or total_ns < _WORTH_SHOWING_NS or not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    from mldkit.link import clock

    begun_ns = clock.now_ns()

    def elapsed_s() -> float:
        return (clock.now_ns() - begun_ns) / SECOND

    class _Elapsed(BarColumn):
        """A bar whose position is the time that has passed."""

        def render(self, task):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
            progress.update(task.id, completed=min(elapsed_s(), total_ns / SECOND), refresh=False)
            return super().render(task)

    columns = (
        TextColumn(what),
        _Elapsed(bar_width=_BAR_COLUMNS),
        TextColumn("{task.completed:.0f} of {task.total:.0f} s (Ctrl-C ends it early)"),
    )
    progress = Progress(*columns, console=Console(stderr=True), transient=True)
    with progress:
        progress.add_task(what, total=total_ns / SECOND)
        yield
