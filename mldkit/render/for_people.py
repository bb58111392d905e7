r"""A result in the terms that people know: devices by their descriptions, times without the day.

Windows calls a network card `\Device\NPF_{5C0A19B1-...}`; a pcapng file may tell its description.
Times in findings have their date, which is noise where all of a capture is of one day.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from mldkit.model.units import SECOND
from mldkit.model.words import clock_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mldkit.analysis.facts import LinkKey
    from mldkit.analysis.result import AnalysisResult

_DEVICE = re.compile(r"\\Device\\(?:NPF_)?\{?([0-9A-Fa-f]{8})[-0-9A-Fa-f]*\}?")
_DATE = re.compile(r"\b\d{4}-\d\d-\d\d (?=\d\d:\d\d:\d\d UTC)")
_TIME = re.compile(r"\b\d\d:\d\d:\d\d UTC")
_DAY_NS = 86_400 * SECOND


def for_people(result: AnalysisResult) -> AnalysisResult:
    """Return a result whose links and findings are in words; JSON has the names themselves."""
    names = _names(result)

    def renamed(key: LinkKey) -> LinkKey:
        return key._replace(interface=names.get(key.interface or "", key.interface))

    def told(detail: str) -> str:
        for name, known in names.items():
            detail = detail.replace(name, known)
        return without_dates(detail, result)

    return replace(
        result,
        links=tuple(replace(link, key=renamed(link.key)) for link in result.links),
        findings=tuple(
            replace(
                entry,
                link=None if entry.link is None else renamed(entry.link),
                detail=told(entry.detail),
            )
            for entry in result.findings
        ),
        pauses=tuple(
            replace(pause, interface=names.get(pause.interface or "", pause.interface))
            for pause in result.pauses
        ),
        devices=tuple(
            replace(device, interface=names.get(device.interface or "", device.interface))
            for device in result.devices
        ),
        left_out=tuple(
            item if item.link is None else replace(item, link=renamed(item.link))
            for item in result.left_out
        ),
    )


def without_dates(text: str, result: AnalysisResult) -> str:
    """Return text without the dates of its times, where all of a capture is of one day."""
    is_one_day = result.begun_ns // _DAY_NS == result.ended_ns // _DAY_NS
    return _DATE.sub("", text) if is_one_day else text


def day_text(lines: Iterable[str], result: AnalysisResult, today_ns: int) -> str | None:
    """Return of which day the times in some lines are, None where everybody takes it for granted.

    That is so on the day itself, where no time is told, and where every time has its date.
    """
    days = {result.begun_ns // _DAY_NS, result.ended_ns // _DAY_NS}
    if len(days) > 1 or today_ns // _DAY_NS in days or not any(map(_TIME.search, lines)):
        return None
    return f"Times are of {clock_text(result.begun_ns).split(' ', 1)[0]}, UTC."


def _names(result: AnalysisResult) -> dict[str, str]:
    """Return what to call devices whose names tell people nothing."""
    descriptions = {
        name: description
        for capture in result.captures
        for name, description in capture.descriptions
    }
    names: dict[str, str] = {}
    for link in result.links:
        name = link.key.interface or ""
        found = _DEVICE.fullmatch(name)
        if found is not None:
            names[name] = descriptions.get(name) or f"NPF {found[1]}"
    # Two cards of one kind have one description.
    counts = Counter(names.values())
    for name, known in names.items():
        found = _DEVICE.fullmatch(name)
        if counts[known] > 1 and found is not None:
            names[name] = f"{known} ({found[1]})"
    return names
