"""How a host differs from another, as data: the Linux kernel and the RFCs, each for both families.

Every field says what it means, where the kernel does it, which section asks for it, and which
scripts `tests/play/deviation-*.play` show a departure. The page `docs/host-behaviour.md` is printed
from here. Kernel functions are those of Linux 6.12 to 6.18.
"""

from __future__ import annotations

from dataclasses import MISSING, Field, dataclass, field, fields
from typing import TYPE_CHECKING, Any

from mldkit.model.family import IGMP, MLD, Family

if TYPE_CHECKING:
    from collections.abc import Iterator


def _known(means: str, kernel: str, rfc: str, shown: str, *, default: object) -> Any:  # noqa: ANN401
    about = {"means": means, "kernel": kernel, "rfc": rfc, "shown": shown}
    return field(default=default, metadata=about)


@dataclass(frozen=True, slots=True)
class HostProfile:
    """The behaviour of one kind of host in one family; the defaults are those of the RFCs.

    A row of data: what one kind of host does differently, a field for each.
    """

    name: str
    family: Family
    on_ticks: bool = _known(
        "timers run on the tick grid and are rounded up by the timer wheel",
        "kernel/time/timer.c:calc_wheel_index",
        "RFC 9776 §5.2, RFC 9777 §6.2",
        "answer-after-the-maximum",
        default=False,
    )
    extra_ticks: int = _known(
        "ticks that are added to each random delay of general answers and changes",
        "igmp_gq_start_timer, igmp_ifc_start_timer, mld_gq_start_work, mld_ifc_start_work",
        "RFC 9776 §5.2, RFC 9777 §6.2",
        "answer-after-the-maximum",
        default=0,
    )
    group_extra_ticks: int = _known(
        "ticks that are added to the random delay of an answer for one group",
        "igmp_start_timer; igmp6_group_queried adds none",
        "RFC 9776 §5.2, RFC 9777 §6.2",
        "answer-after-the-maximum",
        default=0,
    )
    keeps_earlier_general_answer: bool = _known(
        "a pending general answer is kept when a new query draws a later one",
        "igmp_gq_start_timer; mld_gq_start_work always draws again",
        "RFC 9776 §5.2, RFC 9777 §6.2 rule 1",
        "stream-of-queries-starves-the-answer",
        default=True,
    )
    general_answer_covers_groups: bool = _known(
        "a query for one group gets no answer of its own while a sooner general answer is pending",
        "igmp_heard_query and __mld_query_work keep the two apart",
        "RFC 9776 §5.2, RFC 9777 §6.2 rule 1",
        "group-answer-beside-general-answer",
        default=True,
    )
    redraws_group_answer: bool = _known(
        "a pending answer for a group is drawn again when it lies beyond the new maximum, and is "
        "kept otherwise, instead of taking the earlier of the old time and a new draw",
        "igmp_mod_timer, igmp6_group_queried",
        "RFC 9776 §5.2, RFC 9777 §6.2 rules 4 and 5",
        "no script: it shows only in the distribution of many answers",
        default=False,
    )
    redraws_overdue_answer: bool = _known(
        "a pending answer for a group whose tick has passed, but not the bucket of the wheel, is "
        "drawn again: the remaining time is an unsigned number",
        "igmp6_group_queried; igmp_mod_timer compares signed numbers",
        "none",
        "no script: it needs a query within one step of the wheel",
        default=False,
    )
    excludes_tell_all: bool = _known(
        "in EXCLUDE mode a query for sources is answered by the whole state instead of IS_IN with "
        "the sources that are asked for and not excluded",
        "igmp_xmarksources, mld_xmarksources",
        "RFC 9776 §5.2, RFC 9777 §6.2",
        "queries-with-sources-answer-everything",
        default=False,
    )
    draws_first_change: bool = _known(
        "the first report of a change is sent by a timer instead of at once",
        "igmp_ifc_event, mld_ifc_event",
        "RFC 9776 §5.1, RFC 9777 §6.1",
        "first-report-waits-for-a-timer",
        default=False,
    )
    runs_once_more: bool = _known(
        "the change timer runs once more after the last repeat, mostly with nothing to send",
        "igmp_ifc_timer_expire",
        "RFC 9776 §5.1",
        "no script: by itself it sends nothing",
        default=False,
    )
    minimum_robustness: int = _known(
        "a smaller robustness in a query is raised to this, or to the setting if that is smaller",
        "mld_update_qrv",
        "RFC 9777 §9.14.1",
        "robustness-1-becomes-2",
        default=1,
    )
    zero_keeps: bool = _known(
        "robustness 0 in a query keeps the last value, and interval 0 is taken as 0, instead of "
        "meaning the default",
        "mld_update_qrv, mld_update_qi",
        "RFC 9776 §4.1.6 and §4.1.7, RFC 9777 §5.1.8 and §5.1.9",
        "robustness-0-keeps-the-last, interval-0-is-taken-as-0",
        default=False,
    )
    learns_response_interval: bool = _known(
        "the response interval of the older querier timeout follows the last query",
        "mld_update_qri; igmp_heard_query never takes it, only holds it below the interval",
        "RFC 9776 §8.12, RFC 9777 §9.12",
        "response-interval-is-not-learned",
        default=True,
    )
    older_query_cancels_general: bool = _known(
        "an older query cancels a pending general answer",
        "mld_process_v1; igmp_heard_query leaves it, and it goes out as IGMPv3",
        "RFC 9776 §7.2.1, RFC 9777 §8.2.1",
        "general-answer-survives-an-older-query",
        default=True,
    )
    group_query_switches: bool = _known(
        "an older query for one group makes the host speak the older version, as a General Query "
        "does",
        "igmp_heard_query, mld_process_v1",
        "RFC 9776 §7.2.1, RFC 9777 §8.2.1",
        "group-query-switches-the-version",
        default=False,
    )
    always_suppressed: bool = _known(
        "an older report of another host cancels an answer in the current version too",
        "igmp_heard_report, __mld_report_work",
        "RFC 9776 §7.2.2, RFC 9777 §8.2.2",
        "suppression-in-the-current-version",
        default=False,
    )
    setting_can_force_current: bool = _known(
        "the setting force_*_version of the current version keeps older queriers out",
        "mld_in_v2_mode_only; IGMP_V1_SEEN and IGMP_V2_SEEN know only 1 and 2",
        "none",
        "force-igmp-version-3-does-nothing",
        default=True,
    )
    older_join_at_once: bool = _known(
        "in older versions the first report of a join is sent within the call, with one repeat",
        "igmp6_join_group; igmp_group_added waits two ticks and repeats as often as igmp_qrv",
        "RFC 2236 §3, RFC 2710 §4",
        "older-join-waits-for-a-timer",
        default=True,
    )
    address_resets: bool = _known(
        "a new address resets what was learned from queriers, and all groups are told again",
        "net/ipv6/addrconf.c:ipv6_find_idev, ipv6_mc_up",
        "RFC 9777 §6.1",
        "address-tells-all-groups-again, address-tells-all-groups-twice",
        default=False,
    )
    carrier_announces: bool = _known(
        "when the carrier returns the groups in EXCLUDE mode are told again",
        "net/ipv6/addrconf.c:addrconf_notify, ipv6_mc_up",
        "RFC 9777 §6.1",
        "carrier-tells-all-groups-again",
        default=False,
    )
    detection_announces: bool = _known(
        "all groups are told again when the first link-local address becomes valid",
        "ipv6_mc_dad_complete",
        "RFC 9777 §5.2.14, RFC 3590 §4",
        "as the RFC: `h-10-link-up-mld`",
        default=True,
    )
    largest_report_octets: int = _known(
        "no report becomes larger, whatever the MTU: 4096 octets of a slab less 320 of "
        "skb_shared_info and 16 of head room",
        "mld_newpack",
        "RFC 9777 §5.2.16",
        "no-report-beyond-3760-octets",
        default=65535,
    )

    @property
    def is_linux(self) -> bool:
        """Whether this is a profile of the kernel."""
        return self.name == "linux"


