"""A table of a TOML file with a memory: where it stands, and which of its keys were asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mldkit.errors import LabError

if TYPE_CHECKING:
    import re
    from collections.abc import Sequence

_KINDS = {list: "a list", dict: "a table", str: "a text", int: "a number", bool: "true or false"}


class TomlTable:
    """A TOML table that knows its file and place, and which keys nobody asked for."""

    def __init__(self, values: dict[str, Any], where: str, place: str) -> None:
        self._values = values
        self._where = where
        self._place = place
        self._asked: dict[str, TomlTable | None] = {}

    def keys(self) -> tuple[str, ...]:
        """Return the keys that the table has."""
        return tuple(self._values)

    def wrong(self, key: str, what: str) -> LabError:
        """Return the error that names file and key."""
        name = f"{self._place}.{key}" if self._place else key
        return LabError(f"{self._where}: {name}: {what}")

    def value(self, key: str, kind: type, default: Any = None) -> Any:  # noqa: ANN401 (TOML)
        """Return the value of a key; raise `LabError` where it is missing or of another kind."""
        self._asked.setdefault(key, None)
        if key not in self._values:
            if default is None:
                raise self.wrong(key, "is missing")
            return default
        value = self._values[key]
        if type(value) is not kind:
            raise self.wrong(key, f"is not {_KINDS[kind]}")
        return value

    def table(self, key: str) -> TomlTable:
        """Return a table below this one, empty where there is none."""
        child = TomlTable(self.value(key, dict, {}), self._where, self._joined(key))
        self._asked[key] = child
        return child

    def tables(self, key: str) -> list[TomlTable]:
        """Return a list of tables."""
        found = []
        for position, entry in enumerate(self.value(key, list, [])):
            if not isinstance(entry, dict):
                raise self.wrong(key, "is not a list of tables")
            child = TomlTable(entry, self._where, f"{self._joined(key)}[{position}]")
            found.append(child)
            self._asked[child._place] = child
        return found

    def text(self, key: str, pattern: re.Pattern[str] | None = None) -> str:
        """Return a text that fits a pattern."""
        value: str = self.value(key, str)
        if pattern is not None and not pattern.fullmatch(value):
            raise self.wrong(key, f"{value!r} makes no sense here")
        return value

    def texts(self, key: str, pattern: re.Pattern[str] | None = None) -> tuple[str, ...]:
        """Return a list of texts, each of which fits a pattern."""
        values = self.value(key, list, [])
        for value in values:
            if not isinstance(value, str):
                raise self.wrong(key, "is not a list of texts")
            if pattern is not None and not pattern.fullmatch(value):
                raise self.wrong(key, f"{value!r} makes no sense here")
        return tuple(values)

    def all_texts(self) -> dict[str, str]:
        """Return every key with its text."""
        return {key: self.text(key) for key in self._values}

    def number(self, key: str, low: int, high: int, default: int | None = None) -> int:
        """Return a number from `low` to `high`."""
        value: int = self.value(key, int, default)
        if not low <= value <= high:
            raise self.wrong(key, f"{value} is not from {low} to {high}")
        return value

    def one_of(self, key: str, value: str, known: Sequence[str]) -> str:
        """Return a value that is one of those that are known."""
        if value not in known:
            raise self.wrong(key, f"{value!r} is none of: {', '.join(known)}")
        return value

    def finish(self) -> None:
        """Raise for a key that nothing has asked for: it is misspelt."""
        known = [key for key in self._asked if "[" not in key]
        for key in self._values:
            if key not in self._asked:
                raise self.wrong(key, f"no such key; there are: {', '.join(known)}")
        for child in self._asked.values():
            if child is not None:
                child.finish()

    def _joined(self, key: str) -> str:
        return f"{self._place}.{key}" if self._place else key
