"""Stories of hosts that come and go, that are silenced, that share a MAC, that nobody finds.

Each rule has one story that raises it and a neighbour that does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.model.messages import LegacyReport

if TYPE_CHECKING:
    from collections.abc import Callable

    from mldkit.testing.stage import Stage

    Tell = Callable[[Stage], None]


def suppressed(*, older: bool) -> Tell:
    def tell(stage: Stage) -> None:
        stage.report(0, "TO_EX", 1)
        stage.report(5, "TO_EX", 1, host=2)
        stage.query(10, 1, response=1)
        if older:
            stage.older_report(10.3, 1, host=3)
        else:
            stage.report(10.3, "IS_EX", 1, host=3)
        stage.query(60)

    return tell


def flapping(times: int) -> Tell:
    def tell(stage: Stage) -> None:
        stage.report(1, "TO_EX", 1)
        for number in range(times):
            stage.report(10 + number, "TO_IN", 1)
            stage.report(10.2 + number, "TO_EX", 1)

    return tell


def forgotten(again: float) -> Tell:
    """Data stop, a lifetime after the last report of host 1 or before, which host 2 silenced."""

    def tell(stage: Stage) -> None:
        older = stage.family.current_version - 1
        for at in range(0, 500, 125):
            stage.query(at, version=older)
            stage.older_report(at + 3, 1, host=2)
        for at in 5, 400:
            stage.older_report(at, 1, host=1)
        stops = 265 if again > 400 else 200
        for half in range(900):
            if not stops < half / 2 < again:
                stage.data(half / 2, 1)

    return tell


def in_place_of_hosts(*answers: float) -> Tell:
    """Answers from 0.0.0.0 in an older version."""

    def tell(stage: Stage) -> None:
        stage.query(0)
        stage.query(125)
        for at in answers:
            message = LegacyReport(2, stage.group(1))
            stage.send(at, bytes(4), stage.group(1), message, link_source=b"\2\0\0\0\0\x5a")

    return tell


def behind_one_mac(*hosts: int) -> Tell:
    def tell(stage: Stage) -> None:
        for number, host in enumerate(hosts):
            stage.report(10 * number, "IS_EX", 1, host=host, link_source=b"\2\0\0\0\0\x77")

    return tell


def asked_for(*times: float) -> Tell:
    """A querier that nobody finds, because it does not report the group of its address."""

    def tell(stage: Stage) -> None:
        stage.query(0)
        stage.query(125)
        stage.report(1, "IS_EX", 1)
        for at in times:
            stage.solicit(at, stage.router())

    return tell


STORIES: dict[str, tuple[Tell, Tell]] = {
    "D-18": (suppressed(older=True), suppressed(older=False)),
    "D-36": (in_place_of_hosts(5, 130), in_place_of_hosts(5, 7)),
    "D-37": (behind_one_mac(1, 2, 1, 2), behind_one_mac(1, 2, 1, 1)),
    "D-38": (asked_for(5, 6, 7), asked_for(5, 6)),
    "D-41": (forgotten(400.2), forgotten(390)),
    "D-45": (flapping(10), flapping(9)),
}
