"""`mldkit explain`: what a finding means, how it is confirmed, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.advice.table import named_rule, near_names
from mldkit.analysis.rules import BY_ID
from mldkit.cli.arguments import add_format
from mldkit.errors import UsageError
from mldkit.render.explain import explained, explained_json, listed
from mldkit.render.terminal import json_text, output_columns, print_json, print_table

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from mldkit.wire.rules import Rule

EPILOG = """\
examples:
  mldkit explain D-01                 what it means, how to confirm it, what to change
  mldkit explain d-11 v-04            several; capital letters make no difference
  mldkit explain                      all rules
  mldkit explain --json D-01 | jq -r '.rules[].cure[] | select(.where == "Linux bridge").do'

exit codes: 0 done, 2 no such rule
"""

SCHEMA = "mldkit.explain/1"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `explain`."""
    parser.epilog = EPILOG
    parser.add_argument(
        "rules", nargs="*", metavar="RULE", help="a rule as findings name it; none lists all"
    )
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    """Print what is known of the rules."""
    rules = list(dict.fromkeys(map(_rule, args.rules))) or list(BY_ID.values())
    if args.format == "json":
        print_json({"schema": SCHEMA, "rules": list(map(explained_json, rules))})
    elif args.format == "ndjson":
        for rule in rules:
            print(json_text(explained_json(rule)))
    elif args.rules:
        _print_rules(rules)
    else:
        print_table(("rule", "severity", "what is wrong"), listed(rules))
    return 0


def _print_rules(rules: Sequence[Rule]) -> None:
    columns = output_columns()
    for number, rule in enumerate(rules):
        if number:
            print()
        for line in explained(rule, columns):
            print(line)


def _rule(name: str) -> Rule:
    rule = named_rule(name)
    if rule is not None:
        return rule
    near = near_names(name)
    hint = f"near it: {', '.join(near)}" if near else "mldkit explain lists all rules"
    raise UsageError(f"argument RULE: there is no rule {name!r}", hint=hint)
