"""Which device an event speaks of: addresses in the kernel, and the names that belong to them.

Reading dev_mcast makes the kernel visit each device of the reader's namespace, in the order of
/proc/net/dev (net/core/net-procfs.c:dev_mc_seq_show); the probe there tells their addresses. So
devices of other namespaces can be told apart, and nothing needs to know where a name is stored.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from mldkit.trace.text import number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mldkit.trace.calls import Call
    from mldkit.trace.text import Happened

LISTED = "dev_mc_seq_show"
"""The function that is probed."""
_HEAD = 1  # linux/seq_file.h:SEQ_START_TOKEN, in front of the devices


class Devices:
    """Learns from readings of dev_mcast by one process."""

    def __init__(self) -> None:
        self.names: list[str] = []
        """The devices of the namespace in the kernel's order, as of the last reading."""
        self._known: dict[int, str] = {}
        self._listing: list[int] | None = None
        self._seen: Counter[tuple[str, int]] = Counter()

    def learn(self, listed: Happened) -> None:
        """Take one device of a reading."""
        device = number(listed.fields.get("dev", ""))
        if device == _HEAD:
            self._listing = []
        elif device is not None and self._listing is not None and device not in self._listing:
            # A list that did not fit its buffer is begun again with the same device.
            self._listing.append(device)
            if len(self._listing) <= len(self.names):
                self._known[device] = self.names[len(self._listing) - 1]

    def count(self, probe: Happened) -> None:
        """Count a call that was seen."""
        device = number(probe.fields.get("dev", ""))
        if device is not None:
            self._seen[probe.name, device] += 1

    def unseen(self, calls: dict[str, dict[str, int]], interface: str) -> dict[str, int]:
        """Return how many calls for an interface were not seen, of those the kernel counted."""
        found = {}
        for name, by_device in calls.items():
            missing = 0
            for device, times in by_device.items():
                address = number(device)
                if address is not None and self._known.get(address) == interface:
                    missing += times - self._seen[name, address]
            if missing > 0:
                found[name] = missing
        return found

    def of(self, event: Happened) -> str | None:
        """Return the device of an event: None if it names none, "" if it is none of ours."""
        device = number(event.fields.get("dev", ""))
        return None if device is None else self._known.get(device, "")

    def of_call(self, call: Call) -> Iterator[str]:
        """Give the devices that the events of a tree name."""
        for event in call.happened():
            name = self.of(event)
            if name is not None:
                yield name
