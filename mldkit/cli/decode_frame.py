"""`mldkit decode --frame N`: one frame field by field, and what is wrong with it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

from mldkit.errors import CaptureError, UsageError
from mldkit.model.datagram import Broken, LinkType, Unread
from mldkit.model.words import counted
from mldkit.render.message_json import message_json, time_text
from mldkit.render.message_text import finding_lines, summary_text
from mldkit.render.terminal import broken_at, line_printer, output_columns, print_json, printable
from mldkit.render.unread import unread_text
from mldkit.wire.decoder import Decoder
from mldkit.wire.validity import judge

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from mldkit.craft.dissect import FieldRow
    from mldkit.link.capture import Capture
    from mldkit.model.datagram import Frame
    from mldkit.wire.decoder import Found
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
        found = decoder.read(frame)
        if frame.number == args.frame:
            return print_frame(args, frame, found)
    packets = counted(capture.packets, "packet")
    raise UsageError(f"argument --frame: {capture.name} has {packets}, no frame {args.frame}")


def print_frame(args: argparse.Namespace, frame: Frame, found: Found) -> int:
    """Print one frame and what is found in it: the messages that it completes, or why none."""
    if frame.link_type not in LINK_NAMES:
        raise CaptureError(
            f"frame {frame.number} is of link type {frame.link_type}, which is not read",
            hint=f"link types that are: {' '.join(sorted(LINK_NAMES.values()))}",
        )
    from mldkit.craft.dissect import frame_fields

    if isinstance(found, Broken | Unread):
        looked_at = _Looked(frame, [], found)
    else:
        # A message that was given up when this fragment came belongs to the frames before.
        own = [judge(decoded) for decoded in found if decoded.frame is frame]
        looked_at = _Looked(frame, own, None)
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
    why: Broken | Unread | None
    """Why it was not read so far, if it was not."""


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
    octets = counted(len(frame.data), "octet")
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
    why = looked_at.why
    if isinstance(why, Broken):
        yield f"ended before the protocol was known: {why.reason} (offset {why.offset})"
    elif why is not None:
        yield unread_text(why, 1)
    elif not looked_at.messages:
        yield "no message of IGMP or MLD ends in this frame"


def _print_json(looked_at: _Looked, fields: list[FieldRow]) -> None:
    frame, messages, why = looked_at
    broken = None
    if isinstance(why, Broken):
        broken = {"id": why.id, "reason": why.reason, "offset": why.offset}
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
