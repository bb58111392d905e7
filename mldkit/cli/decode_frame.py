"""`mldkit decode --frame N`: one frame field by field, and what is wrong with it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

from mldkit.errors import CaptureError, UsageError
from mldkit.model.datagram import LinkType
from mldkit.render.message_json import message_json, time_text
from mldkit.render.message_text import finding_lines, plural, summary_text
from mldkit.render.terminal import broken_at, line_printer, output_columns, print_json, printable
from mldkit.render.unread import unread_text
from mldkit.wire.decoder import Decoder
from mldkit.wire.validity import judge

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping

    from mldkit.craft.dissect import FieldRow
    from mldkit.link.capture import Capture
    from mldkit.model.datagram import Broken, Decoded, Frame, Unread
    from mldkit.wire.validity import Judged

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
            own = [found for found in messages if found.frame is frame]
            return print_frame(args, frame, own)
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

    # What the frame by itself is, without the fragments that came before it.
    alone = Decoder(tunnels=args.tunnels)
    alone.decode(frame)
    looked_at = _Looked(frame, list(map(judge, messages)), alone.first_broken, alone.unread)
    fields = frame_fields(frame)
    if args.format == "text":
        _print_text(looked_at, fields)
    else:
        _print_json(looked_at, fields)
    return int(any(judged.has_error for judged in looked_at.messages))


class _Looked(NamedTuple):
    """A frame, the messages that it completes, and what it is where there is none."""

    frame: Frame
    messages: list[Judged]
    broken: Broken | None
    unread: Mapping[Unread, int]
    """What it holds that is not looked into."""


def _print_text(looked_at: _Looked, fields: list[FieldRow]) -> None:
    frame, messages = looked_at.frame, looked_at.messages
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
    for text in _remarks(looked_at):
        emit(text)
    for decoded, findings in messages:
        emit(summary_text(decoded), "bold")
        for line, style in finding_lines(findings):
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


def _remarks(looked_at: _Looked) -> Iterator[str]:
    """Give what is to be said where there is no message."""
    broken = looked_at.broken
    if broken is not None:
        yield f"ended before the protocol was known: {broken.reason} (offset {broken.offset})"
    elif looked_at.unread:
        yield from (unread_text(what, count) for what, count in looked_at.unread.items())
    elif not looked_at.messages:
        yield "no message of IGMP or MLD ends in this frame"


def _print_json(looked_at: _Looked, fields: list[FieldRow]) -> None:
    frame, messages, found, _ = looked_at
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
        "messages": list(map(message_json, messages)),
        "broken": broken,
    }
    print_json(document)
