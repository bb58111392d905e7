"""For each rule about data: what raises it on a link, and a neighbour that does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from mldkit.testing.stage import Stage

    Tell = Callable[[Stage], None]


def feed(*wanted: int) -> Tell:
    """A member of some sources, of which only the second one sends."""

    def tell(stage: Stage) -> None:
        stage.query(0)
        stage.report(3, "IS_IN", 1, sources=wanted)
        stage.stream(5, 60, 5, 1, source=2)

    return tell


def fast_leave(stops: float) -> Tell:
    """Two members, one of which leaves at 20 s; the data stop and come back with a report."""

    def tell(stage: Stage) -> None:
        for host in (1, 2):
            stage.report(2, "TO_EX", 1, host=host)
        stage.report(20, "TO_IN", 1)
        stage.report(50, "TO_EX", 1, host=2)
        stage.stream(3, stops, 5, 1)
        stage.stream(50.1, 60, 5, 1)

    return tell


def talkers(*listeners: int) -> Tell:
    """Three hosts that talk to each other, of which some listen."""

    def tell(stage: Stage) -> None:
        for number in range(4):
            stage.query(125 * number)
            for host in (1, 2, 3):
                wanted = (1, 2) if host in listeners else (2,)
                stage.report(125 * number + host, "IS_EX", *wanted, host=host)
        for host in (1, 2, 3):
            stage.stream(host / 10, 390, 1, 1, host=host)

    return tell


def echoed(lower: int) -> Tell:
    """Data that are on the link twice, from two MACs."""

    def tell(stage: Stage) -> None:
        for number in range(3):
            stage.data(number, 1)
            stage.data(number + 0.01, 1, hop_limit=8 - lower, link_source=bytes(6))

    return tell


def elsewhere(vlan: int) -> Tell:
    """A member on VLAN 5, and data."""

    def tell(stage: Stage) -> None:
        stage.report(1, "TO_EX", 1, vlan=(5,))
        stage.vlan = (vlan,)
        stage.stream(2, 60, 1, 1)

    return tell


def around(times: int) -> Tell:
    """A message that comes some times, 5 ms apart."""

    def tell(stage: Stage) -> None:
        for number in range(times):
            stage.report(1 + number / 200, "IS_EX", 1)

    return tell


STORIES: dict[str, tuple[Tell, Tell]] = {
    "D-34": (around(10), around(9)),
    "D-43": (feed(1), feed(1, 2)),
    "D-46": (fast_leave(20.6), fast_leave(23)),
    "D-47": (talkers(2, 3), talkers(1, 2, 3)),
    "D-48": (echoed(1), echoed(0)),
    "D-49": (elsewhere(6), elsewhere(5)),
}
