"""`query` and `report` against the host side of this kernel."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from mldkit.errors import CaptureError
from mldkit.link.capture import open_capture
from mldkit.link.device import PacketSocket
from mldkit.model.addresses import text
from mldkit.model.datagram import Decoded
from mldkit.model.units import MILLISECOND
from mldkit.wire.decode import decode

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Link, Namespace

pytestmark = pytest.mark.netns

JOINED = (
    "239.1.2.3",
    "10.0.0.1,10.0.0.2@232.1.1.1",
    "ff15::4321:1234",
    "2001:db8::1,2001:db8::2@ff3e::8000:1",
)
OF_HOST_4 = {
    "239.1.2.3": ("EXCLUDE", []),
    "232.1.1.1": ("INCLUDE", ["10.0.0.1", "10.0.0.2"]),
}
OF_HOST_6 = {
    "ff15::4321:1234": ("EXCLUDE", []),
    "ff3e::8000:1": ("INCLUDE", ["2001:db8::1", "2001:db8::2"]),
    "ff02::1:ff00:2": ("EXCLUDE", []),
}
LATEST_MS = 1.127 * 500 + 30


@pytest.fixture
def joined(link: Link) -> Link:
    """A link whose far end holds the groups and has finished announcing them."""
    child = link.far.spawn_mldkit("join", "-i", "eth1", *JOINED)
    assert child.stdout is not None
    for _ in JOINED:
        assert child.stdout.readline().startswith("joined")
    # The second announcement comes within a second (RFC 9777 §9.11): after it nothing is pending.
    time.sleep(1.3)
    return link


HOSTS = {"10.9.0.2", "fe80::ff:fe00:2"}


def asking(link: Link, captured: Path) -> subprocess.Popen[str]:
    """Start a query that waits for long; return when both hosts have answered."""
    child = link.near.spawn_mldkit("query", "-i", "eth1", "--json", "--max-response", "100ms",
                                   "--wait", "60s", "-w", str(captured))  # fmt: skip
    until = time.monotonic() + 50
    while not reporters(captured) >= HOSTS:
        assert time.monotonic() < until, "no answer came"
        time.sleep(0.02)
    return child


def reporters(captured: Path) -> set[str]:
    """Return who reports in a capture that is still being written."""
    try:
        with open_capture(str(captured)) as capture:
            read = [decode(frame) for frame in capture.candidates()]
    except CaptureError:
        return set()
    messages = [one for one in read if isinstance(one, Decoded)]
    return {text(one.datagram.source) for one in messages if one.kind == "report"}


def query(link: Link, *arguments: str) -> dict[str, Any]:
    done = link.near.mldkit("query", "-i", "eth1", "--json", "--max-response", "500ms", *arguments)
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def states(document: dict[str, Any]) -> dict[str, dict[str, tuple[str, list[str]]]]:
    return {
        host["address"]: {
            group["group"]: (group["filter_mode"], sorted(group["sources"]))
            for group in host["groups"]
        }
        for host in document["hosts"]
    }


def test_general_queries_of_both_families_list_what_was_joined(joined: Link) -> None:
    document = query(joined)

    assert states(document) == {"10.9.0.2": OF_HOST_4, "fe80::ff:fe00:2": OF_HOST_6}
    assert {host["mac"] for host in document["hosts"]} == {"02:00:00:00:00:02"}
    assert [message["version"] for message in document["queries"]] == [3, 2]
    # 8 ms: two jiffies and the next tick at 250 Hz; faster ticks are shorter.
    for answer in document["answers"]:
        assert 0 < answer["delay_ms"] <= LATEST_MS
        assert answer["late"] is False
    assert document["dropped"] == 0


@pytest.mark.parametrize(
    ("group", "host", "expected"),
    [
        ("239.1.2.3", "10.9.0.2", ("EXCLUDE", [])),
        ("ff15::4321:1234", "fe80::ff:fe00:2", ("EXCLUDE", [])),
        ("ff3e::8000:1", "fe80::ff:fe00:2", OF_HOST_6["ff3e::8000:1"]),
    ],
)
def test_a_group_query_is_answered_for_this_group_alone(
    joined: Link, group: str, host: str, expected: tuple[str, list[str]]
) -> None:
    document = query(joined, group)

    assert states(document) == {host: {group: expected}}
    assert document["queries"][0]["ip"]["dst"] == group


@pytest.mark.parametrize(
    ("asked", "host", "group", "sources"),
    [
        ("10.0.0.2,10.0.0.9@232.1.1.1", "10.9.0.2", "232.1.1.1", ["10.0.0.2"]),
        ("2001:db8::2@ff3e::8000:1", "fe80::ff:fe00:2", "ff3e::8000:1", ["2001:db8::2"]),
    ],
)
def test_a_group_and_source_query_is_answered_for_the_sources_asked(
    joined: Link, asked: str, host: str, group: str, sources: list[str]
) -> None:
    document = query(joined, asked)

    assert states(document) == {host: {group: ("INCLUDE", sources)}}


def test_a_source_that_nobody_wants_is_not_answered(joined: Link) -> None:
    control = query(joined, "2001:db8::1@ff3e::8000:1")
    silence = query(joined, "2001:db8::99@ff3e::8000:1")

    assert control["answers"]
    assert silence["answers"] == []


@pytest.mark.parametrize(
    ("defect", "family"),
    [
        (("--bad-checksum",), "-4"),
        (("--bad-checksum",), "-6"),
        (("--hop-limit", "2"), "-6"),
        (("--no-router-alert",), "-6"),
        (("--router-alert", "1"), "-6"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else value,
)
def test_hosts_do_not_answer_what_they_must_drop(
    joined: Link, defect: tuple[str, ...], family: str
) -> None:
    assert query(joined, family)["answers"], "the control is answered"
    assert query(joined, family, *defect)["answers"] == []


@pytest.mark.parametrize("defect", [("--hop-limit", "64"), ("--no-router-alert",)])
def test_linux_answers_igmp_without_looking_at_the_envelope(
    joined: Link, defect: tuple[str, ...]
) -> None:
    document = query(joined, "-4", *defect)

    assert states(document)["10.9.0.2"] == OF_HOST_4


def test_an_older_query_is_announced_and_answered_in_its_version(joined: Link) -> None:
    done = joined.near.mldkit(
        "query", "-i", "eth1", "--json", "--version", "mld1", "--max-response", "500ms"
    )
    document = json.loads(done.stdout)

    assert "260" in done.stderr
    assert {answer["version"] for answer in document["answers"]} == {1}
    assert "ff15::4321:1234" in states(document)["fe80::ff:fe00:2"]


def test_a_query_says_how_long_it_silences_others(joined: Link) -> None:
    common = ("query", "-i", "eth1", "-6", "--max-response", "200ms")
    usual = joined.near.mldkit(*common)
    short = joined.near.mldkit(*common, "--interval", "2s", "--robustness", "3")

    # RV x QI + QRI / 2 (RFC 9777 §9.5)
    assert "may stay silent for about 250.1 s;" in usual.stderr
    assert "may stay silent for about 6.1 s, Linux bridges for 255 s by default;" in short.stderr


def test_expectations_decide_the_exit_code(joined: Link) -> None:
    common = ("-q", "query", "-i", "eth1", "--max-response", "300ms", "-6")
    met = joined.near.mldkit(
        *common, "--expect", "ff15::4321:1234@02:00:00:00:00:02",
        "--expect", "2001:db8::1@ff3e::8000:1",
    )  # fmt: skip
    missing = joined.near.mldkit(*common, "--expect", "ff15::dead")

    assert met.returncode == 0, met.stderr
    assert missing.returncode == 1


def test_ndjson_prints_one_answer_a_line(joined: Link) -> None:
    done = joined.near.mldkit(
        "query", "-i", "eth1", "--format", "ndjson", "--max-response", "300ms", "-4"
    )

    (line,) = done.stdout.splitlines()
    assert json.loads(line)["ip"]["src"] == "10.9.0.2"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_prints_what_came_until_then(
    joined: Link, number: signal.Signals, tmp_path: Path
) -> None:
    child = asking(joined, tmp_path / "asked.pcapng")
    child.send_signal(number)
    output, notes = child.communicate(timeout=10)
    document = json.loads(output)

    assert child.returncode == 130
    assert document["interrupted"] is True
    assert set(states(document)) == HOSTS
    assert "interrupted" in notes


def test_general_queries_keep_their_distance(link: Link) -> None:
    quick = ("--max-response", "100ms", "--count", "3", "--wait", "200ms")
    done = link.near.mldkit("query", "-i", "eth1", "--json", *quick)
    stamps: dict[str, list[float]] = {}
    for one in json.loads(done.stdout)["queries"]:
        stamps.setdefault(one["protocol"], []).append(float(one["time"]))

    assert {protocol: len(times) for protocol, times in stamps.items()} == {"igmp": 3, "mld": 3}
    # The kernel's stamps of leaving, on a clock that may be slewed meanwhile.
    gaps = [later - earlier for times in stamps.values() for earlier, later in pairwise(times)]
    assert min(gaps) >= 0.999
    assert "note: General Queries are 1 s apart, not 100 ms" in done.stderr


def test_a_report_is_on_the_wire_as_it_was_asked_for(link: Link) -> None:
    catcher = link.far.spawn(
        "tshark", "-i", "eth1", "-l", "-a", "duration:20", "-f", "igmp", "-T", "fields",
        "-e", "igmp.record_type", "-e", "igmp.maddr", "-e", "igmp.saddr", "-c", "1",
        "-Y", "igmp.maddr == 232.1.1.1",
    )  # fmt: skip
    assert catcher.stderr is not None
    while "Capture started" not in catcher.stderr.readline():
        assert catcher.poll() is None
    done = link.near.mldkit("report", "-i", "eth1", "ALLOW(232.1.1.1,{10.0.0.1,10.0.0.2})")
    output, _ = catcher.communicate(timeout=30)

    assert done.returncode == 0, done.stderr
    assert output.split() == ["5", "232.1.1.1", "10.0.0.1,10.0.0.2"]


def test_an_interface_that_goes_down_leaves_what_came_until_then(
    joined: Link, tmp_path: Path
) -> None:
    child = asking(joined, tmp_path / "asked.pcapng")
    joined.near.ip("link set eth1 down")
    output, notes = child.communicate(timeout=10)

    assert child.returncode == 3
    assert notes.splitlines()[-2:] == [
        "mldkit: eth1: the interface went down",
        "hint: ip link set eth1 up",
    ]
    assert set(states(json.loads(output))) == HOSTS


def test_an_interface_that_is_removed_is_said_to_be(joined: Link, tmp_path: Path) -> None:
    child = asking(joined, tmp_path / "asked.pcapng")
    joined.near.ip("link delete eth1")
    output, notes = child.communicate(timeout=10)

    assert child.returncode == 3
    assert notes.splitlines()[-1] == "mldkit: eth1: the interface was removed"
    assert set(states(json.loads(output))) == HOSTS


def test_an_interface_that_is_down_is_told_to_be_so(
    make_namespace: Callable[[], Namespace],
) -> None:
    namespace = make_namespace()
    namespace.ip("link add eth1 type veth peer name eth2")

    done = namespace.mldkit("query", "-i", "eth1")

    assert done.returncode == 3
    assert done.stderr == "mldkit: eth1: the interface is down\nhint: ip link set eth1 up\n"


def test_a_link_without_carrier_is_told_to_be_so(make_namespace: Callable[[], Namespace]) -> None:
    namespace = make_namespace()
    namespace.ip("link add eth1 type veth peer name eth2")
    namespace.ip("link set eth1 up")

    done = namespace.mldkit("query", "-i", "eth1")

    assert done.returncode == 3
    assert done.stderr.startswith("mldkit: eth1: no address and no carrier\nhint: ")


def test_a_setting_of_one_family_asks_this_family(joined: Link) -> None:
    document = query(joined, "--set", "MLDv2Query.qrv=3")

    assert [(sent["protocol"], sent["qrv"]) for sent in document["queries"]] == [("mld", 3)]


def test_a_capture_that_cannot_be_written_stops_before_anything_is_sent(joined: Link) -> None:
    done = joined.near.mldkit("query", "-i", "eth1", "-w", "/no/such/folder/x")

    assert done.returncode == 3
    assert (
        done.stderr == "mldkit: /no/such/folder/x: cannot be written: no such file or directory\n"
    )


def test_sources_beyond_the_mtu_are_said_to_be_left_out(link: Link) -> None:
    sources = ",".join(f"10.0.{number >> 8}.{number & 255}" for number in range(1, 401))
    done = link.near.mldkit("report", "-i", "eth1", "--dry-run", "--json",
                            f"IS_EX(239.1.1.1,{{{sources}}})")  # fmt: skip

    # 365 sources fit an IGMPv3 record in 1,500 octets: RFC 9776 §4.1.8 has the sum.
    assert done.stderr == (
        "note: IS_EX(239.1.1.1): 365 of 400 sources fit the MTU, the rest is left out\n"
    )
    assert len(json.loads(done.stdout)["sent"][0]["records"][0]["sources"]) == 365


def test_reports_in_bulk_leave_at_their_rate_and_an_interrupt_says_how_many(link: Link) -> None:
    bulk = ("report", "-i", "eth1", "--version", "igmp2", "239.1.0.0+2000", "--json")
    child = link.near.spawn_mldkit(*bulk)
    assert child.stderr is not None
    assert child.stderr.readline() == (
        "note: 2,000 packets take 1.9 s, 1,000 a second (or --flood)\n"
    )
    child.send_signal(signal.SIGTERM)
    output, notes = child.communicate(timeout=20)
    sent = len(json.loads(output)["sent"])

    assert child.returncode == 130
    assert sent < 2000
    assert f"note: interrupted: sent {sent} packet" in notes

    with link.far.entered():
        device = PacketSocket("eth1")
    with device:
        done = link.near.mldkit(*bulk[:5], "239.1.0.0+300")
        # The kernel of the other end may say something of its own meanwhile.
        seen = [frame for frame in iter(device.take, None) if frame.data[30:32] == b"\xef\x01"]
        stamps = [frame.time_ns or 0 for frame in seen if not frame.outgoing]
    assert (done.returncode, len(stamps)) == (0, 300)
    # The first hundred at once, a millisecond for each of the others; stamps may be slewed.
    assert max(stamps) - min(stamps) >= 199 * MILLISECOND * 99 // 100
