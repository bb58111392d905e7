"""What has to hold at the end of the lab `compat`."""

from mldkit.lab.checks import Check, Look, Outcome, answer
from mldkit.lab.evidence import sent_by
from mldkit.lab.lab import Lab

LINK, GROUP, SHORT = "r1-h1", "ff15::4321:1234", "ff15::beef"


def said(*wanted: str) -> Look:
    """Look for messages of h1 in this order; others may stand between them."""

    def look(lab: Lab) -> Outcome:
        left, frames = list(wanted), []
        for decoded in sent_by(lab, LINK, "h1"):
            words = str(decoded.datagram.message)
            # A report of today may hold more records, an older message is one group.
            if left and (words == left[0] or left[0] in words.split()):
                frames.append(decoded.frame.number)
                left.pop(0)
        return Outcome(
            holds=not left,
            expected=", then ".join(wanted),
            got=f"not seen: {left[0]}" if left else "seen",
            where=f"capture of {LINK}",
            frames=tuple(frames),
        )

    return look


OLD = f"report 1 {GROUP}"

CHECKS = (
    Check("old", "h1 answered in MLDv1", said(OLD)),
    Check("joined", "h1 joined a group in MLDv1", said(OLD, f"report 1 {SHORT}"), ("old",)),
    Check(
        "left", "h1 left it in MLDv1", said(OLD, f"report 1 {SHORT}", f"leave {SHORT}"), ("joined",)
    ),
    Check("back", "h1 answered in MLDv2 after that", said(OLD, f"IS_EX({GROUP})"), ("old",)),
    answer("destination", GROUP),
    answer("version", "1", "MLDv1", "MLD 1", "v1", "version 1"),
    answer("done", "ff02::2"),
    answer("seconds", "40.5", "40.5s", "40,5"),
)
