"""Leaves: who asks who is left, and how soon."""

from __future__ import annotations

from mldkit.advice import settings
from mldkit.advice.advice import BRIDGE, Advice, Cure, error, info, warning

ROWS = (
    Advice(
        "D-11",
        "When a member leaves, the querier asks whether anybody else still wants the group. If it"
        " does not, the stream goes on for nobody until the membership ends, or stops for others"
        " at once.",
        (
            error("no specific query followed within 10 s"),
            warning("the first one came only after the time that the queries may take"),
            info(
                "it came within that time but not at once, or fewer times than usual, or the"
                " group is flooded whoever is member, or the queries do not pass where the"
                " capture was taken, or the stream stopped with the leave of the only member: fast"
                " leave"
            ),
        ),
        "let the querier ask after a leave, and switch fast leave off",
        (
            "capture at the port of the host that leaves: bridges ask there alone",
            "bridge -d link show",
        ),
        (
            Cure(
                BRIDGE,
                (
                    *settings.BRIDGE_QUERIER,
                    settings.BRIDGE_TIMES,
                    "ip link set br0 type bridge mcast_last_member_count 2",
                    "ip link set br0 type bridge mcast_last_member_interval 100",
                    settings.BRIDGE_NO_FAST_LEAVE,
                ),
            ),
            settings.FRR_LAST_MEMBER,
            settings.MIKROTIK_LAST_MEMBER,
            settings.MIKROTIK_NO_FAST_LEAVE,
            settings.CISCO_LAST_MEMBER,
            settings.JUNOS_NO_FAST_LEAVE,
            settings.NETWORKD_NO_FAST_LEAVE,
        ),
        "at ports with one host and fast leave switched on by intention",
    ),
    Advice(
        "D-13",
        "The S flag tells other routers not to lower their timers. Set too early they keep a group"
        " that nobody wants; not set after a report they may drop it.",
        (info("the flag does not fit what was reported since the leave"),),
    ),
)
