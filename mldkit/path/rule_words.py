"""Rules of nftables in words, nearly as `nft` writes them."""

from __future__ import annotations

from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]
Value: TypeAlias = Any
"""Whatever stands in the JSON of `nft`."""


def statement_of(value: Value) -> tuple[str, Value]:
    """Return kind and content of a statement or an expression; an empty kind where it is none."""
    if isinstance(value, dict) and value:
        kind, content = next(iter(value.items()))
        return str(kind), content
    return "", value


def chain_name(entry: Json) -> str:
    """Return where a rule or chain stands: family, table, chain."""
    return f"{entry['family']} {entry['table']} {entry.get('chain') or entry.get('name')}"


def rule_text(rule: Json) -> str:
    """Return a rule as `nft` writes it, nearly."""
    words = " ".join(map(_statement_text, rule.get("expr", ())))
    return f"{chain_name(rule)}: {' '.join(words.split())}"


def _statement_text(statement: Value) -> str:
    kind, value = statement_of(statement)
    if kind == "match" and isinstance(value, dict):
        operation = value.get("op", "==")
        shown = "" if operation in ("==", "in") else f"{operation} "
        return f"{_side_text(value.get('left'))} {shown}{_side_text(value.get('right'))}"
    if kind == "counter":
        return ""
    if kind in ("jump", "goto") and isinstance(value, dict):
        return f"{kind} {value.get('target')}"
    if kind == "xt":
        return "(a part that only iptables knows)"
    return str(kind)


def _side_text(side: Value) -> str:
    if isinstance(side, list):
        return "{" + ", ".join(map(_side_text, side)) + "}"
    if not isinstance(side, dict):
        return str(side)
    kind, value = statement_of(side)
    if not isinstance(value, dict):
        if kind == "range" and isinstance(value, list):
            return "-".join(map(str, value))
        return _side_text(value) if kind == "set" else kind
    if kind == "payload":
        return f"{value.get('protocol', '')} {value.get('field', '')}"
    if kind in ("meta", "ct"):
        return f"{kind} {value.get('key', '')}" if kind == "ct" else str(value.get("key", ""))
    if kind == "prefix":
        return f"{value.get('addr')}/{value.get('len')}"
    return kind
