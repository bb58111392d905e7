"""What is wrong with the captures themselves, told once everything that could be read was."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from mldkit.errors import CaptureError
from mldkit.render.message_text import plural
from mldkit.render.streams import say
from mldkit.render.terminal import note

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from mldkit.link.capture import Capture


def report_damage(args: argparse.Namespace, captures: Sequence[Capture]) -> None:
    """Say where files broke; that nothing could be read of any is an error."""
    sys.stdout.flush()
    unread = []
    for capture in captures:
        try:
            _report(args, capture)
        except CaptureError as error:
            unread.append(error)
    if len(unread) == len(captures):
        raise unread[0]
    for problem in unread:
        say(f"mldkit: {problem.message}; left out")


def _report(args: argparse.Namespace, capture: Capture) -> None:
    """Say where a file broke; raise CaptureError where nothing could be read of it."""
    if capture.damage is not None:
        where = f"{capture.name}: damaged at octet {capture.damage.offset}"
        problem = f"{where}: {capture.damage.reason}"
        if capture.packets == 0:
            raise CaptureError(f"{problem}; no packet could be read")
        say(f"mldkit: {problem}")
    skipped = capture.skipped_link_types
    if skipped and sum(skipped.values()) == capture.packets:
        names = ", ".join(map(str, skipped))
        raise CaptureError(
            f"{capture.name}: link type {names} is not read",
            hint="Ethernet, cooked, raw IP, loopback, Wi-Fi, PPP, HDLC, frame relay, NFLOG,"
            " PKTAP, IPoIB and DSA captures are",
        )
    for link_type, count in skipped.items():
        packets = plural(count, "packet")
        note(args, f"note: {packets} of link type {link_type}, which is not read")
