"""What has to hold at the end of the lab `broken-3`."""

from mldkit.lab.checks import Check, Look, Outcome, answer
from mldkit.lab.evidence import member
from mldkit.lab.lab import Lab
from mldkit.lab.listening import LISTENS_NS, arrives
from mldkit.lab.switching import received

GROUP, PORT = "239.1.2.3", 5000


def guarded(node: str, interface: str) -> Look:
    """Look whether the kernel checks sources on an interface: the greater of two settings."""
    paths = [f"/proc/sys/net/ipv4/conf/{name}/rp_filter" for name in ("all", interface)]

    def look(lab: Lab) -> Outcome:
        value = max(int(lab.read(node, path)) for path in paths)
        return Outcome(
            holds=value > 0,
            expected=f"rp_filter of all or {interface} is 1 or 2",
            got=str(value),
            where=f"{node}: {' '.join(paths)}",
        )

    return look


CHECKS = (
    Check("stream", "the stream gets to h1", received("h1-r1", GROUP, PORT, wanted=True)),
    Check("joined", "h1 listens to the group", member("h1", "eth1", GROUP)),
    Check("guard", "h1 still looks where packets come from", guarded("h1", "eth1")),
    Check(
        "arrives",
        "the stream gets to a program on h1",
        arrives("h1", "eth1", GROUP, PORT),
        after=("stream", "joined", "guard"),
        takes_ns=LISTENS_NS,
    ),
    answer("source", "10.20.0.5"),
    answer("counter", "TcpExtIPReversePathFilter", "IPReversePathFilter"),
    answer("back", "eth2"),
)
