"""`respond` on a wire: a querier at the other end, tshark and the kernel as witnesses."""

from __future__ import annotations

import json
import signal
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from mldkit.link.capture import open_capture
from mldkit.link.device import PacketSocket
from mldkit.model.addresses import parse
from mldkit.testing import frames as octets
from mldkit.testing.envelopes import IGMP_QUERY, MLD_QUERY, V4, V6, patched
from mldkit.wire.encode import encode_frame

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.conftest import Link, Namespace

pytestmark = pytest.mark.netns

Document = dict[str, Any]


@pytest.fixture
def quiet(link: Link) -> Link:
    """A link whose far end has no groups: nothing but a responder answers from there."""
    link.far.sysctl("net.ipv6.conf.eth1.disable_ipv6", 1)
    return link


def responding(namespace: Namespace, *arguments: str) -> subprocess.Popen[str]:
    """Start a responder and wait until its hosts are there."""
    child = namespace.spawn_mldkit("respond", "-i", "eth1", *arguments)
    assert child.stdout is not None
    line = child.stdout.readline()
    assert " on eth1 in " in line, child.communicate()[1]
    assert (" each: " in line) == ("--distinct-groups" in arguments)
    return child


def ask(
    namespace: Namespace, *arguments: str, response: str = "1s", wait: str = "2.5s"
) -> Document:
    """Return what a query of both families, or as the arguments say, brings to light."""
    times = ("--max-response", response, "--wait", wait)
    done = namespace.mldkit("query", "-i", "eth1", "--json", *times, *arguments)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def groups_by_host(document: Document) -> dict[str, dict[str, tuple[str, tuple[str, ...]]]]:
    return {
        host["address"]: {
            known["group"]: (known["filter_mode"], tuple(known["sources"]))
            for known in host["groups"]
        }
        for host in document["hosts"]
    }


def end(child: subprocess.Popen[str], number: signal.Signals = signal.SIGINT) -> tuple[str, str]:
    child.send_signal(number)
    return child.communicate(timeout=30)


def test_one_host_answers_for_its_groups_and_sources(quiet: Link) -> None:
    child = responding(
        quiet.far, "--warm", "239.1.2.3", "10.0.0.1,10.0.0.2@232.1.1.1", "ff15::1",
        "2001:db8::1@ff3e::1",
    )  # fmt: skip
    document = ask(quiet.near)

    # The MAC is the interface's own: so is what follows from it.
    assert groups_by_host(document) == {
        "169.254.1.1": {
            "239.1.2.3": ("EXCLUDE", ()),
            "232.1.1.1": ("INCLUDE", ("10.0.0.1", "10.0.0.2")),
        },
        "fe80::ff:fe00:2": {
            "ff15::1": ("EXCLUDE", ()),
            "ff3e::1": ("INCLUDE", ("2001:db8::1",)),
            "ff02::1:ff00:2": ("EXCLUDE", ()),
        },
    }
    assert {host["mac"] for host in document["hosts"]} == {"02:00:00:00:00:02"}
    output, errors = end(child)
    assert (child.returncode, errors) == (130, "")
    assert "2 queries heard, 2 messages sent" in output


def test_a_signal_to_end_gives_the_summary_and_0(quiet: Link) -> None:
    child = responding(quiet.far, "--warm", "239.1.2.3")
    output, errors = end(child, signal.SIGTERM)
    assert (child.returncode, errors) == (0, "")
    assert "0 queries heard, 0 messages sent" in output


@pytest.mark.parametrize(
    ("options", "limits"), [((), (2000, 20_000)), (("--flood",), (None, None))]
)
def test_the_rate_is_told(
    quiet: Link, options: tuple[str, ...], limits: tuple[int | None, int | None]
) -> None:
    quickly = ("respond", "-i", "eth1", "--warm", "--for", "1ms", "239.1.2.3", *options)
    document = json.loads(quiet.far.mldkit(*quickly, "--json").stdout)
    line = quiet.far.mldkit(*quickly).stdout.splitlines()[0]

    assert (document["limit_per_second"], document["limit_at_once"]) == limits
    assert document["held_back"] == 0
    words = "no limit to what they send" if options else "at most 2,000 messages a second"
    assert words in line


