"""What the data and the members of all links show together, at the end of a capture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.analysis import elsewhere, forgotten, stops, talkers, unwanted
from mldkit.analysis.audience import Audience
from mldkit.analysis.talkers import Devices

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mldkit.analysis.facts import LinkKey, Mark
    from mldkit.analysis.ledger import Ledger
    from mldkit.analysis.link_state import LinkState
    from mldkit.analysis.traffic import Traffic


def judge(
    traffic: Mapping[LinkKey, Traffic],
    ends: Sequence[tuple[LinkState, Mark]],
    ledger: Ledger,
) -> None:
    """Judge the links, whose stays are over, each with its end: causes before effects."""
    audiences: dict[LinkKey, Audience] = {}
    devices: dict[LinkKey, Devices] = {}
    for link, end in ends:
        if link.key in traffic:
            rows = link.memberships.ended
            traffic[link.key].finish()
            audiences[link.key] = Audience(traffic[link.key], rows, end)
            devices[link.key] = Devices(rows)
    elsewhere.judge(audiences, devices, [link for link, _ in ends], ledger)
    for key, audience in audiences.items():
        unwanted.judge(audience, ledger)
        forgotten.judge(audience, ledger)
        stops.judge(audience, ledger)
        talkers.judge(audience, devices[key], ledger)
        audience.conclude()
