"""What a querier leaves behind, against the times of the RFCs and of a Linux bridge."""

from __future__ import annotations

import pytest

from mldkit.model.addresses import parse
from mldkit.model.family import IGMP, MLD, Family
from mldkit.model.units import SECOND
from mldkit.protocol.querier_settings import QuerierSettings
from mldkit.protocol.variables import Variables
from mldkit.querier import Standing
from mldkit.render import left_behind

OWN = {IGMP: parse("10.9.0.1"), MLD: parse("fe80::1")}


def remains(
    *standings: Standing, variables: Variables | None = None, now_s: int = 0
) -> dict[tuple[Family, str], int | None]:
    """Return the seconds that are left, by family and kind."""
    found = left_behind.of(standings, settings(variables, *standings), now_s * SECOND)
    return {
        (one.family, one.what): None if one.left_ns is None else one.left_ns // SECOND
        for one in found
    }


def settings(variables: Variables | None, *standings: Standing) -> dict[Family, QuerierSettings]:
    return {
        one.family: QuerierSettings(one.family, one.version, variables or Variables())
        for one in standings
    }


def standing(
    family: Family, version: int | None = None, *, asked_s: int | None = 0, is_querier: bool = True
) -> Standing:
    asked_ns = None if asked_s is None else asked_s * SECOND
    version = version or family.current_version
    return Standing(family, OWN[family], OWN[family], is_querier, version, asked_ns)


@pytest.mark.parametrize("family", [IGMP, MLD], ids=repr)
def test_the_usual_times_are_those_of_the_rfcs(family: Family) -> None:
    # Other Querier Present 255 s, Group Membership 270 s (RFC 9776 §8.4, §8.5).
    assert remains(standing(family)) == {
        (family, "router-port"): 255,
        (family, "other-queriers"): 255,
        (family, "members"): 270,
    }


def test_they_count_from_the_last_general_query_and_end() -> None:
    assert remains(standing(IGMP, asked_s=10), now_s=110)[IGMP, "router-port"] == 155
    assert remains(standing(IGMP), now_s=300) == {}


def test_what_was_announced_counts_but_not_for_a_bridge() -> None:
    quick = Variables(2, 5 * SECOND, SECOND)
    assert remains(standing(MLD), variables=quick) == {
        (MLD, "variables"): None,
        (MLD, "router-port"): 255,
        (MLD, "other-queriers"): 10,
        (MLD, "members"): 12,
    }


def test_hosts_stay_in_an_older_version() -> None:
    # Older Version Querier Present: 2 x 125 s + 10 s (RFC 9776 §8.12).
    assert remains(standing(IGMP, 2))[IGMP, "version"] == 260


def test_beside_an_elected_querier_only_the_port_stays() -> None:
    assert remains(standing(IGMP, is_querier=False)) == {(IGMP, "router-port"): 255}


def test_who_never_asked_leaves_nothing() -> None:
    assert remains(standing(MLD, asked_s=None)) == {}


def test_both_families_are_one_line_where_they_say_the_same() -> None:
    both = (standing(IGMP), standing(MLD))
    lines = list(left_behind.lines(left_behind.of(both, settings(None, *both), 0)))
    assert lines == [
        "snooping switches go on sending groups of IGMP and MLD here,"
        " a Linux bridge by default for 255 s",
        "IGMP and MLD queriers with a higher address stay silent for 255 s",
        "with no other querier of IGMP and MLD switches forget who listens after 270 s,"
        " a Linux bridge by default after 260 s; then streams stop",
    ]
