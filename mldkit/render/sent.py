"""Frames that were sent or would be sent, printed octet for octet and decoded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.model.datagram import Decoded, Frame
from mldkit.render.message_json import message_json
from mldkit.render.message_text import message_lines
from mldkit.render.terminal import line_printer, print_json
from mldkit.wire.decode import decode

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from mldkit.render.message_json import Json


def print_frames(args: argparse.Namespace, verb: str, frames: Sequence[bytes]) -> int:
    """Print frames in the form that was asked for; return 0."""
    objects = [_frame_json(number, data) for number, data in enumerate(frames, 1)]
    if args.format == "json":
        print_json({"schema": f"mldkit.{verb}/1", "dry_run": args.dry_run, "sent": objects})
    elif args.format == "ndjson":
        for entry in objects:
            print_json(entry)
    else:
        _print_text(frames)
    return 0


def _frame_json(number: int, data: bytes) -> Json:
    decoded = decode(Frame(data, None, number))
    if not isinstance(decoded, Decoded):
        return {"frame": number, "bytes": data.hex()}
    return {**message_json(decoded), "bytes": data.hex()}


def _print_text(frames: Sequence[bytes]) -> None:
    emit = line_printer()
    for number, data in enumerate(frames, 1):
        decoded = decode(Frame(data, None, number))
        if isinstance(decoded, Decoded):
            for line, style in message_lines(decoded, None):
                emit(line, style)
        else:
            emit(f"{number:<5} - {len(data)} octets that are no membership message", "bold")
        for line in hex_lines(data):
            emit(line, "dim")


def hex_lines(data: bytes) -> Iterator[str]:
    """Give the octets, sixteen a line, each line with its offset."""
    for offset in range(0, len(data), 16):
        yield f"      {offset:04x}  {data[offset : offset + 16].hex(' ')}"
