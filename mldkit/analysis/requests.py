"""DHCPv6 requests that clients repeat because no answer comes.

Answers go to one client and are not read; but a client sends a request again, with the same
transaction, for want of an answer only (RFC 8415 §15), and goes on to a Request once a Solicit was
answered (§18.2.1). What was sent three times and led to nothing else had no answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.analysis.limits import REQUESTS

if TYPE_CHECKING:
    from mldkit.analysis.room import LinkRoom
    from mldkit.analysis.shelf import Table
    from mldkit.model.addresses import Address

_SOLICIT, _REQUEST = 1, 3
_MOST_TRANSACTIONS = 100
"""Of one client that were repeated."""
_LEAST = 3
"""So often a request is sent before it is told: the second may cross a late answer."""


class Requests:
    """The DHCPv6 requests of one link."""

    def __init__(self, room: LinkRoom) -> None:
        self._clients: Table[Address, dict[bytes, int]] = room.table(REQUESTS)
        """How often each client sent the same request, by message type and transaction."""

    def see(self, client: Address, request: bytes) -> None:
        """Take in a request: its message type and the transaction, four octets."""
        sent = self._clients.get(client)
        if sent is None:
            sent = self._clients.keep(client, {})
        if request[0] == _REQUEST:
            for answered in [one for one in sent if one[0] == _SOLICIT]:
                del sent[answered]
        for once in [one for one in sent if one != request and sent[one] < _LEAST]:
            # Another transaction: that one was answered, or given up before it can be told.
            del sent[once]
        if request in sent or len(sent) < _MOST_TRANSACTIONS:
            sent[request] = sent.get(request, 0) + 1

    @property
    def unanswered(self) -> int:
        """Requests without an answer."""
        return sum(
            count for sent in self._clients.values() for count in sent.values() if count >= _LEAST
        )
