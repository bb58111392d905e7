"""The programs that lessons bring along: what goes wrong is one line with their name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.labs.student import Student, enrolled

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.netns


@pytest.fixture(scope="module")
def student() -> Iterator[Student]:
    """A student in the three labs with programs of their own."""
    with enrolled() as found:
        for lab in ("limits", "route", "broken-5"):
            found.must("start", lab)
        yield found


@pytest.mark.parametrize(
    ("lab", "node", "command", "message"),
    [
        ("limits", "h1", "greedy eth9 239.1.1.1", "greedy: eth9: no such interface"),
        ("limits", "h1", "greedy eth1 10.1.1.1", "greedy: '10.1.1.1' is not a multicast group"),
        ("route", "r1", "mroute eth1 eth9", "mroute: eth9: no such interface"),
        ("route", "r1", "mroute eth1 eth9 --background", "mroute: eth9: no such interface"),
        ("route", "r1", "mroute eth1 eth2 --route ff3e::1", "mroute: --route 'ff3e::1': write"),
        ("route", "r1", "mroute eth1 eth2 --route ::1@", "mroute: '' is not an IPv4 or"),
        ("broken-5", "h1", "camera eth9 ff3e::8000:1", "camera: eth9: no such interface"),
        ("broken-5", "h1", "camera eth1 ff3e::8000:1 --hops 300", "camera: invalid argument"),
        # The router of the lab itself runs.
        ("broken-5", "r1", "mroute eth1 eth2 --listen", "mroute: this node has a router already"),
    ],
)
def test_what_is_wrong_is_one_line(
    student: Student, lab: str, node: str, command: str, message: str
) -> None:
    done = student.lab("exec", "--lab", lab, node, "--", *command.split())

    assert done.returncode in (2, 3)
    assert done.stderr.startswith(message)
    assert "Traceback" not in done.stderr
