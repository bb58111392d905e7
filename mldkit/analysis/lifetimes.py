"""How long a switch that snoops remembers a member that it does not hear."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.model.units import SECOND

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mldkit.protocol.variables import Variables

OLD_MEMBERSHIP_S, NEW_MEMBERSHIP_S = 260, 270
"""With the default variables: by RFC 3376 (and the Linux bridge), and by RFC 9776."""
_SLACK_NS = 15 * SECOND


def may_have_forgotten(variables: Variables, after_ns: int, others_s: Iterable[int]) -> bool:
    """Return whether a switch may have forgotten a member so long after its last report.

    It goes by what the querier announces, or by a setting of its own, one of `others_s`.
    """
    lifetimes = [seconds * SECOND for seconds in others_s]
    lifetimes += [variables.membership_ns(profile) for profile in ("rfc3376", "rfc9776")]
    return any(
        abs(after_ns - lifetime_ns) <= min(_SLACK_NS, lifetime_ns // 4) for lifetime_ns in lifetimes
    )
