"""What `respond` prints: what the hosts heard and sent and why, and how late they were.

::

    text     a line for each message heard, sent (of up to ten hosts), and for each reason
    ndjson   an object for each of them, then the summary
    json     one document with the summary and the first events
"""

from __future__ import annotations

import select
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from mldkit.link import clock
from mldkit.model.addresses import mac_text, text
from mldkit.model.datagram import Decoded, Frame
from mldkit.model.units import MILLISECOND, SECOND
from mldkit.model.words import counted
from mldkit.protocol.events import Sent
from mldkit.render.account import account_json
from mldkit.render.message_json import Json, message_json, time_text
from mldkit.render.message_text import summary_text
from mldkit.render.terminal import line_printer, note, print_json
from mldkit.responder.responder import Answered, Explained, MessageHeard
from mldkit.wire.decode import decode
from mldkit.wire.validity import judge

if TYPE_CHECKING:
    import argparse

    from mldkit.link.account import Account
    from mldkit.responder.population import PopulationPlan, Resident
    from mldkit.responder.responder import Responder, ResponderEvent

SCHEMA = "mldkit.respond/1"
_MOST_TALKATIVE = 10
"""Hosts up to whose number every message is a line of text or an entry of the document."""
_MOST_EVENTS = 10_000


class RespondOutput:
    """Says what happens in the format that was asked for."""

    def __init__(self, args: argparse.Namespace, plan: PopulationPlan) -> None:
        self._args = args
        self._plan = plan
        self._format = args.format
        self._begun_ns = clock.now_ns()
        self._wall_offset_ns = clock.wall_offset_ns()
        self._printer = line_printer()
        self.tells_answers = args.format == "ndjson" or plan.count <= _MOST_TALKATIVE
        """Whether every message is told, or counted only."""
        self._is_watched = False
        self._room = select.poll()
        with suppress(OSError, ValueError):
            # What stands in for the stream in a test has no descriptor and never blocks.
            self._room.register(sys.stdout.fileno(), select.POLLOUT)
            self._is_watched = True
        self._events: list[Json] = []
        self._left_out = 0
        self._numbers = 0

    def started(self, responder: Responder) -> None:
        """Say who answers from now on."""
        plan = self._plan
        first = responder.residents[0]
        who = f"{mac_text(first.mac)} {' '.join(map(text, first.addresses))}"
        if plan.count > 1:
            who = f"the first {who}"
        timing = f"profile {plan.profile}"
        if plan.profile == "linux":
            timing += f", {plan.hz} ticks a second"
        groups = counted(sum(len(spec.groups) for spec in plan.groups), "group")
        if plan.is_distinct and plan.count > 1:
            groups += " each"
        line = (
            f"{counted(plan.count, 'host')} on {self._args.interface} in {groups}: {who}; "
            f"{timing}, seed {plan.seed}; {self._rate_words(responder)}"
        )
        if self._format == "text":
            self._printer(line, "bold")
            sys.stdout.flush()
        elif self._format == "ndjson":
            print_json({"event": "started", **self._description(responder)})
        else:
            note(self._args, line)

    def has_room(self) -> bool:
        """Return whether a line can be written: the hosts do not wait for a reader who sleeps."""
        return not self._is_watched or bool(self._room.poll(0))

    def tell(self, told: ResponderEvent) -> None:
        """Print one thing that happened."""
        if self._format == "text":
            self._print(told)
            return
        entry = self._entry(told)
        if self._format == "ndjson":
            print_json(entry)
        elif len(self._events) < _MOST_EVENTS:
            self._events.append(entry)
        else:
            self._left_out += 1

    def finish(self, responder: Responder, account: Account) -> None:
        """Print what it came to."""
        if self._format == "text":
            for line, style in self._summary_lines(responder, account):
                self._printer(line, style)
            return
        summary = self._summary(responder, account)
        if self._format == "ndjson":
            print_json({"event": "summary", **summary})
            return
        print_json(
            {
                "schema": SCHEMA,
                **self._description(responder),
                **summary,
                "events": self._events,
                "events_left_out": self._left_out + responder.left_out,
            }
        )

    # Text

    def _print(self, told: ResponderEvent) -> None:
        if isinstance(told, MessageHeard):
            datagram = told.decoded.datagram
            line = f"heard {text(datagram.source)} > {text(datagram.destination)}"
            self._line(told.time_ns, f"{line}  {summary_text(told.decoded)}", "")
        elif isinstance(told, Explained):
            if not isinstance(told.event, Sent):
                who = f"host {told.host} " if self._plan.count > 1 else ""
                self._line(told.event.time_ns, f"    why: {who}{told.event}", "dim")
        else:
            datagram = told.datagram
            late = f"{told.late_ns / MILLISECOND:.3f} ms late"
            line = f"sent  {text(datagram.source)} > {datagram.message}  ({late})"
            self._line(told.time_ns, line, "bold")

    def _line(self, time_ns: int, line: str, style: str) -> None:
        self._printer(f"{(time_ns - self._begun_ns) / SECOND:12.6f}  {line}", style)
        sys.stdout.flush()

    def _summary_lines(self, responder: Responder, account: Account) -> list[tuple[str, str]]:
        late = responder.lateness
        length_s = (clock.now_ns() - self._begun_ns) / SECOND
        heard = counted(responder.queries, "query", "queries")
        lines = [
            (f"{length_s:.1f} s: {heard} heard, {counted(late.count, 'message')} sent", "bold")
        ]
        if late.count:
            median, most, worst = (
                f"{value / MILLISECOND:.3f} ms"
                for value in (late.quantile_ns(0.5), late.quantile_ns(0.99), late.max_ns)
            )
            lines.append((f"later than intended: median {median}, 99 % {most}, worst {worst}", ""))
        beyond = self._beyond(responder)
        if beyond:
            tick = f"{1000 / self._plan.hz:g} ms"
            lines.append(
                (f"{beyond:,} of {late.count:,} left more than a tick ({tick}) late", "yellow")
            )
        if responder.held_back:
            held_back = counted(responder.held_back, "message")
            why = f"{self._rate_words(responder)} (--flood lifts it)"
            lines.append((f"{held_back} not sent: {why}", "yellow"))
        lines.append((str(account), "yellow" if account.dropped else ""))
        return lines

    # JSON

    def _entry(self, told: ResponderEvent) -> Json:
        if isinstance(told, MessageHeard):
            return {"event": "heard", "message": message_json(judge(told.decoded))}
        if isinstance(told, Answered):
            wall_ns = told.time_ns - self._wall_offset_ns
            return {
                "event": "sent",
                "message": message_json(judge(self._decoded(told.octets, wall_ns))),
                "late_ms": told.late_ns / MILLISECOND,
            }
        return {
            "event": "explained",
            "time": time_text(told.event.time_ns - self._wall_offset_ns),
            "host": told.host,
            "text": str(told.event),
        }

    def _decoded(self, octets: bytes, wall_ns: int) -> Decoded:
        self._numbers += 1
        frame = Frame(octets, wall_ns, self._numbers, outgoing=True)
        frame.interface = self._args.interface
        found = decode(frame)
        if not isinstance(found, Decoded):
            raise TypeError(f"a host sent no message: {found}")
        return found

    @staticmethod
    def _rate_words(responder: Responder) -> str:
        limit = responder.limit
        if limit is None:
            return "no limit to what they send"
        return f"at most {limit.per_second:,} messages a second, {limit.at_once:,} in a burst"

    def _description(self, responder: Responder) -> Json:
        plan, limit = self._plan, responder.limit
        return {
            "interface": self._args.interface,
            "profile": plan.profile,
            "hz": plan.hz,
            "seed": plan.seed,
            "limit_per_second": None if limit is None else limit.per_second,
            "limit_at_once": None if limit is None else limit.at_once,
            "hosts": [_host_json(known) for known in responder.residents],
        }

    def _summary(self, responder: Responder, account: Account) -> Json:
        late = responder.lateness
        return {
            "queries": responder.queries,
            "sent": late.count,
            "late_ms": {
                "median": late.quantile_ns(0.5) / MILLISECOND,
                "p99": late.quantile_ns(0.99) / MILLISECOND,
                "max": late.max_ns / MILLISECOND,
            },
            "more_than_a_tick_late": self._beyond(responder),
            **account_json(account),
            "held_back": responder.held_back,
        }

    def _beyond(self, responder: Responder) -> int:
        late = responder.lateness
        return round((1 - late.within(SECOND // self._plan.hz)) * late.count)


def _host_json(known: Resident) -> Json:
    return {"mac": mac_text(known.mac), "addresses": [text(each) for each in known.addresses]}
