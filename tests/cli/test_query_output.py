"""The answers of `query` for people: whole lines in a pipe, no broken address anywhere."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import pytest

from mldkit.link.account import Account
from mldkit.model.addresses import parse
from mldkit.model.datagram import Datagram, Frame
from mldkit.model.messages import GroupRecord, RecordType, Report
from mldkit.query import Answer, QueryResult
from mldkit.render.query import print_result
from mldkit.wire.decoder import Decoder
from mldkit.wire.encode import encode_frame

if TYPE_CHECKING:
    from collections.abc import Iterator

HOST = "fe80::740f:c6ff:feee:3b3a"
GROUPS = ("ff02::1:ffee:3b3a", "ff15::4321:1234")
SOURCES = tuple(f"2001:db8::{number:x}" for number in range(1, 7))
ARGS = argparse.Namespace(format="text", quiet=True, verbose=0)


def heard(*hosts: tuple[str, str, str]) -> QueryResult:
    """Return what hosts answered, each an address with a MAC and a group."""
    found = QueryResult()
    for address, mac, group in hosts:
        report = Datagram(
            parse(address),
            parse("224.0.0.22" if "." in address else "ff02::16"),
            Report((GroupRecord(RecordType.IS_EX, parse(group)),)),
            link_source=bytes.fromhex(mac.replace(":", "")),
        )
        for decoded in Decoder().decode(Frame(encode_frame(report), 0)):
            found.answers.append(Answer(decoded, 0, 1_000_000, late=False))
    return found


def result() -> QueryResult:
    records = (
        *(GroupRecord(RecordType.IS_EX, parse(group)) for group in GROUPS),
        GroupRecord(RecordType.IS_IN, parse("ff3e::8000:1"), tuple(map(parse, SOURCES))),
    )
    report = Datagram(
        parse(HOST), parse("ff02::16"), Report(records), link_source=bytes.fromhex("760fc6ee3b3a")
    )
    found = QueryResult()
    for decoded in Decoder().decode(Frame(encode_frame(report), 0)):
        found.answers.append(Answer(decoded, 0, 1_234_500_000, late=False))
    return found


def words() -> Iterator[str]:
    yield from (HOST, "76:0f:c6:ee:3b:3a", "INCLUDE", "EXCLUDE", "MLDv2", "1234.5 ms")
    yield from (*GROUPS, *SOURCES)


@pytest.mark.parametrize("columns", [40, 60, 80, 120, 200])
def test_a_terminal_breaks_no_address(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))

    print_result(ARGS, result(), Account())

    lines = capsys.readouterr().out.splitlines()
    assert all(any(word in line for line in lines) for word in words())
    # Below 80 the columns of one group alone are wider than the terminal.
    assert columns < 80 or max(map(len, lines)) <= columns


def test_a_pipe_gets_whole_lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)

    print_result(ARGS, result(), Account())

    (line,) = (line for line in capsys.readouterr().out.splitlines() if "ff3e::" in line)
    assert ", ".join(SOURCES) in line


def test_an_early_end_does_not_say_that_nobody_answers(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_result(ARGS, QueryResult(interrupted=True), Account())

    assert capsys.readouterr().out == "nobody answered until then\n"


ONE, OTHER = "02:00:00:00:00:01", "02:00:00:00:00:02"


@pytest.mark.parametrize(("hosts", "told"), [
    ([("10.9.0.2", ONE, "239.1.1.1")], "1 host, 1 group"),
    ([("10.9.0.2", ONE, "239.1.1.1"), ("fe80::2", ONE, "ff15::1")],
     "2 hosts on 1 device, 2 groups"),
    ([("10.9.0.2", ONE, "239.1.1.1"), ("10.9.0.2", OTHER, "239.1.1.1")],
     "1 host on 2 devices, 1 group"),
    ([("10.9.0.2", ONE, "239.1.1.1"), ("10.9.0.3", OTHER, "239.1.1.1")], "2 hosts, 1 group"),
    ([("0.0.0.0", ONE, "239.1.1.1"), ("0.0.0.0", OTHER, "239.1.1.1")], "2 hosts, 1 group"),
])  # fmt: skip
def test_the_last_line_says_whether_addresses_or_devices_are_counted(
    hosts: list[tuple[str, str, str]], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    print_result(ARGS, heard(*hosts), Account())

    assert capsys.readouterr().out.splitlines()[-1] == told


def test_two_macs_with_one_address_are_two_rows_and_a_remark(
    capsys: pytest.CaptureFixture[str],
) -> None:
    args = argparse.Namespace(format="text", quiet=False, verbose=0)

    print_result(
        args, heard(("10.9.0.2", ONE, "239.1.1.1"), ("10.9.0.2", OTHER, "239.1.1.1")), Account()
    )

    out, err = capsys.readouterr()
    assert out.count("10.9.0.2") == 2
    assert f"10.9.0.2 answers from 2 MACs: {ONE}, {OTHER}" in err
