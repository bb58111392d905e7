"""The job `respond`: hosts on a live link, in real time.

::

    frame -> who hears it -> hosts -> frames, most of them ready-made -> device
                               |
                 quiet moment: hosts are switched on, answers made ahead, events told

In bulk there is a limit to what hosts send (`RateLimit`): beyond the first burst they are switched
on and leave one after the other (`Movement`), and what is still too much is not sent, as if it were
lost on the way. Timers go on as always, so what is sent is sent at its exact moment.

Nothing that can wait is done while a host has something to send: what happened is kept and told
when there is time. What the hosts do not send are neighbour solicitations and answers to ARP or
neighbour discovery; duplicate address detection only takes its time.
"""

from __future__ import annotations

import gc
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from mldkit.link import clock
from mldkit.link.runner import Runner
from mldkit.model.units import MILLISECOND
from mldkit.responder.audience import Audience
from mldkit.responder.frame_store import FrameStore
from mldkit.responder.movement import Movement
from mldkit.responder.untold import Untold
from mldkit.wire.decoder import Decoder

if TYPE_CHECKING:
    from collections.abc import Callable

    from mldkit.link.account import Account
    from mldkit.link.device import PacketSocket
    from mldkit.link.lateness import Lateness
    from mldkit.link.rate_limit import RateLimit
    from mldkit.model.datagram import Datagram, Decoded, Frame
    from mldkit.protocol.events import Event
    from mldkit.responder.population import Population

_QUIET_NS = 2 * MILLISECOND
"""Other work is begun only if nothing is due for so long."""
_COLLECT_AFTER = 50_000
PER_SECOND, AT_ONCE = 2_000, 20_000
"""Messages: what a switch whose processor looks into them may bear, and a burst in which ten
thousand hosts answer a query of each family."""


@dataclass(frozen=True, slots=True)
class MessageHeard:
    """A message arrived that hosts hear; times are monotonic."""

    time_ns: int
    decoded: Decoded


@dataclass(frozen=True, slots=True)
class Answered:
    """A host sent something."""

    time_ns: int
    late_ns: int
    datagram: Datagram
    octets: bytes
    """The frame that left."""


@dataclass(frozen=True, slots=True)
class Explained:
    """Why a host set a timer or sent something."""

    host: int
    event: Event


ResponderEvent: TypeAlias = "MessageHeard | Answered | Explained"


