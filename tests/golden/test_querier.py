"""Third-party captures as what a querier hears: what must be dropped is, and nothing harms it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mldkit.analysis.facts import is_dropped
from mldkit.link.capture import open_capture
from mldkit.model.addresses import is_reportable, is_source_specific, parse
from mldkit.model.datagram import Decoded
from mldkit.model.family import IGMP, MLD
from mldkit.model.messages import Leave, LegacyReport
from mldkit.model.units import SECOND
from mldkit.protocol.querier import Querier
from mldkit.protocol.querier_settings import QuerierSettings
from mldkit.protocol.reception import accepted
from mldkit.wire.decoder import Decoder
from mldkit.wire.validity import find
from tests.material import shared_files

if TYPE_CHECKING:
    from pathlib import Path

CAPTURES = shared_files("corpus/*.pcap", "kernel-captures/*.pcap*")


def messages(path: Path) -> list[Decoded]:
    decoder = Decoder()
    with open_capture(str(path)) as capture:
        return [decoded for frame in capture.candidates() for decoded in decoder.decode(frame)]


def test_the_captures_are_there(shared: Path) -> None:
    assert len(list(shared.glob("corpus/*.pcap"))) == 27


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_a_router_drops_what_the_rules_say_must_be_dropped(path: Path) -> None:
    for decoded in messages(path):
        if decoded.kind not in ("query", "report", "leave"):
            assert accepted(decoded) is None
            continue
        message = decoded.datagram.message
        if isinstance(message, LegacyReport | Leave):
            group = message.group
            if not is_reportable(group) or is_source_specific(group):
                # No rule of frames: routers alone have no use for it (RFC 4604 §2.2).
                continue
        dropped = is_dropped(decoded, find(decoded))
        assert (accepted(decoded) is None) == dropped, f"frame {decoded.frame.number}"


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_whatever_it_hears_it_goes_on_querying(path: Path) -> None:
    # The lowest addresses, so that nobody in a capture silences it.
    addresses = {
        parse("0.0.0.1"): QuerierSettings(IGMP, 3),
        parse("fe80::"): QuerierSettings(MLD, 2),
    }
    querier = Querier(bytes(6), addresses)
    querier.start(0)
    heard = messages(path)
    begun_ns = heard[0].frame.time_ns or 0 if heard else 0
    now_ns = 0
    for decoded in heard:
        now_ns = max(now_ns, (decoded.frame.time_ns or 0) - begun_ns)
        querier.poll(now_ns)
        querier.receive(decoded, now_ns)
    sent = []
    end_ns = now_ns + 400 * SECOND
    while (due_ns := querier.deadline_ns) is not None and due_ns <= end_ns:
        sent += querier.poll(due_ns)
    assert {datagram.family for datagram in sent} == {IGMP, MLD}
    assert list(querier.members(end_ns)) == []
