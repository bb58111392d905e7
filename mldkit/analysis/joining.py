"""The results of several sites as one, in which every link carries the name of its site."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mldkit.analysis.diagnosis import gravity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mldkit.analysis.result import AnalysisResult


def joined(results: Sequence[tuple[str, AnalysisResult]]) -> AnalysisResult:
    """Return what was found at several sites as one, each with what to call it."""
    if len(results) == 1:
        return results[0][1]
    found = [_of_site(result, site) for site, result in results]
    first = found[0]
    begun = [result.begun_ns for result in found if result.begun_ns]
    return replace(
        first,
        links=tuple(link for result in found for link in result.links),
        devices=tuple(device for result in found for device in result.devices),
        findings=tuple(sorted((one for result in found for one in result.findings), key=gravity)),
        captures=tuple(
            sorted(
                (capture for result in found for capture in result.captures),
                key=lambda capture: capture.number,
            )
        ),
        begun_ns=min(begun, default=0),
        ended_ns=max(result.ended_ns for result in found),
        left_out=tuple(item for result in found for item in result.left_out),
        pauses=tuple(pause for result in found for pause in result.pauses),
    )


def _of_site(result: AnalysisResult, site: str) -> AnalysisResult:
    return replace(
        result,
        links=tuple(replace(link, key=link.key._replace(site=site)) for link in result.links),
        devices=tuple(replace(device, site=site) for device in result.devices),
        findings=tuple(
            entry if entry.link is None else replace(entry, link=entry.link._replace(site=site))
            for entry in result.findings
        ),
        left_out=tuple(
            item if item.link is None else replace(item, link=item.link._replace(site=site))
            for item in result.left_out
        ),
    )
