"""Single messages that a receiver discards, ignores or reads differently."""

from __future__ import annotations

from mldkit.advice.advice import ELSEWHERE, HOST, Advice, Cure, error, info, warning

_FRAME = "mldkit decode --frame N FILE"
_AT_SENDER = "capture at the sender itself: is the frame wrong there already?"
_MAKER = Cure(ELSEWHERE, ("a question for the maker of the sender",))
_FORGED = Cure(ELSEWHERE, ("nobody has to send this: look for a scanner, a tester or an attacker",))
_MLD_CHECKS = "in MLD, where receivers must drop the message"
_IGMP_TRUSTS = "in IGMP, where receivers need not look"

ROWS = (
    Advice(
        "V-01",
        "Receivers throw a message with a wrong checksum away: it never happened.",
        (
            error("the checksum of a whole message is wrong"),
            info("only the pseudo-header is summed, as a card that computes the rest leaves it"),
        ),
        "mend the sender, or what changes the message on its way",
        (_FRAME, _AT_SENDER),
        (
            Cure(
                HOST,
                (
                    "if frames are wrong on the wire only:",
                    "ethtool -K eth0 tx-checksumming off",
                ),
            ),
            _MAKER,
        ),
        "never: such messages count for nothing",
    ),
    Advice(
        "V-02",
        "Other protocols use the number of IGMP too, such as old routing protocols.",
        (info("the type belongs to no version of IGMP"),),
    ),
    Advice(
        "V-03",
        "These messages are for one link, and hop limit 1 keeps them there. Another value says"
        " that they may come from elsewhere.",
        (error(_MLD_CHECKS), warning(_IGMP_TRUSTS)),
        "let the sender use hop limit 1",
        (_FRAME,),
        (_MAKER, _FORGED),
        "for IGMP senders that are known and old",
    ),
    Advice(
        "V-04",
        "Router Alert makes routers look at a message that is not addressed to them. Without it"
        " they may not see it, and MLD receivers drop it.",
        (error(_MLD_CHECKS), warning(_IGMP_TRUSTS)),
        "let the sender add the option",
        (_FRAME,),
        (_MAKER, _FORGED),
        "for IGMPv2 senders, if the querier hears them",
    ),
    Advice(
        "V-05",
        "The value of Router Alert says for which protocol a router should look; for IGMP and MLD"
        " it is 0.",
        (error(_MLD_CHECKS), warning(_IGMP_TRUSTS)),
        "let the sender use value 0",
        (_FRAME,),
        (_MAKER,),
        "where the querier hears the sender all the same",
    ),
    Advice(
        "V-07",
        "While a host makes sure that its address is unique it reports from ::. Routers ignore"
        " that and wait for the report from the address.",
        (info("a report or a leave came from the unspecified address"),),
    ),
    Advice(
        "V-08",
        "MLD reports come from link-local addresses, so that everybody on the link can tell who"
        " speaks. Routers drop any other.",
        (error("a report or a leave has another source"),),
        "let the host report from its link-local address",
        ("ip -6 address show dev eth0", _FRAME),
        (_MAKER,),
        "where only a Linux bridge snoops, which learns from it all the same",
    ),
    Advice(
        "V-09",
        "The length tells the versions apart, and no version has this one, so receivers drop the"
        " message.",
        (error("the message has a length of no version"),),
        "mend the sender",
        (_FRAME, _AT_SENDER),
        (_MAKER, _FORGED),
        "never: such messages count for nothing",
    ),
    Advice(
        "V-10",
        "The message ends before what it announces. Receivers drop it, or read a part only.",
        (error("a list or a fixed part runs past the end"),),
        "mend the sender",
        (_FRAME, _AT_SENDER),
        (_MAKER, _FORGED),
        "never: such messages count for nothing",
    ),
    Advice(
        "V-11",
        "The report claims more records than follow. What is told in the others may be lost.",
        (error("the number of records is larger than what follows"),),
        "mend the sender",
        (_FRAME, _AT_SENDER),
        (_MAKER,),
        "never: a querier drops it, and a Linux bridge does not",
    ),
    Advice(
        "V-12",
        "Members listen to groups. An address that is none fills tables and is never sent to.",
        (error("a report, a leave or a query names an address that is no group"),),
        "mend the sender",
        (_FRAME,),
        (_MAKER, _FORGED),
        "never",
    ),
    Advice(
        "V-13",
        "Receivers pass over records of types that they do not know.",
        (info("a record has a type outside 1 to 6"),),
    ),
    Advice(
        "V-14",
        "No version defines auxiliary data, so receivers pass over them; a Linux bridge does not.",
        (info("a record has auxiliary data"),),
    ),
    Advice(
        "V-15",
        "Receivers ignore what follows the last field, but sum it.",
        (info("octets follow the last field"),),
    ),
    Advice(
        "V-16",
        "Reserved bits are for later versions; receivers ignore them.",
        (info("reserved bits are set"),),
    ),
    Advice(
        "V-21",
        "Receivers read the first eight octets of an older message.",
        (info("an IGMPv1 or IGMPv2 message is longer"),),
    ),
    Advice(
        "V-23",
        "Hosts and routers may ignore what comes from an address outside of their subnet, and a"
        " host drops what seems to come from itself.",
        (
            warning(
                "the source is no unicast address, is used from two MACs, or shares no subnet with"
                " all others here"
            ),
        ),
        "give the sender an address of this subnet, or find who uses another one's",
        ("ip address show dev eth0", "ip neighbour show"),
        (
            Cure(
                ELSEWHERE,
                ("an address of this VLAN for the switch's querier; look for a leak of VLANs",),
            ),
        ),
        "where two subnets share this link on purpose",
    ),
    Advice(
        "V-24",
        "These messages are sent whole, and receivers may drop those that came in pieces.",
        (warning("a message came in fragments"),),
        "let the sender split its report into several messages",
        ("ip link show eth0", _FRAME),
        (Cure(HOST, ("ip link set eth0 mtu 1500",)), _MAKER),
        "where the receivers put it together",
    ),
    Advice(
        "V-25",
        "Receivers throw a packet with a wrong header checksum away: it never happened.",
        (
            error("the sum of an IPv4 header does not come out"),
            info(
                "it is 0 in what one sender alone sends: the capture was taken on that sender,"
                " before its card filled the field in"
            ),
        ),
        "mend the sender, or capture behind its card",
        (_FRAME, "ethtool -k eth0", "capture at another machine: is it right there?"),
        (_MAKER,),
        "where the capture was taken on the sender itself",
    ),
    Advice(
        "V-26",
        "The IP header announces more octets than the frame brought. Receivers drop such a packet.",
        (warning("an IP length runs past a frame that the capture kept whole"),),
        "mend the sender, or what cuts its frames",
        (_FRAME, _AT_SENDER),
        (_MAKER,),
        "where the tool that captured cut the frame without saying so",
    ),
    Advice(
        "X-03",
        "Extensions follow the fields of a message only if the E flag and all lengths fit.",
        (warning("the list of extensions does not fit the message, and is ignored"),),
        "mend the sender",
        (_FRAME,),
        (_MAKER,),
        "where nobody here uses extensions",
    ),
    Advice(
        "X-04",
        "Receivers pass over extensions that they do not know.",
        (info("an extension has an unknown type"),),
    ),
    Advice(
        "M-28",
        "Receivers take one record after the other, so the second one of a kind changes nothing.",
        (info("two records of one report have the same group and type"),),
    ),
    Advice(
        "M-29",
        "Sources are unicast addresses, each once.",
        (info("a list of sources names a group, no address, or one address twice"),),
    ),
    Advice(
        "M-37",
        "Options and extension headers are unusual or not well formed.",
        (info("an option or a header does not fit"),),
    ),
)
