"""What has to hold at the end of the lab `snoop`."""

from mldkit.lab.checks import Check, answer
from mldkit.lab.evidence import member
from mldkit.lab.switching import bridge_setting, connected, forwarded, received

GROUP, PORT = "ff15::4321:1234", 5000

CHECKS = (
    Check("stream", "h1 sends the stream", received("h1-sw", GROUP, PORT, wanted=True)),
    Check("snooping", "the switch snoops", bridge_setting("sw", "br0", "mcast_snooping", 1)),
    Check("joined", "h2 listens to the group", member("h2", "eth1", GROUP)),
    Check("querier", "the switch asks", bridge_setting("sw", "br0", "mcast_querier", 1)),
    Check(
        "table",
        "the table of the switch has the group at p2",
        forwarded("sw", GROUP, "p2"),
        after=("joined",),
    ),
    Check(
        "gets",
        "h2 gets the stream",
        received("h2-sw", GROUP, PORT, wanted=True),
        after=("stream", "joined"),
    ),
    Check("cable", "h3 is connected to the switch", connected("sw", "br0", "p3")),
    Check(
        "spared",
        "h3 does not get the stream",
        received("h3-sw", GROUP, PORT, wanted=False),
        # Nothing at h3 proves something only while h2 gets it.
        after=("snooping", "querier", "gets", "cable"),
    ),
    answer("flooded", "2", "both", "two"),
    answer("unused", "yes", "y"),
    answer("nobody", "0", "none"),
    answer("port", "p2"),
)
