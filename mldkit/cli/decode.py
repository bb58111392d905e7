"""`mldkit decode`: one entry for every IGMP, MLD and router discovery message of a capture."""

from __future__ import annotations

import io
import sys
from collections import Counter
from itertools import chain, islice
from typing import TYPE_CHECKING

from mldkit.cli.arguments import TUNNELS_HELP, add_format, octets, whole_number
from mldkit.cli.decode_frame import LINK_NAMES, print_frame, print_frame_of
from mldkit.cli.interrupt import INTERRUPTED, SignalInterrupt
from mldkit.errors import UsageError
from mldkit.link.capture import STANDARD_INPUT, open_capture
from mldkit.model.datagram import Broken, Frame, Unread
from mldkit.model.messages import Other
from mldkit.model.words import counted
from mldkit.render.damage import report_damage
from mldkit.render.message_json import message_json
from mldkit.render.message_text import message_lines
from mldkit.render.progress import reading
from mldkit.render.streams import reader_has_gone
from mldkit.render.terminal import detail, json_text, line_printer, note
from mldkit.render.unread import unread_text
from mldkit.wire.decoder import Decoder
from mldkit.wire.validity import judge

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from mldkit.link.capture import Capture
    from mldkit.model.datagram import Decoded
    from mldkit.wire.decoder import Found
    from mldkit.wire.validity import Judged

EPILOG = """\
examples:
  mldkit decode lan.pcapng             messages, findings with their RFC section
  mldkit decode --json lan.pcap.gz     one JSON document
  tcpdump -U -w - -i eth0 | mldkit decode - --format ndjson
  mldkit decode --frame 12 lan.pcap    one frame field by field
  mldkit decode --hex 01005e...        one Ethernet frame from the command line

exit codes: 0 no error found, 1 a message breaks a rule of severity error,
2 wrong usage, 3 nothing readable, 130 interrupted (what was read until then is printed)
"""

