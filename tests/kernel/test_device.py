"""Packet sockets on real interfaces of this kernel, with tcpdump and the kernel as witnesses."""

from __future__ import annotations

import re
import struct
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mldkit.errors import LinkError
from mldkit.link import clock
from mldkit.link.device import InterfaceDown, InterfaceRemoved, PacketSocket
from mldkit.model.units import MILLISECOND, SECOND

if TYPE_CHECKING:
    from tests.conftest import Link, Namespace

pytestmark = pytest.mark.netns

NEAR_MAC = bytes.fromhex("020000000001")
FOREIGN_GROUP_MAC = bytes.fromhex("3333deadbeef")
ALL_NODES_MAC = bytes.fromhex("333300000001")


def mld_report(destination: bytes = FOREIGN_GROUP_MAC, *, tags: bytes = b"") -> bytes:
    """Return a frame with an MLDv2 report of one record; addresses and sums do not matter here."""
    message = struct.pack("!BBHHH", 143, 0, 0, 0, 1) + bytes((4, 0, 0, 0)) + b"\xff\x15" + bytes(14)
    hop_by_hop = bytes((58, 0, 5, 2, 0, 0, 1, 0))
    header = struct.pack("!IHBB", 6 << 28, len(hop_by_hop + message), 0, 1)
    addresses = b"\xfe\x80" + bytes(13) + b"\x01" + b"\xff\x02" + bytes(13) + b"\x16"
    ethernet = destination + NEAR_MAC + tags + b"\x86\xdd"
    return ethernet + header + addresses + hop_by_hop + message


def udp_frame() -> bytes:
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28, 0, 0, 1, 17, 0, bytes(4), b"\xef\1\1\1")
    return FOREIGN_GROUP_MAC + NEAR_MAC + b"\x08\0" + header + bytes(8)


def soon() -> int:
    return clock.now_ns() + 2 * SECOND


def read_until(device: PacketSocket, wanted: bytes) -> list[bytes]:
    """Return the frames up to and including `wanted`; own reports of the host come in between."""
    frames: list[bytes] = []
    until_ns = soon()
    while not frames or frames[-1] != wanted:
        frame = device.receive(until_ns)
        assert frame is not None, f"{wanted.hex()} did not arrive, only {len(frames)} others"
        frames.append(frame.data)
    return frames


def test_the_filter_lets_reports_through_and_data_not(link: Link) -> None:
    with link.near.entered():
        sender = PacketSocket(link.interface)
    with link.far.entered():
        listener = PacketSocket(link.interface)
        hears_all = PacketSocket(link.interface, everything=True)
    with sender, listener, hears_all:
        sender.send(udp_frame())
        sender.send(mld_report())

        assert udp_frame() not in read_until(listener, mld_report())
        assert udp_frame() in read_until(hears_all, mld_report())


def test_own_frames_come_back_as_outgoing_with_the_time_they_left(link: Link) -> None:
    right = 0
    for _ in range(10):
        with link.near.entered():
            device = PacketSocket(link.interface)
        with device:
            before_ns = clock.wall_ns()
            device.send(mld_report())
            after_ns = clock.wall_ns()
            time.sleep(0.002)
            frame = device.receive(soon())
            while frame is not None and frame.data != mld_report():
                frame = device.receive(soon())

            assert frame is not None
            assert frame.outgoing
            assert frame.interface == link.interface
            assert before_ns <= (frame.time_ns or 0)
            right += (frame.time_ns or 0) <= after_ns
    # Each new socket makes the kernel start stamping anew. It does so when it has the time for
    # it: one that starts late, on a busy machine, is no fault; all would be.
    assert right >= 8


@pytest.mark.parametrize(
    "tags",
    [
        pytest.param(b"\x81\x00\x00\x05", id="802.1Q"),
        pytest.param(b"\x88\xa8\x00\x05", id="802.1ad"),
        pytest.param(b"\x81\x00\xe0\x00", id="priority tag"),
        pytest.param(b"\x88\xa8\x00\x05\x81\x00\x00\x06", id="QinQ"),
    ],
)
def test_tags_that_the_kernel_strips_are_put_back(link: Link, tags: bytes) -> None:
    with link.near.entered():
        sender = PacketSocket(link.interface)
    with link.far.entered():
        listener = PacketSocket(link.interface)
    tagged = mld_report(tags=tags)
    with sender, listener:
        sender.send(tagged)

        assert tagged in read_until(listener, tagged)
        assert tagged in read_until(sender, tagged)


