"""The verb `play` in real time: as a user runs it, without root, interrupted, at a device."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mldkit.errors import LinkError
from mldkit.link.namespace import Sandbox
from mldkit.link.own_command import module_command
from mldkit.play import results
from mldkit.protocol.script_parser import parse_script
from tests.kernel.descendants import namespaces, namespaces_of

if TYPE_CHECKING:
    from tests.conftest import Link, Ordinary

pytestmark = pytest.mark.netns

HOST = "host fe80::ff:fe00:2 02:00:00:00:00:02\nhost 10.9.0.2 02:00:00:00:00:02\n"
QUERIER = "querier fe80::ff:fe00:1 02:00:00:00:00:01\nquerier 10.9.0.1 02:00:00:00:00:01\n"
JOIN = "set tolerance 200ms\n0.0 join 239.1.2.3\n+0.008..0.012 expect TO_EX(239.1.2.3)\n"
# A report of RFC 9776 §4.2 with one record; tshark calls both checksums good.
JOIN_FRAME = (
    "01005e000016" + "020000000002" + "0800" + "46c0002800004000" + "0102"
    "f9ee0a090002e0000016" + "94040000" + "2200e8f900000001" + "04000000ef010203"
)


def mldkit(*arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mldkit", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **options,
    )


@pytest.mark.parametrize("target", ["kernel", "responder"])
def test_the_same_frame_on_both_targets_as_json(target: str) -> None:
    done = mldkit("play", "--on", target, "--json", "-", input=HOST + QUERIER + JOIN)

    assert done.returncode == 0, done.stdout + done.stderr
    document = json.loads(done.stdout)
    assert document["schema"] == "mldkit.play/1"
    first = document["events"][0]
    assert (first["who"], first["bytes"]) == ("host", JOIN_FRAME)
    assert document["expectations"][0]["passed"] is True


def test_an_ordinary_user_plays_on_this_kernel_too(ordinary: Ordinary, tmp_path: Path) -> None:
    script = Path("/tmp", f"{tmp_path.name}.play")  # noqa: S108 (where that user can read it)
    script.write_text(HOST + QUERIER + JOIN)
    try:
        done = ordinary.run(
            ordinary.python, "-m", "mldkit", "play", "--on", "kernel", "--json", script
        )
    finally:
        script.unlink()

    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["events"][0]["bytes"] == JOIN_FRAME


@pytest.mark.parametrize("target", ["kernel", "responder"])
def test_an_expectation_that_fails_is_exit_1(target: str) -> None:
    text = HOST + QUERIER + "0.0 join 239.1.2.3\n+0..0.1 expect TO_IN(239.1.2.3)\n"
    done = mldkit("play", "--on", target, "-", input=text)

    assert done.returncode == 1
    assert "-:6: failed: +0..0.1 expect TO_IN(239.1.2.3)" in done.stdout
    assert "TO_EX(239.1.2.3)" in done.stdout


@pytest.mark.parametrize(
    ("lines", "place"),
    [
        ("sysctl net.ipv6.mld_qrv 3\n", "-:5:8: net.ipv6.mld_qrv exists only in the initial"),
        ("0.0  sysctl net.ipv6.mld_max_msf 3\n", "-:5:13: net.ipv6.mld_max_msf exists only in"),
        ("0.0 join 239.1.2.3\n1.0  leave 239.9.9.9\n", "-:6:6: the socket is no member"),
        ("0.0 jump 239.1.2.3\n", "-:5:5: 'jump' is no action"),
    ],
)
def test_what_cannot_be_played_is_named_with_its_place_and_nothing_is_sent(
    lines: str, place: str
) -> None:
    done = mldkit("play", "--on", "kernel", "-", input=HOST + QUERIER + lines)

    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(f"mldkit: {place}")


def test_without_namespaces_the_exit_says_so() -> None:
    inside = "echo 0 > /proc/sys/user/max_net_namespaces && exec $0 -m mldkit play --on kernel -"
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "sh", "-c", inside, sys.executable],
        input=HOST + QUERIER + JOIN,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode in (3, 4), done.stderr
    assert done.stderr.startswith("mldkit: no namespaces for a sandbox")
    assert "hint: " in done.stderr


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_a_play_that_ends_early_leaves_nothing(number: int, code: int, tmp_path: Path) -> None:
    script = tmp_path / "long.play"
    script.write_text(HOST + QUERIER + JOIN + "60.0 leave 239.1.2.3\n")
    child = subprocess.Popen(
        [sys.executable, "-m", "mldkit", "play", "--on", "kernel", str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_until(lambda: len(namespaces_of(child.pid)) > 1)
        made = namespaces_of(child.pid)
        assert made <= namespaces()
    finally:
        child.send_signal(number)
        out, err = child.communicate(timeout=30)

    assert child.returncode == code
    assert "Traceback" not in out + err
    wait_until(lambda: not made & namespaces())


@pytest.mark.parametrize("target", ["kernel", "responder"])
def test_a_play_that_is_interrupted_prints_what_there_is(target: str, tmp_path: Path) -> None:
    script = tmp_path / "long.play"
    script.write_text(HOST + QUERIER + JOIN + "60.0 leave 239.1.2.3\n+0..1 expect none\n")
    for patience_s in (5, 15, 30):  # a busy machine takes longer until time 0
        document, code, said = interrupted(target, script, patience_s)
        if len(document["expectations"]) == 1:
            break

    assert code == 130
    assert [event["message"]["kind"] for event in document["events"]][:1] == ["report"]
    assert [outcome["passed"] for outcome in document["expectations"]] == [True]
    assert "1 not judged: interrupted after" in said


def interrupted(target: str, script: Path, patience_s: float) -> tuple[dict[str, Any], int, str]:
    """Interrupt a play after some time; return its document, exit code and complaints."""
    child = subprocess.Popen(
        [sys.executable, "-m", "mldkit", "play", "--on", target, "--json", str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(patience_s)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=30)
    return json.loads(out or '{"events": [], "expectations": []}'), child.returncode, err


def wait_until(condition: Any) -> None:
    until = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_device_on_a_wire_answers(link: Link, tmp_path: Path) -> None:
    holder = link.far.spawn_mldkit("join", "-i", link.interface, "239.1.2.3", "ff15::1:3")
    assert holder.stdout is not None
    for _ in range(2):
        holder.stdout.readline()
    script = tmp_path / "ask.play"
    script.write_text(
        HOST + QUERIER + "set tolerance 1s\n"
        "1.0  query 239.1.2.3 max-response 0.5s\n"
        "+0..0.6  expect IS_EX(239.1.2.3)\n"
        "+0.1  query ff15::1:3 max-response 0.5s\n"
        "+0..0.6  expect IS_EX(ff15::1:3)\n"
        "+0.1  data 239.1.2.3 from 10.9.0.1\n"
    )

    done = link.near.mldkit("play", "--on", link.interface, "--json", str(script))

    assert done.returncode == 0, done.stdout + done.stderr
    document = json.loads(done.stdout)
    assert [event["who"] for event in document["events"]].count("querier") == 2


@pytest.mark.parametrize("goes_down", [True, False])
def test_a_link_that_was_down_is_told_where_something_failed(
    goes_down: bool, link: Link, tmp_path: Path
) -> None:
    script = tmp_path / "nobody.play"
    script.write_text(
        HOST
        + QUERIER
        + "0.5 query 239.1.2.3\n+0..0.3 expect IS_EX(239.1.2.3)\n3.0 query 239.1.2.3\n"
    )
    heard = link.far.spawn("tcpdump", "-lni", link.interface, "-c", "1", "igmp and dst 239.1.2.3")
    play = link.near.spawn_mldkit("play", "--on", link.interface, str(script))
    heard.wait(timeout=30)
    if goes_down:
        link.near.ip(f"link set {link.interface} down")
        link.near.ip(f"link set {link.interface} up")

    _, err = play.communicate(timeout=30)

    assert play.returncode == 1, err
    told = f"{link.interface} was down for a time: what failed then says nothing of the device"
    assert (told in err) == goes_down


def test_an_interface_that_vanishes_is_exit_3_with_what_was_seen(
    link: Link, tmp_path: Path
) -> None:
    script = tmp_path / "long.play"
    script.write_text(HOST + QUERIER + "".join(f"{0.5 * n} query 239.1.2.3\n" for n in range(100)))
    play = link.near.spawn_mldkit("play", "--on", link.interface, str(script))
    heard = link.far.spawn("tcpdump", "-lni", link.interface, "-c", "2", "igmp")
    heard.wait(timeout=30)
    link.far.ip(f"link delete {link.interface}")

    out, err = play.communicate(timeout=30)

    assert play.returncode == 3, err
    assert out.count("querier  10.9.0.1 > IGMPv3 Query(239.1.2.3)") >= 2
    assert f"mldkit: {link.interface}: the interface was removed" in err


def test_data_lines_are_datagrams_on_the_wire(link: Link, tmp_path: Path) -> None:
    listener = link.far.spawn_mldkit(
        "join", "-i", link.interface, "239.1.2.3", "ff15::1:3", "--receive", "--port", "5000"
    )
    assert listener.stdout is not None
    for _ in range(2):
        listener.stdout.readline()
    script = tmp_path / "data.play"
    script.write_text(
        HOST + QUERIER + "0.1 data 239.1.2.3 from 10.9.0.1\n0.2 data ff15::1:3 from 2001:db8::9\n"
    )

    done = link.near.mldkit("play", "--on", link.interface, str(script))

    assert done.returncode == 0, done.stderr
    heard = [listener.stdout.readline() for _ in range(2)]
    assert "10.9.0.1" in heard[0]
    assert "2001:db8::9" in heard[1]


@pytest.mark.parametrize(
    ("lines", "place"),
    [
        ("0.0 join 239.1.2.3\n", "-:5:5: `join` cannot be done on a device on a wire"),
        ("sysctl net.ipv4.igmp_qrv 3\n", "-:5:8: a device on a wire has no sysctl"),
    ],
)
def test_lines_that_a_device_cannot_be_made_to_do_are_refused(lines: str, place: str) -> None:
    done = mldkit("play", "--on", "lo", "-", input=HOST + QUERIER + lines)

    assert done.returncode == 2
    assert done.stderr.startswith(f"mldkit: {place}")
    assert "hint: " in done.stderr


def test_a_target_that_does_not_exist_is_exit_3() -> None:
    done = mldkit("play", "--on", "kernal", "-", input=HOST + QUERIER)

    assert done.returncode == 3
    assert done.stderr.startswith("mldkit: kernal: no such interface")


def test_what_ends_the_process_of_a_script_is_told() -> None:
    script = parse_script(HOST + QUERIER + JOIN)
    order = {"target": "kernel", "scripts": [{"name": "a.play", "text": script.text}]}
    with Sandbox() as sandbox:
        done = sandbox.run(module_command("mldkit.play.worker"), given=json.dumps(order))

    with pytest.raises(LinkError, match="the process of the script failed: KeyError"):
        results.from_text(done.stdout, script, 0)
