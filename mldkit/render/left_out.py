"""What an analysis had no room for, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.analysis import limits
from mldkit.model.words import counted
from mldkit.render.words import place

if TYPE_CHECKING:
    from mldkit.analysis.limits import LeftOut

_WORDS = {
    limits.STAYS: "records of further members not looked at: at most {most:,} stays are kept",
    limits.CHANGES: (
        "older changes of filters not kept: at most {most} of a stay and"
        f" {limits.MOST_CHANGES_IN_ALL:,} in all are"
    ),
    limits.SOURCES: "changes to lists of more than {most:,} sources, which are not kept whole",
    limits.EXCHANGES: (
        "General Queries counted with the one before: {most} were open at that time"
    ),
    limits.SPECIFIC: (
        "specific queries not paired with answers: {most} later ones for the group were open"
    ),
    limits.IDENTITIES: (
        "reports from further hardware addresses not compared: at most {most:,} pairs of MAC and"
        " address are"
    ),
    limits.DEVICES: "packets of further devices not looked at: at most {most:,} devices are",
    limits.TARGETS: (
        "Neighbor Solicitations for further addresses not looked at: at most {most:,} addresses are"
    ),
    limits.REQUESTS: "DHCPv6 requests of further clients not counted: at most {most:,} clients are",
    limits.CHANGED: "changes of which repeats were not counted: {most:,} were open at that time",
    limits.STREAMS: "packets of further streams not counted: at most {most:,} streams are",
}


def left_out_text(item: LeftOut) -> str:
    """Return in words what was left out."""
    if item.what == limits.LINKS:
        return (
            f"{counted(item.count, 'packet')} on further links not looked at: at most"
            f" {item.most:,} interfaces and VLANs are"
        )
    if item.what == limits.SENDERS:
        return (
            f"{counted(item.count, 'message')} of further senders not looked at: at"
            f" most {item.most:,} are"
        )
    line = f"{item.count:,} {_WORDS[item.what].format(most=item.most)}"
    return line if item.link is None else f"{place(item.link)}: {line}"
