"""Whether this machine's own stack would answer on the interface too.

What decides is what the kernel lists as joined, not which addresses there are: an interface with
an IPv4 address and no groups but 224.0.0.1 says nothing. Measured on Linux 6.18::

    net.ipv6.conf.IF.disable_ipv6=1               no MLD, whatever sockets join
    an interface without IPv4 address             answers with source 0.0.0.0 all the same
    net.ipv4.igmp_link_local_mcast_reports=0      no IGMP about 224.0.0.0/24
    ip link set IF multicast off                  changes nothing

So IGMP has no switch: whatever joined the groups has to end.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mldkit.errors import LinkError
from mldkit.link import interfaces, kernel
from mldkit.model.addresses import is_reportable
from mldkit.model.family import IGMP, MLD, family_of
from mldkit.model.words import named

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mldkit.model.addresses import Address
    from mldkit.model.family import Family

_LOCAL = b"\xe0\0\0"
_LOCAL_SETTING = "net.ipv4.igmp_link_local_mcast_reports"


def check_alone(name: str, families: Iterable[Family]) -> None:
    """Raise LinkError if the own stack reports groups of `families` on an interface."""
    interface = interfaces.find(name)
    joined = [known.group for known in kernel.read().groups if known.index == interface.index]
    for family in families:
        reported = [group for group in joined if family_of(group) is family and _is_told(group)]
        if reported:
            raise LinkError(
                f"{name}: this machine's own stack would answer too, for {named(reported)}",
                hint=_remedy(name, family, reported),
            )
        if family is MLD and not interface.is_running and _has_ipv6(name):
            # Its addresses, and their groups, come with the carrier.
            raise LinkError(
                f"{name}: this machine's own stack would answer too once there is a carrier",
                hint=_remedy(name, family, reported),
            )


def _is_told(group: Address) -> bool:
    if not is_reportable(group):
        return False
    return group[:3] != _LOCAL or len(group) != 4 or _tells_local()


def _tells_local() -> bool:
    return _setting(_LOCAL_SETTING) != "0"


def _has_ipv6(name: str) -> bool:
    """Return whether the interface gives itself IPv6 addresses."""
    path = f"net.ipv6.conf.{name.replace('.', '/')}"
    return _setting(f"{path}.disable_ipv6") == "0" and _setting(f"{path}.addr_gen_mode") != "1"


def _setting(name: str) -> str | None:
    """Return a sysctl, with the notation of sysctl(8) for dots; None where there is none."""
    swapped = name.translate(str.maketrans("./", "/."))
    try:
        return (Path("/proc/sys") / swapped).read_text().strip()
    except OSError:
        return None


def _remedy(name: str, family: Family, reported: list[Address]) -> str:
    if family is MLD:
        # A dot in the name of an interface is a slash to sysctl(8).
        return f"sysctl -w net.ipv6.conf.{name.replace('.', '/')}.disable_ipv6=1"
    if family is IGMP and all(group[:3] == _LOCAL for group in reported):
        return f"sysctl -w {_LOCAL_SETTING}=0"
    return f"end the program that joined: mldkit groups -i {name} names it (IGMP has no switch)"