def macvlan(namespace: Namespace, parent: str) -> str:
    """Make a device that filters: a macvlan passes only groups that somebody asked for."""
    namespace.sysctl("net.ipv6.conf.default.accept_dad", 0)
    namespace.ip(f"link add mv0 link {parent} type macvlan mode bridge")
    namespace.ip("link set mv0 up")
    return "mv0"


def test_reports_to_foreign_groups_need_the_all_multicast_membership(link: Link) -> None:
    with link.near.entered():
        sender = PacketSocket(link.interface)
    filtering = macvlan(link.far, link.interface)
    for all_multicast in (False, True):
        with link.far.entered():
            listener = PacketSocket(filtering, all_multicast=all_multicast)
            flags = "allmulti 1" in link.far.ip(f"-d link show {filtering}")
        with listener:
            sender.send(mld_report())
            sender.send(mld_report(ALL_NODES_MAC))  # every host is in this group

            arrived = read_until(listener, mld_report(ALL_NODES_MAC))

            assert flags == all_multicast
            assert (mld_report() in arrived) == all_multicast
    sender.close()
    assert "allmulti 0" in link.far.ip(f"-d link show {filtering}")


def test_frames_that_did_not_fit_the_buffer_are_counted(link: Link) -> None:
    with link.near.entered():
        sender = PacketSocket(link.interface)
    with link.far.entered():
        listener = PacketSocket(link.interface, buffer_octets=16 << 10)
    with sender, listener:
        assert listener.statistics().dropped == 0
        sender.send_many([mld_report()] * 500)
        read = 0
        while listener.receive(clock.now_ns()) is not None:
            read += 1

        statistics = listener.statistics()

        assert 0 < read < 500
        # The far host's own first reports may be among those received.
        assert 500 <= statistics.received <= 520
        assert statistics.received == read + statistics.dropped
        assert listener.statistics() == statistics


def test_stamps_agree_with_those_of_tcpdump(link: Link) -> None:
    tcpdump = link.far.spawn(
        "tcpdump", "-i", link.interface, "-n", "-tt", "--nano", "-l", "-c", "1", "-p", "-Q", "in",
        "ether", "dst", "33:33:de:ad:be:ef",
    )  # fmt: skip
    assert tcpdump.stderr is not None
    while "listening" not in tcpdump.stderr.readline():
        assert tcpdump.poll() is None
    with link.near.entered():
        sender = PacketSocket(link.interface)
    with link.far.entered():
        listener = PacketSocket(link.interface)
    with sender, listener:
        sender.send(mld_report())
        frame = listener.receive(soon())
        while frame is not None and frame.data != mld_report():
            frame = listener.receive(soon())
        line, _ = tcpdump.communicate(timeout=10)

    assert frame is not None
    match = re.match(r"(\d+)\.(\d{9}) ", line)
    assert match is not None, line
    assert frame.time_ns == int(match[1]) * SECOND + int(match[2])


def test_a_frame_after_the_deadline_is_kept_for_the_next_call(link: Link) -> None:
    with link.near.entered():
        sender = PacketSocket(link.interface)
    with link.far.entered():
        listener = PacketSocket(link.interface)
    with sender, listener:
        while listener.receive(clock.now_ns() + 100 * MILLISECOND) is not None:
            pass
        sender.send(mld_report())
        deadline_ns = clock.now_ns()
        time.sleep(0.002)
        sender.send(mld_report(ALL_NODES_MAC))
        time.sleep(0.002)

        first = listener.receive(deadline_ns)

        assert first is not None
        assert first.data == mld_report()
        assert listener.receive(deadline_ns) is None
        assert listener.receive(deadline_ns) is None
        second = listener.receive(soon())
        assert second is not None
        assert second.data == mld_report(ALL_NODES_MAC)


