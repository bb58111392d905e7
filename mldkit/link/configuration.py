"""Changes of interfaces, addresses and neighbours by netlink, done when the call returns.

The command `ip` does the same a few milliseconds later; here the moment of a change is known.
Each call is one request that the kernel acknowledges (linux/rtnetlink.h)::

    ifinfomsg | family 8 | pad 8 | type 16 | index 32 | flags 32 | change 32 |    up, down, MTU
    ifaddrmsg | family 8 | prefix 8 | flags 8 | scope 8 | index 32 |              addresses
    ndmsg     | family 8 | pad 24 | index 32 | state 16 | flags 8 | type 8 |      proxies

Interfaces have their numbers of the network namespace in which the object was made, wherever its
owner lives later.
"""

from __future__ import annotations

import os
import socket
import struct
from typing import Self

from mldkit.errors import LinkError
from mldkit.link import netlink
from mldkit.model.addresses import Address

_NEW_LINK = 16
_NEW_ADDRESS = 20
_DELETE_ADDRESS = 21
_NEW_NEIGHBOUR = 28
_DELETE_NEIGHBOUR = 29
_IFF_UP = 0x1
_IFLA_MTU = 4
_IFLA_AF_SPEC = 26
_IFLA_INET6_ADDR_GEN_MODE = 8
_IFA_ADDRESS = 1
_IFA_LOCAL = 2
_NTF_PROXY = 0x08
_PERMANENT = 0x80
_NDA_DST = 1
_LINK = struct.Struct("=BxHiII")
_ADDRESS = struct.Struct("=BBBBI")
_NEIGHBOUR = struct.Struct("=BxxxiHBB")

MAKES_FROM_MAC, MAKES_NONE = 0, 1
"""How an interface gets its own link-local address when it comes up."""


class Configuration:
    """Changes what is in one network namespace, the one in which it is made."""

    def __init__(self) -> None:
        self._channel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, netlink.ROUTE)
        self._channel.bind((0, 0))
        self._sequence = 0

    def __enter__(self) -> Self:
        """Return the object itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the socket; what was changed stays."""
        self._channel.close()

    def set_up(self, index: int, *, is_up: bool) -> None:
        """Switch an interface on or off."""
        self._request(_NEW_LINK, _LINK.pack(0, 0, index, _IFF_UP if is_up else 0, _IFF_UP))

    def set_mtu(self, index: int, mtu: int) -> None:
        """Set the MTU of an interface."""
        attribute = netlink.attribute(_IFLA_MTU, struct.pack("=I", mtu))
        self._request(_NEW_LINK, _LINK.pack(0, 0, index, 0, 0) + attribute)

    def set_address_generation(self, index: int, mode: int) -> None:
        """Say how the next link-local address is made; those that exist stay."""
        value = netlink.attribute(_IFLA_INET6_ADDR_GEN_MODE, struct.pack("=B", mode))
        nested = netlink.attribute(_IFLA_AF_SPEC, netlink.attribute(socket.AF_INET6, value))
        self._request(_NEW_LINK, _LINK.pack(0, 0, index, 0, 0) + nested)

    def add_address(self, index: int, address: Address, prefix: int) -> None:
        """Give an interface an address."""
        self._request(_NEW_ADDRESS, _address_body(index, address, prefix), creates=True)

    def remove_address(self, index: int, address: Address, prefix: int) -> None:
        """Take an address from an interface."""
        self._request(_DELETE_ADDRESS, _address_body(index, address, prefix))

    def add_proxy(self, index: int, address: Address) -> None:
        """Let an interface answer neighbour solicitations for an address."""
        self._request(_NEW_NEIGHBOUR, _proxy_body(index, address), creates=True)

    def remove_proxy(self, index: int, address: Address) -> None:
        """Stop that."""
        self._request(_DELETE_NEIGHBOUR, _proxy_body(index, address))

    def _request(self, kind: int, body: bytes, *, creates: bool = False) -> None:
        self._sequence += 1
        self._channel.send(netlink.request(kind, self._sequence, body, creates=creates))
        error = netlink.acknowledgement(self._channel.recv(1 << 16))
        if error:
            raise LinkError(f"netlink: {os.strerror(error).lower()}")


def _family_of(address: Address) -> int:
    return socket.AF_INET if len(address) == 4 else socket.AF_INET6


def _address_body(index: int, address: Address, prefix: int) -> bytes:
    head = _ADDRESS.pack(_family_of(address), prefix, 0, 0, index)
    local = netlink.attribute(_IFA_LOCAL, address)
    return head + local + netlink.attribute(_IFA_ADDRESS, address)


def _proxy_body(index: int, address: Address) -> bytes:
    # One that is not permanent goes with the carrier already.
    head = _NEIGHBOUR.pack(_family_of(address), index, _PERMANENT, _NTF_PROXY, 0)
    return head + netlink.attribute(_NDA_DST, address)
