"""The querier of a script that acts by itself: `set querier acting`.

::

    Querier machine <- frames of the link          in virtual time: part of the simulation
          |
      queries      -> the link                     in real time: a thread with a socket of its own

It begins as the querier at time 0 and follows what hosts report.
"""

from __future__ import annotations

import signal
from contextlib import suppress
from threading import Thread
from typing import TYPE_CHECKING, Self

from mldkit.errors import LinkError
from mldkit.link.device import PacketSocket
from mldkit.link.runner import Runner
from mldkit.model.family import family_of
from mldkit.protocol.querier import Querier
from mldkit.protocol.querier_settings import QuerierSettings
from mldkit.wire.decoder import Decoder
from mldkit.wire.encode import encode_frame

if TYPE_CHECKING:
    from mldkit.model.addresses import Address
    from mldkit.protocol.script import Script


def querier_of(script: Script) -> Querier | None:
    """Return the machine that asks from the first querier address of each family, if one acts."""
    if script.acting is None:
        return None
    addresses: dict[Address, QuerierSettings] = {}
    for station in reversed(script.queriers):
        family = family_of(station.address)
        settings = QuerierSettings(family, family.current_version, script.acting, mtu=script.mtu)
        addresses = {k: v for k, v in addresses.items() if v.family is not family}
        addresses[station.address] = settings
    return Querier(script.queriers[0].mac, addresses)


class ActingQuerier:
    """The querier of a script in real time; nothing where none acts."""

    def __init__(self, script: Script, interface: str) -> None:
        """Open the socket: who plays may leave this network namespace afterwards."""
        self._querier = querier_of(script)
        self._thread: Thread | None = None
        if self._querier is None:
            return
        self._device = PacketSocket(interface)
        self._runner = Runner(
            self._device, self._querier, decode=Decoder().decode, encode=encode_frame
        )

    def __enter__(self) -> Self:
        """Return the querier itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        if self._querier is None:
            return
        if self._thread is not None:
            self._runner.stop()
            self._thread.join()
        self._runner.close()
        self._device.close()

    def start(self, zero_ns: int) -> None:
        """Begin to ask at the monotonic time of the script's time 0."""
        if self._querier is not None:
            self._querier.start(zero_ns)
            # An interrupt in here would leave a thread of which nobody knows. It is raised by the
            # first call if it came before, by the last one if it comes now.
            before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
            try:
                self._thread = Thread(target=self._run, daemon=True)
                self._thread.start()
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _run(self) -> None:
        # Where the interface has gone the play itself says so.
        with suppress(LinkError):
            self._runner.run()
