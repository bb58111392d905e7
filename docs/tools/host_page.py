"""Print docs/host-behaviour.md from the host profiles and what was measured last.

`python -m docs.tools.host_page docs/measured/agreement.json`
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mldkit.protocol.profile import (
    LINUX_IGMP,
    LINUX_MLD,
    HostProfile,
    behaviour_fields,
    differs,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

HEAD = """\
# How a host behaves: the RFCs and Linux

Printed from `mldkit/protocol/profile.py`; change it there.

`mldkit play` has one host machine for both families. What differs between the RFCs and the kernel
is a field of its profile; `set profile rfc` in a script, or `--profile rfc`, takes the column of
the RFC. Bold values are where Linux departs from it. Each departure has a script that shows it,
`tests/play/deviation-NAME-igmp.play` or `-mld.play`, which holds for `linux` and fails for `rfc`;
the last column has the names.

The machine sends the frames of the kernel octet by octet, in the same order and in the bucket of
the timer wheel that was recorded (`tests/unit/protocol/test_recordings.py`,
`test_shared_recordings.py`).

| field | what it means | RFC | Linux IGMP | Linux MLD | in the kernel | section | shown by |
| --- | --- | --- | --- | --- | --- | --- | --- |
"""

ALSO_HEAD = """
## What the RFCs leave open

Not every host does what Linux does here, and none of it is wrong.

| Linux | script in `tests/play` |
| --- | --- |
"""
ALSO = (
    (
        "IGMP answers queries of any TTL, without Router Alert, from 0.0.0.0, and to its address",
        "`v-03-ttl-and-router-alert-igmp`",
    ),
    (
        "IGMP hears queries to broadcast addresses, and none from an address of its own; MLD hears "
        "none to ff01::1",
        "`h-04-broadcast-and-own-address-igmp`, `h-04-interface-local-destination-mld`",
    ),
    (
        "with `rp_filter` 1 and 2 IGMP hears no query whose source has no route back, with 0 it "
        "does; 0.0.0.0 is always heard, and MLD knows no such setting",
        "`h-04-source-without-a-way-back-igmp`",
    ),
    (
        "MLD wants a link-local source, hop limit 1 and Router Alert 0",
        "`v-03-hop-limit-and-router-alert-mld`",
    ),
    (
        "a join that is taken back before it was told leaves TO_IN, robustness times",
        "`h-03-join-and-leave-at-once-igmp`, `-mld`",
    ),
    ("a link that goes down says nothing", "`h-01-link-down-is-silent-igmp`, `-mld`"),
    (
        "a link that goes down takes its proxies along; that their groups are left is told when it "
        "returns",
        "`h-01-proxies-go-with-the-link-mld`",
    ),
    (
        "a group that is left while the link is down is told as left twice, when the link is back "
        "before it was told",
        "`h-01-leave-while-the-link-is-down-igmp`, `-mld`",
    ),
    (
        "sources that are joined over IPv4 while the link is down are told when it is up",
        "`h-01-sources-joined-while-down-igmp`",
    ),
    (
        "below an MTU of 1280 there is no IPv6, and memberships of sockets do not come back",
        "`h-01-small-mtu-takes-ipv6-mld`",
    ),
    (
        "groups in INCLUDE mode are not told when the link comes up, but when the address is valid",
        "`h-10-link-up-mld`",
    ),
    (
        "a host without an address reports from 0.0.0.0 and `::`",
        "`h-10-no-address-igmp`, `-mld`",
    ),
    ("reports come from `::` until the address is valid", "`h-10-link-up-mld`"),
    (
        "an IGMPv2 join is told as often as `igmp_qrv` says, an MLDv1 join at once and once more, "
        "whatever the querier's robustness",
        "`h-13-repeats-of-an-older-join-igmp`, `-mld`",
    ),
    (
        "an MLD answer for one group may come at once, an IGMP one never within two ticks",
        "`h-07-group-answer-at-once-mld`, `deviation-answer-after-the-maximum-igmp`",
    ),
    (
        "`/proc/net/mcfilter` and `mcfilter6` may be empty although there are filters",
        "none, as no frame shows it; [docs/groups.md](groups.md) says when",
    ),
)

TARGETS = """
## Where a script plays

- `mldkit play --on sim`, the default: the machine in virtual time. No privilege, no waiting, every
  draw from one generator.
- `--on kernel`: this kernel, with real sockets, sysctls, addresses and links, in network namespaces
  made for it and removed with it, without root where user namespaces are allowed. HZ and draws are
  its own. `net.ipv6.mld_*` is refused, as it exists in the initial namespace only.
