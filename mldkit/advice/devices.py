"""Devices and what they do to frames: loops, shared addresses, switches that speak for hosts."""

from __future__ import annotations

from mldkit.advice import settings
from mldkit.advice.advice import BRIDGE, ELSEWHERE, Advice, Cure, error, info, warning

ROWS = (
    Advice(
        "D-28",
        "Twenty-three bits of an IPv4 group and thirty-two of an IPv6 group are in its hardware"
        " address, so groups share them. Cards and switches that go by it deliver both.",
        (info("two groups on this link have one hardware address"),),
    ),
    Advice(
        "D-30",
        "Membership messages never leave their link. One that comes again with a lower hop limit,"
        " or on another VLAN, was forwarded, and hosts appear where they are not.",
        (
            error(
                "the same message came again at once, with a hop limit lower by one or on another"
                " VLAN"
            ),
            info(
                "a host with the same link-local address on both VLANs joined or left on both at"
                " once, or something copies"
            ),
        ),
        "find the device that joins the two links",
        (
            "capture on both VLANs at once: in which one is a message first?",
            "mldkit decode --frame N FILE",
        ),
        (
            Cure(
                ELSEWHERE,
                (
                    "take the bridge or the cable between the VLANs away, or the route that"
                    " forwards link-local groups",
                ),
            ),
        ),
        "where a trunk is mirrored on purpose and shows a frame in both VLANs",
    ),
    Advice(
        "D-34",
        "The same frame is seen again and again within moments: switches send it in a circle. A"
        " loop takes the whole capacity of a link, and hosts seem to be at every port.",
        (
            error(
                "ten copies of one frame came within 100 ms, or one packet, known by its"
                " identification, again and again"
            ),
        ),
        "find the loop, and let the switches break it (spanning tree)",
        (
            "bridge link show",
            "pull one cable after the other: where does it stop?",
        ),
        (
            # The ports listen for twice the forward delay before they forward anything again.
            Cure(BRIDGE, ("ip link set br0 type bridge stp_state 1",)),
            settings.NETWORKD_STP,
            Cure(
                ELSEWHERE,
                (
                    "spanning tree and storm control on all switches; look for a cable between two"
                    " ports, and for Wi-Fi and cable between the same two devices",
                ),
            ),
        ),
        "never: a loop gets worse",
    ),
    Advice(
        "D-35",
        "A switch whose topology changed asks for queries with a leave for no group, so that"
        " streams find their new ways soon.",
        (info("a leave for group 0.0.0.0 or :: was seen"),),
    ),
    Advice(
        "D-36",
        "A switch answers for all its hosts, from 0.0.0.0 and in an older version. Routers do not"
        " see who listens, and what hosts say about sources is lost.",
        (
            warning("a source-specific group is among those that it reports"),
            info("it answered two queries or more, for groups that need no sources"),
        ),
        "let the switch pass the reports of its hosts on, or report in the newest version",
        (
            "capture on both sides of the switch",
            "mldkit analyze --compare HOST.pcapng ROUTER.pcapng",
        ),
        (
            Cure(
                ELSEWHERE,
                (
                    "the switch's settings for proxy reporting or report suppression, and for the"
                    " version of its snooping",
                ),
            ),
        ),
        "where a slow uplink has to be spared and nobody uses source-specific groups",
    ),
    Advice(
        "D-37",
        "A switch knows one port for each hardware address. Two hosts that report from one, or one"
        " host that reports from two, make it learn a port that is wrong for one of them, and"
        " whoever counts members by hardware address counts wrong.",
        (
            warning("the address is one of virtual routers, and several hosts report from it"),
            info(
                "several hosts report from any other address, or one host from several: client"
                " bridges of Wi-Fi and second addresses look so too"
            ),
        ),
        "let only the active router send from the virtual hardware address",
        (
            "mldkit decode --frame N FILE",
            "bridge fdb show dynamic",
        ),
        (
            Cure(
                ELSEWHERE,
                (
                    "the routers' settings for VRRP, CARP or HSRP: membership messages belong to"
                    " the interface's own address",
                ),
            ),
        ),
        "where it is a client bridge of Wi-Fi, which has one hardware address for all behind it",
    ),
    Advice(
        "D-38",
        "Neighbor Discovery of IPv6 asks the solicited-node group of an address. A switch with MLD"
        " snooping passes that on to members only, so a node that never reported its group is"
        " found by nobody, though it lives.",
        (
            warning("somebody asks for members on this link, and the target is seen to live"),
            info("nobody asked for members in the capture, so the report may have come before it"),
        ),
        "let the node report its solicited-node group, or the switch flood ff02::1:ff00:0/104",
        (
            "on the node: ip -6 maddr show dev eth0",
            "mldkit query -i eth0 ff02::1:ff00:1",
        ),
        (
            # A router port gets every group (net/bridge/br_forward.c:br_multicast_flood).
            Cure(BRIDGE, ("bridge link set dev eth1 mcast_router 2",)),
            Cure(
                ELSEWHERE,
                (
                    "the switch's setting that floods link-local or solicited-node groups, or a"
                    " router that queries, so that snooping knows where to ask",
                ),
            ),
        ),
        "where the address asked for is of a node that is switched off",
    ),
    Advice(
        "D-41",
        "In IGMPv2 and MLDv1 a host that hears another one report says nothing. A switch that lets"
        " hosts hear each other forgets the ports of those that kept silent, and their streams"
        " stop.",
        (
            warning(
                "a stream stopped a lifetime after a member's last report, while another one"
                " reported, and came back with its next one"
            ),
            info("the stream did not come back, so it may have ended by chance"),
        ),
        "ask in IGMPv3 and MLDv2, in which nobody is silenced, or keep reports from hosts",
        (
            "capture at the port of the host: do reports of others come out there?",
            "bridge -d -s mdb show",
        ),
        (
            settings.FRR_VERSIONS,
            settings.MIKROTIK_VERSIONS,
            settings.NETWORKD_IGMP_VERSION,
            Cure(
                ELSEWHERE,
                (
                    "a switch with snooping forwards reports to routers only: look for a port of a"
                    " host that is set as a router port, and for a switch that does not snoop",
                ),
            ),
        ),
        "where all hosts are behind one port",
    ),
    Advice(
        "D-42",
        "Snooping switches find routers by messages to the group of all snoopers, and ask all"
        " routers. Sent elsewhere they are not heard, and switches do not forward to that router.",
        (
            warning("a message of router discovery went to another group"),
            info("it went to a single device, as tests do"),
        ),
        "mend the router or the switch that sends it",
        ("mldkit decode --frame N FILE",),
        (
            Cure(
                ELSEWHERE,
                ("set the port of the router as a router port in the switch by hand",),
            ),
        ),
        "where switches find the router by its queries",
    ),
    Advice(
        "D-50",
        "Hosts report on one VLAN of a trunk, and queries come on others only. The host or the"
        " querier is in the wrong one; what that leads to is told as D-01.",
        (info("nobody queries where hosts report, and somebody does on another VLAN there"),),
    ),
)
