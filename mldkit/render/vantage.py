"""Where a capture was taken, in words: what is not seen from there explains what is not said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.analysis.vantage import BRIDGE, LINK, PORT, ROUTER_PORT
from mldkit.render.words import frames_text, link_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mldkit.analysis.result import LinkFacts

_MOST_FRAMES = 6
_PLACES = {
    LINK: "a place where everything on the link passes",
    PORT: "a port of a snooping switch, where queries to hosts behind other ports do not pass",
    ROUTER_PORT: "a port between a snooping switch and a router",
    BRIDGE: "the own interface of a Linux bridge, which asks its ports elsewhere",
}


def vantage_lines(links: Iterable[LinkFacts]) -> list[str]:
    """Return where each interface was looked at, unless it is what anybody would assume."""
    lines: dict[str, None] = {}
    for link in links:
        assumed = link.vantage
        if assumed.place == LINK and not assumed.is_said:
            continue
        why = assumed.why
        if assumed.frames:
            why += f"; {frames_text(assumed.frames, _MOST_FRAMES, None)}"
        lines[f"{link_name(link.key)} is taken for {_PLACES[assumed.place]} ({why})."] = None
    return list(lines)
