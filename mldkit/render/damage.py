"""What is wrong with the captures themselves, told once everything that could be read was."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from mldkit.errors import CaptureError
from mldkit.model.words import counted
from mldkit.render.streams import say
from mldkit.render.terminal import note

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from mldkit.link.capture import Capture
    from mldkit.link.reading import Damage


_LINK_TYPES_HINT = (
    "Ethernet, cooked, raw IP, loopback, Wi-Fi, PPP, HDLC, frame relay, NFLOG, PKTAP, IPoIB and DSA"
    " captures are"
)


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


def unread_reason(capture: Capture) -> str | None:
    """Return why nothing could be read of a capture, None where something was, or was nothing."""
    if capture.damage is not None and not capture.packets:
        return f"{_damage_text(capture.damage)}; no packet could be read"
    skipped = capture.skipped_link_types
    if skipped and sum(skipped.values()) == capture.packets:
        return f"link type {', '.join(map(str, skipped))} is not read"
    return None


def _damage_text(damage: Damage) -> str:
    return f"damaged at octet {damage.offset}: {damage.reason}"


def _report(args: argparse.Namespace, capture: Capture) -> None:
    """Say where a file broke; raise CaptureError where nothing could be read of it."""
    reason = unread_reason(capture)
    if reason is not None:
        hint = None if capture.damage is not None else _LINK_TYPES_HINT
        raise CaptureError(f"{capture.name}: {reason}", hint=hint)
    if capture.damage is not None:
        say(f"mldkit: {capture.name}: {_damage_text(capture.damage)}")
    skipped = capture.skipped_link_types
    for link_type, count in skipped.items():
        packets = counted(count, "packet")
        note(args, f"note: {packets} of link type {link_type}, which is not read")
