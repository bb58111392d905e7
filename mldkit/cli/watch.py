"""`mldkit watch`: who joins, leaves and goes wrong on a link, while it happens."""

from __future__ import annotations

import gc
import json
import sys
from contextlib import ExitStack, closing, suppress
from typing import TYPE_CHECKING

from mldkit.analysis.vantage import AUTO, VANTAGES
from mldkit.cli.arguments import add_format, add_interface, add_room, duration
from mldkit.cli.interrupt import SignalInterrupt
from mldkit.cli.rights import add_user, settle, user
from mldkit.errors import UsageError
from mldkit.model.units import MILLISECOND, SECOND
from mldkit.model.words import counted
from mldkit.protocol.variables import DEFAULT_PROFILE, PROFILES
from mldkit.render.streams import reader_has_gone
from mldkit.render.terminal import json_text, note, print_json_members

if TYPE_CHECKING:
    import argparse

    from mldkit.analysis.result import AnalysisResult
    from mldkit.cli.watch_exec import Commands
    from mldkit.render.message_json import Json
    from mldkit.render.outbox import Outbox
    from mldkit.render.watch_table import LiveTable
    from mldkit.watch import Watch, WatchEvent

EPILOG = """\
examples:
  sudo mldkit watch -i eth0                          a live table; Ctrl-C ends it
  sudo mldkit watch -i eth0 | jq -c .                one event a line
  sudo mldkit watch -i eth0 --duration 5m            exit 1 if something was wrong
  sudo mldkit watch -i eth0 --exec ./on-event.py     the event as JSON on its standard input,
                                                     run by who called sudo
  mldkit watch -i eth0 --user mon --exec-user hook --exec /opt/hook -w /var/lib/mon/seen.pcapng
  sudo mldkit watch -i eth0 -w seen.pcapng           keep what was seen

events: join leave change expire querier finding left-out link end

exit codes: 0 done or ended by SIGTERM, 1 a finding of severity error, 3 no permission or
interface, 130 interrupted
"""

MOST_EVENTS = 100_000
"""In the one document of --json."""
_BUSY_NS = 50 * MILLISECOND
_LAST_COMMANDS_NS = 5 * SECOND
_COLLECT_AFTER = 100_000
_LATER = ("mldkit.render.watch", "mldkit.render.watch_table")
"""Modules that are used when there are no rights any more."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `watch`."""
    parser.epilog = EPILOG
    add_interface(parser)
    parser.add_argument(
        "--exec",
        dest="command",
        metavar="CMD",
        help="run CMD once per event, with the event as JSON on standard input; no shell",
    )
    parser.add_argument(
        "--exec-user",
        type=user,
        metavar="NAME",
        help="who runs CMD (default: who called sudo, or else who started the watch, but not root)",
    )
    add_user(parser)
    parser.add_argument("--duration", type=duration, metavar="T", help="end after this time")
    parser.add_argument("-w", dest="write", metavar="FILE", help="write what is seen as pcapng")
    parser.add_argument(
        "--profile",
        choices=PROFILES,
        default=DEFAULT_PROFILE,
        help=f"RFC that says how long memberships live (default: {DEFAULT_PROFILE})",
    )
    parser.add_argument(
        "--vantage",
        choices=VANTAGES,
        default=AUTO,
        help="where the interface is on its link, as in analyze (default: what is heard shows it)",
    )
    add_room(parser)
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    """Watch until the time is over or somebody interrupts; return 1 for an error finding."""
    if args.exec_user is not None and args.command is None:
        raise UsageError("argument --exec-user: it needs --exec")
    if args.write == "-":
        raise UsageError("argument -w: standard output carries the events", hint="name a file")
    from mldkit.link import clock
    from mldkit.render.outbox import STANDARD_OUTPUT, Outbox

    signals = SignalInterrupt(clock.now_ns)
    with signals.heard(), closing(Outbox(STANDARD_OUTPUT)) as outbox:
        with ExitStack() as stack:
            session = _Session(args, stack, signals, outbox)
            # A second signal ends it at once, a third one what is done then.
            with suppress(KeyboardInterrupt):
                session.follow()
            session.end()
        with signals.reading():
            session.sum_up()
    return signals.exit_code if signals.came else int(session.watch.errors > 0)


