"""What has to hold at the end of the lab `broken-5`."""

from mldkit.lab.checks import Check, Outcome, answer
from mldkit.lab.evidence import filtered
from mldkit.lab.lab import Lab
from mldkit.lab.switching import received

SOURCE, GROUP, PORT = "2001:db8:1::1", "ff3e::8000:1", 5000


def routed(lab: Lab) -> Outcome:
    """Look whether r1 is still to send the stream on."""
    routes = lab.run("r1", "ip", "-6", "mroute").stdout
    lines = [line for line in routes.splitlines() if line.startswith(f"({SOURCE},{GROUP})")]
    return Outcome(
        holds=any("Iif: eth1" in line and "Oifs: eth2" in line for line in lines),
        expected=f"a route ({SOURCE},{GROUP}) from eth1 to eth2",
        got="it is there" if lines else "no such route",
        where="r1: ip -6 mroute",
    )


CHECKS = (
    Check(
        "member",
        "h2 wants the stream from its source",
        filtered("h2", "eth1", GROUP, {SOURCE: (1, 0)}),
    ),
    Check("route", "r1 has a route for the stream", routed),
    Check(
        "sends",
        "the camera on h1 sends",
        received("r1-h1", GROUP, PORT, wanted=True, source=SOURCE),
    ),
    Check(
        "arrives",
        "the stream gets to h2",
        received("h2-r1", GROUP, PORT, wanted=True, source=SOURCE),
        after=("member", "route", "sends"),
    ),
    answer("counted", "yes", "y"),
    answer("hops", "1"),
    answer("least", "2"),
)
