"""`mldkit decode --frame N`: one frame field by field, and what is wrong with it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from mldkit.errors import CaptureError, UsageError
from mldkit.model.datagram import LinkType
from mldkit.render.left_out import unread_text
from mldkit.render.message_json import messages_json, time_text
from mldkit.render.message_text import finding_lines, plural, summary_text
from mldkit.render.terminal import broken_at, line_printer, output_columns, print_json, printable
from mldkit.wire.decoder import Decoder
from mldkit.wire.validity import find

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from mldkit.craft.dissect import FieldRow
    from mldkit.link.capture import Capture
    from mldkit.model.datagram import Broken, Decoded, Frame

LINK_NAMES = {int(member): member.name.lower().replace("_", "-") for member in LinkType}
"""What link types are called on the command line, in text and in JSON."""
_LINE_DIGITS = 32
_VALUE_AT = 60


def print_frame_of(args: argparse.Namespace, capture: Capture) -> int:
    """Print frame `args.frame` of a capture; return 1 when a rule of severity error is broken."""
    decoder = Decoder(tunnels=args.tunnels)
    for frame in capture.frames():
        # Frames before it may hold the other fragments of its message.
        messages = decoder.decode(frame)
        if frame.number == args.frame:
            return print_frame(args, frame, [found for found in messages if found.frame is frame])
    packets = plural(capture.packets, "packet")
    raise UsageError(f"argument --frame: {capture.name} has {packets}, no frame {args.frame}")


def print_frame(args: argparse.Namespace, frame: Frame, messages: list[Decoded]) -> int:
    """Print one frame and the messages that it completes."""
    if frame.link_type not in LINK_NAMES:
        raise CaptureError(
            f"frame {frame.number} is of link type {frame.link_type}, which is not read",
            hint=f"link types that are: {' '.join(sorted(LINK_NAMES.values()))}",
        )
    from mldkit.craft.dissect import frame_fields

    fields = frame_fields(frame)
    alone = Decoder(tunnels=args.tunnels)
    alone.decode(frame)
    if args.format == "text":
        _print_text(frame, fields, messages, alone)
    else:
        _print_json(frame, fields, messages, alone.first_broken)
    severities = {finding.severity for found in messages for finding in find(found)}
    return int("error" in severities)


def _print_text(
    frame: Frame, fields: list[FieldRow], messages: list[Decoded], alone: Decoder
) -> None:
    emit = line_printer()
    columns = output_columns() or sys.maxsize
    emit(_headline(frame))
    layer = None
    for field in fields:
        if field.layer != layer:
            layer = field.layer
            emit(layer, "bold")
        for line in _field_lines(field):
            emit(broken_at(line, columns, _VALUE_AT))
    for text in _remarks(messages, alone):
        emit(text)
    for found in messages:
        emit(summary_text(found), "bold")
        for line, style in finding_lines(found):
            emit(line, style)


def _field_lines(field: FieldRow) -> Iterator[str]:
    """Give the lines of one field, sixteen octets each; its value stands in the first."""
    words = f"{field.name:<17} {field.value}"
    for at in range(0, len(field.octets), _LINE_DIGITS):
        digits = field.octets[at : at + _LINE_DIGITS]
        yield f"  {field.offset + at // 2:>5}  {digits:<{_LINE_DIGITS}} {words}".rstrip()
        words = ""


def _headline(frame: Frame) -> str:
    octets = plural(len(frame.data), "octet")
    if frame.is_cut:
        octets += f" of {frame.original_length}"
    words = [f"frame {frame.number}", LINK_NAMES[frame.link_type], octets]
    if frame.time_ns is not None:
        words.append(f"time {time_text(frame.time_ns)}")
    if frame.interface:
        words.append(f"interface {printable(frame.interface)}")
    return ", ".join(words)


def _remarks(messages: list[Decoded], alone: Decoder) -> Iterator[str]:
    """Give what is to be said where there is no message; `alone` has read nothing but the frame."""
    broken = alone.first_broken
    if broken is not None:
        yield f"ended before the protocol was known: {broken.reason} (offset {broken.offset})"
    elif alone.unread:
        yield from (unread_text(what, count) for what, count in alone.unread.items())
    elif not messages:
        yield "no message of IGMP or MLD ends in this frame"


def _print_json(
    frame: Frame, fields: list[FieldRow], messages: list[Decoded], found: Broken | None
) -> None:
    broken = None
    if found is not None:
        broken = {"id": found.id, "reason": found.reason, "offset": found.offset}
    document = {
        "schema": "mldkit.decode-frame/1",
        "frame": frame.number,
        "time": time_text(frame.time_ns),
        "interface": frame.interface,
        "link_type": LINK_NAMES[frame.link_type],
        "length": len(frame.data),
        "original_length": frame.original_length,
        "fields": [field._asdict() for field in fields],
        "messages": messages_json(messages),
        "broken": broken,
    }
    print_json(document)
