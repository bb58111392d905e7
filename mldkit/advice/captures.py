"""What the capture itself does not show: cut, encrypted and damaged frames, clocks, copies."""

from __future__ import annotations

from mldkit.advice.advice import ELSEWHERE, Advice, Cure, error, info

_CUT = "tcpdump -i eth0 -s 0 -w FILE"
_MAY_BE_NONE = info("the frame broke before it said what it carries, perhaps no membership message")
_AGAIN = Cure(ELSEWHERE, ("capture again without a snapshot length (-s 0), at another place",))

ROWS = (
    Advice(
        "M-01",
        "The frame ends before it says what it carries.",
        (_MAY_BE_NONE,),
    ),
    Advice(
        "M-02",
        "The IPv4 header is cut or contradicts itself, so receivers drop the packet.",
        (error("the packet is IGMP by its protocol number"), _MAY_BE_NONE),
        "mend the sender, or capture again, whole frames",
        (_CUT, "mldkit decode --frame N FILE"),
        (_AGAIN,),
        "where few frames are hit",
    ),
    Advice(
        "M-03",
        "The capture kept a part of the packet; what was cut is not known.",
        (info("the capture has fewer octets than the packet had"),),
    ),
    Advice(
        "M-05",
        "The packet ends inside its IPv6 headers, so receivers drop it.",
        (_MAY_BE_NONE,),
    ),
    Advice(
        "M-06",
        "A length of 0 stands for a packet longer than 65,535 octets, which MLD never is.",
        (info("the IPv6 payload length is 0"),),
    ),
    Advice(
        "M-44",
        "The link header announces the other version of IP, so receivers drop the packet.",
        (_MAY_BE_NONE,),
    ),
    Advice(
        "M-45",
        "More VLAN tags than anybody uses: the frame was built to confuse, or goes round.",
        (_MAY_BE_NONE,),
    ),
    Advice(
        "M-49",
        "What is encrypted on the air cannot be read: capture behind the access point.",
        (info("the 802.11 frame is encrypted"),),
    ),
    Advice(
        "D-40",
        "Nobody looked for a time: nothing expires by it, and no interval is measured across it.",
        (info("not one frame of any kind came, many times longer than usual"),),
    ),
    Advice(
        "M-55",
        "The clock was set back, or two captures were put together out of order.",
        (info("a time stamp is before the one of an earlier frame"),),
    ),
    Advice(
        "M-56",
        "A span port of both directions, or a bridge and its port, give every frame twice.",
        (info("the same octets came again within a millisecond"),),
    ),
)
