"""The networks that scenarios play in, built with `ip` inside a sandbox.

::

    pair      querier eth0 ----------------- eth0 host
    shared    querier eth0 --- switch br0 -- eth0 host, eth0 host2      a bridge that only forwards
    trunk     querier eth0 --- switch ------ eth0 host                  tagged | untagged
    snooping  switch br0 port eth0 --------- eth0 host                  the bridge is the querier

The querier's end has no addresses of its own: what is sent from it are whole frames, and its own
host side stays silent. MACs and addresses are fixed, so that every recording has the same ones.
"""

from __future__ import annotations

import subprocess
from contextlib import suppress
from pathlib import Path

from netns import NetNS

from captures.recording.member import INTERFACE
from mldkit.errors import LinkError
from mldkit.model.family import IGMP, MLD, Family

QUERIER = "querier"
SWITCH = "switch"
HOSTS = ("host", "host2")
QUERIER_MAC = "02:00:00:00:00:01"
HOST_MACS = {"host": "02:00:00:00:00:02", "host2": "02:00:00:00:00:03"}
# Addresses that follow from the MACs above: 10.9.0.N, and fe80::ff:fe00:N as the kernel makes it.
QUERIER_SOURCES = {IGMP: "10.9.0.1", MLD: "fe80::ff:fe00:1"}

_BOTH = (IGMP, MLD)
_SMALL_MS = 40


