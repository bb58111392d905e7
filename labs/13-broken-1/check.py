"""What has to hold at the end of the lab `broken-1`."""

from mldkit.lab.checks import Check, answer
from mldkit.lab.evidence import filtered, reported

GROUP, SOURCE = "ff3e::8000:1", "2001:db8::1"

CHECKS = (
    Check(
        "program",
        "the program still wants the group from its source",
        filtered("h1", "eth1", GROUP, {SOURCE: (1, 0)}),
    ),
    Check(
        "told",
        "h1 answered a query with group and source",
        reported("r1-h1", "h1", f"IS_IN({GROUP},{{{SOURCE}}})", times=1),
        after=("program",),
    ),
    answer("version", "1", "MLDv1", "MLD 1", "v1", "version 1"),
    answer(
        "setting",
        "force_mld_version",
        "net.ipv6.conf.eth1.force_mld_version",
        "conf.eth1.force_mld_version",
        "eth1.force_mld_version",
    ),
)
