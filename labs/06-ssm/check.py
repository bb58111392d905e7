"""What has to hold at the end of the lab `ssm`."""

from mldkit.lab.checks import Check, answer
from mldkit.lab.evidence import answered, filtered, reported

LINK, GROUP = "r1-h1", "ff15::8000:1"
S1, S2, S3, S7, S9 = (f"2001:db8::{number}" for number in (1, 2, 3, 7, 9))


def told(name: str, title: str, record: str, *after: str) -> Check:
    """Return the check of one change on the wire."""
    return Check(name, title, reported(LINK, "h1", record), after)


CHECKS = (
    told("allow-1", "the link was told of the first source", f"ALLOW({GROUP},{{{S1}}})"),
    told("allow-2", "the link was told of the second source", f"ALLOW({GROUP},{{{S2}}})"),
    told("allow-3", "the link was told of the third source", f"ALLOW({GROUP},{{{S3}}})"),
    told("block-3", "the third source ended", f"BLOCK({GROUP},{{{S3}}})", "allow-3"),
    told("all-but", "every source but one was wanted", f"TO_EX({GROUP},{{{S9}}})"),
    told("again", "that ended, two sources are left", f"TO_IN({GROUP},{{{S1},{S2}}})", "all-but"),
    Check(
        "filter",
        "h1 wants the group from two sources",
        filtered("h1", "eth1", GROUP, {S1: (1, 0), S2: (1, 0)}),
    ),
    Check("asked", "h1 answered for the group", answered(LINK, "r1", GROUP, ("h1",)), ("filter",)),
    Check(
        "asked-sources",
        "h1 answered for one of two sources",
        answered(LINK, "r1", GROUP, ("h1",), sources=(S1, S7)),
        after=("filter",),
    ),
    answer("first", "ALLOW", "ALLOW_NEW_SOURCES"),
    answer("gone", "BLOCK", "BLOCK_OLD_SOURCES"),
    answer("all", "TO_EX", "CHANGE_TO_EXCLUDE_MODE"),
    answer("back", "TO_IN", "CHANGE_TO_INCLUDE_MODE"),
    answer("state", "IS_IN", "MODE_IS_INCLUDE"),
)
