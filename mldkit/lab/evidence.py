"""What checks look at: tables of the kernel in a node, and the captures of the links.

Each function returns what a `Check` asks: a function of the lab that looks once. Nothing here
looks at what was typed; there are many ways to a goal, and the kernel and the wire show whether
it was reached.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from mldkit.errors import CaptureError
from mldkit.lab import commands
from mldkit.lab.checks import Outcome
from mldkit.link import clock
from mldkit.link.capture import open_capture
from mldkit.link.kernel_tables import parse_dev_mcast, parse_igmp, parse_igmp6, parse_mcfilter
from mldkit.model.addresses import is_unspecified, mac_text, parse, text
from mldkit.model.messages import Query, Report
from mldkit.model.notation import parse_record
from mldkit.model.units import MILLISECOND, SECOND
from mldkit.protocol.exchange import current_state, late_limit_ns
from mldkit.wire.decoder import Decoder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mldkit.lab.checks import Look
    from mldkit.lab.lab import Lab
    from mldkit.link.kernel_tables import ListedGroup
    from mldkit.model.addresses import Address
    from mldkit.model.datagram import Decoded, Frame
    from mldkit.model.messages import GroupRecord

REPEAT_NS = SECOND + 100 * MILLISECOND
"""A change is told again after at most the Unsolicited Report Interval of 1 s (RFC 9777 §9.11),
and some ticks of the kernel's timers."""


def member(node: str, interface: str, group: str, users: int | None = None) -> Look:
    """Look whether the kernel of a node listens to a group, with so many users."""
    wanted = f"{group} on {interface}" + ("" if users is None else f" with users {users}")

    def look(lab: Lab) -> Outcome:
        found = listed(lab, node, interface, group)
        holds = found is not None and users in (None, found.users)
        got = "not there" if found is None else f"users {found.users}"
        return Outcome(holds=holds, expected=wanted, got=got, where=_table_of(node, group))

    return look


def not_member(node: str, interface: str, group: str) -> Look:
    """Look whether the kernel of a node does not listen to a group any more."""

    def look(lab: Lab) -> Outcome:
        found = listed(lab, node, interface, group)
        return Outcome(
            holds=found is None,
            expected=f"{group} is gone from {interface}",
            got="it is gone" if found is None else f"it is there, users {found.users}",
            where=_table_of(node, group),
        )

    return look


def filtered(node: str, interface: str, group: str, sources: dict[str, tuple[int, int]]) -> Look:
    """Look at the sources of a group: each with its users that include and exclude it.

    How many users there are does not matter, only whether there are any.
    """

    def look(lab: Lab) -> Outcome:
        path = "/proc/net/" + ("mcfilter" if "." in group else "mcfilter6")
        index = commands.index(lab.topology, node, interface)
        found = {
            text(entry.source): (entry.includes, entry.excludes)
            for entry in parse_mcfilter(lab.read(node, path))
            if entry.index == index and entry.group == parse(group)
        }
        return Outcome(
            holds=_any_users(found) == _any_users(sources),
            expected=_sources(sources),
            got=_sources(found),
            where=f"{node}: {path}",
        )

    return look


def mac_listed(node: str, interface: str, address: str, references: int | None = None) -> Look:
    """Look for a MAC in the multicast list of a device, with so many references."""
    wanted = address if references is None else f"{address} with references {references}"

    def look(lab: Lab) -> Outcome:
        index = commands.index(lab.topology, node, interface)
        found = 0
        for entry in parse_dev_mcast(lab.read(node, "/proc/net/dev_mcast")):
            if entry.index == index and mac_text(entry.mac) == address:
                found = entry.references
        return Outcome(
            holds=found > 0 if references is None else found == references,
            expected=wanted,
            got=f"references {found}" if found else "not there",
            where=f"{node}: /proc/net/dev_mcast",
        )

    return look


def reported(
    link: str,
    node: str,
    *records: str,
    times: int = 2,
    source: str | None = None,
    within_ns: int = 0,
) -> Look:
    """Look for reports of a node that contain all of the records, so many times.

    A record that is wanted with sources may name more of them: changes that follow each other
    within a second are told together. A report may contain more records: what the kernel still
    has to say travels along. The first report may take `within_ns` from the node's last message,
    each further one the time of a repetition.
    """
    wanted = [parse_record(record) for record in records]

    def look(lab: Lab) -> Outcome:
        everything = list(sent_by(lab, link, node))
        found = [
            decoded
            for decoded in everything
            if isinstance(decoded.datagram.message, Report)
            and all(_contains(decoded.datagram.message, record) for record in wanted)
            and source in (None, text(decoded.datagram.source))
        ]
        if found:
            until_ns = (found[0].frame.time_ns or 0) + (times - 1) * REPEAT_NS
        else:
            until_ns = (everything[-1].frame.time_ns or 0) + within_ns if everything else 0
        return Outcome(
            holds=len(found) >= times,
            expected=f"{' '.join(map(str, wanted))}, {_times(times)}"
            + (f" from {source}" if source else ""),
            got=_times(len(found)) if found else "no such report",
            where=f"capture of {link}",
            frames=tuple(decoded.frame.number for decoded in found),
            until_ns=until_ns,
        )

    return look


