"""How much is looked at, so that a hostile link cannot fill the memory, and how that is told.

Memory grows with links, with senders on them and with what those are members of. Each has a limit
far beyond any sound link. What finds no room is counted, and said in words: a limit that bites
without a word would be a wrong answer.
"""

from __future__ import annotations

MOST_LINKS = 10_000
MOST_SENDERS = 200_000
"""On all links together; a sender is an address with a hardware address on a link."""
MOST_STAYS = 500_000
MOST_LEFT = 16
"""Members of a group that one leaves, of whom it is asked whether all are over."""
MOST_CHANGES, MOST_CHANGES_IN_ALL = 100, 400_000
"""Of one stay, and of all stays of a link."""
MOST_SOURCES = 4096
"""Sources of one stay that are kept; Linux allows a host 64 by default."""
MOST_OPEN = 64
"""Exchanges, and queries for one group, that are held open at a time: no router asks as often."""
MOST_CHANGED = 100_000
"""Changes of a link that may still be repeated: a host tells one in ten seconds, not thousands."""
MOST_STREAMS = 20_000

STAYS = f"records of further members not looked at: at most {MOST_STAYS:,} stays are kept"
CHANGES = (
    f"older changes of filters not kept: at most {MOST_CHANGES} of a stay and"
    f" {MOST_CHANGES_IN_ALL:,} in all are"
)
CHANGED = f"changes of which repeats were not counted: {MOST_CHANGED:,} were open at that time"
SOURCES = f"changes to lists of more than {MOST_SOURCES:,} sources, which are not kept whole"
EXCHANGES = f"General Queries counted with the one before: {MOST_OPEN} were open at that time"
SPECIFIC = (
    f"specific queries not paired with answers: {MOST_OPEN} later ones for the group were open"
)
STREAMS = f"packets of further streams not counted: at most {MOST_STREAMS:,} streams are"
