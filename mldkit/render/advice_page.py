"""What a page has folded below a finding: why it is so severe, and what to do about it."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from mldkit.advice.table import ROWS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mldkit.analysis.diagnosis import Diagnosis


def fold(finding: Diagnosis) -> Iterator[str]:
    """Give the HTML of what a page has folded below a finding: why so severe, and what to do."""
    row = ROWS[finding.id]
    why = row.ground(finding.severity)
    if why is not None:
        yield f'<p class="place">{finding.severity}, because: {escape(why)}</p>'
    yield f"<details><summary>{'What to do' if row.cures else 'Meaning'}</summary>"
    yield f"<p>{escape(row.meaning)}</p>"
    if row.confirm:
        yield f"<p>Confirm:</p>{_listing(row.confirm)}"
    for where, lines in row.cures:
        yield f"<p>{escape(where)}:</p>{_listing(lines)}"
    if row.leave_alone:
        yield f"<p>Leave it alone {escape(row.leave_alone)}.</p>"
    yield "</details>"


def _listing(lines: Iterable[str]) -> str:
    return f"<pre>{escape(chr(10).join(lines))}</pre>"
