"""What became of the packets of a socket, in documents."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mldkit.link.account import Account
    from mldkit.render.message_json import Json


def account_json(account: Account) -> Json:
    """Return the members of a document that say it."""
    return {
        "received": account.received,
        "folded": account.folded,
        "dropped": account.dropped,
        "left": account.left,
    }
