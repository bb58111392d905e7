"""Frames that were sent or would be sent, printed octet for octet and decoded."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from mldkit.model.datagram import Decoded, Frame
from mldkit.render.message_json import message_json
from mldkit.render.message_text import message_lines
from mldkit.render.terminal import line_printer, print_json
from mldkit.wire.decode import decode
from mldkit.wire.validity import judge

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from mldkit.render.message_json import Json
    from mldkit.wire.validity import Judged


def print_frames(args: argparse.Namespace, verb: str, frames: Sequence[bytes]) -> int:
    """Print frames in the form that was asked for; return 0."""
    sent = [_Sent.of(number, data) for number, data in enumerate(frames, 1)]
    if args.format == "json":
        objects = list(map(_sent_json, sent))
        print_json({"schema": f"mldkit.{verb}/1", "dry_run": args.dry_run, "sent": objects})
    elif args.format == "ndjson":
        for one in sent:
            print_json(_sent_json(one))
    else:
        _print_text(sent)
    return 0


class _Sent(NamedTuple):
    """A frame and the message that others read in it."""

    number: int
    octets: bytes
    judged: Judged | None
    """None where a deliberate defect left no message."""

    @classmethod
    def of(cls, number: int, octets: bytes) -> _Sent:
        """Return a frame with its message."""
        decoded = decode(Frame(octets, None, number))
        return cls(number, octets, judge(decoded) if isinstance(decoded, Decoded) else None)


def _sent_json(sent: _Sent) -> Json:
    message = {"frame": sent.number} if sent.judged is None else message_json(sent.judged)
    return {**message, "bytes": sent.octets.hex()}


def _print_text(frames: Sequence[_Sent]) -> None:
    emit = line_printer()
    for sent in frames:
        if sent.judged is not None:
            for line, style in message_lines(sent.judged, None):
                emit(line, style)
        else:
            octets = len(sent.octets)
            emit(f"{sent.number:<5} - {octets} octets that are no membership message", "bold")
        for line in hex_lines(sent.octets):
            emit(line, "dim")


def hex_lines(data: bytes) -> Iterator[str]:
    """Give the octets, sixteen a line, each line with its offset."""
    for offset in range(0, len(data), 16):
        yield f"      {offset:04x}  {data[offset : offset + 16].hex(' ')}"