def ip(commands: str, namespace: str | None = None) -> None:
    """Run `ip` commands, one a line, without the word `ip`."""
    where = ["-n", namespace] if namespace else []
    done = subprocess.run(  # noqa: S603 (no shell)
        ["ip", *where, "-batch", "-"],  # noqa: S607 (where it is differs)
        input=commands,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise LinkError(f"ip: {done.stderr.strip()}")


def setting(namespace: str, name: str, value: object) -> None:
    """Set a sysctl of a namespace; the name is the path below /proc/sys/net."""
    with NetNS(nsname=namespace):
        Path("/proc/sys/net", name).write_text(str(value))


def pair(
    families: tuple[Family, ...] = _BOTH,
    *,
    mtu: int = 1500,
    addresses: bool = True,
    up: bool = True,
) -> None:
    """Connect querier and host directly; with `up` False the host's end waits to be switched on.

    Where the host's end is left down, duplicate address detection will happen later.
    """
    ip(f"netns add {QUERIER}\nnetns add host")
    # Different numbers: where an end has the number of its peer the kernel takes it for a plain
    # device and tells that it is up as much as a second later (net/core/link_watch.c).
    ip(
        f"link add {INTERFACE} index 11 netns {QUERIER} type veth "
        f"peer name {INTERFACE} index 12 netns host"
    )
    _prepare_querier()
    prepare_host("host", families, addresses=addresses, detection=not up)
    ip(f"link set {INTERFACE} mtu {mtu}", "host")
    if up:
        ip(f"link set {INTERFACE} up", "host")


def shared(families: tuple[Family, ...]) -> None:
    """Connect the querier and two hosts by a bridge without multicast snooping."""
    _make_switch(("querier", *HOSTS))
    ip("link add br0 type bridge mcast_snooping 0", SWITCH)
    for port in ("querier", *HOSTS):
        ip(f"link set {port} master br0", SWITCH)
    ip("link set br0 up", SWITCH)
    _prepare_querier()
    for name in HOSTS:
        prepare_host(name, families)
        ip(f"link set {INTERFACE} up", name)


def trunk(families: tuple[Family, ...]) -> None:
    """Put a switch between querier and host; who forwards between its two ports tags."""
    _make_switch((QUERIER, "host"))
    _prepare_querier()
    prepare_host("host", families)
    ip(f"link set {INTERFACE} up", "host")


def snooping() -> None:
    """Let a bridge with multicast snooping be the querier's side, its querier still switched off.

    Times of a bridge are hundredths of a second.
    """
    ip(f"netns add {SWITCH}\nnetns add host")
    ip(
        f"link add {INTERFACE} index 11 netns {SWITCH} type veth "
        f"peer name {INTERFACE} index 12 netns host"
    )
    setting(SWITCH, f"ipv6/conf/{INTERFACE}/disable_ipv6", 1)
    _fixed_addresses("default", SWITCH)
    _set_repeats(SWITCH, "default", _SMALL_MS)
    ip(
        "link add br0 type bridge mcast_snooping 1 mcast_querier 0 "
        "mcast_igmp_version 3 mcast_mld_version 2 "
        "mcast_query_response_interval 100 mcast_startup_query_count 1 "
        "mcast_last_member_count 2 mcast_last_member_interval 100\n"
        f"link set br0 address {QUERIER_MAC}\n"
        f"link set {INTERFACE} master br0\n"
        "address add 10.9.0.1/24 dev br0\n"
        f"link set {INTERFACE} up\n"
        "link set br0 up",
        SWITCH,
    )
    prepare_host("host", _BOTH)
    ip(f"link set {INTERFACE} up", "host")


def prepare_host(
    name: str,
    families: tuple[Family, ...],
    *,
    addresses: bool = True,
    detection: bool = False,
) -> None:
    """Give a host its MAC and addresses, and none of the family that does not play."""
    mac = HOST_MACS[name]
    lines = [f"link set {INTERFACE} address {mac}"]
    if not addresses:
        lines.append(f"link set {INTERFACE} addrgenmode none")
    elif IGMP in families:
        lines.append(f"address add 10.9.0.{int(mac[-2:], 16)}/24 dev {INTERFACE}")
    _fixed_addresses(INTERFACE, name, detection=detection)
    setting(name, f"ipv6/conf/{INTERFACE}/disable_ipv6", int(MLD not in families))
    ip("\n".join(lines), name)
    hasten(name)


def hasten(host: str) -> None:
    """Let a host repeat its reports at once, to be done with its start before the recording."""
    _set_repeats(host, INTERFACE, _SMALL_MS)


def restore(namespace: str, interface: str = INTERFACE) -> None:
    """Return to the kernel's own repeat interval, which is RFC 9776 §8.11: one second."""
    _set_repeats(namespace, interface, 1000)


def _set_repeats(namespace: str, interface: str, milliseconds: int) -> None:
    setting(namespace, f"ipv4/conf/{interface}/igmpv3_unsolicited_report_interval", milliseconds)
    # Below an MTU of 1280 an interface has no IPv6, and none of its settings.
    with suppress(FileNotFoundError):
        setting(namespace, f"ipv6/conf/{interface}/mldv2_unsolicited_report_interval", milliseconds)


def _prepare_querier() -> None:
    setting(QUERIER, f"ipv6/conf/{INTERFACE}/disable_ipv6", 1)
    ip(f"link set {INTERFACE} address {QUERIER_MAC}\nlink set {INTERFACE} up", QUERIER)


def _make_switch(ends: tuple[str, ...]) -> None:
    """Make a namespace with a port for each end, the port called like the end, all up."""
    ip(f"netns add {SWITCH}")
    setting(SWITCH, "ipv6/conf/default/disable_ipv6", 1)
    for number, end in enumerate(ends, start=1):
        ip(f"netns add {end}")
        ip(
            f"link add {end} index {20 + number} netns {SWITCH} type veth "
            f"peer name {INTERFACE} index {10 + number} netns {end}"
        )
        ip(f"link set {end} up", SWITCH)


def _fixed_addresses(interface: str, namespace: str, *, detection: bool = False) -> None:
    """Let addresses be valid at once, unless their detection is the story, and ask no router."""
    setting(namespace, f"ipv6/conf/{interface}/accept_dad", int(detection))
    setting(namespace, f"ipv6/conf/{interface}/router_solicitations", 0)