def test_a_group_that_is_never_reported_is_named(quiet: Link) -> None:
    child = responding(quiet.far, "--warm", "239.1.2.3", "224.0.0.1", "ff02::1", "ff01::7+4")

    assert list(groups_by_host(ask(quiet.near, response="100ms", wait="500ms"))["169.254.1.1"]) == [
        "239.1.2.3"
    ]
    assert "note: no host ever reports 224.0.0.1, ff02::1, ff01::7 and 3 more" in end(child)[1]


def test_a_specific_query_is_answered_by_members_only(quiet: Link) -> None:
    responding(quiet.far, "--warm", "239.1.2.3", "10.0.0.1,10.0.0.2@232.1.1.1")

    assert ask(quiet.near, "239.9.9.9", response="300ms")["hosts"] == []
    assert ask(quiet.near, "10.0.0.9@232.1.1.1", response="300ms")["hosts"] == []
    assert groups_by_host(ask(quiet.near, "10.0.0.2,10.0.0.9@232.1.1.1", response="300ms")) == {
        "169.254.1.1": {"232.1.1.1": ("INCLUDE", ("10.0.0.2",))}
    }


def test_fifty_hosts_answer_each_from_its_own_addresses_at_its_own_time(quiet: Link) -> None:
    responding(quiet.far, "--warm", "--hosts", "50", "--distinct-groups", "239.1.0.0+2", "ff15::1",
               "--mac", "02:00:00:00:01:00")  # fmt: skip
    document = ask(quiet.near)
    found = groups_by_host(document)

    assert len(found) == 100
    assert len({host["mac"] for host in document["hosts"]}) == 50
    for number in range(50):
        assert set(found[f"169.254.1.{1 + number}"]) == {
            f"239.1.0.{2 * number}", f"239.1.0.{2 * number + 1}",
        }  # fmt: skip
        own = f"fe80::ff:fe00:1{number:02x}"
        assert set(found[own]) == {f"ff15::{1 + number:x}", f"ff02::1:ff00:1{number:02x}"}
    delays = {answer["delay_ms"] for answer in document["answers"]}
    assert len(delays) > 50


def test_the_same_seed_gives_the_same_delays(quiet: Link) -> None:
    # Draws are in ticks of 4 ms and the wheel rounds them on an absolute grid: what is told.
    told = []
    for _ in range(2):
        child = quiet.far.spawn_mldkit(
            "respond", "-i", "eth1", "--warm", "--hosts", "3", "--seed", "7", "--explain",
            "--format", "ndjson", "239.1.1.1",
        )  # fmt: skip
        assert child.stdout is not None
        assert json.loads(child.stdout.readline())["seed"] == 7
        ask(quiet.near, "-4", response="300ms")
        output, _ = end(child)
        events = [json.loads(line) for line in output.splitlines()]
        texts = [e["text"] for e in events if e["event"] == "explained" and "drew" in e["text"]]
        told.append(sorted(text.split(",")[0] for text in texts))

    assert told[0] == told[1]
    assert len(set(told[0])) > 1


def test_groups_are_announced_from_the_unspecified_address_and_left_by_name(quiet: Link) -> None:
    tshark = quiet.near.spawn(
        "tshark", "-l", "-n", "-i", "eth1", "-f", "ip6",
        "-T", "fields", "-e", "ipv6.src", "-e", "icmpv6.mldr.mar.record_type",
        "-Y", "icmpv6.mldr.mar.multicast_address == ff15::77",
    )  # fmt: skip
    assert tshark.stderr is not None
    while "Capturing" not in tshark.stderr.readline():
        assert tshark.poll() is None
    done = quiet.far.mldkit("respond", "-i", "eth1", "ff15::77", "--leave-after", "4s",
                              "--seed", "1")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert tshark.stdout is not None
    lines = [tshark.stdout.readline().split() for _ in range(6)]
    # Killed, it would leave the process behind that captures for it.
    tshark.terminate()
    tshark.communicate(timeout=10)

    # To EXCLUDE is 4, to INCLUDE is 3 (RFC 9777 §5.2.12).
    joins = [source for source, kinds in lines if "4" in kinds.split(",")]
    leaves = [source for source, kinds in lines if kinds == "3"]
    assert joins == ["::", "::", "fe80::ff:fe00:2", "fe80::ff:fe00:2"]
    assert leaves == ["fe80::ff:fe00:2"] * 2


