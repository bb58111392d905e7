"""A snooping bridge with a port for each host, and its multicast database.

::

    host 1  h1 ---- p1 |
    host 2  h2 ---- p2 | br0    querier, IGMPv3 and MLDv2
    host 3  h3 ---- p3 |

What the bridge keeps for a port is then what it has heard from one host.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mldkit.model.addresses import parse
from mldkit.model.units import MILLISECOND, SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mldkit.model.addresses import Address
    from tests.conftest import Namespace

HOSTS = (1, 2, 3)


@dataclass(frozen=True)
class Kept:
    """What the bridge keeps of a group on a port; deadlines in wall time."""

    exclude: bool = False
    until_ns: int = 0
    """When EXCLUDE mode ends."""
    wanted: dict[Address, int] = field(default_factory=dict)
    """Sources whose timer runs, with its end: INCLUDE lists, and the X of EXCLUDE(X, Y)."""
    blocked: frozenset[Address] = frozenset()
    """Y of EXCLUDE(X, Y)."""
    is_listed: bool = False
    """There is an entry, which may be INCLUDE without sources: so after an ALLOW without any."""

    @property
    def is_nothing(self) -> bool:
        return not self.exclude and not self.wanted

    @property
    def last_ns(self) -> int:
        """When the last of it is over, unless there is another report."""
        return max(self.until_ns, *self.wanted.values(), 0)


NOTHING = Kept()


class Bridge:
    """The bridge, with the namespace of the hosts' ends."""

    def __init__(self, make_namespace: Callable[[], Namespace], settings: str) -> None:
        self.near, self._far = make_namespace(), make_namespace()
        far = self._far
        far.ip("link add br0 type bridge")
        far.sysctl("net.ipv6.conf.br0.accept_dad", 0)
        far.ip("link set br0 addrgenmode none type bridge mcast_igmp_version 3 mcast_mld_version 2")
        self.set(f"mcast_query_use_ifaddr 1 {settings}")
        far.ip("address add 10.9.0.1/24 dev br0")
        far.ip("link set br0 up")
        far.ip("address add fe80::1/64 dev br0 nodad")
        for number in HOSTS:
            # Numbers that differ: see the fixture `link`.
            self.near.ip(
                f"link add h{number} index {10 + number} type veth"
                f" peer name p{number} index {20 + number} netns {far.name}"
            )
            self.near.sysctl(f"net.ipv6.conf.h{number}.disable_ipv6", 1)
            far.ip(f"link set p{number} addrgenmode none master br0")
            self.near.ip(f"link set h{number} up")
            far.ip(f"link set p{number} up")
        far.wait_for_ipv6("br0")

    def set(self, settings: str) -> None:
        """Change settings of the bridge; times are hundredths of a second."""
        self._far.ip(f"link set br0 type bridge {settings}")

    def database(self) -> Database:
        """Return what the bridge keeps now."""
        begun_ns = time.time_ns()
        shown = json.loads(self._far.run("bridge", "-d", "-s", "-j", "mdb", "show").stdout)
        return Database(dict(_entries(shown[0]["mdb"], begun_ns)), begun_ns, time.time_ns())


@dataclass(frozen=True)
class Database:
    """What the bridge keeps of each host and group, read between two moments of wall time."""

    kept: dict[tuple[int, Address], Kept]
    begun_ns: int
    ended_ns: int

    def of(self, host: int, group: Address) -> Kept:
        """Return what is kept of one."""
        return self.kept.get((host, group), NOTHING)


def _entries(
    shown: list[dict[str, Any]], now_ns: int
) -> Iterator[tuple[tuple[int, Address], Kept]]:
    for entry in shown:
        if "src" in entry or "filter_mode" not in entry or entry["port"] == "br0":
            continue
        exclude = entry["filter_mode"] == "exclude"
        sources = {
            parse(source["address"]): _end_ns(source["timer"], now_ns)
            for source in entry.get("source_list", ())
        }
        kept = Kept(
            exclude,
            _end_ns(entry["timer"], now_ns) if exclude else 0,
            {source: end_ns for source, end_ns in sources.items() if end_ns > now_ns},
            frozenset(source for source, end_ns in sources.items() if end_ns == now_ns),
            is_listed=True,
        )
        yield (int(entry["port"].removeprefix("p")), parse(entry["grp"])), kept


def _end_ns(left: str, now_ns: int) -> int:
    return now_ns + round(float(left) * SECOND / MILLISECOND) * MILLISECOND
