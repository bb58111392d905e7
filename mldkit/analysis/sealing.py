"""From the folds to a result: what is alive becomes plain values, and is let go of."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mldkit.analysis.result import (
    CaptureFacts,
    LeavesFacts,
    LinkFacts,
    OlderQuerier,
    QuerierFacts,
    QueriersFacts,
    ReturnFacts,
    SilenceFacts,
    StreamFacts,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mldkit.analysis.facts import Mark
    from mldkit.analysis.link_state import LinkState
    from mldkit.analysis.neighbourhood import Neighbourhood
    from mldkit.analysis.part import Part
    from mldkit.analysis.querier import Querier
    from mldkit.analysis.source import Source
    from mldkit.analysis.streams import Stream
    from mldkit.analysis.traffic import Traffic
    from mldkit.model.addresses import Address


def seal_link(
    link: LinkState, traffic: Traffic | None, neighbourhood: Neighbourhood | None
) -> LinkFacts:
    """Return what was found on a link, with the data to its groups; all of it is over."""
    stays = link.memberships.seal()
    streams = () if traffic is None else tuple(map(_stream, traffic.streams.values()))
    leaves = link.leaves
    return LinkFacts(
        key=link.key,
        begun_ns=link.begun_ns,
        ended_ns=link.ended_ns,
        captures=tuple(sorted(link.captures)),
        messages=link.messages,
        queriers=_queriers(link),
        stays=stays,
        everybody=stays,
        streams=streams,
        unanswered_requests=0 if neighbourhood is None else neighbourhood.requests.unanswered,
        delays=link.delays.seal(),
        leaves=LeavesFacts(
            groups=leaves.groups.seal(),
            sources=leaves.sources.seal(),
            unheeded=tuple(leaves.unheeded),
            delays=leaves.delays.seal(),
            emptied=tuple(link.memberships.emptied.items()),
        ),
        vantage=link.vantage.assumed(),
        trace=None if link.trace is None else link.trace.seal(),
    )


def seal_capture(
    number: int, part: Part | None, duplicates: int, source: Source | None
) -> CaptureFacts:
    """Return one capture and what it contributed; a live link has no source."""
    facts = CaptureFacts(number, 0 if part is None else part.messages, duplicates)
    if part is not None:
        facts = replace(facts, unread=tuple(part.unread.most_common()), broken=part.broken)
    if source is None:
        return facts
    return replace(
        facts,
        name=source.name,
        packets=source.packets,
        first_ns=source.first_ns,
        last_ns=source.last_ns,
        damage=source.damage,
        descriptions=tuple(source.descriptions.items()),
        foreign=source.packets - source.known_packets,
    )


def _queriers(link: LinkState) -> QueriersFacts:
    queriers, silence = link.queriers, link.queriers.silence
    known = {querier.address: _querier(querier) for querier in queriers.known.values()}
    acting = queriers.acting
    return QueriersFacts(
        known=tuple(known.values()),
        acting=None if acting is None else known[acting.address],
        variables=queriers.variables,
        silence=SilenceFacts(
            begun_ns=silence.begun_ns,
            limit_ns=silence.limit_ns,
            times=tuple(silence.times),
            at_end=silence.at_end,
            unseen=tuple(silence.unseen),
            dropped=silence.dropped,
        ),
        older=_older(link.compatibility.older_queriers),
        older_of_groups=_older(link.compatibility.older_group_queriers),
        dropped=tuple(link.dropped_queries.items()),
        elsewhere=link.asked_elsewhere,
    )


def _older(queriers: Mapping[Address, tuple[int, Mark]]) -> tuple[OlderQuerier, ...]:
    return tuple(
        OlderQuerier(address, version, mark.time_ns)
        for address, (version, mark) in queriers.items()
    )


def _querier(querier: Querier) -> QuerierFacts:
    return QuerierFacts(
        address=querier.address,
        mac=querier.mac,
        version=querier.version,
        first_ns=querier.first_ns,
        last_ns=querier.last_ns,
        variables=querier.variables,
        announced_ns=querier.announced_ns,
        observed_ns=querier.observed_ns,
        general_queries=querier.general_queries,
        acting=tuple(querier.acting),
    )


def _stream(stream: Stream) -> StreamFacts:
    returned = stream.returned
    return StreamFacts(
        group=stream.group,
        source=stream.source,
        first_ns=stream.first_ns,
        last_ns=stream.last_ns,
        packets=stream.packets,
        hop_limit=stream.hop_limit,
        flows=stream.flows,
        is_running=stream.is_running,
        pauses=tuple((pause.from_ns, pause.until_ns) for pause in stream.pauses),
        returned=None
        if returned is None
        else ReturnFacts(returned.mac, returned.hop_limit, returned.packets + returned.unsure),
    )
