"""Devices and what they do to frames: loops, shared addresses, switches that speak for hosts."""

from __future__ import annotations

from mldkit.advice.advice import ELSEWHERE, Advice, Cure, error, info, warning

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
        "D-35",
        "A switch whose topology changed asks for queries with a leave for no group, so that"
        " streams find their new ways soon.",
        (info("a leave for group 0.0.0.0 or :: was seen"),),
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
)
