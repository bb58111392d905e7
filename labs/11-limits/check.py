"""What has to hold at the end of the lab `limits`."""

from mldkit.lab import commands
from mldkit.lab.checks import Check, Look, Outcome, answer
from mldkit.lab.evidence import messages, reported, sent_by
from mldkit.lab.lab import Lab
from mldkit.link.kernel_tables import parse_igmp, parse_igmp6
from mldkit.model.addresses import is_unspecified
from mldkit.model.messages import Query
from mldkit.model.notation import parse_group_spec
from mldkit.model.units import MILLISECOND
from mldkit.protocol.exchange import current_state, late_limit_ns

LINK, IPV4, IPV6 = "r1-h1", "239.1.2.1+30", "ff15::1:0+3000"
TEN_SOURCES = ",".join(f"10.0.0.{number}" for number in range(1, 11))


def limit(setting: str, least: int) -> Look:
    """Look at a setting of h1, which has to be big enough."""

    def look(lab: Lab) -> Outcome:
        found = int(lab.read("h1", "/proc/sys/" + setting.replace(".", "/")))
        return Outcome(
            holds=found >= least,
            expected=f"{setting} of {least} or more",
            got=str(found),
            where=f"h1: sysctl {setting}",
        )

    return look


def listens(spec: str) -> Look:
    """Look whether h1 listens to all of many groups."""
    wanted = set(parse_group_spec(spec).groups)

    def look(lab: Lab) -> Outcome:
        path = "/proc/net/" + ("igmp" if "." in spec else "igmp6")
        text = lab.read("h1", path)
        entries = parse_igmp(text)[1] if "." in spec else parse_igmp6(text)
        index = commands.index(lab.topology, "h1", "eth1")
        found = wanted & {entry.group for entry in entries if entry.index == index}
        return Outcome(
            holds=found == wanted,
            expected=f"{spec} on eth1",
            got=f"{len(found)} of {len(wanted)}",
            where=f"h1: {path}",
        )

    return look


def all_told(lab: Lab) -> Outcome:
    """Look whether the last MLD query for everything was answered with all groups."""
    expected = f"a General Query of r1, answered for {IPV6}, in full reports"
    asked = [
        decoded
        for decoded in messages(lab, LINK)
        if isinstance(decoded.datagram.message, Query)
        and len(decoded.datagram.message.group) == 16
        and is_unspecified(decoded.datagram.message.group)
    ]
    if not asked or not isinstance(query := asked[-1].datagram.message, Query):
        where = f"capture of {LINK}"
        return Outcome(holds=False, expected=expected, got="no such query", where=where)
    answers = [
        (decoded.frame.number, tuple(current_state(decoded.datagram.message)))
        for decoded in sent_by(lab, LINK, "h1")
        if decoded.frame.number > asked[-1].frame.number
    ]
    told = {record.group for _, records in answers for record in records}
    full = [number for number, records in answers if len(records) == 72]
    return Outcome(
        holds=told >= set(parse_group_spec(IPV6).groups) and len(full) >= 3000 // 72,
        expected=expected,
        got=f"{len(told)} groups, {len(full)} reports with 72 records",
        where=f"capture of {LINK}",
        frames=tuple(full),
        until_ns=(asked[-1].frame.time_ns or 0) + late_limit_ns(query) + 100 * MILLISECOND,
    )


CHECKS = (
    Check("limit", "a socket may hold 30 IPv4 groups", limit("net.ipv4.igmp_max_memberships", 30)),
    Check("thirty", "h1 listens to 30 IPv4 groups", listens(IPV4)),
    Check(
        "sources",
        "a socket was filled with sources of 232.1.1.1",
        reported(LINK, "h1", f"ALLOW(232.1.1.1,{{{TEN_SOURCES}}})"),
    ),
    Check("thousands", "h1 listens to 3000 IPv6 groups", listens(IPV6)),
    Check("told", "h1 answered for all of them", all_told, ("thousands",)),
    answer("error", "ENOBUFS", "No buffer space available", "105"),
    answer("sockets", "2", "two"),
    answer("sources", "10", "ten"),
    answer("memory", "ENOMEM", "Cannot allocate memory", "12"),
    answer("records", "72"),
)
