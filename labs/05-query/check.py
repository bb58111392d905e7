"""What has to hold at the end of the lab `query`."""

from mldkit.lab.checks import Check, answer
from mldkit.lab.evidence import answered

LINK, SHARED, CHOSEN = "r1-sw", "ff15::4321:1234", "ff3e::8000:1"
HOSTS = ("h1", "h2", "h3")

CHECKS = (
    Check("general", "every host answered a General Query", answered(LINK, "r1", "::", HOSTS)),
    Check(
        "general-ipv4",
        "the IPv4 members answered theirs",
        answered(LINK, "r1", "0.0.0.0", ("h1", "h3")),
    ),
    Check(
        "group",
        f"the members of {SHARED} answered a query for it, and nobody else",
        answered(LINK, "r1", SHARED, ("h1", "h2")),
    ),
    Check(
        "source",
        "h2 answered for the source that it wants",
        answered(LINK, "r1", CHOSEN, ("h2",), sources=("2001:db8::1",)),
    ),
    Check(
        "silence",
        "nobody answered for a source that nobody wants",
        answered(LINK, "r1", CHOSEN, (), sources=("2001:db8::7",)),
        # Silence proves something only where there was an answer before.
        after=("source",),
    ),
    answer("members", "2"),
    answer("secret", "ff15::5:ec7"),
    answer("source", "2001:db8::1"),
    answer("code", "0x8388"),
)
