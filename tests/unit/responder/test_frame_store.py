"""Ready-made frames are those of the datagram that leaves, and of no other."""

from __future__ import annotations

from dataclasses import replace

from mldkit.responder.frame_store import FrameStore
from mldkit.testing.envelopes import IGMP_QUERY, MAC, MLD_QUERY, V4, V6


def test_a_frame_is_right_whether_it_was_made_before_or_not() -> None:
    store = FrameStore()
    store.keep([IGMP_QUERY, MLD_QUERY])

    assert (store.encode(IGMP_QUERY), store.encode(MLD_QUERY)) == (V4, V6)
    assert store.missed == set()
    assert store.encode(replace(IGMP_QUERY, hop_limit=2))[22] == 2
    assert store.missed == {MAC}


def test_what_a_host_kept_before_is_forgotten_in_that_family_only() -> None:
    store = FrameStore()
    first, second = replace(IGMP_QUERY), replace(IGMP_QUERY)
    store.keep([first, MLD_QUERY])
    store.keep([second])
    for datagram in (second, MLD_QUERY):
        store.encode(datagram)
    assert store.missed == set()

    assert store.encode(first) == V4
    assert store.missed == {MAC}
