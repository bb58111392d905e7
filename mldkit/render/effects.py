"""What queries do to others on a link, in words that stand before anything is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.model.addresses import is_link_local, text
from mldkit.model.family import IGMP, MLD
from mldkit.protocol.variables import Variables, variables_of
from mldkit.render.message_text import duration_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mldkit.model.addresses import Address
    from mldkit.model.family import Family
    from mldkit.model.messages import Query
    from mldkit.protocol.query_fields import QueryFields, Rounding


def source_warning(source: Address, family: Family) -> str | None:
    """Return a warning about a source address that receivers will not accept or will obey."""
    if family is MLD and not is_link_local(source):
        return f"hosts drop MLD queries from {text(source)}: it is not link-local"
    if family is IGMP and not any(source):
        return "a query from 0.0.0.0 can silence the querier of a Linux bridge"
    return None


def rounding_text(family: Family, what: str, rounding: Rounding) -> str:
    """Return how a time that the fields cannot say exactly is sent; `what` has its article."""
    wanted, sent = duration_text(rounding.wanted_ns), duration_text(rounding.sent_ns)
    return f"{family!r} sends {what} of {wanted} as {sent}"


_NAMES = {"interval_ns": "an interval", "response_ns": "a response time"}


def rounding_lines(fields: QueryFields) -> Iterator[str]:
    """Give what receivers of the queries read otherwise than it is wanted, one line each."""
    for name, rounding in fields.roundings():
        if name == "response_ns" and not fields.has_response_time:
            yield "IGMPv1 carries no response time: hosts take 10 s"
        else:
            yield rounding_text(fields.family, _NAMES[name], rounding)


def query_effects(sources: dict[Family, Address], queries: Sequence[Query]) -> list[str]:
    """Return what queries from these addresses do to others on the link, one line each."""
    lines = []
    for family, source in sources.items():
        warning = source_warning(source, family)
        if warning is not None:
            lines.append(warning)
    older = {query.family: query for query in queries if query.interval_ns is None}
    for family, query in older.items():
        # Robustness x interval + response interval, each by default (RFC 9777 §9.12).
        lines.append(
            f"{family!r}v{query.version}: hosts use this version for about 260 s from now on, "
            "and their answers name no sources"
        )
    names = " and ".join(text(source) for source in sources.values())
    lines.append(
        f"asking from {names}: queriers with a higher address may stay silent for "
        f"{_silence(queries)}; this machine does not hear its own query"
    )
    usual = Variables()
    learned = (variables_of(query) for query in queries if query.interval_ns is not None)
    if any(
        (one.robustness, one.interval_ns) != (usual.robustness, usual.interval_ns)
        for one in learned
    ):
        lines.append("Linux hosts adopt the robustness and the interval of this query")
    return lines


def _silence(queries: Sequence[Query]) -> str:
    """Return how long others take us for the querier."""
    usual_ns = Variables().other_querier_ns
    announced_ns = max(variables_of(query).other_querier_ns for query in queries)
    words = f"about {duration_text(announced_ns)}"
    if 2 * announced_ns < usual_ns:
        # net/bridge/br_multicast.c: the interval of a bridge is a setting, queries say nothing.
        words += f", Linux bridges for {duration_text(usual_ns)} by default"
    return words