def answered(
    link: str, querier: str, group: str, nodes: tuple[str, ...], sources: tuple[str, ...] = ()
) -> Look:
    """Look for a query of a node, and whether just these nodes answered it in time.

    `group` is `::` or `0.0.0.0` for a General Query. Real Linux answers come a little later than
    the maximum response time; so much is waited for.
    """
    address = parse(group)
    wanted = (querier, address, {parse(source) for source in sources})
    what = "a General Query" if is_unspecified(address) else f"a query for {group}"
    what += f" from {', '.join(sources)}" if sources else ""

    def look(lab: Lab) -> Outcome:
        asked: Decoded | None = None
        since: list[Decoded] = []
        for decoded in messages(lab, link):
            message = decoded.datagram.message
            if not isinstance(message, Query):
                since.append(decoded)
            elif (sender(lab, decoded), message.group, set(message.sources)) == wanted:
                asked, since = decoded, []
        if asked is None or not isinstance(asked.datagram.message, Query):
            got, where = "no such query", f"capture of {link}"
            return Outcome(holds=False, expected=f"{what} of {querier}", got=got, where=where)
        end_ns = (asked.frame.time_ns or 0) + late_limit_ns(asked.datagram.message)
        answers = {
            sender(lab, decoded): decoded.frame.number
            for decoded in since
            if (decoded.frame.time_ns or 0) <= end_ns and _answers(decoded, address)
        }
        is_over = clock.wall_ns() >= end_ns
        return Outcome(
            holds=is_over and set(answers) == set(nodes),
            expected=f"{what} of {querier}, answered by {', '.join(nodes) or 'nobody'}",
            got=f"answered by {', '.join(sorted(map(str, answers))) or 'nobody'}",
            where=f"capture of {link}",
            frames=(asked.frame.number, *sorted(answers.values())),
            until_ns=0 if is_over else end_ns + MILLISECOND,
        )

    return look


def listed(lab: Lab, node: str, interface: str, group: str) -> ListedGroup | None:
    """Return the line of a group in /proc/net/igmp6 or igmp of a node."""
    if "." in group:
        entries = parse_igmp(lab.read(node, "/proc/net/igmp"))[1]
    else:
        entries = parse_igmp6(lab.read(node, "/proc/net/igmp6"))
    index = commands.index(lab.topology, node, interface)
    for entry in entries:
        if entry.index == index and entry.group == parse(group):
            return entry
    return None


def frames(lab: Lab, link: str) -> Iterator[Frame]:
    """Give every frame of a link so far."""
    try:
        with open_capture(str(lab.capture(link))) as capture:
            yield from capture.frames()
    except CaptureError:
        return  # nothing was captured yet


def messages(lab: Lab, link: str) -> Iterator[Decoded]:
    """Give every membership message of a link so far."""
    decoder = Decoder()
    for frame in frames(lab, link):
        yield from decoder.decode(frame)


def sent_by(lab: Lab, link: str, node: str) -> Iterator[Decoded]:
    """Give the messages of one node, told by its MAC addresses."""
    return (decoded for decoded in messages(lab, link) if sender(lab, decoded) == node)


def _contains(report: Report, wanted: GroupRecord) -> bool:
    """Return whether a report has this record; with sources, at least these."""
    return any(
        record.type == wanted.type
        and record.group == wanted.group
        and (set(wanted.sources) <= set(record.sources) if wanted.sources else not record.sources)
        for record in report.records
    )


def _answers(decoded: Decoded, group: Address) -> bool:
    """Return whether a message tells current state of a group, or of any in its family."""
    records = current_state(decoded.datagram.message)
    if is_unspecified(group):
        return any(len(record.group) == len(group) for record in records)
    return any(record.group == group for record in records)


def sender(lab: Lab, decoded: Decoded) -> str | None:
    """Return the node that a message came from."""
    address = mac_text(decoded.datagram.link_source or b"")
    for node in lab.topology.nodes:
        for name in filter(None, (*lab.topology.devices(node), lab.topology.nodes[node].bridge)):
            if commands.mac(lab.topology, node, name) == address:
                return node
    return None


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


def listed_backwards(group: str) -> str:
    """Return an IPv4 group as /proc/net/igmp writes it: a number of this machine."""
    return f"{int.from_bytes(parse(group), sys.byteorder):08X}"


def _table_of(node: str, group: str) -> str:
    return f"{node}: /proc/net/{'igmp' if '.' in group else 'igmp6'}"


def _any_users(sources: dict[str, tuple[int, int]]) -> dict[str, tuple[bool, bool]]:
    return {
        source: (includes > 0, excludes > 0) for source, (includes, excludes) in sources.items()
    }


def _sources(sources: dict[str, tuple[int, int]]) -> str:
    listed_sources = (
        f"{source} {includes}/{excludes}"
        for source, (includes, excludes) in sorted(sources.items())
    )
    return ", ".join(listed_sources) or "no sources"
