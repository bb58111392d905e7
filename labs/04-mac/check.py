"""What has to hold at the end of the lab `mac`."""

from mldkit.errors import UsageError
from mldkit.lab import progress
from mldkit.lab.checks import Check, Look, Outcome, answer
from mldkit.lab.datagrams import datagrams
from mldkit.lab.evidence import frames, mac_listed, member
from mldkit.lab.lab import Lab
from mldkit.link import clock
from mldkit.link.kernel_tables import parse_dev_mcast
from mldkit.model.addresses import group_mac, text
from mldkit.model.notation import parse_group, parse_group_spec
from mldkit.model.units import MILLISECOND, SECOND

LINK, FILTERED = "h1-r1", "h1-mv0"
GROUP, TWIN, OTHER = "ff15::4321:1234", "ff15:1::4321:1234", "225.1.1.1"


def passed(*groups: str) -> Look:
    """Look whether a datagram to each of the groups crossed the filter."""

    def look(lab: Lab) -> Outcome:
        seen = {sent.group: sent.frame.number for sent in datagrams(frames(lab, FILTERED))}
        wanted = [group for spec in groups for group in parse_group_spec(spec).groups]
        found = [seen[group] for group in wanted if group in seen]
        return Outcome(
            holds=len(found) == len(wanted),
            expected=f"datagrams to {', '.join(groups)} at mv0",
            got=f"{len(found)} of {len(wanted)}",
            where=f"capture of {FILTERED}",
            frames=tuple(found),
        )

    return look


def kept_out(lab: Lab) -> Outcome:
    """Look whether most of many groups did not cross the filter."""
    came, through = (
        len({sent.group for sent in datagrams(frames(lab, link))}) for link in (LINK, FILTERED)
    )
    return Outcome(
        holds=came >= 1000 and through < came // 4,
        expected="datagrams to 1000 groups or more on the link, most of them not at mv0",
        got=f"{came} on the link, {through} at mv0",
        where=f"captures of {LINK} and {FILTERED}",
    )


def exact_list(lab: Lab) -> Outcome:
    """Look whether the filter is in force."""
    words = lab.run("h1", "ip", "-d", "link", "show", "dev", "mv0").stdout.split()
    return Outcome(
        holds="ALLMULTI" not in words[2] and "PROMISC" not in words[2],
        expected="mv0 with neither ALLMULTI nor PROMISC",
        got=words[2],
        where="h1: ip -d link show dev mv0",
    )


def collision(lab: Lab) -> Outcome:
    """Send a datagram to the group of the answer and look whether the filter lets it in."""
    given = progress.answers(lab).get("collision")
    expected = "a group with a MAC address that is not on the list of mv0, and which passes"
    if given is None:
        how = "mldkit lab answer collision GROUP"
        return Outcome(holds=False, expected=expected, got="no answer yet", where=how)
    try:
        group = parse_group(given)
    except UsageError as error:
        return Outcome(holds=False, expected=expected, got=error.message, where="your answer")
    listed = {entry.mac for entry in parse_dev_mcast(lab.read("h1", "/proc/net/dev_mcast"))}
    if group_mac(group) in listed:
        got = f"{given}: its MAC address is on the list"
        return Outcome(holds=False, expected=expected, got=got, where="h1: /proc/net/dev_mcast")
    start_ns = clock.wall_ns()
    lab.run("r1", "bash", "-c", f"echo >/dev/udp/{text(group)}/5000")
    found: dict[str, int] = {}
    while LINK not in found and clock.wall_ns() < start_ns + SECOND:
        clock.wait_ns(20 * MILLISECOND)
        # The frame on the link shows that the experiment worked, whatever the filter did.
        for link in (FILTERED, LINK):
            for sent in datagrams(frames(lab, link)):
                if sent.group == group and (sent.frame.time_ns or 0) >= start_ns:
                    found[link] = sent.frame.number
    return Outcome(
        holds=FILTERED in found,
        expected=expected,
        got=f"{given} {'passes' if FILTERED in found else 'does not pass'}",
        where=f"a datagram from r1, captures of {LINK} and {FILTERED}",
        frames=tuple(found.values()),
    )


CHECKS = (
    Check("joined", "mv0 listens to the group", member("h1", "mv0", GROUP)),
    Check("joined-ipv4", "mv0 listens to 224.1.1.1", member("h1", "mv0", "224.1.1.1")),
    Check(
        "list",
        "the MAC address of the group is on the list of mv0",
        mac_listed("h1", "mv0", "33:33:43:21:12:34"),
        after=("joined",),
    ),
    Check("arrived", "a datagram to the group came through", passed(GROUP), ("joined",)),
    Check("twin", "so did one to a group with the same MAC address", passed(TWIN), ("joined",)),
    Check("one-of-32", f"and one to {OTHER}", passed(OTHER), ("joined-ipv4",)),
    Check("all", "with allmulticast on, all 64 groups came through", passed("ff15::2:0+64")),
    Check("closed", "allmulticast is off again", exact_list, ("all",)),
    Check("kept-out", "most groups were kept out", kept_out),
    Check("answer-collision", "answer: collision", collision, ("closed", "kept-out")),
    answer("mac", "01:00:5e:01:01:01"),
    answer("groups", "32"),
    answer("twin", "yes", "y"),
    answer("program", "no", "n"),
)
