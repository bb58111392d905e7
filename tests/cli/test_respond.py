"""`respond` before it touches an interface: arguments that make no sense, and their words."""

from __future__ import annotations

import pytest

from mldkit.cli.main import main

USAGE = [
    (["239.1.1.1", "-6"], "argument GROUP 239.1.1.1 and -6: IPv4 and IPv6 are mixed"),
    (["ff15::1", "-4"], "argument GROUP ff15::1 and -4: IPv4 and IPv6 are mixed"),
    (["ff15::1", "--mac", "01:00:5e:00:00:01"], "argument --mac: a host has no multicast MAC"),
    (["ff15::1", "--address", "2001:db8::1"],
     "argument --address: 2001:db8::1 is not link-local, and MLD comes from fe80::/10"),
    (["ff15::1", "--address", "ff02::1"], "argument --address: ff02::1 is no address of a host"),
    (["ff15::1", "--address", "0.0.0.0"], "argument --address: 0.0.0.0 is no address of a host"),
    (["ff15::1", "--address", "fe80::1", "--address", "fe80::2"],
     "argument --address: two addresses of one family"),
    (["ff15::1", "--address", "10.0.0.1"],
     "argument --address: 10.0.0.1 is of no use, as no IPv4 group is named"),
    (["ff15::1", "--sysctl", "net.ipv4.conf.all.rp_filter=1"],
     "argument --sysctl: net.ipv4.conf.all.rp_filter is of no use without an IPv4 group"),
    (["239.1.1.1", "--sysctl", "net.ipv4.ip_forward=1"],
     "argument --sysctl: sysctl net.ipv4.ip_forward plays no part here"),
    (["239.1.1.1", "--sysctl", "net.ipv4.conf.lo.rp_filter=3"],
     "argument --sysctl: '3' is no value of net.ipv4.conf.lo.rp_filter: "
     "a whole number from 0 to 2"),
    (["ff15::1", "-w", "-"], "argument -w: standard output carries the answers"),
]  # fmt: skip
ARGPARSE = [
    ([], "the following arguments are required: GROUP"),
    (["10.0.0.1"], "argument GROUP"),
    (["239.1.1.1", "--hosts", "0"], "argument --hosts: '0' is not a whole number from 1 to"),
    (["239.1.1.1", "--hz", "0"], "argument --hz: '0' is not a whole number from 1 to"),
    (["239.1.1.1", "--profile", "bsd"], "argument --profile: invalid choice: 'bsd'"),
    (["239.1.1.1", "--leave-after", "soon"], "argument --leave-after: 'soon' is not a duration"),
    (["239.1.1.1", "--mac", "02:00"], "argument --mac"),
]


@pytest.mark.parametrize(("arguments", "message"), USAGE, ids=lambda value: str(value)[:40])
def test_contradictions_are_named(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(["respond", "-i", "lo", *arguments]) == 2
    assert capsys.readouterr().err.splitlines()[0] == f"mldkit: {message}"


@pytest.mark.parametrize(("arguments", "message"), ARGPARSE, ids=lambda value: str(value)[:40])
def test_values_that_make_no_sense_are_refused(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    with pytest.raises(SystemExit) as left:
        main(["respond", "-i", "lo", *arguments])

    assert left.value.code == 2
    assert message in capsys.readouterr().err


def test_an_interface_that_does_not_exist_is_the_environment(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["respond", "-i", "no-such-one", "239.1.1.1"]) == 3
    assert "mldkit: no-such-one: no such interface" in capsys.readouterr().err


def test_without_an_interface_nothing_begins(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["respond", "239.1.1.1"])

    assert left.value.code == 2
    assert "-i/--interface" in capsys.readouterr().err
