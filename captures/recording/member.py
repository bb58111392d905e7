"""A group member: sockets of this kernel that tell what they do, in the words of scripts.

Each socket is named, so that a scenario can let two programs of one host disagree.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from netns import NetNS

from mldkit.link.group_sockets import GroupSockets, silent_socket
from mldkit.model.addresses import parse

if TYPE_CHECKING:
    from collections.abc import Callable

INTERFACE = "eth0"


class Member:
    """One host whose programs join and leave groups on its `eth0`.

    `tell` is called with each request, in the words of scripts, right before it is made.
    """

    def __init__(self, namespace: str, label: str, tell: Callable[[str], None]) -> None:
        self._namespace = namespace
        self._label = label
        self._tell = tell
        with NetNS(nsname=namespace):
            index = socket.if_nametoindex(INTERFACE)
        self._sockets = GroupSockets(index, self._open_socket)

    def join(self, group: str, *sources: str, program: str = "") -> None:
        """Join a group from any source, or from the given ones in their order."""
        self._say("join", group, sources, program)
        self._sockets.join(parse(group), map(parse, sources), name=program)

    def leave(self, group: str, *, program: str = "") -> None:
        """Leave a group with all its sources."""
        self._say("leave", group, (), program)
        self._sockets.leave(parse(group), name=program)

    def drop(self, group: str, source: str) -> None:
        """Give up one source of a source-specific membership."""
        self._say("drop", group, (source,))
        self._sockets.drop(parse(group), [parse(source)])

    def block(self, group: str, *sources: str) -> None:
        """Shut sources out of an any-source membership."""
        self._say("block", group, sources)
        self._sockets.block(parse(group), map(parse, sources))

    def unblock(self, group: str, source: str) -> None:
        """Let a blocked source in again."""
        self._say("unblock", group, (source,))
        self._sockets.unblock(parse(group), [parse(source)])

    def filter(self, group: str, mode: str, *sources: str) -> None:
        """Replace filter mode (`include` or `exclude`) and source list in one request."""
        self._say(f"filter {group} {mode} {{{','.join(sources)}}}")
        listed = map(parse, sources)
        self._sockets.set_filter(parse(group), listed, includes=mode == "include")

    def close(self) -> None:
        """Close every socket, which leaves every group."""
        self._sockets.close_all()

    def _say(
        self, verb: str, group: str = "", sources: tuple[str, ...] = (), program: str = ""
    ) -> None:
        words = [f"{self._label}:"] if self._label else []
        words += [verb, group] if group else [verb]
        if sources:
            words += ["from", ",".join(sources)]
        if program:
            words += ["socket", program]
        self._tell(" ".join(words))

    def _open_socket(self, family: socket.AddressFamily) -> socket.socket:
        with NetNS(nsname=self._namespace):
            return silent_socket(family)
