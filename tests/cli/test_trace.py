"""The verb `trace`: what it says where it cannot run, and how recorded acts are printed."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mldkit.cli.main import main
from mldkit.cli.trace import Listener
from mldkit.errors import LinkError
from mldkit.trace import tracefs
from mldkit.trace.function import ACTS
from tests.unit.trace.recorded import observations

if TYPE_CHECKING:
    from mldkit.render.message_json import Json

JOIN = """\
  ipv6_sock_mc_join                          net/ipv6/mcast.c
    __ipv6_sock_mc_join
      __ipv6_dev_mc_inc
        igmp6_group_added
          dev_mc_add                         net/core/dev_addr_lists.c
"""


def listen(kernel: str, **options: object) -> None:
    defaults: dict[str, object] = {"of": ACTS, "format": "text", "quiet": False}
    listener = Listener(argparse.Namespace(**defaults | options))
    listener.follow(observations(kernel))
    listener.end()


def test_recorded_acts_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    listen("6.12", of=("join",))
    captured = capsys.readouterr()

    assert JOIN in captured.out
    assert "sent: MLDv2 report: TO_EX ff15::77\n" in captured.out
    assert "  igmp6 ff15::77: users 1, loaded -> users 2, loaded\n" in captured.out
    assert captured.out.count(" join ") == 3
    assert "leave" not in captured.out
    assert captured.err.count("cannot be seen on this kernel: ") == 1


def test_acts_of_the_same_course_are_one_and_a_number(capsys: pytest.CaptureFixture[str]) -> None:
    listen("6.12", of=("filter",))
    said = capsys.readouterr().out

    assert said.count("dev_mc_add_global") == 1
    assert "and 23 acts more with the same course, the last one 33:33:4d:00:00:17" in said
    assert "all multicast on" in said


def test_the_document_and_the_lines_hold_the_same_acts(
    capsys: pytest.CaptureFixture[str],
) -> None:
    listen("6.18", format="json")
    document = json.loads(capsys.readouterr().out)
    listen("6.18", format="ndjson")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    assert document["schema"] == "mldkit.trace/1"
    assert document["kernel"] == "6.18.15+deb13-amd64"
    assert document["lost"] == 0
    assert document["acts"] == lines
    join = next(act for act in lines if act["announced"] == "join ff15::77")
    assert join["act"] == "join"
    assert join["interface"] == "eth0"
    assert (join["group"], join["mac"]) == ("ff15::77", "33:33:00:00:00:77")
    assert [frame["records"][0]["type"] for frame in join["frames"]] == ["TO_EX", "TO_EX"]
    assert {"table": "dev_mcast", "entry": "33:33:00:00:00:77", "before": None,
            "after": "references 1"} in join["changes"]  # fmt: skip
    works = [call for call in calls(join["tree"]) if call["deferred"]]
    assert [work["function"] for work in works] == ["mld_ifc_work", "mld_ifc_work"]
    assert works[0]["jiffies"] == 2


def calls(tree: list[Json]) -> list[Json]:
    return [found for call in tree for found in (call, *calls(call["children"]))]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "one of the arguments -i/--interface --on is required"),
        (("-i", "eth0", "--on", "qemu"), "not allowed with argument"),
        (("-i", "eth0", "--of", "join,dance"), "'dance' is no act (acts: join, leave, "),
        (("--on", "qemu", "--duration", "1s"), "--duration: the guest ends by itself"),
    ],
)
def test_wrong_usage(
    arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code: object = main(["trace", *arguments])
    except SystemExit as ended:
        code = ended.code
    assert code == 2
    assert said in capsys.readouterr().err


def test_without_qemu_it_is_skipped_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["trace", "--on", "qemu"]) == 4
    assert capsys.readouterr().err == (
        "mldkit: qemu: no qemu-system-x86_64 here\nhint: sudo apt-get install qemu-system-x86\n"
    )


def test_an_interface_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "-i", "nosuch0"]) == 3
    assert "nosuch0" in capsys.readouterr().err


def test_where_tracefs_is_not_mounted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tracefs, "PLACES", (tmp_path,))
    assert main(["trace", "-i", "lo"]) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "mount -t tracefs none" in captured.err
    assert "mldkit trace --on qemu" in captured.err


@pytest.mark.parametrize(
    ("error", "uid", "said"),
    [
        (PermissionError(1, "Operation not permitted"), 0, "tracefs is locked: "),
        (PermissionError(13, "Permission denied"), 1000, "may not be used by this user"),
        (FileNotFoundError(2, "No such file"), 0, "this kernel has no function tracer"),
        (OSError(5, "Input/output error"), 0, "Input/output error"),
    ],
)
def test_where_tracefs_refuses(
    error: OSError, uid: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "instances").mkdir()

    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(tracefs, "PLACES", (tmp_path,))
    monkeypatch.setattr("os.geteuid", lambda: uid)
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(LinkError) as caught:
        tracefs.find_tracefs()
    assert said in caught.value.message
    assert caught.value.exit_code == 3
    assert "mldkit trace --on qemu" in (caught.value.hint or "") or error.errno == 5
    assert list((tmp_path / "instances").iterdir()) == []
