"""IPv4 header checksums of 0: who leaves them to the card, and where that cannot be.

A host that captures sees its own packets before the card has filled the checksum in, so 0 in what
one sender alone sends is no fault: the packet left right. Where two senders do it, or where any
other value is wrong, somebody sends headers that a receiver discards (RFC 1122 §3.2.1.2).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mldkit.model.datagram import Remark
from mldkit.wire.rules import ERROR, INFO

if TYPE_CHECKING:
    from mldkit.model.datagram import Decoded

RULE = "V-25"
LEFT_TO_CARD = Remark(
    RULE,
    "the header checksum is 0 in what this sender alone sends: the capture was taken on it, before"
    " its card filled the field in (checksum offload)",
    INFO,
)
NOT_FILLED_IN = replace(
    LEFT_TO_CARD,
    detail="the header checksum is 0, and more than one sender does so: no card fills them all in",
    severity=ERROR,
)
WRONG = Remark(RULE, "the sum of the IPv4 header does not come out")


class HeaderSums:
    """The senders of one capture whose header checksums are 0: one may, two may not."""

    def __init__(self) -> None:
        self._sender: dict[str | None, bytes] = {}
        """The first one on each interface; empty where there was another one."""

    def judge(self, decoded: Decoded) -> None:
        """Make a fault of a checksum of 0 where its sender is not the only one."""
        if LEFT_TO_CARD not in decoded.remarks:
            return
        datagram, interface = decoded.datagram, decoded.frame.interface
        sender = datagram.link_source or datagram.source
        if self._sender.setdefault(interface, sender) == sender:
            return
        self._sender[interface] = b""
        decoded.remarks = tuple(
            NOT_FILLED_IN if remark == LEFT_TO_CARD else remark for remark in decoded.remarks
        )
