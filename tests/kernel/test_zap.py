"""`zap` on a bridge that snoops: its delays against the frames of both ports."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from mldkit.link import clock
from mldkit.link.capture import open_capture
from mldkit.link.device import PacketSocket
from mldkit.model.addresses import text
from mldkit.model.units import SECOND
from mldkit.wire.decoder import Decoder
from mldkit.wire.media import read_rtp, read_udp
from mldkit.zap.zapper import changes
from tests.kernel.tv_stage import CHANNELS, Television, build

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from mldkit.model.datagram import Frame
    from tests.conftest import Namespace

pytestmark = pytest.mark.netns


@pytest.fixture
def television(make_namespace: Callable[[], Namespace]) -> Television:
    return build(make_namespace)


def wait_until_cut(television: Television) -> None:
    """Wait until nothing of the channels comes to the viewer who joined none."""
    with television.viewer.entered():
        device = PacketSocket("eth1", everything=True)
    with device:
        while True:
            until_ns = clock.now_ns() + SECOND // 2
            came = False
            while (frame := device.receive(until_ns)) is not None:
                datagram = read_udp(frame)
                came |= datagram is not None and text(datagram.destination) in CHANNELS
            if not came:
                return


def zap(television: Television, *arguments: str) -> tuple[int, dict[str, Any]]:
    done = television.viewer.mldkit("zap", "-i", "eth1", *CHANNELS, "--json", *arguments)
    return done.returncode, json.loads(done.stdout)


def test_delays_agree_with_the_frames_of_both_ports(television: Television, tmp_path: Path) -> None:
    television.send(*CHANNELS)
    wait_until_cut(television)
    capture = tmp_path / "port.pcapng"
    with television.switch.entered():
        port = PacketSocket("s2", everything=True)
    with port:
        code, found = zap(television, "--count", "3", "--every", "2500ms", "-w", str(capture))
        frames = list(iter(port.take, None))
    assert code == 0
    assert len(found["switches"]) == 3
    for one in found["switches"]:
        assert (one["lost"], one["gaps"], one["discontinuities"]) == (0, 0, 0)
        assert not one["was_there"]
        assert not one["goes_on"]
        # The bridge asks twice, 200 ms apart, before it gives the port up.
        assert one["leave_delay_ms"] > 200
        assert one["overlap_ms"] > 0
        assert one["key_frame_ms"] >= one["join_delay_ms"] >= 0
    # What left the port of the switch is what was measured, up to the end of the measurement.
    left = sequences(frame for frame in frames if frame.outgoing)
    with open_capture(str(capture)) as opened:
        arrived = sequences(frame for frame in opened.frames() if not frame.outgoing)
    for channel in CHANNELS:
        last = arrived[channel][-1]
        assert arrived[channel] == [number for number in left[channel] if number <= last]


def sequences(frames: Iterable[Frame]) -> dict[str, list[int]]:
    """Return the RTP sequence numbers of each channel, in the order of its datagrams."""
    found: dict[str, list[int]] = {channel: [] for channel in CHANNELS}
    for frame in frames:
        datagram = read_udp(frame)
        if datagram is None or text(datagram.destination) not in found:
            continue
        rtp = read_rtp(datagram.payload)
        assert rtp is not None
        found[text(datagram.destination)].append(rtp.sequence)
    return found


def test_losses_are_counted_and_told(television: Television) -> None:
    television.send(*CHANNELS, gaps=True)
    wait_until_cut(television)
    code, found = zap(television, "--count", "1", "--every", "4s")
    (one,) = found["switches"]
    assert code == 0
    assert one["lost"] == one["gaps"] == one["discontinuities"] > 0


def test_a_switch_that_asks_before_it_cuts_is_no_fast_leave(television: Television) -> None:
    television.send(*CHANNELS)
    wait_until_cut(television)
    assert zap(television, "--count", "1", "--every", "2s", "--fast-leave", "100ms")[0] == 1
    television.switch.ip("link set s2 type bridge_slave mcast_fast_leave on")
    code, found = zap(television, "--count", "1", "--every", "2s", "--fast-leave", "100ms")
    assert (code, found["slow_leaves"]) == (0, 0)


def test_where_nothing_cuts_it_says_so(television: Television) -> None:
    television.switch.ip("link set br0 type bridge mcast_snooping 0")
    television.send(*CHANNELS)
    options = ("--count", "2", "--every", "1s", "--fast-leave")
    done = television.viewer.mldkit("zap", "-i", "eth1", *CHANNELS, *options)
    assert done.returncode == 1
    assert "join delay    not measured" in done.stdout
    assert "2 channels of 2 went on after the leave" in done.stderr
    assert "nothing cuts it here" in done.stderr


def test_without_a_sender_it_asks_for_one(television: Television) -> None:
    done = television.viewer.mldkit(
        "zap", "-i", "eth1", *CHANNELS, "--count", "1", "--every", "100ms"
    )
    assert done.returncode == 0
    assert "1 channel of 1 never came: is anybody sending?" in done.stderr


def test_virtual_viewers_have_a_mac_and_delays_each(television: Television, tmp_path: Path) -> None:
    television.send(*CHANNELS)
    wait_until_cut(television)
    capture = tmp_path / "viewers.pcapng"
    options = ("--count", "2", "--every", "2s", "--members", "2", "-w", str(capture))
    code, found = zap(television, *options)
    assert code == 0
    assert len(found["switches"]) == 4
    assert any(one["join_delay_ms"] is not None for one in found["switches"])
    decoder = Decoder()
    with open_capture(str(capture)) as opened:
        own = [frame for frame in opened.frames() if frame.outgoing]
    messages = [decoded for frame in own for decoded in decoder.decode(frame)]
    reporters = {
        one.datagram.link_source
        for one in messages
        if any(text(group) in CHANNELS for group in changes(one)[0])
    }
    assert len(reporters) == 2
