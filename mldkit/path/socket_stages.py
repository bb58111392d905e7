"""The stages of the sockets: does a filter want the source, and who gets the datagram.

Each socket is judged by itself, because each decides for itself. A datagram that no socket takes
is counted as IgnoredMulti of UDP; one that finds no room in the buffer of a socket as RcvbufErrors
and as a drop of that socket.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mldkit.groups.listing import filter_text
from mldkit.macfilter.receive_filter import Passage
from mldkit.model.addresses import is_unspecified, text
from mldkit.model.words import counted
from mldkit.path.host_stages import interface_filter, listed_group
from mldkit.path.stage import Counter, Stage, StageResult

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mldkit.link.kernel_sockets import KernelFilter
    from mldkit.link.receiving_sockets import ReceivingSocket
    from mldkit.path.frame import PathFrame
    from mldkit.path.reading import Reading

_IGNORED = {4: "UdpIgnoredMulti", 16: "Udp6IgnoredMulti"}
_FULL = {4: "UdpRcvbufErrors", 16: "Udp6RcvbufErrors"}
_NAMED = 4
_NO_MEMBER = "no member of the group, and IP_MULTICAST_ALL is off"


@dataclass(frozen=True, slots=True)
class SocketVerdict:
    """What one socket does with the datagram."""

    socket: ReceivingSocket
    stage: Stage
    """Where it ends, or the last one where it arrives."""
    outcome: Passage
    reason: str

    @property
    def name(self) -> str:
        """What people call the socket."""
        one = self.socket
        where = "every port" if one.is_raw else f"port {one.port}" if one.port else "no port"
        return f"{one.process} ({one.pid}, descriptor {one.descriptor}, {where})"


def judge_sockets(reading: Reading, frame: PathFrame) -> tuple[SocketVerdict, ...]:
    """Return what each socket that takes datagrams of this family does with the datagram."""
    octets = frame.octets
    return tuple(
        SocketVerdict(one, *_judge(reading, frame, one))
        for one in reading.sockets.sockets
        if octets in one.families and (one.port or one.is_raw or _membership(reading, frame, one))
    )


def interface_refuses(reading: Reading, frame: PathFrame) -> bool | None:
    """Return whether the filter of the interface does not want the source; None: not known.

    net/ipv4/igmp.c:ip_check_mc_rcu, net/ipv6/mcast.c:ipv6_chk_mcast_addr: it is looked at together
    with the group, before the reverse path.
    """
    entry = listed_group(reading, frame)
    if entry is None:
        return False
    merged = interface_filter(reading, entry)
    return _refuses(merged.is_exclude, merged.sources, frame)


def source_filter(
    reading: Reading, frame: PathFrame, sockets: Sequence[SocketVerdict]
) -> StageResult:
    """Judge the filters that programs have set."""
    if frame.group is None:
        return StageResult(Stage.SOURCE_FILTER, None, "a MAC alone has no source")
    confirm = f"mldkit groups -i {reading.host.name}"
    entry = listed_group(reading, frame)
    if entry is None:
        return StageResult(Stage.SOURCE_FILTER, None, "nobody has joined, so nobody filters")
    merged = interface_filter(reading, entry)
    wants = filter_text(merged.is_exclude, merged.sources)
    refuses = _refuses(merged.is_exclude, merged.sources, frame)
    named = text(frame.source) if frame.source else "a source"
    if refuses:
        reason = f"the interface wants {wants}: {named} is not wanted by any program here"
        cure = f"join from {named} too, or from any source"
        return StageResult(Stage.SOURCE_FILTER, Passage.DROPPED, reason, None, confirm, cure)
    if refuses is None:
        missing = "no source was named: give it with --from" if frame.source is None else wants
        reason = f"the interface wants {wants}, and {missing}"
        return StageResult(Stage.SOURCE_FILTER, Passage.UNKNOWN, reason, None, confirm)
    filtered = [one for one in sockets if one.stage is Stage.SOURCE_FILTER]
    others = [one for one in sockets if one.stage is not Stage.SOURCE_FILTER]
    if filtered and not any(one.outcome is Passage.PASSES for one in others):
        outcome = Passage.DROPPED
        if any(one.outcome is Passage.UNKNOWN for one in filtered):
            outcome = Passage.UNKNOWN
        counter = _counter(reading, _IGNORED[frame.octets])
        cure = f"let the program join from {named}, or from any source"
        words = "; ".join(f"{one.name}: {one.reason}" for one in filtered[:_NAMED])
        return StageResult(Stage.SOURCE_FILTER, outcome, words, counter, confirm, cure)
    reason = f"the interface wants {wants}"
    if filtered:
        reason += f"; {filtered[0].name}: {filtered[0].reason}"
    return StageResult(Stage.SOURCE_FILTER, Passage.PASSES, reason, None, confirm)


def sockets_stage(
    reading: Reading, frame: PathFrame, sockets: Sequence[SocketVerdict]
) -> StageResult:
    """Judge who gets it in the end."""
    if frame.group is None:
        return StageResult(Stage.SOCKET, None, "a MAC alone is for no socket")
    details = tuple((one.name, one.outcome, one.reason) for one in _worth_saying(sockets))
    confirm = "ss -u -a -m -p" if frame.octets == 4 else "ss -6 -u -a -m -p"
    takers = [one for one in sockets if one.outcome is Passage.PASSES]
    if takers:
        words = ", ".join(f"{one.name}: {one.reason}" for one in takers[:_NAMED])
        more = f" and {len(takers) - _NAMED} more" if len(takers) > _NAMED else ""
        return StageResult(
            Stage.SOCKET, Passage.PASSES, f"{words}{more}", None, confirm, details=details
        )
    unseen = reading.sockets.unseen_ports
    perhaps = [one for one in sockets if one.outcome is Passage.UNKNOWN]
    if perhaps:
        words = "; ".join(f"{one.name}: {one.reason}" for one in perhaps[:_NAMED])
        return StageResult(Stage.SOCKET, Passage.UNKNOWN, words, None, confirm, details=details)
    ports = ", ".join(map(str, unseen[:_NAMED]))
    # Whom root cannot see is the kernel itself (a tunnel), which wants its own port alone.
    if frame.port in unseen or (unseen and frame.port is None and not reading.is_root):
        reason = f"who is behind UDP port {ports} cannot be seen"
        if not reading.is_root:
            reason += "; sudo shows more"
        return StageResult(Stage.SOCKET, Passage.UNKNOWN, reason, None, confirm, details=details)
    full = [one for one in sockets if one.stage is Stage.SOCKET and one.socket.is_full]
    if full:
        counter = Counter(f"drops of {full[0].name}", full[0].socket.dropped)
        words = "; ".join(f"{one.name}: {one.reason}" for one in full[:_NAMED])
        cure = "let the program read faster, or give its socket more room (net.core.rmem_max)"
        return StageResult(
            Stage.SOCKET, Passage.DROPPED, words, counter, confirm, cure, details=details
        )
    counter = _counter(reading, _IGNORED[frame.octets])
    strangers = [one for one in sockets if one.reason == _NO_MEMBER]
    cure = "start the program, and let it bind to the port and join the group"
    if strangers:
        cure = f"let {strangers[0].name} join the group itself, or leave IP_MULTICAST_ALL on"
    return StageResult(
        Stage.SOCKET,
        Passage.DROPPED,
        _nobody(frame, sockets),
        counter,
        f"{confirm}; nstat -az {counter.name}",
        cure=cure,
        details=details,
    )


def _nobody(frame: PathFrame, sockets: Sequence[SocketVerdict]) -> str:
    port = f" for port {frame.port}" if frame.port is not None else ""
    near = list(_worth_saying(sockets))
    if not near:
        return f"no program has a UDP socket{port} that could take it"
    words = "; ".join(f"{one.name}: {one.reason}" for one in near[:_NAMED])
    more = f" and {counted(len(near) - _NAMED, 'more')}" if len(near) > _NAMED else ""
    return f"no socket takes it{port}: {words}{more}"


def _worth_saying(sockets: Sequence[SocketVerdict]) -> Iterator[SocketVerdict]:
    """Yield the sockets that take it or have to do with the group; not all others of a host."""
    for one in sockets:
        is_near = bool(one.socket.filters) or one.socket.is_full
        if one.outcome is not Passage.DROPPED or is_near or one.reason == _NO_MEMBER:
            yield one


def _judge(reading: Reading, frame: PathFrame, one: ReceivingSocket) -> tuple[Stage, Passage, str]:
    """Return where the datagram ends at a socket, in the order in which the kernel asks."""
    joined = _membership(reading, frame, one)
    elsewhere = _bound_elsewhere(reading, frame, one)
    if elsewhere:
        return Stage.SOCKET, Passage.DROPPED, elsewhere
    if joined is not None:
        refuses = _refuses(joined.is_exclude, joined.sources, frame)
        wants = filter_text(joined.is_exclude, joined.sources)
        if refuses is None:
            reason = f"wants {wants}, and no source was named"
            return Stage.SOURCE_FILTER, Passage.UNKNOWN, reason
        if refuses:
            return Stage.SOURCE_FILTER, Passage.DROPPED, f"wants {wants}"
        reason = f"member, {wants}"
    elif frame.octets not in one.takes_all:
        return Stage.SOCKET, Passage.DROPPED, _NO_MEMBER
    else:
        reason = "no member, but IP_MULTICAST_ALL gives it what others have joined"
    if one.is_full:
        waiting = f"{one.waiting_octets:,} of {one.buffer_octets:,} octets"
        return Stage.SOCKET, Passage.DROPPED, f"its buffer is full ({waiting}); it does not read"
    if one.is_nearly_full:
        waiting = f"{one.waiting_octets:,} of {one.buffer_octets:,} octets"
        return Stage.SOCKET, Passage.UNKNOWN, f"{reason}, and its buffer is nearly full ({waiting})"
    if one.dropped:
        reason += f"; {counted(one.dropped, 'datagram')} found no room before"
    if frame.port is None and not one.is_raw:
        reason += f", if it goes to port {one.port}"
    return Stage.SOCKET, Passage.PASSES, reason


def _bound_elsewhere(reading: Reading, frame: PathFrame, one: ReceivingSocket) -> str:
    """Return why the datagram is not even offered to a socket; empty: it is."""
    if not one.port and not one.is_raw:
        return "holds the membership, and is bound to no port"
    if frame.port is not None and not one.is_raw and one.port != frame.port:
        return f"bound to port {one.port}"
    if not is_unspecified(one.bound_to) and one.bound_to != frame.group:
        return f"bound to {text(one.bound_to)}"
    if one.device not in (0, reading.host.index, reading.host.master):
        return f"hears {reading.name(one.device)} only"
    if one.peer is not None and frame.source is not None and one.peer != frame.source:
        return f"connected to {text(one.peer)}"
    return ""


def _membership(reading: Reading, frame: PathFrame, one: ReceivingSocket) -> KernelFilter | None:
    return next(
        (
            each
            for each in one.filters
            if each.group == frame.group and each.index == reading.host.index
        ),
        None,
    )


def _refuses(
    is_exclude: bool | None,  # noqa: FBT001
    sources: Sequence[bytes] | None,
    frame: PathFrame,
) -> bool | None:
    """Return whether a filter does not want the source; None: that cannot be told."""
    if is_exclude is None:
        return None
    if sources is not None and not sources:
        return not is_exclude
    if sources is None or frame.source is None:
        return None
    return (frame.source in sources) is is_exclude


def _counter(reading: Reading, name: str) -> Counter:
    return Counter(name, reading.counters.get(name, 0))
