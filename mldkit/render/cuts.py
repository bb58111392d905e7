"""Messages of which the capture kept only the beginning: what stood behind the cut is not known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.model.words import counted
from mldkit.render.words import place

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mldkit.analysis.diagnosis import Diagnosis
    from mldkit.analysis.result import LinkFacts

_CURE = "capture whole packets (tcpdump -s 0)"


def about_cuts(link: LinkFacts, findings: Iterable[Diagnosis]) -> str | None:
    """Return what is not known of a link because its messages are cut; None where none is."""
    count = sum(one.count for one in findings if one.id == "M-03" and one.link == link.key)
    if not count:
        return None
    if not is_unreadable(link, findings):
        of_all = f"{count:,} of {counted(link.messages, 'message')}"
        verb = "is" if count == 1 else "are"
        return (
            f"{place(link.key)}: {of_all} {verb} cut by the capture, and what stood behind is not"
            f" known; {_CURE}."
        )
    which = "the only message" if link.messages == 1 else f"all {link.messages:,} messages"
    return (
        f"{place(link.key)}: the capture cut {which}, so it does not show who queries and who"
        f" listens; {_CURE}."
    )


def is_unreadable(link: LinkFacts, findings: Iterable[Diagnosis]) -> bool:
    """Return whether all messages of a link are cut before they tell of a querier or a member."""
    count = sum(one.count for one in findings if one.id == "M-03" and one.link == link.key)
    return count >= link.messages > 0 and not link.queriers.known and not link.stays
