"""What is known of an interface when the kernel told more of it than anybody had room for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mldkit.errors import LinkError
from mldkit.link import clock, interfaces, netlink
from mldkit.link.link_watch import LinkWatch
from mldkit.link.naming import NameChanges

if TYPE_CHECKING:
    from tests.conftest import Link

pytestmark = pytest.mark.netns

LINK_GROUP = 1


def overflow(link: Link) -> None:
    """Have the kernel tell of more than fits into a netlink socket that nobody reads."""
    with link.near.entered(), netlink.Notifications((LINK_GROUP,)) as witness:
        mtus = [f"link set {link.interface} mtu {1400 + turn % 2}" for turn in range(1000)]
        link.near.batch(mtus)
        witness.read(fixed_octets=16)
        assert witness.take_overflow()
        assert not witness.take_overflow()


def test_a_removal_that_was_not_heard_is_found_out(link: Link) -> None:
    with link.near.entered(), LinkWatch(interfaces.find(link.interface)) as watch:
        overflow(link)
        link.near.ip(f"link delete {link.interface}")
        with pytest.raises(LinkError, match="eth1: the interface was removed"):
            list(watch.changes())


def test_what_has_changed_meanwhile_is_given_once(link: Link) -> None:
    with link.near.entered(), LinkWatch(interfaces.find(link.interface)) as watch:
        overflow(link)
        link.near.ip(f"link set {link.interface} down")

        assert list(watch.changes()) == [False]
        assert list(watch.changes()) == []


def test_a_name_that_was_not_heard_is_asked_for(link: Link) -> None:
    with link.near.entered():
        index = interfaces.find(link.interface).index
        changes = NameChanges(clock.wall_ns)
        overflow(link)
        link.near.ip(f"link set {link.interface} name lan0")

        heard = changes.take(index)

        assert heard[-1][1] == "lan0"
        assert changes.take(index) == []
        changes.close()
