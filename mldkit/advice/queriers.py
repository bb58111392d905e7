"""Who queries, how often, in which version, and from which address."""

from __future__ import annotations

from mldkit.advice import settings
from mldkit.advice.advice import BRIDGE, ELSEWHERE, HOST, Advice, Cure, error, info, warning

_WHO_QUERIES = "mldkit watch -i eth0 --duration 130s"

ROWS = (
    Advice(
        "D-01",
        "Membership is only remembered while somebody asks. Switches with snooping forget members"
        " 260 to 270 s after their last report; then streams stop at ports that still want them.",
        (
            error(
                "a stream stopped when a switch forgets members, a member was forgotten while its"
                " data came, or a switch that snoops told of itself"
            ),
            warning("hosts report groups that switches prune, and nobody asks"),
            info("only groups are reported that switches flood to everybody (224.0.0.0/24)"),
        ),
        "give this link a querier",
        (_WHO_QUERIES, "bridge -d mdb show"),
        (
            # It asks from 0.0.0.0 where br0 has no address (D-23), and about IPv6 only with one.
            Cure(BRIDGE, settings.BRIDGE_QUERIER),
            settings.FRR_QUERIER,
            settings.OPENWRT_QUERIER,
            settings.NETWORKD_QUERIER,
            settings.MIKROTIK_QUERIER,
            settings.CISCO_QUERIER,
            settings.JUNOS_QUERIER,
            settings.COMWARE_QUERIER,
            settings.ARUBA_QUERIER,
            Cure(
                ELSEWHERE,
                (
                    'a router with IGMP and MLD on this VLAN, the switch\'s "querier" for it, or'
                    " mldkit querier",
                ),
            ),
        ),
        "on links without snooping switches, and where nobody needs a stream longer than four"
        " minutes",
    ),
    Advice(
        "D-02",
        "Of several queriers the one with the lowest address goes on, and all others fall silent."
        " Here one with a higher address goes on: it does not hear the lower one, or ignores it,"
        " so a part of the link may be asked by one and a part by the other.",
        (
            error(
                "a router that had started already asked again after the querier with the lower"
                " address"
            ),
        ),
        "let the querier with the higher address hear the other one, or stop it",
        (
            _WHO_QUERIES,
            "bridge -d link show",
            "capture at the port of each querier: which queries come in there?",
        ),
        (
            # Isolated ports exchange nothing, queries included; bridge(8). A bridge that queries
            # obeys who it hears, so stopping it would leave those behind it unasked.
            Cure(BRIDGE, ("bridge link set dev eth1 isolated off",)),
            Cure(
                ELSEWHERE,
                (
                    "look for a filter of IGMP or MLD between the two; stop the one with the"
                    " higher address if it hears the other and ignores it",
                ),
            ),
        ),
        "while one of the two is being replaced",
    ),
    Advice(
        "D-03",
        "The acting querier changes again and again. Each change brings new queries, and a"
        " router that takes over may not know yet who listens.",
        (warning("it changed three times or more within two query intervals"),),
        "let the others wait longer than the querier is silent, or let only one of them query",
        (_WHO_QUERIES,),
        (
            # 2 x 125 s + 10 s / 2, as RFC 9776 §8.5 has it.
            Cure(
                BRIDGE,
                (settings.BRIDGE_TIMES, "ip link set br0 type bridge mcast_querier_interval 25500"),
            ),
            Cure(
                ELSEWHERE,
                (
                    "give all queriers of the link the same interval, robustness and response"
                    " time, and mend the one that comes and goes",
                ),
            ),
        ),
        "right after routers were restarted",
    ),
    Advice(
        "D-04",
        "The querier asks at another rate than it announces. Other routers and snooping switches"
        " compute their timers from what is announced: asked more rarely, they forget members in"
        " between.",
        (
            warning(
                "of three or more intervals most are off by more than a tenth of what is"
                " announced, and so is the median"
            ),
        ),
        "set an interval that the message can carry, and the same one everywhere",
        (_WHO_QUERIES, "capture at the querier's own port, where nothing is lost on the way"),
        (
            # The bridge writes whole seconds (net/bridge/br_multicast.c:
            # br_ip4_multicast_alloc_query), so parts of a second are not announced.
            Cure(
                BRIDGE,
                (settings.BRIDGE_TIMES, "ip link set br0 type bridge mcast_query_interval 12500"),
            ),
            settings.FRR_INTERVAL,
            settings.OPENWRT_INTERVALS,
        ),
        "where it asks more often than it announces, and all devices here cope",
    ),
    Advice(
        "D-05",
        "With a robustness below 2 a single lost report ends a membership. With a response time"
        " that is not below the interval, answers to one query still come when the next is sent.",
        (
            warning("the robustness is below 2, or the response time not below the interval"),
            info("the announced interval is 0, which other routers take for their default"),
        ),
        "set robustness 2, interval 125 s and response time 10 s on the querier",
        (_WHO_QUERIES, "mldkit decode --frame N FILE"),
        (
            settings.BRIDGE_INTERVALS,
            settings.FRR_INTERVAL,
            settings.OPENWRT_INTERVALS,
        ),
        "on wires without loss where fast ageing is wanted on purpose",
    ),
    Advice(
        "D-06",
        "Hosts answer in the oldest version that anybody asks in. In IGMPv2 and MLDv1 they cannot"
        " name sources, so source-specific joins fail for as long as an older query is remembered.",
        (
            error(
                "queries of both versions came within the time that hosts remember an older querier"
            ),
        ),
        "set all queriers of the link to the same version, the newest one if possible",
        (_WHO_QUERIES, "mldkit groups -i eth0"),
        (
            settings.BRIDGE_VERSIONS,
            settings.FRR_VERSIONS,
            settings.MIKROTIK_VERSIONS,
            settings.NETWORKD_IGMP_VERSION,
            Cure(
                HOST,
                (
                    "to ignore older MLD queries, until they are mended:",
                    "sysctl -w net.ipv6.conf.eth0.force_mld_version=2",
                ),
            ),
        ),
        "where an older querier is needed for old hosts: then set all queriers to that version",
    ),
    Advice(
        "D-14",
        "Routers tell each other apart by address, and switches by MAC. Two queriers that share one"
        " of them both go on, or switches send what is for one to the other.",
        (warning("two queriers have the same interface identifier, or send from one MAC"),),
        "give each querier an address and a MAC of its own",
        (_WHO_QUERIES, "ip link show br0"),
        (
            Cure(BRIDGE, ("ip link set br0 address 02:00:00:00:00:05",)),
            Cure(ELSEWHERE, ("another link-local address, or another MAC, for one of the two",)),
        ),
        "where both are one router with two addresses",
    ),
    Advice(
        "D-20",
        "A question about one group has to be sent to that group, and a General Query to all hosts."
        " Sent elsewhere it does not reach the members, or wakes hosts that it is not for.",
        (
            error("a query was sent to another group than the one it asks for"),
            info("it was sent to a single host, as tests do"),
        ),
        "let the querier speak the current version, or mend it",
        ("mldkit decode --frame N FILE",),
        (
            # In older versions it asks all hosts (net/bridge/br_multicast.c:
            # __br_multicast_send_query, which has no destination but for IGMPv3 and MLDv2).
            settings.BRIDGE_VERSIONS,
            settings.MIKROTIK_VERSIONS,
            Cure(ELSEWHERE, ("a question for the maker of the querier",)),
        ),
        "where all hosts answer all the same, as Linux hosts do",
    ),
    Advice(
        "D-23",
        "A snooping switch asks without an address of its own. Such a query wins no election, and"
        " some hosts and switches ignore it.",
        (info("an IGMP query came from 0.0.0.0"),),
        "give the switch an address on this VLAN, if hosts do not answer",
        (_WHO_QUERIES,),
        (
            Cure(BRIDGE, ("ip link set br0 type bridge mcast_query_use_ifaddr 1",)),
            settings.CISCO_QUERIER,
        ),
        "while all hosts answer",
    ),
    Advice(
        "D-39",
        "Somebody asks about one group in an older version than the querier speaks. Linux hosts"
        " then use the older version in all their groups for minutes, and lose their sources.",
        (
            warning("a member of the group speaks the current version, and may lose its sources"),
            info("no member of it is known to speak the current version"),
        ),
        "set what asks about groups to the version of the querier",
        ("mldkit decode --frame N FILE", "mldkit watch -i eth0 --duration 10s"),
        (
            settings.FRR_VERSIONS,
            settings.MIKROTIK_VERSIONS,
            settings.NETWORKD_IGMP_VERSION,
            Cure(
                ELSEWHERE,
                ("the version of snooping in the switch that sends these queries",),
            ),
        ),
        "where all hosts are older",
    ),
    Advice(
        "V-06",
        "An MLD query must come from a link-local address. Hosts drop any other, so nobody answers"
        " this querier and its election is void.",
        (error("an MLD query has another source than a link-local address"),),
        "give the querier a link-local address on this link",
        ("ip -6 address show dev eth0", "mldkit decode --frame N FILE"),
        (Cure(ELSEWHERE, ("a link-local address on the interface that queries",)),),
        "never: such queries do nothing",
    ),
    Advice(
        "V-18",
        "A General Query asks for everything, so it names no sources. Linux hosts drop one that"
        " does, and who sends it gets no answer.",
        (warning("a query for no group names sources"),),
        "let the sender leave the sources out",
        ("mldkit decode --frame N FILE", "mldkit query -i eth0"),
        (
            Cure(
                ELSEWHERE,
                (
                    "scanners do this (the script broadcast-igmp-discovery of nmap in version 3);"
                    " mldkit query asks right",
                ),
            ),
        ),
        "where it is a scan, and over",
    ),
)
