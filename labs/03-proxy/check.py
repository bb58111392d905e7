"""What has to hold at the end of the lab `proxy`."""

from mldkit.lab.checks import Check, answer
from mldkit.lab.evidence import mac_listed, member, reported

PROXY = "ff02::1:ff4f:34bc"
ROUTERS = ("ff02::1:ff00:0", "ff05::2", "ff02::2")

CHECKS = (
    Check("proxy", "r1 listens for 2001:db8::4f:34bc", member("r1", "eth1", PROXY)),
    Check(
        "proxy-told",
        "the link was told of that twice",
        reported("h1-r1", "r1", f"TO_EX({PROXY})"),
        after=("proxy",),
    ),
    Check("routers", "r1 listens to the routers of the site", member("r1", "eth1", "ff05::2")),
    Check(
        "references",
        "one MAC address stands for the routers of link and site",
        mac_listed("r1", "eth1", "33:33:00:00:00:02", 2),
        after=("routers",),
    ),
    Check(
        "routers-told",
        "one report told the link of three groups, and again",
        reported("h1-r1", "r1", *(f"TO_EX({group})" for group in ROUTERS)),
        after=("routers",),
    ),
    Check(
        "anycast",
        "two anycast addresses are users of one group",
        member("r1", "eth1", "ff02::1:ff00:0", 2),
        after=("routers",),
    ),
    answer("group", PROXY),
    answer("references", "2"),
    answer("site", "ff05::2"),
    answer("users", "2"),
)
