"""`mldkit trace`: the way of a join in this kernel, from the system call to the wire."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from mldkit.cli.arguments import add_format, duration
from mldkit.cli.interrupt import INTERRUPTED, SignalInterrupt
from mldkit.errors import UsageError
from mldkit.model.units import SECOND
from mldkit.trace.function import ACTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mldkit.render.message_json import Json
    from mldkit.trace.act import Act
    from mldkit.trace.observation import Observation
    from mldkit.trace.story import Story

_GUEST_NS = 45 * SECOND
MOST_ACTS = 100_000
"""In the one document of --json."""

EXAMPLES = """\
examples:
  sudo mldkit trace -i eth0
  sudo mldkit trace -i eth0 --of join,leave --duration 1m --format ndjson
  MLDKIT_KERNEL=linux-image-6.12.117+deb12-amd64.deb mldkit trace --on qemu --of join
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `trace`."""
    parser.epilog = EXAMPLES
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("-i", "--interface", metavar="IF", help="network interface")
    where.add_argument(
        "--on",
        choices=("qemu",),
        help="boot a kernel (MLDKIT_KERNEL) in a guest and trace every act there",
    )
    parser.add_argument(
        "--of",
        metavar="ACT[,ACT]",
        type=_acts,
        default=ACTS,
        help=f"only these acts, out of {', '.join(ACTS)}",
    )
    parser.add_argument("--duration", type=duration, metavar="T", help="end after this time")
    parser.add_argument("-w", dest="write", metavar="FILE", help="write the messages as pcapng")
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    """Trace until the time is over or somebody interrupts."""
    if args.on is not None:
        if args.duration is not None:
            raise UsageError("--duration: the guest ends by itself when its acts are done")
        return _guest(args)
    return _here(args)


def _acts(value: str) -> tuple[str, ...]:
    """Type of `--of`."""
    names = tuple(dict.fromkeys(value.split(",")))
    for name in names:
        if name not in ACTS:
            raise argparse.ArgumentTypeError(f"{name!r} is no act (acts: {', '.join(ACTS)})")
    return names


class Listener:
    """Prints acts as they are over."""

    def __init__(self, args: argparse.Namespace) -> None:
        from mldkit.trace.story import Story

        self.story: Story = Story()
        self._args = args
        self._documents: list[Json] = []
        self._unkept = 0
        self._is_begun = False
        self._like: tuple[object, ...] = ()
        self._alike: tuple[int, Act | None] = (0, None)
        """Acts of the same shape as the one that was printed last: how many, and the last one."""
        self._write: Callable[..., None] | None = None

    def follow(self, observations: Iterable[Observation]) -> None:
        """Take observations in and print what is over."""
        for observation in observations:
            for act in self.story.feed(observation):
                self._tell(act)
            if not self._is_begun and self.story.beginning is not None:
                self._is_begun = True
                self._introduce(self.story)

    def write_to(self, write: Callable[..., None]) -> None:
        """Have the frames of acts written."""
        self._write = write

    def end(self) -> None:
        """Print what stands at the end."""
        from mldkit.render.terminal import note, print_json
        from mldkit.render.trace import document

        self._print_alike()
        if self._args.format == "json":
            print_json(document(self.story, self._documents))
        if self._unkept:
            note(self._args, f"note: {self._unkept} acts more than --json keeps were left out")
        if self.story.lost:
            note(
                self._args,
                f"note: {self.story.lost} entries of the tracer were lost; acts are missing or cut",
            )
        for name, times in self.story.unseen.items():
            note(self._args, f"note: {times:,} calls of {name} for this interface were not seen")
        if self.story.text.unread:
            note(self._args, f"note: {self.story.text.unread} lines were not understood")

    def _print(self, act: Act) -> None:
        """Print an act; a row of acts that differ in their addresses alone is one and a number."""
        from mldkit.render.trace import act_lines, shape

        like = shape(act)
        if like == self._like:
            self._alike = (self._alike[0] + 1, act)
            return
        self._print_alike()
        self._like = like
        print("\n".join(act_lines(act)), flush=True)

    def _print_alike(self) -> None:
        from mldkit.render.trace import alike_line

        count, last = self._alike
        if last is not None:
            print(alike_line(count, last), flush=True)
        self._alike = (0, None)

    def _introduce(self, story: Story) -> None:
        from mldkit.render.terminal import note

        begun = story.beginning
        if begun is None:
            return
        driver = f", driver {begun.driver}" if begun.driver else ""
        note(self._args, f"note: Linux {begun.kernel}, {begun.interface}{driver}")
        if begun.missing:
            note(self._args, f"note: cannot be seen on this kernel: {', '.join(begun.missing)}")

    def _tell(self, act: Act) -> None:
        if act.kind not in self._args.of:
            return
        from mldkit.render.terminal import print_json
        from mldkit.render.trace import act_json

        if self._write is not None:
            for decoded in act.frames():
                self._write(decoded.frame)
        if self._args.format == "text":
            self._print(act)
        elif self._args.format == "ndjson":
            print_json(act_json(act))
        elif len(self._documents) < MOST_ACTS:
            self._documents.append(act_json(act))
        else:
            self._unkept += 1


def _here(args: argparse.Namespace) -> int:
    from contextlib import ExitStack

    from mldkit.link import clock
    from mldkit.render.terminal import note
    from mldkit.trace.recorder import Recorder

    listener = Listener(args)
    signals = SignalInterrupt()
    with ExitStack() as held, signals.heard():
        recorder = held.enter_context(Recorder(args.interface))
        if args.write is not None:
            from mldkit.link.capture_writer import CaptureWriter

            listener.write_to(held.enter_context(CaptureWriter(args.write)).write)
        if recorder.removed:
            gone = ", ".join(recorder.removed)
            note(args, f"note: removed what a run that was killed had left: {gone}")
        listener.follow(recorder.beginning())
        until_ns = None if args.duration is None else clock.now_ns() + args.duration
        while not signals.came and (until_ns is None or clock.now_ns() < until_ns):
            listener.follow(recorder.poll(until_ns))
        listener.follow(recorder.ending())
    listener.end()
    return INTERRUPTED if signals.came else 0


def _guest(args: argparse.Namespace) -> int:
    from contextlib import ExitStack

    from mldkit.render.progress import waiting
    from mldkit.render.terminal import note
    from mldkit.trace import machine

    with waiting(args, _GUEST_NS, "qemu"):
        run = machine.tour(args.of)
    listener = Listener(args)
    with ExitStack() as held:
        if args.write is not None:
            from mldkit.link.capture_writer import CaptureWriter

            listener.write_to(held.enter_context(CaptureWriter(args.write)).write)
        listener.follow(machine.observations(run))
    listener.end()
    boot, whole = (time_ns / SECOND for time_ns in (run.ready_ns, run.whole_ns))
    note(args, f"note: the guest was ready after {boot:.1f} s and done after {whole:.1f} s")
    return 0
