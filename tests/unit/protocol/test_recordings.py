"""The host machine tells the stories of `captures/` again: same frames, same order, same moments.

The recordings are this kernel's own; the machine gets the acts of the story at their times and
draws from an oracle, and everything else is its own doing.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mldkit.link.capture import open_capture
from mldkit.model.datagram import Decoded, Frame
from mldkit.model.messages import Leave
from mldkit.model.units import SECOND
from mldkit.protocol.script_parser import parse_script
from mldkit.wire.decode import decode
from tests.unit.protocol.recorded import TICK_NS, Explanation, HostFrame, explained, phase_of

CAPTURES = Path(__file__).resolve().parents[3] / "captures"
HOST_MAC = bytes.fromhex("020000000002")
OTHER_MAC = bytes.fromhex("020000000003")
OFFSET_NS = 20 * SECOND
"""The story begins here; what was before it happens at time 0 and has been told by then."""
BEGIN_NS = OFFSET_NS - SECOND // 10
LATE_TICKS = 1
"""A busy machine runs a timer a tick after its bucket."""

STORIES = [path for path in sorted(CAPTURES.glob("*.json")) if not path.stem.startswith(("17-",))]


def recorded_frames(path: Path, start_ns: int) -> list[tuple[int, Decoded]]:
    found = []
    with open_capture(str(path.with_suffix(".pcapng"))) as capture:
        for frame in capture.frames():
            data = frame.data
            if data[12:14] == b"\x81\x00":
                data = data[:12] + data[16:]
            decoded = decode(Frame(data, frame.time_ns))
            if isinstance(decoded, Decoded) and frame.time_ns is not None:
                found.append((frame.time_ns - start_ns + OFFSET_NS, decoded))
    return found


def header(story: dict[str, Any], protocols: set[str]) -> list[str]:
    addresses = {"igmp": "10.9.0.2", "mld": "fe80::ff:fe00:2"}
    if "without addresses" in story["network"]:
        addresses = {"igmp": "0.0.0.0", "mld": "::"}
    lines = [f"host {addresses[name]} 02:00:00:00:00:02" for name in sorted(protocols)]
    lines += [
        "querier 10.9.0.1 02:00:00:00:00:01",
        "querier fe80::ff:fe00:1 02:00:00:00:00:01",
        "set interface eth0",
    ]
    dark = "down" in story["network"]
    lines.append("set start cold" if dark else "sysctl net.ipv6.conf.eth0.accept_dad 0")
    mtu = story["network"].rpartition("MTU ")[2]
    if mtu.isdecimal():
        lines.append(f"set mtu {mtu}")
    return lines if "mld" in protocols else [line for line in lines if "ipv6" not in line]


def moment(noted_ns: int, phase_ns: int, following: list[int], before_ns: int) -> int:
    """Return when a change happened: noted in ms, its first report two full ticks later."""
    at_ns = max(noted_ns, before_ns)
    if following and abs(following[0] - at_ns) < TICK_NS:
        return following[0]
    if following and TICK_NS < following[0] - at_ns < 8 * TICK_NS:
        edge_ns = (following[0] + phase_ns) // TICK_NS * TICK_NS - phase_ns
        at_ns = max(edge_ns - 3 * TICK_NS + TICK_NS // 2, before_ns)
    return at_ns


def acts(
    story: dict[str, Any], recorded: list[tuple[int, Decoded]], phase_ns: int
) -> list[tuple[int, str]]:
    """Give the acts with their times: queries as recorded, changes as their reports tell."""
    found = []
    told = 0
    before_ns = 0
    for step in story["steps"]:
        told += len(step.get("expect", []))
        words = step.get("do")
        if words is None or words.startswith("host2:"):
            continue
        at_ns = OFFSET_NS + round(step["at_s"] * SECOND)
        if step["at_s"] < -0.1:
            at_ns = 0
        elif "sends" in step:
            at_ns = recorded[told][0]
            told += 1
        else:
            previous_ns = recorded[told - 1][0] + 1 if told else 0
            following = [at for at, _ in recorded[told : told + 1]]
            at_ns = moment(at_ns, phase_ns, following, max(before_ns, previous_ns))
        before_ns = at_ns
        found.append((at_ns, words))
    for at_ns, decoded in recorded:
        datagram = decoded.datagram
        if datagram.link_source == OTHER_MAC and not isinstance(datagram.message, Leave):
            source = (decoded.family.name == "igmp" and "10.9.0.3") or "fe80::ff:fe00:3"
            words = str(datagram.message)
            if not words.startswith("report"):
                words = f"report {words}"
            found.append((at_ns, f"{words} from-host {source} from-mac 02:00:00:00:00:03"))
    return sorted(found, key=lambda act: act[0])


def sent_by_stage(recorded: list[tuple[int, Decoded]]) -> list[tuple[int, Decoded]]:
    """Return what a script can tell: all but the leaves of the second host."""
    return [
        (at_ns, decoded)
        for at_ns, decoded in recorded
        if decoded.datagram.link_source != OTHER_MAC
        or not isinstance(decoded.datagram.message, Leave)
    ]


def explain(path: Path) -> tuple[Explanation, list[tuple[int, Decoded]]]:
    """Return the performance that explains a story, and all that was recorded."""
    story = json.loads(path.read_text())
    seconds, _, rest = story["start"].partition(".")
    recorded = recorded_frames(path, int(seconds) * SECOND + int(rest))
    hosts = [
        HostFrame(at, decoded)
        for at, decoded in recorded
        if decoded.datagram.link_source == HOST_MAC
    ]
    lines = header(story, {decoded.family.name for _, decoded in recorded})
    phase_ns = phase_of(hosts)
    for at_ns, words in acts(story, recorded, phase_ns):
        lines.append(f"{at_ns // SECOND}.{at_ns % SECOND:09d} {words}")
    lines.append("+0..3 expect none")
    script = parse_script("\n".join(lines), path.stem)
    script.phase = phase_ns / TICK_NS
    return explained(script, hosts, lambda _: LATE_TICKS, begin_ns=BEGIN_NS), recorded


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)
def test_the_host_sends_the_frames_of_the_kernel_in_their_order(path: Path) -> None:
    explanation, recorded = explain(path)
    expected = [decoded for _, decoded in sent_by_stage(recorded)]
    events = explanation.performance.events
    told = [event.decoded for event in events if event.time_ns >= BEGIN_NS]

    words = [str(decoded.datagram.message) for decoded in told]
    assert words == [str(decoded.datagram.message) for decoded in expected]
    octets = [decoded.frame.data.hex() for decoded in told]
    assert octets == [decoded.frame.data.hex() for decoded in expected]
    assert explanation.agreed == len(explanation.played), explanation.late
