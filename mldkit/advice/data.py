"""Streams: whether they reach those who want them, and nobody else."""

from __future__ import annotations

from mldkit.advice import settings
from mldkit.advice.advice import BRIDGE, ELSEWHERE, HOST, Advice, Cure, error, info, warning

_SEEN_BY_BRIDGE = "bridge -d -s mdb show"

ROWS = (
    Advice(
        "D-12",
        "A stream goes on though its last member left, or stops under a member that stays. The"
        " first wastes the link, the second is what people call frozen video.",
        (
            warning(
                "data of a router, or that began with the member, go on after the last one left, or"
                " data came back with a report: a member had been forgotten"
            ),
            info(
                "a stream stopped under its members and nothing here says why, or it goes on that"
                " flowed before anybody was a member"
            ),
        ),
        "let the switch snoop, and remember members longer than the querier pauses",
        (
            _SEEN_BY_BRIDGE,
            "capture at the source too: does it still send?",
            "mldkit analyze --compare SOURCE.pcapng MEMBER.pcapng",
        ),
        (
            # 2 x 125 s + 10 s: what the bridge keeps has to outlast one query that is lost.
            Cure(
                BRIDGE,
                (
                    settings.BRIDGE_TIMES,
                    "ip link set br0 type bridge mcast_snooping 1",
                    "ip link set br0 type bridge mcast_membership_interval 26000",
                ),
            ),
            settings.OPENWRT_SNOOPING,
            settings.MIKROTIK_LIFETIME,
            Cure(ELSEWHERE, ("a querier on the link, see mldkit explain D-01",)),
        ),
        "where the sender itself pauses, as speech and alarms do",
    ),
    Advice(
        "D-25",
        "Each group has its own hardware address, and cards filter by it. Data with another one"
        " reach cards that drop them, or wake hosts that did not ask.",
        (
            error("the hardware address is that of other groups, or of all stations"),
            info("it is that of one station, as access points and bridges do on purpose"),
        ),
        "mend the sender; multicast-to-unicast is a setting",
        ("mldkit decode --frame N FILE", "mldkit macfilter explain GROUP", "bridge -d link show"),
        (
            Cure(BRIDGE, ("bridge link set dev eth1 mcast_to_unicast off",)),
            settings.NETWORKD_NO_UNICAST,
            Cure(
                ELSEWHERE,
                ("load balancers and some clusters use such addresses on purpose",),
            ),
        ),
        "behind access points: unicast is how multicast survives Wi-Fi",
    ),
    Advice(
        "D-43",
        "A member named the source that it wants. Nothing of that one comes, because it stopped or"
        " because something cut it off, and another one sends to the same group, from which the"
        " member gets nothing.",
        (
            warning(
                "nothing comes of the wanted source while one that no member asked for sends to the"
                " group"
            ),
            info("data come from a source that no member wants, or that the member excludes"),
        ),
        "name the source that sends now, or join without one",
        ("mldkit groups -i eth0", _SEEN_BY_BRIDGE),
        (
            Cure(
                HOST,
                (
                    "name the new source in the program's settings; whether any reaches this host:",
                    "mldkit join -i eth0 GROUP",
                ),
            ),
            Cure(ELSEWHERE, ("start the old source again, or give the new one its address",)),
        ),
        "while a spare source is being tried",
    ),
    Advice(
        "D-46",
        "A switch with fast leave cuts a stream off at the first leave at a port, without asking."
        " Where more than one host is behind the port, the others lose it until they report again.",
        (
            warning(
                "the stream stopped at one host's leave though another is a member, and came back"
                " with a report"
            ),
        ),
        "switch fast leave off at ports with more than one host",
        ("bridge -d link show", _SEEN_BY_BRIDGE),
        (
            Cure(BRIDGE, (settings.BRIDGE_NO_FAST_LEAVE,)),
            settings.NETWORKD_NO_FAST_LEAVE,
            settings.MIKROTIK_NO_FAST_LEAVE,
            settings.JUNOS_NO_FAST_LEAVE,
            Cure(ELSEWHERE, ('the port\'s setting "fast leave" or "immediate leave"',)),
        ),
        "at ports with exactly one host, where it makes channels change faster",
    ),
    Advice(
        "D-47",
        "A host sends to a group in which everybody talks, and never reports that it listens."
        " Behind a snooping switch it hears nobody.",
        (info("it was asked again and again, answers for other groups, and others there report"),),
    ),
    Advice(
        "D-48",
        "Data come back to the link that they came from with a lower hop limit: a router or a"
        " machine with two legs forwards them in a circle.",
        (
            warning("who sends them back reported the group on this link itself"),
            info("the capture may hold two links as one, as mirrored ports of two VLANs do"),
        ),
        "stop the device that forwards them back",
        ("ip mroute show", "capture on each leg of that device alone"),
        (
            Cure(
                ELSEWHERE,
                (
                    "take the static route or proxy off one leg, or set an administrative boundary"
                    " for the group there",
                ),
            ),
        ),
        "where the capture holds two links as one",
    ),
    Advice(
        "D-49",
        "A host is a member on one link, and the data come on another one. The program joined on"
        " the interface of the default route, or the VLAN of the port is wrong.",
        (
            warning(
                "a host that sends there answers for other groups and does not report this one:"
                " the member elsewhere is its other half"
            ),
            info("the group may be used on both links for different things"),
        ),
        "join on the interface on which the data come",
        ("mldkit groups", "mldkit join -i eth0 GROUP"),
        (
            Cure(
                HOST,
                (
                    "name the interface in the program (IP_ADD_MEMBERSHIP with its address), or",
                    "ip route add 239.0.0.0/8 dev eth0",
                ),
            ),
            Cure(ELSEWHERE, ("a multicast router or proxy between the links",)),
        ),
        "where the groups of both links have nothing to do with each other",
    ),
)
