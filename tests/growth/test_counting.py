"""The count itself: it sees a square, and takes no straight line for one."""

from __future__ import annotations

from pathlib import Path

from tests.growth.counting import allowed, grows, instructions

HERE = str(Path(__file__).parent)


class Sorted:
    """A fold that looks through everything that it kept."""

    def __init__(self, *, looks: bool) -> None:
        self.looks = looks
        self.kept: list[int] = []

    def see(self, number: int) -> None:
        """Take in the next one."""
        if self.looks and any(kept > number for kept in self.kept):
            return
        self.kept.append(number)


def test_a_fold_that_walks_what_it_keeps_is_found_and_one_that_does_not_is_not() -> None:
    def work(looks: bool, size: int) -> int:
        fold = Sorted(looks=looks)

        def see_all() -> None:
            for number in range(size):
                fold.see(number)

        return instructions(see_all, HERE)

    assert grows(lambda size: work(True, size), 100)
    assert not grows(lambda size: work(False, size), 100)


def test_work_outside_the_folder_does_not_count() -> None:
    assert instructions(lambda: sorted(range(100), key=lambda number: -number), "/nowhere") == 0


def test_a_frame_may_cost_more_for_each_started_1500_octets() -> None:
    assert allowed(60) == allowed(1500) < allowed(1501) == 2 * allowed(60)
