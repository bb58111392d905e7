"""Text from elsewhere, made safe to show: names of interfaces, files and whatever captures say."""

from __future__ import annotations


def printable(text: str) -> str:
    """Return `text` with control and direction characters escaped."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )
