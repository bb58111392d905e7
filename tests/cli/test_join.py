"""Wrong use of `join`: exit 2, one line that names the argument, a hint where one helps."""

from __future__ import annotations

import pytest

from mldkit.cli.main import main


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        pytest.param(["239.1.2.3"], "-i/--interface", id="no interface"),
        pytest.param(["-i", "lo"], "GROUP", id="no group"),
        pytest.param(["-i", "lo", "10.0.0.1"], "not a multicast group", id="unicast"),
        pytest.param(["-i", "lo", "239.1.2.3+0"], "GROUP", id="count of nothing"),
        pytest.param(["-i", "lo", "fe80::1@239.1.2.3"], "mixes IPv4 and IPv6", id="families"),
        pytest.param(["-i", "lo", "239.1.2.3", "--for", "soon"], "--for", id="time"),
        pytest.param(["-i", "lo", "239.1.2.3", "--port", "5000"], "--port", id="port alone"),
        pytest.param(
            ["-i", "lo", "239.1.2.3", "--receive", "--port", "0"], "--port", id="port zero"
        ),
        pytest.param(
            ["-i", "lo", "239.1.2.3", "--block", "fe80::1"],
            "argument --block: fe80::1",
            id="other family",
        ),
        pytest.param(
            ["-i", "lo", "10.0.0.1@232.1.1.1", "--block", "10.0.0.2"],
            "argument --block: 10.0.0.2",
            id="block where sources are named",
        ),
        pytest.param(
            ["-i", "lo", "239.1.2.3", "--block", "239.1.2.4"],
            "argument --block: 239.1.2.4: a source is a unicast address",
            id="block a group",
        ),
        pytest.param(["-i", "lo", "239.1.2.3", "--background"], "--background", id="no lab"),
    ],
)
def test_wrong_use_is_refused_and_named(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code: object = main(["join", *arguments])
    except SystemExit as end:
        code = end.code

    output = capsys.readouterr()
    assert code == 2
    assert output.out == ""
    assert output.err.startswith("mldkit: ")
    assert complaint in output.err.splitlines()[0]


def test_an_unknown_interface_is_the_environments_fault(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["join", "-i", "eth9", "239.1.2.3", "--for", "1s"]) == 3
    assert capsys.readouterr().err.startswith(
        "mldkit: eth9: no such interface\nhint: interfaces here: lo"
    )
