"""What somebody answers costs the asker no more because of what was asked and answered before."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from mldkit.model.datagram import Decoded, Frame
from mldkit.model.messages import GroupRecord, RecordType, Report
from mldkit.model.units import SECOND
from mldkit.query import Answer, Asker, QueryResult, Schedule
from mldkit.wire.decoder import Decoder
from tests.growth import frames
from tests.growth.counting import grows, instructions
from tests.growth.frames import GROUP, IS_EX, IS_IN

RECORDS = 180
SIZE = 200
EPOCH_NS = 1_700_000_000_000_000_000


class Link:
    """A link that gives what is sent back, and then what somebody answers."""

    def __init__(self, answers: list[bytes]) -> None:
        self._answers = answers
        self._waiting: list[Frame] = []
        self._now_ns = EPOCH_NS

    def send(self, frame: bytes) -> None:
        """Let a frame leave."""
        self._waiting.append(self._stamped(frame, outgoing=True))

    def receive(self, until_ns: int | None = None) -> Frame | None:
        """Return the next frame."""
        del until_ns
        if self._waiting:
            return self._waiting.pop(0)
        return self._stamped(self._answers.pop(0)) if self._answers else None

    def _stamped(self, octets: bytes, *, outgoing: bool = False) -> Frame:
        self._now_ns += 1000
        return Frame(octets, self._now_ns, outgoing=outgoing)


def asker(asked: int, answers: list[bytes]) -> Asker:
    """Return who asks for so many groups."""
    found = Asker(Link(answers), lambda: 0)
    found.run(
        [frames.query(about=frames.group(number), response=200) for number in range(asked)],
        Schedule(1, SECOND, SECOND),
    )
    return found


@pytest.mark.parametrize(
    "octets",
    [
        frames.report(1, [(IS_EX, frames.group(number), ()) for number in range(RECORDS)]),
        frames.report(1, [(IS_EX, frames.address(1, 0xEF090000 + n), ()) for n in range(RECORDS)]),
        frames.report(1, [(IS_EX, GROUP, ())], vlan=(7,)),
        frames.report(1, [(IS_IN, frames.group(1), (frames.address(9),))] * 120),
    ],
    ids=["of all groups", "of other groups", "on a VLAN", "of one group"],
)
def test_a_report_costs_the_same_however_many_groups_were_asked_for(octets: bytes) -> None:
    costs = []
    for asked in (SIZE, 2 * SIZE):
        answers: list[bytes] = []
        found = asker(asked, answers)
        answers.append(octets)
        costs.append(instructions(partial(found.run, [], Schedule(1, 0, 0))))
        assert len(found.result.queries) == asked

    assert costs[1] <= 1.1 * costs[0]


class Source(bytes):
    """A source that is seen to be hashed."""

    def __hash__(self) -> int:
        """Return the hash of the octets."""
        return bytes.__hash__(self)


def test_a_list_that_is_told_source_by_source_grows_with_its_sources() -> None:
    (decoded,) = Decoder().decode(Frame(frames.report(1, [(IS_EX, GROUP, ())]), EPOCH_NS))

    def hashes(size: int) -> int:
        result = QueryResult()
        for number in range(size):
            record = GroupRecord(RecordType.IS_IN, GROUP, (Source(frames.address(number)),))
            result.answers.append(Answer(_telling(decoded, record), 0, 1, late=False))
        found: list[int] = []
        ran = instructions(
            lambda: found.append(len(result.hosts()[0].groups[GROUP].sources)),
            str(Path(__file__).parent),
        )
        assert found == [size]
        return ran

    assert not grows(hashes, SIZE)


def _telling(decoded: Decoded, record: GroupRecord) -> Decoded:
    return replace(decoded, datagram=replace(decoded.datagram, message=Report((record,))))
