"""`mldkit analyze --compare A B`: what a switch between two captures swallowed or changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.analysis.vantage import AUTO
from mldkit.comparison import compare_captures
from mldkit.errors import UsageError
from mldkit.link.capture import open_capture
from mldkit.render.comparison import print_comparison
from mldkit.render.damage import report_damage

if TYPE_CHECKING:
    import argparse

_NOT_HERE = ("html", "plot", "interface_name", "vlan", "group", "host")
"""Options of `analyze` that mean nothing to a comparison."""


def run(args: argparse.Namespace) -> int:
    """Print what is on one side only or was changed; return 1 where something is missing."""
    for option in _NOT_HERE:
        if getattr(args, option):
            name = option.replace("_", "-")
            raise UsageError(f"argument --{name}: not with --compare, which compares all messages")
    if args.vantage != AUTO:
        raise UsageError("argument --vantage: not with --compare, which knows both sides")
    name_a, name_b = args.compare
    with open_capture(name_a) as capture_a, open_capture(name_b) as capture_b:
        result = compare_captures(capture_a, capture_b, tunnels=args.tunnels)
        for capture in (capture_a, capture_b):
            report_damage(args, [capture])
    print_comparison(args.format, result, (name_a, name_b))
    return int(bool(result.only_a or result.only_b))
