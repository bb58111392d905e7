"""What `macfilter explain -i` prints about the way of a frame.

::

    239.1.2.3 from 192.0.2.7 on eth0 (igb, Linux 6.12): dropped at reverse path
      card            passes   hash bit 0x030, set for 239.1.2.3
      group           passes   joined on eth0, by vlc (4711): any source
      reverse path    dropped  rp_filter is 1, and 192.0.2.7 is reached by wlan0
                               TcpExtIPReversePathFilter is 312; to confirm: nstat -az ...
    What to do: ...
"""

from __future__ import annotations

import shutil
import sys
import textwrap
from typing import TYPE_CHECKING

from mldkit.macfilter.collide import groups_of
from mldkit.macfilter.receive_filter import Passage
from mldkit.model.addresses import mac_text, text
from mldkit.model.units import SECOND
from mldkit.path.stage import Stage
from mldkit.render.message_json import time_text
from mldkit.render.terminal import line_printer, printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mldkit.path.reading import Reading
    from mldkit.path.rising import Rise
    from mldkit.path.stage import StageResult
    from mldkit.path.walk import Walk, Walker
    from mldkit.render.message_json import Json

_LABELS = {
    Stage.XDP: "XDP",
    Stage.TAP: "tap point",
    Stage.TC: "tc ingress",
    Stage.VLAN: "VLAN",
    Stage.REVERSE_PATH: "reverse path",
    Stage.NETFILTER_INPUT: "netfilter INPUT",
    Stage.SOURCE_FILTER: "source filter",
}
_WIDEST_LABEL = max(len(label) for label in _LABELS.values())
_INDENT = " " * (2 + _WIDEST_LABEL + 2 + len("dropped") + 2)
_UNLIMITED = 100_000
# linux/if.h, as `ip link` prints them.
_FLAGS = {
    0x1: "UP", 0x2: "BROADCAST", 0x8: "LOOPBACK", 0x10: "POINTOPOINT", 0x80: "NOARP",
    0x100: "PROMISC", 0x200: "ALLMULTI", 0x400: "MASTER", 0x800: "SLAVE", 0x1000: "MULTICAST",
}  # fmt: skip
_STYLES = {Passage.DROPPED: "bold red", Passage.UNKNOWN: "yellow"}


def path_json(walker: Walker, walked: Walk) -> Json:
    """Return the object of one frame, with the keys that an explained frame always has."""
    frame = walked.frame
    sharing = groups_of(frame.mac)
    if frame.group is not None:
        sharing = (frame.group, *(group for group in sharing if group != frame.group))
    decisive = walked.end or (walked.unknown[0] if walked.unknown else walked.results[-1])
    return {
        "input": frame.given,
        "mac": mac_text(frame.mac),
        "groups": [text(group) for group in sharing],
        "verdict": str(walked.verdict),
        "reason": decisive.reason,
        "bit": walker.filter.accepts(frame.mac).bit,
        "source": text(frame.source) if frame.source else None,
        "stage": None if walked.verdict is Passage.PASSES else str(decisive.stage),
        "path": [_stage_json(result) for result in walked.results],
    }


def reading_json(walker: Walker) -> Json:
    """Return what was read of the interface, for the head of the document."""
    reading, device = walker.reading, walker.model
    card = reading.card
    share = None if device is None or device.doubt else walker.filter.strangers()
    return {
        "interface": reading.named.name,
        "kernel": reading.release,
        "driver": {
            "name": reading.driver.name or None,
            "version": reading.driver.version or None,
            "bus": reading.driver.bus or None,
            "model": device.id if device else None,
            "kernels": (device.kernels or None) if device else None,
        },
        "card": {
            "interface": card.name,
            "mac": mac_text(card.mac),
            "kind": card.kind or None,
            "up": card.is_up,
            "carrier": card.is_running,
            "flags": [word for bit, word in _FLAGS.items() if card.flags & bit],
            "promiscuity": card.promiscuity,
            "allmulti": card.allmulti,
            "multicast": [mac_text(mac) for mac in reading.multicast],
            "unicast": [mac_text(mac) for mac in reading.unicast],
            "features": None if reading.features is None else sorted(reading.features),
            "fill": (walker.filter.fill_text(is_real=True) or None) if device else None,
            "strangers": None if share is None else round(share, 6),
            "registers": _registers_json(walker),
        },
        "host": {
            "interface": reading.host.name,
            "rp_filter": reading.reverse_path_filter,
            "upper": [
                device.name
                for device in reading.devices.values()
                if device.lower == reading.named.index
            ],
        },
        "bridge": _bridge_json(reading),
    }


def _registers_json(walker: Walker) -> Json | None:
    """Return what the driver's dump says of the filter, None where it cannot be read."""
    dumped = walker.reading.dumped
    if dumped is None:
        return None
    wrong = walker.wrong_registers
    return {"held": dumped.words(), "differ": None if wrong is None else list(wrong)}