_MAX_FRAMES = 10**12
_AT_ONCE = 64
_LINK_TYPES = {name: number for number, name in LINK_NAMES.items()}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `decode`."""
    parser.epilog = EPILOG
    parser.add_argument("file", nargs="?", metavar="FILE", help="capture file; - is standard input")
    parser.add_argument("--hex", type=octets, metavar="HEX", help="one frame in hexadecimal")
    parser.add_argument(
        "--link-type",
        choices=sorted(_LINK_TYPES),
        help="link type of --hex (default: ethernet)",
    )
    parser.add_argument(
        "--frame",
        type=whole_number(1, _MAX_FRAMES),
        metavar="N",
        help="frame N in full, field by field with offsets and octets",
    )
    parser.add_argument(
        "--all", action="store_true", help="also IGMP types that are no membership messages"
    )
    parser.add_argument("--tunnels", action="store_true", help=TUNNELS_HELP)
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    """Print the messages; return 1 when one of them has an error."""
    if (args.file is None) == (args.hex is None):
        raise UsageError("give either FILE or --hex HEX", hint="see mldkit decode --help")
    if args.hex is not None:
        return _run_hex(args)
    if args.link_type is not None:
        raise UsageError("argument --link-type: it belongs to --hex; a capture has its own")
    if args.file == STANDARD_INPUT and isinstance(sys.stdout, io.TextIOWrapper):
        # Frames may come as they happen; who reads our output through a pipe sees them then.
        sys.stdout.reconfigure(line_buffering=True)
    with open_capture(args.file) as capture:
        if args.frame is not None:
            return print_frame_of(args, capture)
        interrupt = SignalInterrupt()
        with reading(args, capture), interrupt.heard():
            code = _PRINTERS[args.format](args, capture, interrupt)
        report_damage(args, [capture])
    return INTERRUPTED if interrupt.came else code


def _run_hex(args: argparse.Namespace) -> int:
    frame = Frame(args.hex, None, 1, _LINK_TYPES[args.link_type or "ethernet"])
    if args.frame is not None:
        if args.frame != 1:
            raise UsageError("argument --frame: --hex gives frame 1 only")
        return print_frame(args, frame, Decoder(tunnels=args.tunnels).read(frame))
    source = _HexFrame(frame)
    return _PRINTERS[args.format](args, source, SignalInterrupt())


class _HexFrame:
    """One frame from the command line, read like a capture."""

    name = "--hex"
    damage = None
    size_octets = None

    def __init__(self, frame: Frame) -> None:
        self.packets = 1
        self._frame = frame

    def candidates(self) -> Iterator[Frame]:
        yield self._frame


def _messages(
    args: argparse.Namespace, capture: Capture | _HexFrame, interrupt: SignalInterrupt
) -> Iterator[Judged]:
    """Give the messages of the capture and say at the end what could not be recognised."""
    decoder = Decoder(tunnels=args.tunnels)
    unreadable = _Unreadable()
    everything = args.all
    shown = others = 0
    # One step for many frames costs a fifth less than all steps for each, but who writes into a
    # pipe may be in no hurry.
    at_once = _AT_ONCE if capture.size_octets is not None else 1
    waiting = interrupt.cut(capture.candidates())
    is_over = False
    # Who reads to the end does so for the exit code too, unless the end may never come.
    ends = capture.size_octets is not None
    while not is_over and (ends or not reader_has_gone()):
        group = list(islice(waiting, at_once))
        is_over = not group
        # Behind the last frame comes what waited in vain for its other fragments.
        read = [unreadable.sift(decoder.read(f)) for f in group] or [tuple(decoder.finish())]
        for decoded in chain.from_iterable(read):
            if everything or type(decoded.datagram.message) is not Other:
                shown += 1
                yield judge(decoded)
            else:
                others += 1
    counts = f"{counted(shown, 'message')} of IGMP and MLD in {counted(capture.packets, 'packet')}"
    if others:
        counts += f", and {others:,} of other IGMP types (--all shows them)"
    if shown:
        detail(args, counts)
    elif capture.damage is None:
        note(args, f"note: {counts}")
    for line in unreadable.lines():
        note(args, f"note: {line}")


class _Unreadable:
    """Counts the frames that were not read so far that a message could be recognised."""

    def __init__(self) -> None:
        self._broken = 0
        self._first_broken: Broken | None = None
        self._unread: Counter[Unread] = Counter()

    def sift(self, found: Found) -> tuple[Decoded, ...]:
        """Return the messages of a frame; count what it is where it could not be read."""
        if isinstance(found, Unread):
            self._unread[found] += 1
        elif isinstance(found, Broken):
            self._broken += 1
            self._first_broken = self._first_broken or found
        else:
            return found
        return ()

    def lines(self) -> Iterator[str]:
        """Say what there was."""
        first = self._first_broken
        if first is not None:
            frames = counted(self._broken, "frame")
            where = f"frame {first.frame.number}: {first.reason}"
            yield f"{frames} ended before the protocol was known (first: {where})"
        for what, count in self._unread.most_common():
            yield unread_text(what, count)


def _print_text(
    args: argparse.Namespace, capture: Capture | _HexFrame, interrupt: SignalInterrupt
) -> int:
    emit = line_printer()
    is_styled = sys.stdout.isatty()
    base_ns = None
    code = 0
    for judged in _messages(args, capture, interrupt):
        if base_ns is None:
            base_ns = judged.decoded.frame.time_ns
        lines = message_lines(judged, base_ns)
        if is_styled:
            for line, style in lines:
                emit(line, style)
        else:
            # One call for all lines of a message is a twentieth of the whole command.
            print("\n".join([line for line, _ in lines]))
        code = code or int(judged.has_error)
    return code


def _print_ndjson(
    args: argparse.Namespace, capture: Capture | _HexFrame, interrupt: SignalInterrupt
) -> int:
    code = 0
    write = sys.stdout.write
    for judged in _messages(args, capture, interrupt):
        document = message_json(judged)
        code = code or int(judged.has_error)
        write(json_text(document) + "\n")
    return code


def _print_json(
    args: argparse.Namespace, capture: Capture | _HexFrame, interrupt: SignalInterrupt
) -> int:
    """Print one document, message by message: a capture may be larger than the memory."""
    head = json_text({"schema": "mldkit.decode/1", "file": capture.name})
    write = sys.stdout.write
    write(head[:-1] + ', "messages": [')
    code = 0
    separator = "\n"
    for judged in _messages(args, capture, interrupt):
        document = message_json(judged)
        code = code or int(judged.has_error)
        write(separator + json_text(document))
        separator = ",\n"
    tail = {
        "packets": capture.packets,
        "truncated": capture.damage is not None,
        "interrupted": interrupt.came,
    }
    write("\n], " + json_text(tail)[1:] + "\n")
    return code


_PRINTERS: dict[str, Callable[[argparse.Namespace, Capture | _HexFrame, SignalInterrupt], int]] = {
    "text": _print_text,
    "json": _print_json,
    "ndjson": _print_ndjson,
}
