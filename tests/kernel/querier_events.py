"""A running `querier` whose events are read, and what its captures hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mldkit.link.capture import open_capture
from mldkit.model.addresses import text
from mldkit.model.messages import Query
from mldkit.wire.decoder import Decoder
from tests.kernel.event_stream import EventStream

if TYPE_CHECKING:
    from pathlib import Path

    from mldkit.model.datagram import Decoded
    from tests.conftest import Namespace

QUICK = ("--interval", "2s", "--max-response", "500ms", "--listen", "0")


def begin(near: Namespace, *arguments: str) -> EventStream:
    return EventStream(near.spawn_mldkit("querier", "-i", "eth1", "--format", "ndjson", *arguments))


def messages(capture: Path) -> list[Decoded]:
    decoder = Decoder()
    with open_capture(str(capture)) as opened:
        return [decoded for frame in opened.frames() for decoded in decoder.decode(frame)]


def queries_from(seen: list[Decoded], source: str) -> list[int]:
    """Return when General Queries of an address were seen."""
    return [
        decoded.frame.time_ns or 0
        for decoded in seen
        if isinstance(decoded.datagram.message, Query)
        and decoded.datagram.message.is_general
        and text(decoded.datagram.source) == source
    ]


def wait_for(stream: EventStream, **wanted: object) -> dict[str, Any]:
    """Return an event that came already, or wait for it."""
    for event in stream.events:
        if wanted.items() <= event.items():
            return event
    return stream.wait_for(**wanted)
