"""Captures of links on which one thing is wrong: the examples of `docs/questions.md`.

`python -m mldkit.testing.questions DIRECTORY` writes them all, a few kilobytes each. Every
story lasts as long as its question: minutes on the wire, nothing on the clock.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mldkit.link.capture_writer import CaptureWriter
from mldkit.model.addresses import parse
from mldkit.model.family import IGMP, MLD
from mldkit.model.messages import GroupRecord, Query, RecordType, Report
from mldkit.testing.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mldkit.model.datagram import Frame

_INTERVAL = 125
_EX = RecordType.IS_EX


def silent() -> list[Frame]:
    """Tell that nobody queries: the stream stops when the switch has forgotten its receiver."""
    stage = Stage(IGMP, vlan=(20,))
    stage.report(0, "IS_EX", 2, host=2)
    stage.report(10, "IS_EX", 1)
    for second in range(271):
        stage.data(second, 1)
    stage.report(312, "IS_EX", 2, host=2)
    return stage.frames()


def two_queriers() -> list[Frame]:
    """Tell that a router goes on though one with a lower address queries."""
    stage = Stage(MLD)
    for at in _rounds(5):
        stage.query(at)
        stage.query(at + 60, router=2)
        stage.report(at + 4, "IS_EX", 1)
        stage.report(at + 67, "IS_EX", 1)
    return stage.frames()


def querier_died() -> list[Frame]:
    """Tell that the querier goes, and it takes eleven minutes until another one begins."""
    stage = Stage(IGMP)
    for at in (*_rounds(3), 900, 931.25, 962.5, 1087.5):
        stage.query(at, router=1 if at < 900 else 2)
        stage.report(at + 5, "IS_EX", 1)
    for second in range(520):
        stage.data(second, 1)
    for second in range(910, 1100):
        stage.data(second, 1)
    return stage.frames()


def members() -> list[Frame]:
    """Tell of three hosts in two groups; one takes one source only, one comes and goes."""
    stage = Stage(IGMP)
    for at in _rounds(3):
        stage.query(at)
        stage.report(at + 2.5, "IS_EX", 1)
        stage.report(at + 7.1, "IS_IN", 2, host=2, sources=(1,))
    for at in (30, 30.6):
        stage.report(at, "TO_EX", 1, host=3)
    for at in (200, 200.4):
        stage.report(at, "TO_IN", 1, host=3)
    stage.query(200.001, 1, response=1)
    stage.query(201.001, 1, response=1, suppress=True)
    stage.report(130, "IS_EX", 1, host=3)
    stage.report(200.7, "IS_EX", 1)
    return stage.frames()


def mute() -> list[Frame]:
    """Tell that a device joins and never answers."""
    stage = Stage(IGMP)
    for at in (1, 1.5):
        stage.report(at, "TO_EX", 1, host=2)
    for at in _rounds(3, 20):
        stage.query(at)
        stage.report(at + 3, "IS_EX", 1)
    return stage.frames()


def two_sources_of_queries() -> list[Frame]:
    """Tell that a device answers a router, but not a switch that asks from 0.0.0.0."""
    stage = Stage(IGMP)
    stage.report(0, "TO_EX", 1, host=2)
    stage.report(0.5, "TO_EX", 1, host=2)
    for at in _rounds(3, 10):
        stage.query(at)
        stage.report(at + 3, "IS_EX", 1)
        stage.report(at + 6, "IS_EX", 1, host=2)
        stage.query(at + 60, source=bytes(4), link_source=b"\x02\0\0\0\0\x55")
        stage.report(at + 63, "IS_EX", 1)
    return stage.frames()


def older_report() -> list[Frame]:
    """Tell that one device speaks IGMPv2 in a network of version 3."""
    stage = Stage(IGMP)
    for at in _rounds(2):
        stage.query(at)
        stage.report(at + 3, "IS_IN", 1, sources=(1,))
        stage.older_report(at + 5, 1, host=2)
    return stage.frames()


def host_port() -> list[Frame]:
    """Tell what is heard at the port of a host."""
    stage = Stage(IGMP)
    stage.query(0)
    stage.report(3, "IS_EX", 1)
    stage.report(20, "ALLOW", 2, sources=(1,))
    stage.report(20.5, "ALLOW", 2, sources=(1,))
    stage.query(125)
    return stage.frames()


def router_port() -> list[Frame]:
    """Tell the same at the router, behind a switch that lets no report of version 3 through."""
    stage = Stage(IGMP)
    stage.query(0)
    stage.query(125)
    return stage.frames()


def no_alert() -> list[Frame]:
    """Tell that a device leaves Router Alert out."""
    stage = Stage(MLD)
    stage.query(0)
    stage.report(2, "IS_EX", 1)
    stage.report(3, "IS_EX", 1, host=2, router_alert=None)
    return stage.frames()


def hop_limit() -> list[Frame]:
    """Tell that a router sends queries with the usual hop limit of 64, and nobody answers."""
    stage = Stage(MLD)
    stage.report(1, "TO_EX", 1)
    stage.report(1.5, "TO_EX", 1)
    for at in _rounds(3, 10):
        stage.query(at, hop_limit=64)
    return stage.frames()


def odd_sources() -> list[Frame]:
    """Tell that one device reports from a global address, another from :: only."""
    stage = Stage(MLD)
    stage.query(0)
    stage.report(2, "IS_EX", 1, source=parse("2001:db8::100"))
    stage.report(40, "TO_EX", 2, host=2, source=bytes(16))
    stage.report(60, "IS_EX", 3, host=3)
    return stage.frames()


def no_solicited_node() -> list[Frame]:
    """Tell of a host that never reports the group of its own address: neighbours cannot find it."""
    stage = Stage(MLD)
    stage.query(0)
    report = [GroupRecord(_EX, parse("ff02::1:ff00:64")), GroupRecord(_EX, stage.group(1))]
    stage.records(3, report)
    stage.report(5, "IS_EX", 1, host=2)
    return stage.frames()


def two_vlans() -> list[Frame]:
    """Tell that a report leaves on a second VLAN too."""
    stage = Stage(IGMP)
    stage.query(0, vlan=(5,))
    stage.query(1, vlan=(6,))
    stage.report(3, "IS_EX", 1, vlan=(5,))
    stage.report(3.0001, "IS_EX", 1, vlan=(6,))
    return stage.frames()


def leave() -> list[Frame]:
    """Tell of a querier that asks nobody after a leave, so the stream goes on."""
    stage = Stage(IGMP)
    stage.query(0)
    stage.report(3, "IS_EX", 1)
    stage.report(20, "TO_IN", 1)
    stage.report(20.5, "TO_IN", 1)
    for second in range(4, 40):
        stage.data(second, 1)
    return stage.frames()


def specific_query() -> list[Frame]:
    """Tell of a specific query to all hosts, and a General Query to a group."""
    stage = Stage(IGMP)
    stage.query(0)
    asked = Query(3, stage.group(1), 10, robustness=2, interval_code=_INTERVAL)
    stage.send(2, stage.router(), IGMP.all_hosts, asked)
    general = Query(3, bytes(4), 10, robustness=2, interval_code=_INTERVAL)
    stage.send(3, stage.router(), stage.group(1), general)
    return stage.frames()


def values() -> list[Frame]:
    """Tell of robustness 1, a response time as long as the interval, and rare queries."""
    stage = Stage(MLD)
    for at in _rounds(6, 0, 60):
        stage.query(at, response=20, interval=20, robustness=1)
    return stage.frames()


def storm() -> list[Frame]:
    """Tell that one device answers at once, one too late."""
    stage = Stage(IGMP)
    for at in _rounds(4):
        stage.query(at)
        stage.report(at + 0.0004, "IS_EX", 1)
        stage.report(at + 4, "IS_EX", 1, host=2)
        stage.report(at + 12.5, "IS_EX", 1, host=3)
    return stage.frames()


def suppressed() -> list[Frame]:
    """Tell that a device keeps silent because another one reported in an older version."""
    stage = Stage(MLD)
    stage.query(0)
    stage.report(2, "IS_EX", 1)
    stage.report(3, "IS_EX", 1, host=2)
    stage.query(20, 1, response=1)
    stage.older_report(20.2, 1, host=3)
    stage.report(20.5, "IS_EX", 1)
    stage.query(125)
    return stage.frames()


def any_source() -> list[Frame]:
    """Tell of a join without a source in the source-specific range."""
    stage = Stage(IGMP)
    stage.query(0)
    record = GroupRecord(RecordType.TO_EX, parse("232.1.1.1"))
    stage.send(9, stage.host(), IGMP.reports, Report((record,)))
    stage.send(9.5, stage.host(), IGMP.reports, Report((record,)))
    return stage.frames()


def flooded() -> list[Frame]:
    """Tell that data arrive at a port where nobody asked for them."""
    stage = Stage(IGMP)
    stage.query(0)
    stage.report(4, "IS_EX", 1)
    for second in range(5, 30):
        stage.data(second, 1)
        stage.data(second, 9)
    return stage.frames()


def short_ttl() -> list[Frame]:
    """Tell that all messages are right; the data of another link have a TTL of 1."""
    near, far = Stage(IGMP, vlan=(5,)), Stage(IGMP, vlan=(6,))
    for stage in (near, far):
        stage.query(0)
    far.report(4, "IS_EX", 1)
    near.stream(5, 65, 1, 1, hop_limit=1)
    return sorted((*near.frames(), *far.frames()), key=lambda frame: frame.time_ns or 0)


STORIES: tuple[Callable[[], list[Frame]], ...] = (
    silent, two_queriers, querier_died, members, mute, two_sources_of_queries, older_report,
    host_port, router_port, no_alert, hop_limit, odd_sources, no_solicited_node, two_vlans, leave,
    specific_query, values, storm, suppressed, any_source, flooded, short_ttl,
)  # fmt: skip


def write_captures(folder: Path) -> None:
    """Write every story to a file of its own; raise CaptureError where that cannot be done.

    The folder is made where it is missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for story in STORIES:
        name = story.__name__.replace("_", "-") + ".pcapng"
        with CaptureWriter(str(folder / name)) as writer:
            for frame in story():
                writer.write(frame)


def _rounds(count: int, begin: float = 0, interval: int = _INTERVAL) -> Iterable[float]:
    return [begin + number * interval for number in range(count)]


if __name__ == "__main__":
    write_captures(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
