"""What has to hold at the end of the lab `broken-2`."""

from mldkit.lab.checks import Check, answer
from mldkit.lab.evidence import member, not_member
from mldkit.lab.switching import bridge_setting, received, router_port

GROUP, PORT = "ff15::4321:1234", 5000

CHECKS = (
    Check("screen", "h2 listens to the group, as before", member("h2", "eth1", GROUP)),
    Check("snooping", "the switch snoops", bridge_setting("sw", "br0", "mcast_snooping", 1)),
    Check("querier", "the switch asks", bridge_setting("sw", "br0", "mcast_querier", 1)),
    Check(
        "router",
        "the switch knows that there is a router at p1",
        router_port("sw", "br0", "p1"),
        after=("snooping",),
    ),
    Check(
        "guest",
        "r1 has not joined the group: it is no member",
        not_member("r1", "eth1", GROUP),
    ),
    Check(
        "gets",
        "r1 gets the stream",
        received("r1-sw", GROUP, PORT, wanted=True),
        # Without snooping, or for a member, the stream would say nothing about routers.
        after=("snooping", "querier", "router", "guest"),
    ),
    answer("table", "p3"),
    answer("routers", "0", "none", "no"),
    answer("setting", "mcast_router", "multicast_router"),
)