LINUX_IGMP = HostProfile(
    "linux",
    IGMP,
    on_ticks=True,
    extra_ticks=2,
    group_extra_ticks=2,
    general_answer_covers_groups=False,
    redraws_group_answer=True,
    excludes_tell_all=True,
    draws_first_change=True,
    runs_once_more=True,
    learns_response_interval=False,
    older_query_cancels_general=False,
    group_query_switches=True,
    always_suppressed=True,
    setting_can_force_current=False,
    older_join_at_once=False,
)
LINUX_MLD = HostProfile(
    "linux",
    MLD,
    on_ticks=True,
    extra_ticks=2,
    keeps_earlier_general_answer=False,
    general_answer_covers_groups=False,
    redraws_group_answer=True,
    redraws_overdue_answer=True,
    excludes_tell_all=True,
    draws_first_change=True,
    minimum_robustness=2,
    zero_keeps=True,
    group_query_switches=True,
    always_suppressed=True,
    address_resets=True,
    carrier_announces=True,
    largest_report_octets=3760,
)
RFC_IGMP = HostProfile("rfc", IGMP)
RFC_MLD = HostProfile("rfc", MLD)

PROFILE_NAMES = ("linux", "rfc")


def profiles(name: str) -> tuple[HostProfile, HostProfile]:
    """Return the profiles called `linux` or `rfc`, IGMP first."""
    return (LINUX_IGMP, LINUX_MLD) if name == "linux" else (RFC_IGMP, RFC_MLD)


def behaviour_fields() -> Iterator[Field[Any]]:
    """Give the fields that describe behaviour, in the order of the page."""
    for known in fields(HostProfile):
        if known.default is not MISSING:
            yield known


def differs(known: Field[Any], profile: HostProfile) -> bool:
    """Return whether a profile departs from the RFC's value of a field."""
    return bool(getattr(profile, known.name) != known.default)
