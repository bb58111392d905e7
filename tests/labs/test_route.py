"""The lab `route`: a stream that goes on behind a leave has not ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.labs.student import Student, enrolled

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.netns

CHANNEL = "2001:db8:1::1@ff3e::8000:1"


@pytest.fixture
def student() -> Iterator[Student]:
    """A student in the lab, with a program that wants the channel until it is ended."""
    with enrolled() as found:
        found.must("start", "route")
        found.must("exec", "h1", "--", "mldkit", "join", "-i", "eth1", CHANNEL, "--background")
        yield found


def leave_while_it_comes(student: Student) -> str:
    """Let the program on h1 end once the stream arrives; return what the check makes of that."""
    listening = ("mldkit", "join", "-i", "eth1", CHANNEL, "--receive", "--for", "500ms")
    while "5000" not in student.must("exec", "h1", "--", *listening):
        pass
    student.must("exec", "h1", "--", "pkill", "-f", "join.*background")
    return student.statuses("route")["followed"]


def test_a_route_that_stays_does_not_pass_for_one_that_ended(student: Student) -> None:
    router = ("mroute", "eth1", "eth2", "--background")
    student.must("exec", "r1", "--", *router, "--route", CHANNEL)
    assert leave_while_it_comes(student) == "fail"


def test_a_router_that_listens_ends_the_stream(student: Student) -> None:
    student.must("exec", "r1", "--", "mroute", "eth1", "eth2", "--background", "--listen")
    student.must("exec", "r1", "--", "mldkit", "query", "-i", "eth2", "-6", "--max-response", "1ms")
    assert leave_while_it_comes(student) == "pass"
