"""Every frame of a packet socket is accounted for, whatever becomes of its interface."""

from __future__ import annotations

import json
import signal
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from mldkit.link import clock
from mldkit.link.account import Account, close_account
from mldkit.link.device import InterfaceDown, PacketSocket
from mldkit.model.units import MILLISECOND
from tests.kernel.event_stream import EventStream
from tests.kernel.test_device import mld_report, soon, udp_frame
from tests.kernel.test_watch_account import received_by, reports

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Link

pytestmark = pytest.mark.netns


@contextmanager
def both_ends(link: Link) -> Iterator[tuple[PacketSocket, PacketSocket]]:
    """Give a socket that sends at the near end, and one that listens at the far end."""
    with link.near.entered():
        sender = PacketSocket(link.interface)
    with link.far.entered():
        listener = PacketSocket(link.interface)
    with sender, listener:
        yield sender, listener


def test_the_account_agrees_with_the_counter_of_a_link_that_carries_nothing_else(
    silent_link: Link,
) -> None:
    link = silent_link
    with link.near.entered():
        sender = PacketSocket(link.interface)
    with link.far.entered():
        witness = PacketSocket(link.interface)
    with witness:
        # What comes before there is a socket passes no filter.
        sender.send_many([mld_report()] * 7)
        assert all(witness.receive(soon()) for _ in range(7))
    before = received_by(link.far, link.interface)
    with link.far.entered():
        listener = PacketSocket(link.interface, buffer_octets=64 << 10)
    with sender, listener:
        sender.send_many([mld_report(), udp_frame()] * 10)
        taken = [listener.receive(soon()) for _ in range(10)]
        sender.send_many([mld_report()] * 1000)
        listener.statistics()  # the kernel's own counts begin anew
        sender.send_many([mld_report()] * 5)
        expected = received_by(link.far, link.interface) - before - 10
        # The kernel may give frames to sockets after the call that sent them.
        give_up_ns = soon()
        while listener.statistics().received < expected and clock.now_ns() < give_up_ns:
            clock.wait_ns(MILLISECOND)

        account = close_account(listener)

        sender.send(mld_report())
        assert None not in taken
        assert account.received == expected
        assert account.folded == 10
        assert account.left > 0
        assert account.dropped > 0
        assert account.received == account.folded + account.dropped + account.left
        assert close_account(listener) == replace(account, folded=10 + account.left, left=0)


def test_a_socket_that_was_stopped_hears_nothing_more(silent_link: Link) -> None:
    link = silent_link
    with link.near.entered():
        sender, near_loopback = PacketSocket(link.interface), PacketSocket("lo")
        listener, witness = PacketSocket(link.interface), PacketSocket("lo")
    with sender, near_loopback, listener, witness:
        listener.stop()
        sender.send(mld_report())
        near_loopback.send(mld_report())

        assert witness.receive(soon()) is not None
        assert close_account(listener) == Account()


def test_a_frame_held_for_the_next_call_is_left(silent_link: Link) -> None:
    link = silent_link
    with both_ends(link) as (sender, listener):
        deadline_ns = clock.now_ns()
        sender.send(mld_report())

        assert listener.receive(deadline_ns) is None
        assert close_account(listener) == Account(received=1, left=1)


def test_what_waits_when_an_interface_goes_down_comes_before_that(silent_link: Link) -> None:
    link = silent_link
    with both_ends(link) as (sender, listener):
        sender.send_many([mld_report()] * 3)
        link.far.ip(f"link set {link.interface} down")

        before = [listener.take() for _ in range(3)]
        with pytest.raises(InterfaceDown):
            listener.take()

        assert [frame.number for frame in before if frame is not None] == [1, 2, 3]
        assert listener.take() is None


def test_what_waits_when_an_interface_is_removed_is_given(silent_link: Link) -> None:
    link = silent_link
    with both_ends(link) as (sender, listener):
        sender.send_many([mld_report()] * 3)
        link.far.ip(f"link delete {link.interface}")

        assert close_account(listener) == Account(received=3, left=3)


def balanced(document: dict[str, int]) -> bool:
    return document["received"] == document["folded"] + document["dropped"] + document["left"]


def test_a_querier_accounts_for_what_the_link_carried(silent_link: Link) -> None:
    link = silent_link
    with link.far.entered():
        sender = PacketSocket(link.interface)
    link.near.ip(f"address add 10.9.0.1/24 dev {link.interface}")
    before = received_by(link.near, link.interface)
    querier = EventStream(
        link.near.spawn_mldkit(
            "querier", "-i", link.interface, "-4", "--format", "ndjson", "--listen", "10ms"
        )
    )
    querier.wait_for(event="query")
    with sender:
        sender.send_many(reports(400))
    querier.wait_for(event="join", group="239.7.7.7")
    querier.process.send_signal(signal.SIGTERM)
    code, words = querier.finish()

    end = querier.events[-1]
    assert (code, end["event"]) == (0, "end")
    carried = received_by(link.near, link.interface) - before
    assert carried == 400
    # A frame that was at hand when the signal came is left; the querier hears itself too.
    assert balanced(end)
    assert end["dropped"] == 0
    assert end["left"] <= 1
    assert end["received"] >= carried + end["queries"]
    assert f"{end['received']:,} packets received: {end['folded']:,} folded" in words


def test_a_query_and_a_responder_account_for_each_other(silent_link: Link) -> None:
    link = silent_link
    link.near.ip(f"address add 10.9.0.1/24 dev {link.interface}")
    responder = EventStream(
        link.far.spawn_mldkit(
            "respond", "-i", link.interface, "239.7.7.7", "--hosts", "40", "--warm",
            "--format", "ndjson",
        )
    )  # fmt: skip
    responder.wait_for()  # it has begun

    asked = link.near.mldkit(
        "query", "-i", link.interface, "-4", "--max-response", "200ms", "--json"
    )
    responder.process.send_signal(signal.SIGTERM)
    code, _ = responder.finish()

    document = json.loads(asked.stdout)
    assert balanced(document)
    assert document["received"] == 1 + 40, "the query itself and an answer of each host"
    assert (document["dropped"], document["left"]) == (0, 0)
    end = responder.events[-1]
    assert code == 0
    assert balanced(end)
    assert end["received"] == end["folded"] == 1, "the query"
