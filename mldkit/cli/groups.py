"""`mldkit groups`: what this kernel listens to and why."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from mldkit.cli.arguments import add_format, duration
from mldkit.cli.interrupt import end_in_order, end_when_told, exit_code
from mldkit.cli.rights import give_up_all_but_sight
from mldkit.errors import UsageError
from mldkit.groups.listing import take
from mldkit.groups.watch import changes, kernel_notifies
from mldkit.link import clock
from mldkit.render.groups import (
    event_json,
    print_events,
    print_listing,
    print_suspicions,
    row_json,
    rows_document,
)
from mldkit.render.streams import end_without_reader
from mldkit.render.terminal import note, print_json

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from mldkit.groups.row import Listing
    from mldkit.path.suspicions import Suspicion
    from mldkit.render.message_json import Json


EXAMPLES = """\
examples:
  mldkit groups
  mldkit groups -i eth0
  sudo mldkit groups -i eth0 --watch            sudo shows the processes of others too
  mldkit groups --json | jq '.groups[] | select(.mac_references > 1) | .group'
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `groups`."""
    parser.add_argument(
        "-i", "--interface", metavar="IF", help="only this interface (default: all)"
    )
    parser.add_argument(
        "--watch", action="store_true", help="then print changes as they happen, until interrupted"
    )
    parser.add_argument(
        "--duration", dest="duration_ns", metavar="T", type=duration, help="watch for this time"
    )
    add_format(parser)
    parser.epilog = EXAMPLES


def run(args: argparse.Namespace) -> int:
    """Print the listing; return 1 if the kernel's tables contradict each other."""
    if args.duration_ns is not None and not args.watch:
        raise UsageError("--duration needs --watch")
    if args.watch:
        end_when_told()
        end_without_reader()
    else:
        end_in_order()
    listing = take(args.interface)
    from mldkit.path.suspicions import suspicions  # `--help` should not wait for it

    found = suspicions(listing) if args.format != "ndjson" else []
    if args.format == "text":
        print_listing(listing)
        print_suspicions(found)
    elif args.format == "ndjson":
        for row in listing.rows:
            print_json({"event": "present", **row_json(row)} if args.watch else row_json(row))
    if listing.blind and any(row.unexplained_users for row in listing.rows):
        more = "; sudo shows more" if os.geteuid() else ""
        note(args, f"note: some processes may not be looked into{more}")
    if args.watch and not kernel_notifies():
        note(args, "note: this kernel does not tell of joins; changes are found within a second")
    if args.watch:
        give_up_all_but_sight(args)
        return _watch(args, listing, found)
    if args.format == "json":
        print_json(rows_document(listing, found))
    broken = [invariant for invariant in listing.invariants if not invariant.holds]
    for invariant in broken if args.format == "ndjson" else ():
        note(args, f"note: the kernel's tables contradict each other: {invariant.text}")
    return 1 if broken else 0


def _watch(args: argparse.Namespace, listing: Listing, found: Sequence[Suspicion]) -> int:
    seen: list[Json] = []
    code = 0
    start_ns = clock.wall_ns()
    try:
        for after, events in changes(args.interface, start=listing, duration_ns=args.duration_ns):
            listing = after
            if args.format == "text":
                print_events(events, start_ns)
            for event in events if args.format != "text" else ():
                if args.format == "ndjson":
                    print_json(event_json(event))
                else:
                    seen.append(event_json(event))
    except KeyboardInterrupt as interrupt:
        code = exit_code(interrupt)
    if args.format == "json":
        print_json({**rows_document(listing, found), "events": seen})
    return code
