"""What checks find out by listening on a node themselves, as a program of the student would.

Between the wire and a program lie the filter of the device, the IP layer and the filter of the
socket; that a frame was captured says nothing about those. A look lasts `LISTENS_NS` and sends
nothing, where the node is a member of the group already.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from mldkit.errors import LabError
from mldkit.lab.checks import Outcome
from mldkit.link.namespace import complaint_of
from mldkit.model.units import SECOND

if TYPE_CHECKING:
    from mldkit.lab.checks import Look
    from mldkit.lab.lab import Lab

LISTENS_NS = SECOND
"""How long a look listens; streams of lessons send more often than this."""


def arrives(node: str, interface: str, group: str, port: int) -> Look:
    """Look whether datagrams to a group and port get as far as a program on the node."""
    listening = ("mldkit", "join", "-i", interface, group, "--receive", "--port", str(port))
    seconds = f"{LISTENS_NS // SECOND}s"

    def look(lab: Lab) -> Outcome:
        done = lab.run(node, *listening, "--for", seconds, "--json")
        if done.returncode:
            raise LabError(f"{node}: {' '.join(listening)}: {complaint_of(done)}")
        count = len(json.loads(done.stdout)["datagrams"])
        return Outcome(
            holds=count > 0,
            expected=f"datagrams to {group} port {port} arrive at a program",
            got=f"{count} in {seconds}",
            where=f"{node}: {' '.join(listening)}",
        )

    return look
