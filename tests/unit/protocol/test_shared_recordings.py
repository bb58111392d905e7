"""The host machine against the kernel recordings that several projects share.

Every frame of the host must come out octet by octet, in order, and in a bucket of the timer wheel
that a legal draw leads to: for each timer an oracle looks for the draw whose bucket is the recorded
firing, and the test fails where there is none. The phase of the ticks is taken from the host's own
frames.

The notes say when a command was issued, which can be long before it took effect. The moment of a
change is the noted one if the first report that tells it follows within three ticks, else three
ticks before that report.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from mldkit.link.capture import open_capture
from mldkit.model.addresses import parse
from mldkit.model.datagram import Datagram, Decoded
from mldkit.model.family import family_of
from mldkit.model.messages import Leave, LegacyReport, Other, RecordType, Report
from mldkit.model.units import SECOND
from mldkit.protocol.filters import FilterMode
from mldkit.protocol.script import Action, DeviceAct, MessageAct, Script, SocketAct, SysctlAct
from mldkit.protocol.script_parser import parse_script
from mldkit.wire.decode import decode
from tests.unit.protocol.recorded import TICK_NS, Explanation, HostFrame, explained, phase_of

if TYPE_CHECKING:
    from pathlib import Path

    from mldkit.protocol.script import Act

HOST_MAC = bytes.fromhex("020000000002")
_STATE = (RecordType.IS_IN, RecordType.IS_EX)
_SOCKET_VERBS = {
    "join": "join",
    "join_src": "join",
    "leave": "leave",
    "leave_src": "drop",
    "block": "block",
    "unblock": "unblock",
    "msfilter": "filter",
    "close": "close",
}


@dataclass(frozen=True)
class Lateness:
    """By how many ticks the machine that was recorded ran late."""

    ticks: int = 1
    """At any frame: a busy machine runs a timer a tick after its bucket, seldom more."""
    stalls: dict[int, int] = field(default_factory=dict)
    """At single frames: the timer was over, its work waited for a processor."""


RECORDINGS = {
    "01-mldv2-general": Lateness(0),
    "02-igmpv3-general": Lateness(),
    "03-mldv2-gsq-gssq": Lateness(0, {14: 2, 19: 4, 20: 2}),
    "05-mldv2-statechange": Lateness(1, {30: 39, 32: 34}),
    "07-mldv1-compat": Lateness(0, {9: 2, 10: 3, 12: 3}),
    "08-igmpv2-compat": Lateness(),
    "10-mld-query-validation": Lateness(0),
    "12-mld-repeated-general": Lateness(0),
    "14-mld-split-truncate": Lateness(),
    "16-linkup-dad": Lateness(),
    "17-forwarding-proxy-addr": Lateness(),
    "20-no-address": Lateness(),
    "26-mld-gq-then-gsq": Lateness(0, {9: 1, 13: 1, 15: 37}),
    "28-suppression-in-v2v3-mode": Lateness(0),
}

Seen = list[tuple[int, Decoded]]


def load(path: Path) -> tuple[dict[str, Any], Seen]:
    story = json.loads(path.with_suffix(".json").read_text())
    seen = []
    with open_capture(str(path.with_suffix(".pcap"))) as capture:
        for frame in capture.frames():
            decoded = decode(frame)
            if isinstance(decoded, Decoded) and frame.time_ns is not None:
                seen.append((frame.time_ns - story["t0_unix_ns"], decoded))
    return story, seen


def told_of(decoded: Decoded, group: bytes, source: bytes) -> tuple[object, ...]:
    """Return what a message tells about changes of a group, and of a source if one is named."""
    message = decoded.datagram.message
    if isinstance(message, Report):
        return tuple(
            record
            for record in message.records
            if record.group == group
            and record.type not in _STATE
            and (not source or source in record.sources)
        )
    if isinstance(message, LegacyReport | Leave) and message.group == group:
        return (message,)
    return ()


def moment(issued_ns: int, act: Act, groups: list[bytes], hosts: Seen, phase_ns: int) -> int:
    """Return when a change took effect: three ticks before the first report that tells it."""
    source = b""
    if isinstance(act, SocketAct) and act.verb != "filter" and act.sources:
        source = act.sources[0]
    last: tuple[object, ...] = ()
    last_ns = 0
    for at_ns, decoded in hosts:
        told = tuple(record for group in groups for record in told_of(decoded, group, source))
        if not told:
            continue
        is_new = told != last or at_ns - last_ns > 1.1 * SECOND
        last, last_ns = told, at_ns
        if at_ns <= issued_ns or not is_new:
            continue
        if isinstance(told[0], LegacyReport | Leave) and at_ns - issued_ns < TICK_NS:
            return at_ns
        edge_ns = (at_ns + phase_ns) // TICK_NS * TICK_NS - phase_ns
        return max(edge_ns - 3 * TICK_NS + TICK_NS // 2, issued_ns)
    return issued_ns


def host_acts(step: str) -> list[tuple[Act, list[bytes]]]:
    """Return the acts of one noted step with the groups whose reports tell when it happened."""
    words = step.split()
    if step.startswith("host "):
        return [_socket_act(json.loads(step.removeprefix("host ")))]
    if step.startswith("sysctl ") and "disable_ipv6" not in step:
        name, _, value = words[1].partition("=")
        groups = [parse("ff05::2")] if "forwarding" in name and "ipv6" in name else []
        return [(SysctlAct(name, value), groups)]
    if step.startswith("sh ip -6 addr add"):
        address, _, prefix = words[5].partition("/")
        packed = parse(address)
        return [(DeviceAct("address add", packed, int(prefix)), [_solicited(packed)])]
    if step.startswith("sh ip -6 neigh"):
        packed = parse(words[6])
        return [(DeviceAct(f"proxy {words[4]}", packed), [_solicited(packed)])]
    if "autojoin" in step:
        found: list[tuple[Act, list[bytes]]] = [
            (SocketAct("join", parse("239.5.5.5")), [parse("239.5.5.5")]),
            (SocketAct("join", parse("ff05::99")), [parse("ff05::99")]),
        ]
        return [*found, (DeviceAct("address add", parse("ff05::99"), 128), [])]
    if step == "sh ip link set h0 down":
        return [(DeviceAct("link down"), [])]
    return []


def _solicited(address: bytes) -> bytes:
    return parse("ff02::1:ff00:0")[:13] + address[13:]


def _socket_act(noted: dict[str, Any]) -> tuple[Act, list[bytes]]:
    verb = _SOCKET_VERBS[noted["op"]]
    name = noted.get("sock", "s")
    if verb == "close":
        return SocketAct(verb, socket=name[0]), [parse("ff3e::1"), parse("ff05::1")]
    group = parse(noted["group"])
    if "src" in noted:
        sources: tuple[bytes, ...] = (parse(noted["src"]),)
    else:
        sources = tuple(parse(source) for source in noted.get("srcs", ()))
    mode = None
    if verb == "filter":
        mode = FilterMode.EXCLUDE if noted["mode"] == "ex" else FilterMode.INCLUDE
    return SocketAct(verb, group, sources, mode, name[0]), [group]


def sent(decoded: Decoded) -> MessageAct:
    """Return the act that sends a recorded frame of another node again, octet by octet."""
    envelope = decoded.datagram
    octets = decoded.frame.data[decoded.offset : decoded.offset + decoded.length]
    datagram = Datagram(
        envelope.source,
        envelope.destination,
        Other(octets[0], octets),
        envelope.hop_limit,
        envelope.traffic_class,
        envelope.router_alert,
        envelope.link_source,
        envelope.link_destination,
    )
    return MessageAct("querier", datagram)


def script_of(
    name: str, story: dict[str, Any], seen: Seen, phase_ns: int, families: tuple[str, ...]
) -> Script:
    cold = name.startswith("16-")
    addresses = {"igmp": "10.9.0.2", "mld": "fe80::ff:fe00:2"}
    if name.startswith("20-"):
        addresses = {"igmp": "0.0.0.0", "mld": "::"}
    header = "".join(f"host {addresses[family]} 02:00:00:00:00:02\n" for family in families)
    header += "set interface h0\n"
    header += "set start cold\n" if cold else "sysctl net.ipv6.conf.h0.accept_dad 0\n"
    header += "set mtu 1280\nsysctl net.ipv6.mld_max_msf 200\n" if name.startswith("14-") else ""
    script = parse_script(header, name)
    hosts = [(at, d) for at, d in seen if d.datagram.link_source == HOST_MAC]
    acts: list[tuple[int, Act]] = []
    before_ns = 0
    is_dark = cold
    notes_ns = [round(step["t"] * SECOND) for step in story["steps"]]
    for step, following_ns in zip(story["steps"], [*notes_ns[1:], seen[-1][0]], strict=True):
        noted_ns = round(step["t"] * SECOND)
        if cold and step["act"].startswith("link h0 up"):
            edge_ns = next(at for at, _ in hosts if at > noted_ns)
            acts.append((edge_ns - 3 * TICK_NS + TICK_NS // 2, DeviceAct("link up")))
            is_dark = False
            continue
        for act, groups in host_acts(step["act"]):
            if isinstance(act, SocketAct) and act.verb != "close" and not _is_of(act, families):
                continue
            # Commands are issued in order, whatever their notes say.
            told_by = [] if is_dark else groups
            near = [entry for entry in hosts if entry[0] < following_ns + SECOND // 10]
            before_ns = moment(max(noted_ns, before_ns), act, told_by, near, phase_ns)
            acts.append((before_ns, act))
    acts += [(at, sent(d)) for at, d in seen if d.datagram.link_source != HOST_MAC]
    # The performance goes on a little longer than the recording.
    nothing = "net.ipv4.igmp_qrv" if "igmp" in families else "net.ipv6.mld_qrv"
    acts.append((seen[-1][0] + 5 * TICK_NS, SysctlAct(nothing, "2")))
    for at_ns, act in sorted(acts, key=lambda entry: entry[0]):
        script.actions.append(Action(0, str(act), at_ns, act))
    return script


def _is_of(act: SocketAct, families: tuple[str, ...]) -> bool:
    return family_of(act.group).name in families


def explain(name: str, path: Path, families: tuple[str, ...]) -> tuple[Explanation, Seen]:
    """Return the performance that explains a recording, and what the host sent in the latter."""
    story, seen = load(path)
    seen = [entry for entry in seen if entry[1].family.name in families]
    if name.startswith("10-"):
        # The host was still telling of its address when the story began.
        seen = [
            entry
            for entry in seen
            if not told_of(entry[1], parse("ff02::1:ff00:2"), b"") or entry[0] > 4 * SECOND
        ]
    hosts = [HostFrame(at, d) for at, d in seen if d.datagram.link_source == HOST_MAC]
    phase_ns = phase_of(hosts)
    script = script_of(name, story, seen, phase_ns, families)
    script.phase = phase_ns / TICK_NS
    late = RECORDINGS[name]
    explanation = explained(script, hosts, lambda number: late.stalls.get(number, late.ticks))
    return explanation, [(frame.time_ns, frame.decoded) for frame in hosts]


@pytest.mark.parametrize("name", RECORDINGS)
def test_every_frame_of_the_kernel_is_explained_by_legal_draws(name: str, shared: Path) -> None:
    families: list[tuple[str, ...]] = [("igmp", "mld")]
    if name.startswith("16-"):
        # The kernel starts IPv6 when it is told of the carrier, up to a second after the link is
        # up (net/core/link_watch.c), so each family has a beginning of its own.
        families = [("igmp",), ("mld",)]
    for chosen in families:
        explanation, recorded = explain(name, shared / "kernel-captures" / name, chosen)
        played = [(event.time_ns, event.decoded) for event in explanation.played]

        assert [str(d.datagram.message) for _, d in played] == [
            str(d.datagram.message) for _, d in recorded
        ]
        assert [d.frame.data.hex() for _, d in played] == [d.frame.data.hex() for _, d in recorded]
        assert explanation.agreed == len(recorded), explanation.late
        for number, ticks in RECORDINGS[name].stalls.items():
            assert explanation.late[number] == ticks
