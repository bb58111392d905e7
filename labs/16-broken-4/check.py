"""What has to hold at the end of the lab `broken-4`."""

from mldkit.lab.checks import Check, Look, Outcome, answer
from mldkit.lab.evidence import member
from mldkit.lab.lab import Lab
from mldkit.lab.switching import bridge_setting, connected, received, table
from mldkit.link.kernel_tables import parse_igmp6
from mldkit.model.addresses import parse, text

GROUP, PORT = "ff15::4321:1234", 5000
ROOMS = frozenset(text(parse(f"ff15::c:{number:x}")) for number in range(1, 41))


def listens_to_all(node: str) -> Look:
    """Look whether the kernel of a node listens to every room."""

    def look(lab: Lab) -> Outcome:
        groups = {text(entry.group) for entry in parse_igmp6(lab.read(node, "/proc/net/igmp6"))}
        return Outcome(
            holds=groups >= ROOMS,
            expected=f"{len(ROOMS)} groups ff15::c:...",
            got=str(len(groups & ROOMS)),
            where=f"{node}: /proc/net/igmp6",
        )

    return look


def holds_all(node: str, port: str) -> Look:
    """Look whether the table of a bridge has every room at a port."""

    def look(lab: Lab) -> Outcome:
        groups = {entry["grp"] for entry in table(lab, node) if entry["port"] == port}
        return Outcome(
            holds=groups >= ROOMS,
            expected=f"{len(ROOMS)} groups ff15::c:... at {port}",
            got=str(len(groups & ROOMS)),
            where=f"{node}: bridge mdb show",
        )

    return look


CHECKS = (
    Check("stream", "h1 sends the stream", received("h1-sw", GROUP, PORT, wanted=True)),
    Check("viewer", "h2 listens to the stream", member("h2", "eth1", GROUP)),
    Check("rooms", "h2 listens to its 40 rooms, as before", listens_to_all("h2")),
    Check("snooping", "the switch snoops", bridge_setting("sw", "br0", "mcast_snooping", 1)),
    Check("querier", "the switch asks", bridge_setting("sw", "br0", "mcast_querier", 1)),
    Check(
        "table",
        "the table of the switch holds all rooms",
        holds_all("sw", "p2"),
        after=("rooms", "snooping"),
    ),
    Check(
        "gets",
        "h2 gets the stream",
        received("h2-sw", GROUP, PORT, wanted=True),
        after=("stream", "viewer"),
    ),
    Check("cable", "h3 is connected to the switch", connected("sw", "br0", "p3")),
    Check(
        "spared",
        "h3 does not get the stream",
        received("h3-sw", GROUP, PORT, wanted=False),
        # Nothing at h3 proves something only while h2 gets it.
        after=("snooping", "querier", "table", "gets", "cable"),
    ),
    answer("snooping", "0", "off"),
    answer("rooms", "40"),
    answer("limit", "mcast_hash_max", "hash_max"),
)
