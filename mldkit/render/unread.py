"""What was not looked into, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.model.words import counted

if TYPE_CHECKING:
    from mldkit.model.datagram import Unread


def unread_text(what: Unread, count: int) -> str:
    """Return in words how many frames were not looked into, in what and why."""
    verb = "was" if count == 1 else "were"
    reason = f" ({what.reason})" if what.reason else ""
    return f"{counted(count, 'frame')} in {what.name} {verb} not looked into{reason}"
