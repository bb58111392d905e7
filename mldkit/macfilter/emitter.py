"""The process that sends frames in another namespace: `python -m ... NAMESPACE INTERFACE`.

It enters the namespace for good, says in one JSON line which addresses it sends from, and then
answers each line of frames (hexadecimal, blanks between them) with `sent`. It ends with its input.
"""

from __future__ import annotations

import json
import sys

from mldkit.errors import MldkitError
from mldkit.link import interfaces
from mldkit.link.device import PacketSocket
from mldkit.link.launcher import enter
from mldkit.model.addresses import mac_text, text


def emit(namespace: str, interface: str) -> None:
    """Send whatever comes in until there is no more."""
    enter(namespace)
    with PacketSocket(interface, all_multicast=False) as sender:
        ipv4 = interfaces.primary_ipv4(interface)
        ipv6 = interfaces.lowest_link_local(interface)
        hello = {
            "mac": mac_text(sender.interface.mac),
            "ipv4": text(ipv4) if ipv4 else None,
            "ipv6": text(ipv6) if ipv6 else None,
        }
        _say(json.dumps(hello))
        for line in sys.stdin:
            sender.send_many(map(bytes.fromhex, line.split()))
            _say("sent")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        emit(sys.argv[1], sys.argv[2])
    except MldkitError as error:
        _say(json.dumps({"error": error.message, "hint": error.hint}))
