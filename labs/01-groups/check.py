"""What has to hold at the end of the lab `groups`."""

from mldkit.lab.checks import Check, answer
from mldkit.lab.evidence import mac_listed, member, reported

NODE_GROUP, SHARED = "ff02::1:ff00:2", "ff02::1:ffaa:1"

CHECKS = (
    Check(
        "up",
        "eth1 listens to the solicited-node group of its own address",
        member("h1", "eth1", NODE_GROUP),
    ),
    Check(
        "unspecified",
        "the link was told while the address was not yet known to be free",
        reported("r1-h1", "h1", f"TO_EX({NODE_GROUP})", times=1, source="::"),
        after=("up",),
    ),
    Check(
        "own-address",
        "the link was told again from the address",
        reported(
            "r1-h1",
            "h1",
            f"TO_EX({NODE_GROUP})",
            times=1,
            source="fe80::ff:fe00:2",
            within_ns=5_000_000_000,
        ),
        after=("unspecified",),
    ),
    Check("users", "one group has two addresses as users", member("h1", "eth1", SHARED, 2)),
    Check(
        "references",
        "the MAC filter has one reference for it",
        mac_listed("h1", "eth1", "33:33:ff:aa:00:01", 1),
        after=("users",),
    ),
    answer("no-mac", "ff01::1"),
    answer("users", "2"),
    answer("source", "::"),
    answer("unreported", "0", "none"),
)
