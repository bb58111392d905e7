"""The counters of the protocols: what `nstat` prints, for the namespace of this thread.

::

    snmp, netstat   two lines a protocol: names, numbers   IpInReceives, TcpExtIPReversePathFilter
    snmp6           one line a counter                     Ip6InReceives, Udp6RcvbufErrors

Names are those of `nstat`: the protocol in front of the counter.
"""

from __future__ import annotations

from pathlib import Path

_TABLES = Path("/proc/thread-self/net")


def read() -> dict[str, int]:
    """Return every counter by the name that `nstat` gives it."""
    found: dict[str, int] = {}
    for table in ("snmp", "netstat"):
        lines = _lines(table)
        for names, values in zip(lines[::2], lines[1::2], strict=False):
            protocol, _, listed = names.partition(":")
            numbers = values.partition(":")[2].split()
            for name, value in zip(listed.split(), numbers, strict=False):
                found[protocol + name] = int(value)
    for line in _lines("snmp6"):
        words = line.split()
        if len(words) == 2:
            found[words[0]] = int(words[1])
    return found


def _lines(table: str) -> list[str]:
    try:
        return (_TABLES / table).read_text().splitlines()
    except OSError:
        return []  # a kernel without this family
