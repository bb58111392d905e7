"""The sysctls that the host side reads, with their defaults (section 8 of the RFCs).

igmp_qrv, mld_qrv                        robustness before a querier is heard
force_igmp_version, force_mld_version    version whatever the queriers are
igmpvN_, mldvN_unsolicited_report_interval
igmp_link_local_mcast_reports            whether 224.0.0.0/24 is reported
igmp_max_memberships, *_max_msf          limits of one socket
rp_filter                                sources without a way back are not heard
"""

from __future__ import annotations

from dataclasses import dataclass

from mldkit.errors import UsageError
from mldkit.model.family import IGMP, MLD, Family
from mldkit.model.notation import shortened
from mldkit.model.units import MILLISECOND, SECOND


@dataclass(slots=True)
class Settings:
    """The settings of one family on one interface.

    It has more attributes than a class should, because each is a setting of the kernel.
    """

    robustness: int
    repeat_ns: int = SECOND
    """Unsolicited report interval of the current version."""
    older_repeat_ns: int = 10 * SECOND
    """Unsolicited report interval of older versions."""
    forced_everywhere: int = 0
    forced_here: int = 0
    reports_local: bool = True
    """IGMP: whether groups of 224.0.0.0/24 are reported."""
    max_memberships: int = 1 << 30
    max_sources: int = 64
    forwards: bool = False
    reverse_path_everywhere: int = 0
    reverse_path_here: int = 0
    """rp_filter: 0 off, 1 strict, 2 loose, which a host with one interface cannot tell apart."""
    detects_duplicates: bool = True
    detection_probes: int = 1

    @property
    def forced_version(self) -> int:
        """The version that is forced, 0 when none is; of two the older one."""
        everywhere, here = self.forced_everywhere, self.forced_here
        return min(everywhere, here) if everywhere and here else everywhere or here

    @property
    def filters_reverse_path(self) -> bool:
        """Whether sources are believed only if there is a way back to them (IN_DEV_RPFILTER)."""
        return bool(self.reverse_path_everywhere or self.reverse_path_here)


def renew_interface(settings: Settings) -> None:
    """Take what was set for one interface back, as for one that is made anew."""
    fresh = Settings(settings.robustness)
    settings.repeat_ns = fresh.repeat_ns
    settings.older_repeat_ns = fresh.older_repeat_ns
    settings.forced_here = fresh.forced_here
    settings.forwards = fresh.forwards
    settings.reverse_path_here = fresh.reverse_path_here
    settings.detects_duplicates = fresh.detects_duplicates
    settings.detection_probes = fresh.detection_probes


def defaults(family: Family) -> Settings:
    """Return the settings of a fresh interface."""
    if family is IGMP:
        return Settings(2, max_memberships=20, max_sources=10)
    return Settings(2)


Target = tuple[Family, str, int, int]
"""Family, field, and the smallest and largest value."""

_BIG = (1 << 31) - 1
_GLOBAL: dict[str, Target] = {
    "net.ipv4.igmp_qrv": (IGMP, "robustness", 1, _BIG),
    "net.ipv4.igmp_max_memberships": (IGMP, "max_memberships", 0, _BIG),
    "net.ipv4.igmp_max_msf": (IGMP, "max_sources", 0, _BIG),
    "net.ipv4.igmp_link_local_mcast_reports": (IGMP, "reports_local", 0, 1),
    "net.ipv6.mld_qrv": (MLD, "robustness", 1, _BIG),
    "net.ipv6.mld_max_msf": (MLD, "max_sources", 0, _BIG),
    "net.ipv4.conf.all.force_igmp_version": (IGMP, "forced_everywhere", 0, 3),
    "net.ipv4.conf.all.rp_filter": (IGMP, "reverse_path_everywhere", 0, 2),
    "net.ipv6.conf.all.force_mld_version": (MLD, "forced_everywhere", 0, 2),
}
_INTERFACE: dict[str, Target] = {
    "net.ipv4.conf.{}.force_igmp_version": (IGMP, "forced_here", 0, 3),
    "net.ipv4.conf.{}.igmpv2_unsolicited_report_interval": (IGMP, "older_repeat_ns", 0, _BIG),
    "net.ipv4.conf.{}.igmpv3_unsolicited_report_interval": (IGMP, "repeat_ns", 0, _BIG),
    "net.ipv4.conf.{}.forwarding": (IGMP, "forwards", 0, 1),
    "net.ipv4.conf.{}.rp_filter": (IGMP, "reverse_path_here", 0, 2),
    "net.ipv6.conf.{}.force_mld_version": (MLD, "forced_here", 0, 2),
    "net.ipv6.conf.{}.mldv1_unsolicited_report_interval": (MLD, "older_repeat_ns", 0, _BIG),
    "net.ipv6.conf.{}.mldv2_unsolicited_report_interval": (MLD, "repeat_ns", 0, _BIG),
    "net.ipv6.conf.{}.forwarding": (MLD, "forwards", 0, 1),
    "net.ipv6.conf.{}.accept_dad": (MLD, "detects_duplicates", 0, 2),
    "net.ipv6.conf.{}.dad_transmits": (MLD, "detection_probes", 0, 255),
}


@dataclass(frozen=True, slots=True)
class Setting:
    """One sysctl with the value it is to get."""

    name: str
    value: int
    family: Family
    field: str

    def store(self, settings: Settings) -> None:
        """Put the value into the settings of its family."""
        value: int | bool = self.value
        if self.field.endswith("_ns"):
            value = self.value * MILLISECOND
        elif isinstance(getattr(settings, self.field), bool):
            value = bool(self.value)
        setattr(settings, self.field, value)


def parse_setting(name: str, value: str, interface: str) -> Setting:
    """Return the sysctl `name` of this interface; raise UsageError when it plays no part."""
    known = _GLOBAL | {key.format(interface): target for key, target in _INTERFACE.items()}
    if name not in known:
        raise UsageError(f"sysctl {name} plays no part here", hint="known: " + " ".join(known))
    family, field, low, high = known[name]
    # Of thousands of digits int() makes no number, zeros in front among them.
    digits = value.lstrip("0") or value[-1:]
    is_number = digits.isdecimal() and len(digits) <= len(str(_BIG))
    if not is_number or not low <= int(digits) <= high:
        raise UsageError(
            f"{shortened(value)!r} is no value of {name}: a whole number from {low} to {high}"
        )
    return Setting(name, int(digits), family, field)
