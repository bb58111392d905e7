"""Messages that a script lets other nodes send: queries, and reports of other hosts.

::

    query GROUP [max-response T] [version N] [sources S,S] [robustness N] [interval T] [suppress]
                [from ADDR] [to ADDR] [link-to MAC] [hop-limit N] [tos N]
                [no-router-alert] [router-alert N] [bad-checksum] [length N]
    report VERSION GROUP from-host ADDR [from-mac MAC]
    report RECORD... from-host ADDR [from-mac MAC]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mldkit.errors import UsageError
from mldkit.model import codes, notation
from mldkit.model.addresses import Address, is_multicast, parse_mac
from mldkit.model.datagram import Datagram
from mldkit.model.family import DEFAULT_RESPONSE_NS, IGMP, Family, family_of
from mldkit.model.messages import LegacyReport, Query, Report
from mldkit.model.units import SECOND
from mldkit.protocol.script import MessageAct

if TYPE_CHECKING:
    from mldkit.protocol.script import Script, Station
    from mldkit.protocol.script_words import Words

_OTHER_MAC = bytes.fromhex("0200000001")
_INTERVAL_S = 125


def query(script: Script, words: Words) -> MessageAct:
    """Return the query that the rest of the line says."""
    group = words.read("group", notation.parse_address)
    family = family_of(group)
    options = _query_options(words, family)
    querier = _querier(script, family)
    source = options.get("from")
    if source is None:
        if querier is None:
            words.fail(f"no querier line has an IPv{family.ip_version} address")
        source = querier.address
    message = _query_message(words, group, family, options)
    default = family.all_hosts if not any(group) or not is_multicast(group) else group
    destination = options.get("to", default)
    link_destination = options.get("link-to")
    if link_destination is None and not is_multicast(destination):
        if not script.hosts:
            words.fail("no line `host ADDRESS MAC` says where the frame goes")
        link_destination = script.hosts[0].mac
    mac = querier.mac if querier else script.queriers[0].mac if script.queriers else bytes(6)
    datagram = Datagram(
        source,
        destination,
        message,
        hop_limit=options.get("hop-limit", 1),
        traffic_class=options.get("tos", family.traffic_class),
        router_alert=None if "no-router-alert" in options else options.get("router-alert", 0),
        link_source=mac,
        link_destination=link_destination,
    )
    return MessageAct("querier", datagram, "bad-checksum" in options, options.get("length"))


def _querier(script: Script, family: Family) -> Station | None:
    for station in script.queriers:
        if family_of(station.address) is family:
            return station
    return None


def _query_options(words: Words, family: Family) -> dict[str, Any]:
    def address(word: str) -> Address:
        found = notation.parse_address(word)
        if family_of(found) is not family:
            raise UsageError(f"{word} is of another family than the group")
        return found

    def sources(word: str) -> tuple[Address, ...]:
        return tuple(address(part) for part in word.split(","))

    options: dict[str, Any] = {}
    while not words.is_done:
        name = words.next("option")
        match name:
            case "suppress" | "no-router-alert" | "bad-checksum":
                options[name] = True
            case "max-response" | "interval":
                options[name] = words.read(name, notation.parse_duration)
            case "version":
                options[name] = words.number(name, 1, family.current_version)
            case "robustness":
                options[name] = words.number(name, 0, 7)
            case "sources":
                options[name] = words.read(name, sources)
            case "from" | "to":
                options[name] = words.read(name, address)
            case "link-to":
                options[name] = words.read(name, parse_mac)
            case "hop-limit" | "tos":
                options[name] = words.number(name, 0, 255)
            case "router-alert" | "length":
                options[name] = words.number(name, 0, 65535)
            case _:
                words.position -= 1
                words.fail(f"{name!r} is no option of a query")
    return options


def _query_message(words: Words, group: Address, family: Family, options: dict[str, Any]) -> Query:
    version = options.get("version", family.current_version)
    units = options.get("max-response", DEFAULT_RESPONSE_NS) // family.response_unit_ns
    if version != family.current_version:
        unusable = {"sources", "robustness", "interval", "suppress"} & options.keys()
        if unusable:
            words.fail(f"a query of version {version} has no {' and no '.join(sorted(unusable))}")
        if family is IGMP and version == 1:
            if "max-response" in options:
                words.fail("a query of version 1 has no max-response: hosts take 10 s")
            return Query(1, group)
        largest = 0xFF if family is IGMP else 0xFFFF
        if units > largest or (family is IGMP and not units):
            words.fail(f"version {version} cannot carry this max-response")
        return Query(version, group, units)
    interval_s = options.get("interval", _INTERVAL_S * SECOND) // SECOND
    if units > codes.decode(
        (1 << family.response_code_width) - 1, width=family.response_code_width
    ):
        words.fail("no query can carry this max-response")
    if interval_s > codes.decode(0xFF, width=8):
        words.fail("no query can carry this interval")
    return Query(
        version,
        group,
        codes.encode(units, width=family.response_code_width),
        suppress="suppress" in options,
        robustness=options.get("robustness", 2),
        interval_code=codes.encode(interval_s, width=8),
        sources=options.get("sources", ()),
    )


def report(script: Script, words: Words) -> MessageAct:  # noqa: ARG001 (as query)
    """Return the report of another host that the rest of the line says."""
    message: LegacyReport | Report
    if words.peek().isdecimal():
        version = words.number("version", 1, 2)
        group = words.read("group", notation.parse_group)
        if version == 2 and family_of(group) is not IGMP:
            words.fail("MLD has older reports of version 1 only")
        message = LegacyReport(version, group)
        destination = group
    else:
        records = [words.read("record", notation.parse_record)]
        while not words.is_done and words.peek() != "from-host":
            records.append(words.read("record", notation.parse_record))
        message = Report(tuple(records))
        destination = family_of(records[0].group).reports
    family = family_of(destination)
    if not words.take("from-host"):
        words.fail("`from-host ADDRESS` is missing")
    source = words.read("address", notation.parse_address)
    if family_of(source) is not family:
        words.position -= 1
        words.fail("the host's address is of another family than the group")
    mac = _OTHER_MAC + source[-1:]
    if words.take("from-mac"):
        mac = words.read("MAC", parse_mac)
    datagram = Datagram(
        source, destination, message, traffic_class=family.traffic_class, link_source=mac
    )
    return MessageAct("other", datagram)
