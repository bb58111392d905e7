"""What is to be closed, judged or gone on with on one link, and when.

Each message asks `due_ns` first: nearly always there is nothing to do.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from mldkit.analysis.facts import NEVER_NS

if TYPE_CHECKING:
    from mldkit.analysis.backlog import Backlog
    from mldkit.analysis.compatibility import Compatibility
    from mldkit.analysis.leaves import Leaves
    from mldkit.analysis.memberships import Memberships
    from mldkit.analysis.responses import Responses


class Agenda:
    """The folds of one link that have something to do at a time of their own."""

    def __init__(
        self,
        responses: Responses,
        leaves: Leaves,
        memberships: Memberships,
        compatibility: Compatibility,
        backlog: Backlog,
    ) -> None:
        self._responses = responses
        self._leaves = leaves
        self._memberships = memberships
        self._compatibility = compatibility
        self._backlog = backlog
        self.due_ns = NEVER_NS
        """When there is something to do at the earliest."""

    def advance(self, now_ns: int, messages: int) -> None:
        """Close and judge some of what is over; `messages` is the number of all so far."""
        responses = self._responses
        if responses.windows.due_ns < now_ns:
            responses.advance(now_ns, self._memberships, self._compatibility, messages)
        if self._leaves.due_ns < now_ns:
            self._leaves.poll(now_ns)
        self.work()

    def catch_up(self, now_ns: int, messages: int, most: int | None = None) -> None:
        """Close and judge all that is over, or so many pieces of it."""
        self.advance(now_ns, messages)
        for _ in count() if most is None else range(most):
            if self.due_ns >= now_ns:
                return
            self.advance(now_ns, messages)

    def work(self) -> None:
        """Do a piece of what is behind, and look ahead."""
        self._backlog.work()
        self.look_ahead()

    def look_ahead(self) -> None:
        """Note when there is something to close, to judge or to go on with at the earliest."""
        due_ns = min(self._responses.windows.due_ns, self._leaves.due_ns)
        self.due_ns = due_ns if self._backlog.is_empty else -1
