"""The words of one line of a script, read from left to right, and errors that name their place."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn, TypeVar

from mldkit.errors import UsageError
from mldkit.model.notation import shortened

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
_MOST_DIGITS = 20
_MOST_SHOWN = 300
"""Characters of an error: a word of a script may be as long as a file."""
_WORD = re.compile(r"(?:\([^)]*\)|\{[^}]*\}|[^\s(){}])+|\S")


def split_words(line: str) -> list[tuple[int, str]]:
    """Return the words of a line with their columns from 1; `#` starts a comment."""
    content = line.partition("#")[0]
    return [(match.start() + 1, match[0]) for match in _WORD.finditer(content)]


class ScriptError(UsageError):
    """A line of a script makes no sense."""


@dataclass(slots=True)
class Words:
    """The words of one line with their columns, read from left to right."""

    name: str
    line: int
    words: list[tuple[int, str]]
    position: int = 0

    @property
    def is_done(self) -> bool:
        """Whether every word has been read."""
        return self.position == len(self.words)

    @property
    def column(self) -> int:
        """The column of the word that was read last."""
        return self.words[self.position - 1][0]

    def peek(self) -> str:
        """Return the next word, empty at the end."""
        return "" if self.is_done else self.words[self.position][1]

    def next(self, what: str) -> str:
        """Return the next word; at the end the error says that `what` is missing."""
        if self.is_done:
            self.fail(f"{what} is missing")
        word = self.words[self.position][1]
        self.position += 1
        return word

    def take(self, word: str) -> bool:
        """Read the next word if it is `word`."""
        found = self.peek() == word
        self.position += found
        return found

    def read(self, what: str, parse: Callable[[str], T]) -> T:
        """Return the next word parsed; what the parser objects to is said with its place."""
        word = self.next(what)
        try:
            return parse(word)
        except UsageError as error:
            self.position -= 1
            self.fail(error.message, error.hint)
        except ValueError as error:
            self.position -= 1
            self.fail(str(error))

    def number(self, what: str, low: int, high: int) -> int:
        """Return the next word as a whole number."""

        def parse(word: str) -> int:
            # Without the length Python refuses to read it, and says so in words of its own.
            is_number = word.isascii() and word.isdecimal() and len(word) <= _MOST_DIGITS
            if not is_number or not low <= int(word) <= high:
                shown = shortened(word)
                raise ValueError(f"{what} {shown!r} is not a whole number from {low} to {high}")
            return int(word)

        return self.read(what, parse)

    def choice(self, what: str, *choices: str) -> str:
        """Return the next word, which is one of `choices`."""

        def parse(word: str) -> str:
            if word not in choices:
                raise ValueError(f"{what} {word!r} is not one of {', '.join(choices)}")
            return word

        return self.read(what, parse)

    def finish(self) -> None:
        """Make sure that nothing is left."""
        if not self.is_done:
            self.fail(f"{self.peek()!r} was not expected here")

    def refuse(self, message: str, hint: str | None = None) -> NoReturn:
        """Raise the error that names the place of the word that was read last."""
        self.position -= 1
        self.fail(message, hint)

    def fail(self, message: str, hint: str | None = None) -> NoReturn:
        """Raise the error that names this place."""
        if self.is_done:
            last = self.words[-1]
            column = last[0] + len(last[1])
        else:
            column = self.words[self.position][0]
        if len(message) > _MOST_SHOWN:
            message = message[:_MOST_SHOWN] + "..."
        raise ScriptError(f"{self.name}:{self.line}:{column}: {message}", hint=hint)
