"""What has to hold at the end of the lab `join`."""

from mldkit.lab.checks import Check, answer
from mldkit.lab.evidence import listed_backwards, mac_listed, member, not_member, reported

GROUP, SAME_MAC, SHORT = "ff15::4321:1234", "ff15:1::4321:1234", "ff15::beef"
MAC = "33:33:43:21:12:34"

CHECKS = (
    Check("joined", f"h1 listens to {GROUP}", member("h1", "eth1", GROUP)),
    Check(
        "announced",
        "the link was told of it twice",
        reported("r1-h1", "h1", f"TO_EX({GROUP})"),
        after=("joined",),
    ),
    Check("users", "two programs use the group", member("h1", "eth1", GROUP, 2), ("joined",)),
    Check("same-mac", f"h1 listens to {SAME_MAC} too", member("h1", "eth1", SAME_MAC)),
    Check(
        "references",
        "one MAC address stands for both groups",
        mac_listed("h1", "eth1", MAC, 2),
        after=("joined", "same-mac"),
    ),
    Check("was-joined", f"{SHORT} was joined", reported("r1-h1", "h1", f"TO_EX({SHORT})")),
    Check(
        "left",
        f"{SHORT} was left, and the link was told twice",
        reported("r1-h1", "h1", f"TO_IN({SHORT})"),
        after=("was-joined",),
    ),
    Check("gone", f"h1 listens to {SHORT} no more", not_member("h1", "eth1", SHORT), ("left",)),
    Check("ipv4", "h1 listens to 239.1.2.3", member("h1", "eth1", "239.1.2.3")),
    answer("mac", MAC),
    answer("frames", "0", "none"),
    answer("references", "2"),
    answer("leave", "TO_IN", "CHANGE_TO_INCLUDE_MODE"),
    answer("octets", listed_backwards("239.1.2.3")),
)
