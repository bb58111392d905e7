"""The frame whose way is asked for: where it goes, and where it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mldkit.model.addresses import mac_text, text

if TYPE_CHECKING:
    from mldkit.model.addresses import Address


@dataclass(frozen=True, slots=True)
class PathFrame:
    """One datagram of data in an Ethernet frame, or a frame of which only the MAC is known."""

    given: str
    """As it was written."""
    mac: bytes
    """Where the frame goes on the link."""
    group: Address | None
    """None: only the MAC is known, and nothing behind the bridge can be said."""
    source: Address | None = None
    """None: not named."""
    port: int | None = None
    """UDP port that it goes to; None: not named."""
    vlan: int | None = None
    """VLAN tag that it carries, 0 for none; None: not named, it is one of the interface."""

    @property
    def octets(self) -> int:
        """Length of an address of its family, 0 where it has none."""
        return len(self.group) if self.group else 0

    @property
    def name(self) -> str:
        """What people call it."""
        words = text(self.group) if self.group else mac_text(self.mac)
        words = f"{words} from {text(self.source)}" if self.source else words
        if self.vlan is None:
            return words
        return f"{words} with tag {self.vlan}" if self.vlan else f"{words} without a tag"
