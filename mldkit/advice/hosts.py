"""What members say: answers, versions, changes, and reports that are sent wrongly."""

from __future__ import annotations

from mldkit.advice import settings
from mldkit.advice.advice import BRIDGE, ELSEWHERE, HOST, Advice, Cure, error, info, warning

_MESSAGE = "mldkit decode --frame N FILE"
_MAKER = Cure(ELSEWHERE, ("a question for the maker of the host's system",))

ROWS = (
    Advice(
        "D-07",
        "A member that does not answer a General Query is forgotten: its streams stop though it"
        " still wants them. Either the question does not reach it, or its answer is lost, or it"
        " has gone without a word.",
        (
            error(
                "it answered none of several General Queries in a row, as many as the robustness"
                " says"
            ),
            warning("it did not answer one General Query"),
            info(
                "it may have left without a word (IGMPv1 has none for it), or what it is asked"
                " does not pass where the capture was taken"
            ),
        ),
        "find out whether the question reaches the host",
        (
            "capture at the host itself: does the query come in, does an answer go out?",
            "mldkit query -i eth0",
            "mldkit macfilter explain 224.0.0.1",
            "bridge -d link show",
        ),
        (
            # Groups that nobody has to report are flooded, but not to ports without mcast_flood
            # (net/bridge/br_forward.c:br_flood).
            Cure(BRIDGE, ("bridge link set dev eth1 mcast_flood on",)),
            settings.NETWORKD_FLOOD,
            Cure(
                HOST,
                (
                    "look for rules that drop IGMP or ICMPv6:",
                    "nft list ruleset | grep -i -e igmp -e icmpv6",
                ),
            ),
            Cure(
                ELSEWHERE,
                (
                    "Wi-Fi: hosts asleep miss queries; let the access point deliver multicast as"
                    " unicast, or ask more often",
                ),
            ),
        ),
        "where the host was switched off or moved",
    ),
    Advice(
        "D-08",
        "Members answer at a random moment within the response time that the query names, so that"
        " a full link is not answered all at once. Later the querier may have forgotten them.",
        (
            warning(
                "an answer came more than an eighth after its time, or three came within a"
                " millisecond"
            ),
            info("what the host is asked does not pass where the capture was taken"),
        ),
        "allow more response time on the querier, or mend the host",
        ("mldkit query -i eth0", "capture at the host itself, to leave the network out"),
        (
            Cure(
                ELSEWHERE,
                (
                    "a response time of 10 s on the querier; for Wi-Fi hosts that save power it"
                    " decides whether they can answer at all",
                ),
            ),
            _MAKER,
        ),
        "where a host answers at once and the link has few hosts",
    ),
    Advice(
        "D-09",
        "A host reports in a version that the querier does not speak, so the querier does not"
        " understand it. Its membership is not seen.",
        (
            warning(
                "a host reported in a newer version while an older querier was still to be obeyed"
            ),
        ),
        "raise the querier's version, or let the host obey",
        (_MESSAGE, "sysctl net.ipv6.conf.eth0.force_mld_version"),
        (
            settings.BRIDGE_VERSIONS,
            settings.FRR_VERSIONS,
            settings.MIKROTIK_VERSIONS,
            Cure(
                HOST,
                (
                    "sysctl -w net.ipv4.conf.eth0.force_igmp_version=0",
                    "sysctl -w net.ipv6.conf.eth0.force_mld_version=0",
                ),
            ),
        ),
        "where the older querier was a scan, and over: hosts go back by themselves",
    ),
    Advice(
        "D-10",
        "A change is sent as often as the robustness says, so that one lost report does no harm."
        " Here it was sent more or less often, or too slowly.",
        (info("a change was not repeated as the robustness says, or later than after a second"),),
    ),
    Advice(
        "D-15",
        "The groups of all nodes and those inside one machine are never reported: everybody gets"
        " the first, nobody else the second. Such a message fills tables for nothing.",
        (warning("a message names such a group"),),
        "let the host or the script leave this group out",
        (_MESSAGE, "mldkit groups -i eth0"),
        (_MAKER,),
        "nearly always: it harms nobody",
    ),
    Advice(
        "D-16",
        "In 232.0.0.0/8 and ff3x::/32 a member has to name the sources that it wants. Routers"
        " ignore a join that names none, so nothing comes from other links.",
        (warning("a join in the source-specific range names no source"),),
        "let the program name its source, and all queriers speak the newest version",
        (_MESSAGE, "mldkit groups -i eth0"),
        (
            # Hosts cannot name sources while anybody asks in an older version.
            settings.BRIDGE_VERSIONS,
            settings.FRR_VERSIONS,
            settings.MIKROTIK_VERSIONS,
            Cure(
                HOST,
                ("join with a source (IP_ADD_SOURCE_MEMBERSHIP, MCAST_JOIN_SOURCE_GROUP)",),
            ),
        ),
        "where source and member are on one link and nothing snoops",
    ),
    Advice(
        "D-17",
        "One host changes its memberships so fast that switches and routers spend their time on it."
        " That may be a fault of a program, or an attack.",
        (warning("one host sent more than 1,000 changes within a second"),),
        "find the program, and limit what one port may send",
        ("mldkit groups --watch -i eth0", "mldkit watch -i eth0 --duration 10s"),
        (
            Cure(
                ELSEWHERE,
                ("a limit of groups or of IGMP packets at the host's port of the switch",),
            ),
        ),
        "where it is a load test",
    ),
    Advice(
        "D-18",
        "A host in an older version stayed silent because it heard the report of another one. That"
        " is right on a shared wire; behind a snooping switch its own port may be forgotten.",
        (info("a member did not answer a question after an older report of another host"),),
    ),
    Advice(
        "D-21",
        "Reports go to the group of all routers that speak the version, leaves to all routers."
        " Who listens there only does not hear one that is sent elsewhere.",
        (warning("a report or a leave has another destination"),),
        "mend the host",
        (_MESSAGE,),
        (_MAKER,),
        "where a Linux bridge alone snoops, which learns from it all the same",
    ),
    Advice(
        "D-22",
        "IGMPv3 messages carry the precedence of internetwork control, so that routers do not drop"
        " them under load.",
        (info("an IGMPv3 message does not have type of service 0xc0"),),
    ),
    Advice(
        "D-24",
        "A record that allows, blocks or includes sources and names none says nothing. Routers"
        " may read it as a leave.",
        (warning("such a record has an empty list"),),
        "mend the host",
        (_MESSAGE,),
        (_MAKER,),
        "where no membership is lost by it",
    ),
    Advice(
        "D-29",
        "A host may report from :: before its address is valid, and has to report again from the"
        " address, because routers ignore the first. Without the second nobody knows that it"
        " listens.",
        (
            warning(
                "a device reported from :: though it has a link-local address, or did not report"
                " again within 5 s"
            ),
        ),
        "let the host finish its duplicate address detection",
        (
            "ip -6 address show dev eth0",
            "capture at the host itself from before its link comes up",
        ),
        (
            Cure(
                HOST,
                (
                    "an address that stays tentative is never used as a source; what sets it:",
                    "sysctl net.ipv6.conf.eth0.accept_dad net.ipv6.conf.eth0.disable_ipv6",
                ),
            ),
            _MAKER,
        ),
        "on devices without IPv6 address by intention: switches then flood for them",
    ),
    Advice(
        "D-44",
        "A host went to another port or interface. Streams follow only when it reports there, which"
        " hosts do at once where they notice, and else with the next query.",
        (
            warning("a stream that flowed before and after the move was away for 5 s and more"),
            info("it was heard elsewhere after its interface had fallen silent"),
        ),
        "let the host notice that its link changed, or ask at once where it comes up",
        (
            "capture at both ports: when does the host report at the new one?",
            "mldkit groups --watch -i eth0",
        ),
        (
            Cure(
                ELSEWHERE,
                (
                    "bonds and teams: set how often they report again after a change; switches: let"
                    " them ask for queries when their topology changes",
                ),
            ),
        ),
        "where the host was carried from one port to the other",
    ),
    Advice(
        "D-45",
        "A host leaves a group and joins it again without end. Each leave makes the querier ask and"
        " all members answer, and the stream may stop in between.",
        (warning("it left one group ten times, each within ten seconds of the time before"),),
        "find the program that renews its socket, or restarts",
        ("mldkit groups --watch -i eth0", "mldkit explain D-46"),
        (
            Cure(
                HOST,
                ("who holds the group, and for how long:", "mldkit groups -i eth0"),
            ),
            Cure(ELSEWHERE, ("let the program join once and keep its socket",)),
        ),
        "where it is a test of joining and leaving",
    ),
)
