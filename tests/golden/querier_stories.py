"""For each rule about queriers: what raises it on a link, and a neighbour that does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from mldkit.testing.stage import Stage

    Tell = Callable[[Stage], None]


def silent_for(seconds: float) -> Tell:
    def tell(stage: Stage) -> None:
        stage.report(0, "IS_EX", 1)
        stage.report(seconds, "IS_EX", 1)

    return tell


def two_queriers(*times: float) -> Tell:
    def tell(stage: Stage) -> None:
        every(125, 3)(stage)
        for at in times:
            stage.query(at, router=2)

    return tell


def elections(*routers: int) -> Tell:
    def tell(stage: Stage) -> None:
        for place, router in enumerate(routers):
            stage.query(20 * place, router=router)

    return tell


def every(interval: float, times: int = 8) -> Tell:
    def tell(stage: Stage) -> None:
        for number in range(times):
            stage.query(interval * number)

    return tell


def older_after(seconds: float) -> Tell:
    def tell(stage: Stage) -> None:
        stage.query(0)
        stage.query(seconds, version=stage.family.current_version - 1)

    return tell


def queries_of(*macs: str) -> Tell:
    def tell(stage: Stage) -> None:
        for number, mac in enumerate(macs):
            stage.query(60 * number, router=1 + number, link_source=bytes.fromhex(mac))

    return tell


def older_of_group(*, newer: bool) -> Tell:
    """An older query for one group, where General Queries are of the current version or not."""

    def tell(stage: Stage) -> None:
        older = stage.family.current_version - 1
        stage.query(0, version=None if newer else older)
        stage.query(20, 1, version=older, response=1)

    return tell


STORIES: dict[str, tuple[Tell, Tell]] = {
    "D-01": (silent_for(256), silent_for(254)),
    "D-02": (two_queriers(60, 185, 310), two_queriers(60, 91.25)),
    "D-03": (elections(4, 3, 2, 1), elections(3, 2, 1)),
    "D-04": (every(100), every(120)),
    "D-06": (older_after(254), older_after(256)),
    "D-14": (
        queries_of("020000000077", "020000000077"),
        queries_of("020000000077", "020000000078"),
    ),
    "D-39": (older_of_group(newer=True), older_of_group(newer=False)),
}
