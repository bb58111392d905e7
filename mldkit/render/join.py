"""What `join` prints: what was joined, each datagram that arrived, and what became of the link.

::

    text     a line for each group specification, and for each datagram
    ndjson   an object for each group, and for each datagram
    json     one document at the end
"""

from __future__ import annotations

import json
import sys
from functools import partial
from typing import TYPE_CHECKING

from mldkit.join import SILENCE_NS
from mldkit.link import clock
from mldkit.model.addresses import text
from mldkit.model.units import SECOND
from mldkit.model.words import counted, seconds_text
from mldkit.render.message_json import time_text
from mldkit.render.terminal import note, print_json, printable
from mldkit.render.words import filter_mode

if TYPE_CHECKING:
    import argparse

    from mldkit.join import JoinPlan
    from mldkit.link.datagrams import Received
    from mldkit.model.notation import GroupSpec
    from mldkit.path.silence import Examination

SCHEMA = "mldkit.join/1"
_READINESS = {
    False: "is down: the memberships stay, but nothing is sent or heard until it is up",
    True: "is up again: the kernel announces the memberships",
}


class JoinOutput:
    """Says what happens in the format that was asked for, each line at once."""

    def __init__(self, args: argparse.Namespace, plan: JoinPlan) -> None:
        self._args = args
        self._format = args.format
        self._plan = plan
        self._interface = plan.interface
        self._joined: list[dict[str, object]] = []
        self._datagrams: list[dict[str, object]] = []
        self._start_ns = 0
        self._silence: dict[str, object] | None = None

    def joined(self) -> None:
        """Say what was joined."""
        self._start_ns = clock.wall_ns()
        for spec in self._plan.groups:
            blocked = [text(source) for source in self._plan.blocked_in(spec)]
            if self._format == "text":
                print(_joined_line(spec, blocked, self._interface))
            for group in spec.groups if self._format != "text" else ():
                entry: dict[str, object] = {
                    "interface": self._interface,
                    "group": text(group),
                    "filter_mode": filter_mode(not spec.sources),
                    "sources": [text(source) for source in spec.sources] or blocked,
                }
                self._joined.append(entry)
                if self._format == "ndjson":
                    print_json({"event": "joined", **entry})
        sys.stdout.flush()

    def changed(self, is_ready: bool) -> None:  # noqa: FBT001 (it is what is told)
        """Say that the interface is down, or up again."""
        note(self._args, f"note: {self._interface} {_READINESS[is_ready]}")

    def silent(self, found: Examination) -> None:
        """Say that nothing has arrived, what was checked, and what is suspicious."""
        from mldkit.render.path import label  # only who waits in vain needs it

        self._silence = {
            "received": found.received,
            "checked": [str(stage) for stage in found.checked],
            "suspicious": list(found.suspicious),
        }
        if self._format == "ndjson":
            print_json({"event": "silence", "interface": found.interface, **self._silence})
        seconds = seconds_text(SILENCE_NS)
        checked = ", ".join(label(stage) for stage in found.checked)
        say = partial(note, self._args)
        say(f"note: nothing has arrived for {seconds}; checked on {found.interface}: {checked}")
        for words in found.suspicious:
            say(f"  suspicious: {printable(words)}")
        if not found.suspicious:
            frames = counted(found.received, "frame")
            say(
                f"  nothing is suspicious here; {found.interface} has counted {frames} of any "
                "kind: does anybody send, and does the switch let it through?"
            )

    def received(self, received: Received) -> None:
        """Say that a datagram arrived."""
        entry: dict[str, object] = {
            "time": time_text(received.time_ns),
            "source": text(received.source),
            "group": text(received.group),
            "port": received.port,
            "length": received.length,
        }
        if self._format == "text":
            after = (received.time_ns - self._start_ns) / SECOND
            print(
                f"{after:10.6f} s  {entry['source']} > {entry['group']} "
                f"port {received.port}, {received.length} octets"
            )
        elif self._format == "ndjson":
            print_json({"event": "datagram", **entry})
        else:
            self._datagrams.append(entry)
        sys.stdout.flush()

    def finish(self) -> None:
        """Complete the document."""
        if self._format == "json":
            document = {
                "schema": SCHEMA,
                "interface": self._interface,
                "joined": self._joined,
                "datagrams": self._datagrams,
                "silence": self._silence,
            }
            print(json.dumps(document, indent=2))


def _joined_line(spec: GroupSpec, blocked: list[str], interface: str) -> str:
    groups = text(spec.groups[0])
    if len(spec.groups) > 1:
        groups += f" to {text(spec.groups[-1])} ({len(spec.groups):,} groups)"
    line = f"joined {groups} on {interface}"
    if spec.sources:
        return f"{line} from {', '.join(map(text, spec.sources))}"
    return f"{line} from any source" + (f" but {', '.join(blocked)}" if blocked else "")