- `--on responder`: the machine in real time behind a packet socket, on such a link too.
- `--on INTERFACE`: a device on a wire, known by the MAC of the host line. Only queries, reports and
  data are sent; lines that would change the host are refused with line and column, as the device
  joins by its own means before the script begins.

The header line `set querier acting [interval T] [max-response T] [robustness N]` makes a querier
that asks by itself on every target: at the start, in each interval and after each leave
(`q-07-a-querier-that-acts-mld`, `-igmp`).

In real time a range counts from the moment at which its line really happened: a message from when
the kernel sent its frame, a request from when it was made. Messages that are expected may come 8 ms
later than their range (`set tolerance`); a range of `expect none` stays as it is. Where something
failed and this machine measured that it was late meanwhile, a note says so.

`tests/kernel/test_play_kernel.py` plays all scripts on `kernel` and `responder` at the same time,
each on a link of its own, and compares what both sent octet by octet: changes in their order,
answers as they come, as each has a draw of its own.
"""

WHEEL = """
## When a timer expires

Timers of Linux run on ticks of 1/HZ and are rounded up by the timer wheel
(`mldkit/protocol/timer.py`). A timer for tick X that is armed in tick `base` expires at
`(X // G + 1) * G`, with G = 8^n from the level n of the distance X - base: 0 below 63 ticks, 1
below 504, 2 below 4032, and so on. At 250 Hz an answer to a query with a maximum of 1 s comes 8 to
1036 ms after it, one with a maximum of 10 s up to 10264 ms after it.

`mldkit play --explain SCRIPT` prints for each timer the draw, the tick that was asked for and the
step of the wheel.
"""


MEASURED_HEAD = """
## Delays, measured

The delay of the answer to a query with a maximum of 1 s, gathered in one run: of this kernel over
many links at once, of the host machine in virtual time for the same moments of asking, and of
`mldkit respond` with as many hosts on one link. `p` is that of the test of Kolmogorov and Smirnov
against the kernel; the tests fail below 0.0001. `limit` is the longest delay that the wheel allows,
and `late` counts what came more than 8 ms after it, which is left to a busy machine. Every run of
`tests/kernel/test_agreement.py` prints such a table; `MLDKIT_KEEP_MEASURED=1` takes more rounds and
keeps it for this page.

"""
_COLUMNS = {
    "family": "family",
    "query": "query",
    "host": "host",
    "answers": "answers",
    "least_ms": "least ms",
    "mean_ms": "mean ms",
    "most_ms": "most ms",
    "latest_ms": "limit ms",
    "after_maximum": "after 1 s",
    "late": "late",
    "distance": "D",
    "p": "p",
}
"""Keys of a row and their titles; the kernel has neither D nor p."""


def page(measured: dict[str, Any]) -> str:
    """Return the whole page."""
    whole = HEAD + "".join(f"{row}\n" for row in _rows()) + ALSO_HEAD
    whole += "".join(f"| {linux} | {script} |\n" for linux, script in ALSO) + TARGETS + WHEEL
    return whole + MEASURED_HEAD + measured_table(measured)


def measured_table(measured: dict[str, Any]) -> str:
    """Return the table of a measurement of delays."""
    lines = [
        f"Kernel {measured['kernel']}, {measured['hz']} Hz, {measured['links']} links, "
        f"{measured['rounds']} rounds; the machine stood still for "
        f"{measured['longest_stall_ms']} ms at most.",
        "",
        "| " + " | ".join(_COLUMNS.values()) + " |",
        "| " + " | ".join("---" for _ in _COLUMNS) + " |",
    ]
    for row in measured["rows"]:
        lines.append("| " + " | ".join(str(row.get(key, "")) for key in _COLUMNS) + " |")
    return "\n".join(lines) + "\n"


def _rows() -> Iterator[str]:
    for known in behaviour_fields():
        about = known.metadata
        cells = (
            f"`{known.name}`",
            about["means"],
            _text(known.default),
            _value(LINUX_IGMP, known.name),
            _value(LINUX_MLD, known.name),
            about["kernel"],
            about["rfc"],
            about["shown"],
        )
        yield "| " + " | ".join(cells) + " |"


def _value(profile: HostProfile, name: str) -> str:
    known = next(field for field in behaviour_fields() if field.name == name)
    value = _text(getattr(profile, name))
    return f"**{value}**" if differs(known, profile) else value


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


if __name__ == "__main__":
    print(page(json.loads(Path(sys.argv[1]).read_text())), end="")