class _Session:
    """One watch with everything that listens to it.

    It has more attributes than a class should, because it is where the machine, the signals, the
    commands and each form of output meet.
    """

    def __init__(
        self, args: argparse.Namespace, stack: ExitStack, signals: SignalInterrupt, outbox: Outbox
    ) -> None:
        from mldkit.link import interfaces
        from mldkit.link.presence import BUFFER_OCTETS, ThisMachine
        from mldkit.link.socket_reserve import SocketReserve
        from mldkit.render.event_lines import EventLines
        from mldkit.watch import Watch

        self._args = args
        self._signals = signals
        self._is_terminal = args.format == "text" and sys.stdout.isatty()
        interfaces.find(args.interface)
        # The launcher first, so that it has nothing; then what only root may open; then no rights.
        self._commands = self._make_commands(stack)
        reserve = stack.enter_context(SocketReserve(BUFFER_OCTETS))
        self._machine = stack.enter_context(closing(ThisMachine(reserve)))
        write = settle(args, stack, *_LATER)
        self._events: list[str] = []
        """As JSON text, a quarter of the size."""
        self._left_out = 0
        self._table: LiveTable | None = None
        self.result: AnalysisResult | None = None
        self._outbox = outbox
        self._lines = EventLines(outbox)
        self.watch: Watch = Watch(
            args.interface,
            self._machine,
            self._take,
            profile=args.profile,
            vantage=args.vantage,
            room=args.room,
            on_frame=write,
        )
        self._begun_ns = self._machine.now_ns()
        length_ns = args.duration
        self._end_ns = None if length_ns is None else self._begun_ns + length_ns
        for line in self.watch.notes:
            note(args, f"note: {line}")
        # What exists now lives as long as the program; what comes is freed by reference counts.
        gc.freeze()
        gc.set_threshold(_COLLECT_AFTER, 20, 20)
        if self._is_terminal:
            from mldkit.render.watch_table import LiveTable

            self._table = stack.enter_context(LiveTable(self.watch, outbox=self._outbox))

    def follow(self) -> None:
        """Look at the link slice by slice, then take in what came before the end."""
        from mldkit.watch import SLICE_NS

        machine, commands, end_ns = self._machine, self._commands, self._end_ns
        now_ns = self._begun_ns
        while (
            not self._signals.came and (end_ns is None or now_ns < end_ns) and not reader_has_gone()
        ):
            is_busy = commands is not None and commands.is_busy
            until_ns = now_ns + (_BUSY_NS if is_busy else SLICE_NS)
            self.watch.listen(until_ns if end_ns is None else min(until_ns, end_ns))
            now_ns = machine.now_ns()
            if commands is not None:
                self._look_after(commands)
            self._outbox.flush()
            if self._table is not None:
                extra = f"commands: {commands.counts}" if commands is not None else ""
                self._table.refresh(now_ns, extra)
        if self._signals.came:
            came_ns = self._signals.came_ns
            self._end_ns = came_ns if end_ns is None else min(end_ns, came_ns)
        self.watch.catch_up(self._end_ns)

    def _look_after(self, commands: Commands) -> None:
        was_lost = commands.is_lost
        commands.poll()
        if commands.is_lost and not was_lost:
            note(self._args, "note: the launcher of commands was killed: none is run any more")

    def end(self) -> None:
        """Judge what only the end shows, and give the last commands their time."""
        self.result = self.watch.finish(self._end_ns)
        commands = self._commands
        if commands is None:
            return
        until_ns = self._machine.now_ns() + _LAST_COMMANDS_NS
        # Twice: no time for them either.
        with suppress(KeyboardInterrupt), self._signals.reading():
            while commands.is_busy and self._machine.now_ns() < until_ns:
                commands.poll()
                self._machine.wait_ns(_BUSY_NS // 5)
        commands.close()

    def sum_up(self) -> None:
        """Print the document of --json, and one line for people."""
        from mldkit.render.watch import closing_lines, end_json, watch_json

        watch = self.watch
        counts = None if self._commands is None else self._commands.counts
        length_ns = self._machine.now_ns() - self._begun_ns
        for line in closing_lines(watch, self.result, length_ns, counts):
            note(self._args, line)
        if self._args.format == "json":
            events = map(json.loads, self._events)
            print_json_members(watch_json(watch, events, self._left_out, counts).items())
        elif not self._is_terminal:
            self._print(end_json(watch, self._machine.wall_ns()))
            self._outbox.drain()
            if self._outbox.left_out:
                left_out = counted(self._outbox.left_out, "event")
                note(self._args, f"note: {left_out} left out: nobody read standard output")

    def _take(self, event: WatchEvent) -> None:
        if self._table is not None:
            self._table.tell(event)
        if self._is_terminal and self._commands is None:
            return
        from mldkit.render.watch import told_json

        document = told_json(event)
        if self._commands is not None:
            # First, since whoever reads the line may be the one who ends us.
            self._commands.offer(json_text(document))
        if self._args.format == "json":
            if len(self._events) < MOST_EVENTS:
                self._events.append(json_text(document))
            else:
                self._left_out += 1
        elif not self._is_terminal:
            self._print(document)

    def _print(self, document: Json) -> None:
        self._lines.put(document, self.watch.interface, self._machine.wall_ns())

    def _make_commands(self, stack: ExitStack) -> Commands | None:
        if self._args.command is None:
            return None
        from mldkit.cli.watch_exec import Commands, parse_command, runner

        words, who = parse_command(self._args.command), runner(self._args.exec_user)
        commands = Commands(words, user=who, quiet=self._is_terminal)
        stack.callback(commands.close)
        return commands
