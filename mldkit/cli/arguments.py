"""Arguments that several verbs share, and the argparse types for the notation of the field."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, TypeVar

from mldkit.errors import UsageError
from mldkit.model import notation
from mldkit.model.addresses import parse_mac

if TYPE_CHECKING:
    from collections.abc import Callable

    from mldkit.model.addresses import Address
    from mldkit.model.messages import GroupRecord
    from mldkit.model.notation import GroupSpec

T = TypeVar("T")
_SHOWN = 40
MOST_ROOM = 100
TUNNELS_HELP = (
    "look inside VXLAN, Geneve, GRE, ERSPAN, IP-in-IP (6in4), GTP-U, L2TP, CAPWAP data, TZSP, AYIYA"
)


def _checked(parse: Callable[[str], T], value: str) -> T:
    """Return the parsed value; argparse names the argument in front of our message."""
    try:
        return parse(value)
    except UsageError as error:
        message = error.message + (f" ({error.hint})" if error.hint else "")
        raise argparse.ArgumentTypeError(message) from error
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def duration(value: str) -> int:
    """Type of times on the command line; nanoseconds."""
    return _checked(notation.parse_duration, value)


def group_spec(value: str) -> GroupSpec:
    """Type of `[SOURCE{,SOURCE}@]GROUP[+COUNT]`."""
    return _checked(notation.parse_group_spec, value)


def record(value: str) -> GroupRecord:
    """Type of `TYPE(GROUP[,{S,S}])`."""
    return _checked(notation.parse_record, value)


def address(value: str) -> Address:
    """Type of an IPv4 or IPv6 address."""
    return _checked(notation.parse_address, value)


def mac(value: str) -> bytes:
    """Type of a hardware address."""
    return _checked(parse_mac, value)


def octets(value: str) -> bytes:
    """Type of hexadecimal octets, at least one; blanks and colons may stand between them."""
    try:
        found = bytes.fromhex(value.replace(":", " "))
    except ValueError:
        found = b""
    if not found:
        shown = value if len(value) <= _SHOWN else f"{value[:_SHOWN]}..."
        raise argparse.ArgumentTypeError(f"{shown!r} is not octets in hexadecimal (0a1b or 0a:1b)")
    return found


def whole_number(low: int, high: int) -> Callable[[str], int]:
    """Return the type of an integer from `low` to `high`; hexadecimal with 0x."""

    def parse(value: str) -> int:
        try:
            number = int(value, 0)
        except ValueError:
            number = low - 1
        if not low <= number <= high:
            raise argparse.ArgumentTypeError(
                f"{value!r} is not a whole number from {low} to {high}"
            )
        return number

    return parse


def add_interface(parser: argparse.ArgumentParser) -> None:
    """Add `-i IF`, which is required."""
    parser.add_argument("-i", "--interface", metavar="IF", required=True, help="network interface")


def add_room(parser: argparse.ArgumentParser) -> None:
    """Add `--room N`."""
    parser.add_argument(
        "--room",
        type=whole_number(1, MOST_ROOM),
        default=1,
        metavar="N",
        help="N times the room for links, senders and members, for sites that are really larger:"
        " what finds none is told",
    )


def add_source(parser: argparse.ArgumentParser) -> None:
    """Add `--source ADDR`, which may be given once a family."""
    parser.add_argument(
        "--source",
        dest="sources",
        type=address,
        action="append",
        default=[],
        metavar="ADDR",
        help="source address, one per family (default: those of the interface)",
    )


def add_format(parser: argparse.ArgumentParser) -> None:
    """Add `--format` and its short form `--json`."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        "--format",
        choices=("text", "json", "ndjson"),
        default="text",
        help="text for people, one json document, or one json line per entry (default: text)",
    )
    group.add_argument(
        "--json", dest="format", action="store_const", const="json", help="same as --format json"
    )