def test_an_interface_that_goes_down_comes_back_on_the_same_socket(link: Link) -> None:
    with link.near.entered():
        sender = PacketSocket(link.interface)
    with link.far.entered():
        listener = PacketSocket(link.interface)
    with sender, listener:
        while listener.receive(clock.now_ns()) is not None:
            pass
        link.far.ip(f"link set {link.interface} down")
        with pytest.raises(InterfaceDown, match="eth1: the interface went down"):
            read_until(listener, b"")
        with pytest.raises(InterfaceDown):
            listener.send(mld_report())

        link.far.ip(f"link set {link.interface} up")
        give_up_ns = soon()
        while "LOWER_UP" not in link.near.ip(f"link show {link.interface}"):
            assert clock.now_ns() < give_up_ns
        sender.send(mld_report())

        assert mld_report() in read_until(listener, mld_report())


def test_an_interface_that_is_removed_is_told_apart(link: Link) -> None:
    with link.far.entered():
        listener = PacketSocket(link.interface)
    with listener:
        link.near.ip(f"link delete {link.interface}")
        with pytest.raises(InterfaceDown):
            read_until(listener, b"")
        with pytest.raises(InterfaceRemoved):
            read_until(listener, b"")
        with pytest.raises(InterfaceRemoved, match="eth1: the interface was removed"):
            listener.send(mld_report())


def test_opening_what_cannot_work_says_what_to_do(link: Link) -> None:
    link.near.ip(f"link set {link.interface} down")
    with link.near.entered():
        with pytest.raises(InterfaceDown) as down:
            PacketSocket(link.interface)
        with pytest.raises(LinkError) as missing:
            PacketSocket("eth9")

    assert down.value.hint == "ip link set eth1 up"
    assert missing.value.message == "eth9: no such interface"
    assert missing.value.hint == "interfaces here: lo, eth1"


def test_a_frame_larger_than_the_interface_takes_is_refused(link: Link) -> None:
    with link.near.entered():
        device = PacketSocket(link.interface)
    with device, pytest.raises(LinkError, match="3000 octets does not fit the MTU of 1500"):
        device.send(mld_report().ljust(3000, b"\0"))


def test_a_refused_frame_is_told_with_the_mtu_and_the_name_of_now(link: Link) -> None:
    with link.near.entered():
        device = PacketSocket(link.interface)
        link.near.ip(f"link set {link.interface} mtu 1300")
        link.near.ip(f"link set {link.interface} name lan0")
        with device, pytest.raises(LinkError, match=r"lan0: .* 1400 octets .* the MTU of 1300"):
            device.send(mld_report().ljust(1400, b"\0"))


def test_an_unprivileged_process_gets_one_line_and_a_hint(link: Link) -> None:
    code = (
        "from mldkit.link.device import PacketSocket\n"
        "from mldkit.errors import LinkError\n"
        "try: PacketSocket('eth1')\n"
        "except LinkError as error: print(error.message, '|', error.hint)\n"
    )
    done = link.near.run(
        "setpriv", "--inh-caps=-all", "--bounding-set=-all", sys.executable, "-c", code
    )

    assert done.stdout == (
        "no permission for packet sockets | run it with sudo, or try mldkit demo\n"
    )


def test_without_the_privilege_the_buffer_is_smaller_and_a_note_says_so(link: Link) -> None:
    code = (
        "from mldkit.link.device import PacketSocket\n"
        "with PacketSocket('eth1', buffer_octets=64 << 20) as device: print(*device.notes)\n"
    )
    limited = link.near.run(
        "setpriv", "--inh-caps=-net_admin", "--bounding-set=-net_admin", sys.executable, "-c", code
    )
    privileged = link.near.run(sys.executable, "-c", code)

    assert (privileged.stdout, privileged.stderr) == ("\n", "")
    limit = Path("/proc/sys/net/core/rmem_max").read_text()
    granted = int(limit) // 1024
    assert limited.stdout == (
        f"receive buffer of {granted} KiB instead of 65536 KiB: "
        "without CAP_NET_ADMIN it is limited by the sysctl net.core.rmem_max\n"
    )


def test_an_interface_without_ethernet_headers_is_refused(link: Link) -> None:
    link.near.ip("tuntap add dev tun7 mode tun")
    link.near.ip("link set tun7 up")
    with link.near.entered(), pytest.raises(LinkError, match="tun7: not an Ethernet interface"):
        PacketSocket("tun7")