class Responder:
    """The hosts of a population on one device.

    `tell` is called with what happened, in order, when there is time for it; without
    `tells_answers` what was sent is only counted. Events wait as long as `can_tell` says that
    telling would block. The population's own `observe` may hand its events to `explain`.
    """

    def __init__(
        self,
        device: PacketSocket,
        population: Population,
        *,
        tell: Callable[[ResponderEvent], None] | None = None,
        tells_answers: bool = True,
        can_tell: Callable[[], bool] = lambda: True,
        on_frame: Callable[[Frame], None] | None = None,
        limit: RateLimit | None = None,
    ) -> None:
        self.queries = 0
        """Queries with a right checksum that hosts heard."""
        self.residents = population.residents
        self.limit = limit
        self._by_mac = {known.mac: i for i, known in enumerate(self.residents)}
        self._everybody = range(len(self.residents))
        self._untold = Untold(tell, can_tell)
        self._movement = Movement(self.residents, limit)
        self._unprepared: deque[int] = deque()
        self._store = FrameStore()
        self._runner = Runner(
            device,
            [*(known.host for known in self.residents), self._movement.turn],
            decode=Decoder().decode,
            encode=self._store.encode,
            audience=Audience(self.residents, population.draws).of,
            on_frame=on_frame,
            on_message=self._on_message,
            on_sent=self._on_sent if tell is not None and tells_answers else None,
            on_idle=self._on_idle,
            limit=limit,
        )

    @property
    def left_out(self) -> int:
        """Events that were not told because there was never time."""
        return self._untold.left_out

    @property
    def held_back(self) -> int:
        """Messages that were not sent because they were too many for the limit."""
        return 0 if self.limit is None else self.limit.refused

    @property
    def lateness(self) -> Lateness:
        """How much later than intended the frames left."""
        return self._runner.lateness

    def settle(self) -> None:
        """Be hosts that have been there for a while: everything is announced already."""
        self._movement.settle(lambda: self._runner.now_ns)
        # What they did to get there did not happen as far as the link is concerned.
        self._untold.clear()
        self._unprepared.extend(self._everybody)

    def explain(self, host: int, event: Event) -> None:
        """Tell why a host did something."""
        self._untold.put(Explained(host, event))

    def run(self, duration_ns: int | None = None, leave_after_ns: int | None = None) -> None:
        """Answer until the time is over or an exception ends it.

        After `leave_after_ns` the hosts leave their groups; without a duration it ends as soon
        as that was told. Everything that happened has been told when it returns or raises.
        """
        # Hosts live as long as the program; what comes and goes has no cycles.
        gc.collect()
        gc.freeze()
        gc.set_threshold(_COLLECT_AFTER, 20, 20)
        begun_ns = self._runner.now_ns
        end_ns = None if duration_ns is None else begun_ns + duration_ns
        try:
            if leave_after_ns is not None:
                leave_ns = begun_ns + leave_after_ns
                self._runner.run(leave_ns if end_ns is None else min(leave_ns, end_ns))
                if end_ns is None or leave_ns < end_ns:
                    self._leave()
                if end_ns is None:
                    self._finish_leaving()
                    return
            self._runner.run(end_ns)
        finally:
            self._untold.tell_all()
            gc.unfreeze()

    def _finish_leaving(self) -> None:
        """Run until everybody has left and told it."""
        while True:
            deadline_ns = self._runner.deadline_ns
            if deadline_ns is None:
                if not self._movement.is_leaving:
                    return
                deadline_ns = self._runner.now_ns + _QUIET_NS
            self._runner.run(deadline_ns)

    def end(self) -> Account:
        """Take in what came before, send nothing more, and return what became of all frames."""
        account = self._runner.end()
        self._untold.tell_all()
        return account

    def close(self) -> None:
        """Close the runner; the device stays open."""
        self._runner.close()

    def _leave(self) -> None:
        self._movement.leave(self._runner.now_ns)
        self._runner.refresh()
        self._unprepared.extend(self._everybody)

    # Called by the runner

    def _on_message(self, decoded: Decoded, now_ns: int) -> None:
        if decoded.kind == "query" and decoded.checksum != "bad":
            self.queries += 1
        self._untold.put(MessageHeard(now_ns, decoded))

    def _on_sent(self, sent: list[tuple[Datagram, bytes]], intended_ns: int, sent_ns: int) -> None:
        for datagram, octets in sent:
            self._untold.put(Answered(sent_ns, sent_ns - intended_ns, datagram, octets))

    def _on_idle(self, wake_ns: int | None) -> bool:
        """Do one piece of the work that can wait; return whether there was any and time for it."""
        if wake_ns is not None and wake_ns - clock.now_ns() < _QUIET_NS:
            return False
        if self._untold.tell_one():
            return True
        turn = self._movement.turn
        was_waiting = turn.deadline_ns is not None
        index = self._movement.next(self._runner.now_ns)
        if index is not None:
            self._unprepared.append(index)
            self._runner.refresh((index,))
        elif turn.deadline_ns is not None and not was_waiting:
            self._runner.refresh((len(self.residents),))
        elif self._unprepared:
            self._store.keep(self.residents[self._unprepared.popleft()].host.prepare())
        elif self._store.missed:
            # A query for one group drops what was kept: its marks must not be lost.
            missed = [self._by_mac[mac] for mac in self._store.missed if mac in self._by_mac]
            self._store.missed.clear()
            self._unprepared.extend(missed)
        else:
            return False
        return True