def spoiled() -> Iterator[bytes]:
    """Give frames that are wrong in any way: cut anywhere, one octet changed, counts that lie."""
    report = octets.report(143, 0xFFFF, octets.record(parse("ff15::1"), 4, aux=255, sources=9))
    messages = [V4, V6, octets.framed(report, parse("ff02::1"))]
    for group in (parse("239.1.2.3"), parse("ff15::1")):
        lying = octets.query(group, sources=0xFFFF, present=bytes(32))
        messages.append(octets.framed(lying, group))
        messages.append(octets.framed(octets.query(group, bits=0xFF), group))
    for whole in messages:
        for length in range(14, len(whole)):
            yield whole[:length]
        for offset in range(12, len(whole)):
            for value in (0, 0xFF, whole[offset] ^ 0x80):
                yield patched(whole, offset, bytes((value,)))
        yield whole + bytes(900)
        yield patched(whole, 12, b"\x81\x00\x00\x05" + whole[12:14])


def test_whatever_is_sent_at_it_it_goes_on_answering(quiet: Link, shared: Path) -> None:
    # Thousands of lines that nobody reads: it does not wait for a reader.
    child = responding(quiet.far, "--warm", "239.1.2.3", "ff15::1")
    recorded = []
    for path in sorted(shared.glob("corpus/*.pcap*")):
        with open_capture(str(path)) as capture:
            recorded += [frame.data for frame in capture.frames()]
    sent = [frame for frame in (*spoiled(), *recorded) if 14 <= len(frame) <= 1514]
    with quiet.near.entered():
        device = PacketSocket("eth1")
    with device:
        device.send_many(sent)
        # Its answer to these comes after it has seen the others; older queries among them make
        # it answer in older versions, up to 10 s later.
        device.send(encode_frame(IGMP_QUERY))
        device.send(encode_frame(MLD_QUERY))
    found = groups_by_host(ask(quiet.near, wait="11s"))

    assert len(sent) > 2000
    assert child.poll() is None
    assert "239.1.2.3" in found["169.254.1.1"]
    assert "ff15::1" in found["fe80::ff:fe00:2"]
    assert "heard" in end(child)[0]


def test_it_refuses_where_the_own_stack_would_answer_and_says_what_to_switch_off(
    link: Link,
) -> None:
    done = link.far.mldkit("respond", "-i", "eth1", "ff15::1", "--for", "1ms")
    assert (done.returncode, done.stderr) == (
        3,
        "mldkit: eth1: this machine's own stack would answer too, for ff02::1:ff00:2\n"
        "hint: sysctl -w net.ipv6.conf.eth1.disable_ipv6=1\n",
    )
    # An address alone answers no IGMP query.
    assert link.far.mldkit("respond", "-i", "eth1", "239.1.1.1", "--for", "1ms").returncode == 0

    hint = done.stderr.splitlines()[1].removeprefix("hint: ")
    assert link.far.run(*hint.split()).returncode == 0
    assert link.far.mldkit("respond", "-i", "eth1", "ff15::1", "--for", "1ms").returncode == 0
    # That the setting silences sockets too is what the kernel does, not what we say.
    joined = link.far.spawn_mldkit("join", "-i", "eth1", "ff15::5", "239.5.5.5")
    assert joined.stdout is not None
    joined.stdout.readline(), joined.stdout.readline()
    assert groups_by_host(ask(link.near)) == {"10.9.0.2": {"239.5.5.5": ("EXCLUDE", ())}}
    done = link.far.mldkit("respond", "-i", "eth1", "239.1.1.1")
    assert (done.returncode, "mldkit groups -i eth1" in done.stderr) == (3, True)
    assert "239.5.5.5" in done.stderr


def test_addresses_that_come_with_the_carrier_count_as_well(
    make_namespace: Callable[[], Namespace],
) -> None:
    namespace = make_namespace()
    namespace.ip("link add eth1.5 type veth peer name eth2")
    namespace.ip("link set eth1.5 up")

    done = namespace.mldkit("respond", "-i", "eth1.5", "ff15::1", "--for", "1ms")
    assert (done.returncode, done.stderr) == (
        3,
        "mldkit: eth1.5: this machine's own stack would answer too once there is a carrier\n"
        "hint: sysctl -w net.ipv6.conf.eth1/5.disable_ipv6=1\n",
    )
    hint = done.stderr.splitlines()[1].removeprefix("hint: ")
    assert namespace.run(*hint.split()).returncode == 0
    assert namespace.mldkit("respond", "-i", "eth1.5", "ff15::1", "--for", "1ms").returncode == 0


