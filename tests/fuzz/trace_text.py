"""Target `tracing`: the text of a tracer, in which names of tasks are what somebody calls them.

Every line is an entry, part of one, or counted as unread; a line gives two entries at most; times
and numbers are not negative; what an event says is read as octets or numbers, or as neither.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.trace import text
from tests.fuzz.target import Target, hold

if TYPE_CHECKING:
    from collections.abc import Iterator

_GRAPH = b"""117.421677 |   0)   python-136   |               |  ipv6_sock_mc_join() {
117.421967 |   0)   python-136   |   71.967 us   |    __hw_addr_add_ex();
117.422298 |   0)   python-136   |   412.255 us  |  } /* __ipv6_dev_mc_inc */
117.422290 |   0)   python-136   |               |  /* timer_start: timer=ff14 [timeout=2] */
CPU:1 [LOST 12 EVENTS]
"""
_PLAIN = b"""   python-92      [000] ...1.    28.793857: __ipv6_dev_mc_inc <-__ipv6_sock_mc_join
          python-92      [000] ...1.    28.793865: <stack trace>
 => __ipv6_dev_mc_inc
 => __ipv6_sock_mc_join
          python-92      [000] d..1.    28.794464: timer_start: timer=ffff88801fdb88c8 [timeout=2]
          python-92      [000] d..1.    28.794465: join: group={0xff,0x15} comm="a b"
"""


def one_input(data: bytes) -> int:
    """Hold the invariant against a text; return how many entries it has."""
    trace = text.TraceText()
    lines = data.decode(errors="replace").split("\n")
    found: list[text.Entry] = []
    for line in lines:
        given = list(trace.feed(line))
        hold(len(given) <= 3, "a line gives what was held and two entries at most")
        found += given
    found += trace.flush()
    hold(0 <= trace.unread <= len(lines), "a line is unread once")
    for entry in found:
        hold(entry.cpu >= 0, "a processor has a number")
        if isinstance(entry, text.Happened):
            hold(entry.time_ns >= 0, "a time is not negative")
            for value in entry.fields.values():
                octets = text.octets(value)
                hold(octets is None or len(octets) <= len(value), "octets cost characters")
                text.number(value)
    return len(found)


def seeds() -> Iterator[bytes]:
    """Give the notations of both tracers."""
    yield _GRAPH
    yield _PLAIN
    yield from _GRAPH.splitlines()
    yield from _PLAIN.splitlines()


TARGET = Target(
    "tracing",
    one_input,
    seeds,
    (b" => ", b"<stack trace>", b"() {", b"} /* ", b" */", b"{0xff,", b"comm=\"", b"[LOST ",
     b"9" * 4400, b"\xd9\xa3", b" <-", b"|", b": "),
    "entries",
    8192,
)  # fmt: skip
