"""When packets of an interface came: what tshark reads from the same captures.

Most of these packets are thrown away unread, so that a gap is found in windows of the file, and on
either side of the border of two windows.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from mldkit.link.capture import open_capture
from mldkit.link.capture_writer import CaptureWriter
from mldkit.link.times import FOLLOWED, LEAST_GAP_NS
from mldkit.model.datagram import Frame
from mldkit.model.family import IGMP
from mldkit.model.units import MILLISECOND, SECOND
from mldkit.testing.stage import BEGIN_NS, Stage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mldkit.link.times import Gap

PING = bytes.fromhex("020000000002 020000000001 0800 4500001c00004000400126db0a0000010a000002") + (
    b"\x08\x00\xf7\xff\0\0\0\0" + bytes(40)
)
STEPS_MS = (1, 100, 5_000, 59_900, 60_100, 600_000)
SMALL_WINDOW = 4096


def message() -> bytes:
    stage = Stage(IGMP)
    stage.report(0, "IS_EX", 1)
    return stage.frames()[0].data


def written(path: Path, rng: random.Random, names: tuple[str | None, ...], count: int) -> Path:
    """Write packets of some interfaces, each with a clock of its own, a tenth of them messages."""
    clocks = {name: BEGIN_NS + rng.randrange(SECOND) for name in names}
    report = message()
    with CaptureWriter(str(path)) as writer:
        for number in range(1, count + 1):
            name = rng.choice(names)
            step_ms = rng.choices(STEPS_MS, (50, 20, 10, 1, 2, 2))[0]
            clocks[name] += step_ms * MILLISECOND - (rng.random() < 0.05) * 2 * MILLISECOND
            data = report if rng.random() < 0.1 else PING
            writer.write(Frame(data, clocks[name], number, interface=name))
    return path


def gaps_of(path: Path, window_octets: int) -> dict[str | None, list[Gap]]:
    with open_capture(str(path), data=True, window_octets=window_octets) as capture:
        for _ in capture.candidates():
            pass
        return {times.name: list(times.gaps) for times in capture.times}


def gaps_by_tshark(path: Path, tshark: Callable[..., str]) -> dict[str, list[tuple[int, int, int]]]:
    fields = ("frame.number", "frame.time_epoch", "frame.interface_name")
    arguments = [word for field in fields for word in ("-e", field)]
    found: dict[str, list[tuple[int, int, int]]] = {}
    last: dict[str, tuple[int, int]] = {}
    for line in tshark("tshark", "-n", "-r", path, "-T", "fields", *arguments).splitlines():
        number, seconds, name = line.split("\t")
        whole, fraction = seconds.split(".")
        time_ns = int(whole) * SECOND + int(fraction.ljust(9, "0"))
        last_ns, before = last.get(name, (time_ns, 0))
        if time_ns - last_ns >= LEAST_GAP_NS:
            found.setdefault(name, []).append((int(number), time_ns - last_ns, before))
        last[name] = time_ns, before + 1
    return found


@pytest.mark.parametrize("window_octets", [SMALL_WINDOW, 1 << 20])
@pytest.mark.parametrize("names", [("eth0",), ("eth0", "eth1", "eth2")], ids=["one", "three"])
def test_the_gaps_of_each_interface_are_those_of_tshark(
    names: tuple[str, ...],
    window_octets: int,
    tmp_path: Path,
    wireshark_tool: Callable[..., str],
) -> None:
    path = written(tmp_path / "a.pcapng", random.Random(len(names)), names, 3000)

    gaps = gaps_of(path, window_octets)

    told = {
        name: [(gap.number, gap.length_ns, gap.before) for gap in found]
        for name, found in gaps.items()
    }
    assert told == gaps_by_tshark(path, wireshark_tool)
    assert sum(map(len, told.values())) > 100


@pytest.mark.parametrize("form", ["pcap", "nsecpcap"])
def test_both_resolutions_of_pcap_have_the_same_gaps(
    form: str, tmp_path: Path, wireshark_tool: Callable[..., str]
) -> None:
    path = written(tmp_path / "a.pcapng", random.Random(7), ("eth0",), 1000)
    other = tmp_path / "a.pcap"
    wireshark_tool("editcap", "-F", form, path, other)

    (expected,) = gaps_of(path, SMALL_WINDOW).values()
    (found,) = gaps_of(other, SMALL_WINDOW).values()

    assert [gap.number for gap in found] == [gap.number for gap in expected]
    assert [gap.length_ns for gap in found] == [gap.length_ns for gap in expected]


def frames_around_a_gap(before: int, behind: list[bytes]) -> list[Frame]:
    times = [BEGIN_NS + number * SECOND for number in range(before)]
    times += [times[-1] + 3600 * SECOND + number * SECOND for number in range(len(behind))]
    octets = [PING] * before + behind
    return [
        Frame(data, time_ns, number)
        for number, (data, time_ns) in enumerate(zip(octets, times, strict=True), 1)
    ]


@pytest.mark.parametrize("window_octets", [SMALL_WINDOW, 1 << 20])
def test_a_few_packets_behind_a_gap_are_told_by_what_they_are(
    window_octets: int, tmp_path: Path
) -> None:
    stage = Stage(IGMP)
    stage.data(0, 1)
    data = stage.frames()[0].data
    path = tmp_path / "a.pcapng"
    with CaptureWriter(str(path)) as writer:
        for frame in frames_around_a_gap(20, [message(), data, data, PING] * 40):
            writer.write(frame)

    ((gap,),) = gaps_of(path, window_octets).values()

    assert gap.before == 20
    assert (gap.followed, gap.to_groups, gap.others) == (FOLLOWED, FOLLOWED // 2, FOLLOWED // 4)
    assert gap.last_ns - gap.until_ns == (FOLLOWED - 1) * SECOND


def test_who_reads_is_told_that_more_behind_a_gap_has_to_be_read(tmp_path: Path) -> None:
    path = tmp_path / "a.pcapng"
    with CaptureWriter(str(path)) as writer:
        for frame in frames_around_a_gap(2, [message(), *[PING] * 200]):
            writer.write(frame)

    # The window ends soon behind the gap.
    with open_capture(str(path), data=True, window_octets=512) as capture:
        frames = capture.candidates()
        assert next(frames).number == 3
        was_following = capture.is_following
        assert next(frames, None) is None

    assert was_following
    assert not capture.is_following