def test_local_groups_of_ipv4_have_a_setting_that_silences_them(quiet: Link) -> None:
    joined = quiet.far.spawn_mldkit("join", "-i", "eth1", "224.0.0.9")
    assert joined.stdout is not None
    joined.stdout.readline()
    refused = quiet.far.mldkit("respond", "-i", "eth1", "239.1.1.1", "--for", "1ms")
    assert refused.returncode == 3
    assert set(groups_by_host(ask(quiet.near, "-4", response="200ms"))) == {"10.9.0.2"}

    hint = refused.stderr.splitlines()[1].removeprefix("hint: ")
    assert quiet.far.run(*hint.split()).returncode == 0
    assert ask(quiet.near, "-4", response="200ms")["hosts"] == []
    done = quiet.far.mldkit("respond", "-i", "eth1", "239.1.1.1", "--for", "1ms")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("link set eth1 down", "the interface went down\nhint: ip link set eth1 up\n"),
        ("link delete eth1", "the interface was removed\n"),
    ],
)
def test_an_interface_that_goes_ends_it_with_what_there_was(
    quiet: Link, command: str, said: str
) -> None:
    child = quiet.far.spawn_mldkit("respond", "-i", "eth1", "--warm", "239.1.2.3", "--json")
    assert child.stderr is not None
    assert " on eth1 in " in child.stderr.readline()
    ask(quiet.near, "-4", response="200ms")
    quiet.far.ip(command)
    output, errors = child.communicate(timeout=20)

    assert child.returncode == 3, errors
    assert errors.endswith(f"mldkit: eth1: {said}")
    document = json.loads(output)
    assert (document["queries"], document["sent"]) == (1, 1)
    # The other end's kernel announces its own groups meanwhile.
    events = [e["event"] for e in document["events"] if e["message"]["protocol"] == "igmp"]
    assert events == ["heard", "sent"]


def test_nothing_is_left_after_a_kill(quiet: Link) -> None:
    child = responding(quiet.far, "--hosts", "3", "239.1.2.3")
    devices = quiet.far.ip("link show eth1")
    assert "PROMISC" not in devices
    end(child, signal.SIGKILL)

    assert child.returncode == -signal.SIGKILL
    assert len(quiet.far.read("/proc/net/packet").splitlines()) == 1
    assert quiet.far.ip("-o maddress show dev eth1").count("239.1.2.3") == 0
    assert "promiscuity 0" in quiet.far.ip("-d link show eth1")


def test_a_capture_of_it_reads_like_one_of_the_kernel(quiet: Link, tmp_path: Path) -> None:
    path = tmp_path / "hosts.pcapng"
    child = responding(quiet.far, "--warm", "239.1.2.3", "-w", str(path))
    ask(quiet.near, "-4", response="200ms")
    end(child)
    read = subprocess.run(
        ["tshark", "-n", "-r", path, "-T", "fields", "-e", "ip.src", "-e", "igmp.type",
         "-e", "igmp.checksum.status", "-Y", "igmp"], capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert [line.split() for line in read.stdout.splitlines()] == [
        ["10.9.0.1", "0x11", "1"],
        ["169.254.1.1", "0x22", "1"],
    ]


def test_a_unicast_query_is_for_one_host(quiet: Link) -> None:
    responding(quiet.far, "--warm", "--hosts", "3", "--mac", "02:00:00:00:07:00", "239.1.2.3")
    document = ask(
        quiet.near, "-4", "--destination", "169.254.1.2", "--link-destination",
        "02:00:00:00:07:01", response="200ms",
    )  # fmt: skip

    assert set(groups_by_host(document)) == {"169.254.1.2"}


def test_a_query_in_another_vlan_is_not_heard(quiet: Link) -> None:
    child = responding(quiet.far, "--warm", "239.1.2.3")

    assert ask(quiet.near, "-4", "--vlan", "5", response="200ms")["hosts"] == []
    assert "0 messages sent" in end(child)[0]