def _bridge_json(reading: Reading) -> Json | None:
    """Return what the bridge of the way knows, None where there is none."""
    above = reading.bridge
    if above is None or above.bridge is None:
        return None
    settings, database = above.bridge, reading.database
    queriers = [
        {
            "family": "ipv4" if octets == 4 else "ipv6",
            "address": text(known.address),
            "port": None if known.port is None else reading.name(known.port),
            "left_s": None if known.left_ns is None else round(known.left_ns / SECOND, 2),
        }
        for octets, known in settings.queriers
    ]
    return {
        "interface": above.name,
        "snooping": settings.snoops,
        "querier": settings.is_querier,
        "other_queriers": queriers,
        "groups": [
            {
                "port": reading.name(entry.port),
                "group": text(entry.group),
                "source": text(entry.source) if entry.source else None,
                "vlan": entry.vlan or None,
            }
            for entry in database.entries
        ],
        "router_ports": sorted({reading.name(port) for port, _ in database.routers}),
    }


def print_path(walker: Walker, walked: Walk) -> None:
    """Print the way of one frame."""
    say = line_printer()
    reading = walker.reading
    fill = walker.filter.fill_text(is_real=True) if walker.model else ""
    if walker.model and walker.model.kernels:
        fill = f"{fill} ({walker.model.id} as in {walker.model.kernels})"
    driver = reading.driver.name or reading.card.kind or "no driver tells its name"
    frame, end = walked.frame, walked.end
    where = f"{printable(frame.name)} on {printable(reading.named.name)}"
    verdict = str(walked.verdict)
    if end is not None:
        verdict = f"dropped at {label(end.stage)}"
    elif walked.unknown:
        verdict = f"cannot be told, because of {label(walked.unknown[0].stage)}"
    head = f"{where} ({driver}, Linux {reading.release}): {verdict}"
    say(head, _STYLES.get(walked.verdict, "bold"))
    say(f"  goes to {mac_text(frame.mac)}; {fill or 'no list of a card decides'}")
    for result in walked.results:
        for line, style in _stage_lines(result):
            say(line, style)
    if end is not None and end.cure:
        say(f"What to do: {printable(end.cure)}", "bold")
    elif end is None and not walked.unknown:
        say(_arrives_nowhere(reading))
    sys.stdout.flush()  # with --watch it may be long until the next line


def print_rises(rises: Sequence[Rise], after_ns: int) -> None:
    """Print what rose since the last time, `after_ns` after the beginning."""
    by_stage: dict[Stage, list[str]] = {}
    for rise in rises:
        by_stage.setdefault(rise.stage, []).append(f"{rise.name} +{rise.by:,}")
    words = "; ".join(f"{label(stage)}: {', '.join(names)}" for stage, names in by_stage.items())
    line_printer()(f"{after_ns / SECOND:8.1f} s  {printable(words)}")
    sys.stdout.flush()


def rises_json(rises: Sequence[Rise], now_ns: int) -> Json:
    """Return the event of what rose since the last time."""
    return {
        "event": "counters",
        "time": time_text(now_ns),
        "counters": [
            {"stage": str(rise.stage), "name": rise.name, "value": rise.value, "rose": rise.by}
            for rise in rises
        ],
    }


def label(stage: Stage) -> str:
    """Return what people call a stage."""
    return _LABELS.get(stage, str(stage))


def _arrives_nowhere(reading: Reading) -> str:
    name = reading.card.name
    return (
        f"If it does not arrive all the same, it does not come in: watch the frames that {name} "
        "counts (--watch) while it is sent; if none come, look at the switch and at the sender."
    )


def _stage_lines(result: StageResult) -> Iterator[tuple[str, str]]:
    verdict = "-" if result.verdict is None else str(result.verdict)
    head = f"  {label(result.stage):{_WIDEST_LABEL}}  {verdict:7}  "
    style = _STYLES.get(result.verdict, "") if result.verdict else "dim"
    for line in _wrapped(head, printable(result.reason)):
        yield line, style
    for name, outcome, reason in result.details if result.stage is Stage.BRIDGE else ():
        for line in _wrapped(_INDENT, f"{printable(name)}: {outcome}, {reason}"):
            yield line, "dim"
    if result.verdict in (Passage.DROPPED, Passage.UNKNOWN):
        for line in _wrapped(_INDENT, printable(_proof(result))):
            yield line, ""


def _proof(result: StageResult) -> str:
    parts = []
    if result.counter is not None:
        parts.append(f"counter: {result.counter.name}, {result.counter.value:,} now")
    if result.confirm:
        parts.append(f"to confirm: {result.confirm}")
    return "; ".join(parts)


def _wrapped(head: str, words: str) -> list[str]:
    if not words:
        return []
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else _UNLIMITED
    return textwrap.wrap(
        words,
        max(width, len(_INDENT) + 20),
        initial_indent=head,
        subsequent_indent=_INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _stage_json(result: StageResult) -> Json:
    counter = result.counter
    return {
        "stage": str(result.stage),
        "verdict": None if result.verdict is None else str(result.verdict),
        "reason": result.reason,
        "counter": None if counter is None else {"name": counter.name, "value": counter.value},
        "confirm": result.confirm or None,
        "cure": result.cure or None,
        "details": [
            {"name": name, "verdict": str(outcome), "reason": reason}
            for name, outcome, reason in result.details
        ],
    }
