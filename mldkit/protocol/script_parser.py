"""The text of a script to its values; errors name line and column.

::

    line         [TIME] WORD...          `#` starts a comment
    TIME         1.5 | +1.5 | +1.5..2.5
    WORD         without blanks, or with blanks inside ( ) and { }

Header words and action verbs are rows of two tables; each row has the function that reads the
rest of its line.
"""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from mldkit.errors import UsageError
from mldkit.model import notation
from mldkit.model.addresses import is_multicast, parse_mac
from mldkit.model.family import IGMP, IPV6_LEAST_MTU, MLD, family_of
from mldkit.model.messages import Leave, LegacyReport, Report
from mldkit.model.units import SECOND
from mldkit.protocol import script_messages
from mldkit.protocol.filters import FilterMode
from mldkit.protocol.profile import PROFILE_NAMES
from mldkit.protocol.querier_settings import QuerierSettings
from mldkit.protocol.script import (
    Action,
    DataAct,
    DeviceAct,
    Expectation,
    Script,
    SocketAct,
    Station,
    SysctlAct,
)
from mldkit.protocol.script_words import ScriptError, Words, split_words
from mldkit.protocol.settings import parse_setting
from mldkit.protocol.variables import Variables

if TYPE_CHECKING:
    from collections.abc import Callable

    from mldkit.model.addresses import Address
    from mldkit.protocol.script import Act

_NUMBER = r"(\d+(?:\.\d+)?|\.\d+)"
_TIME = re.compile(rf"(\+?){_NUMBER}(?:\.\.{_NUMBER})?", re.ASCII)
_LINE_END = re.compile(r"\r\n|\r|\n")
# Sysctl names have dots between their parts; the kernel takes 15 octets (include/uapi/linux/if.h).
_INTERFACE = re.compile(r"[\w+-]{1,15}", re.ASCII)
_NO_INTERFACES = ("all", "default", "lo")
_LOOPBACK = bytes(15) + b"\1"
_MOST_DIGITS = 9
_NO_ROOM = "a host has no IPv6 address where the MTU is below 1280 (RFC 8200 §5)"
_PREFIXES = {4: 24, 6: 64}


def parse_script(text: str, name: str = "script") -> Script:
    """Return the script that `text` says; raise ScriptError at the first line that is wrong."""
    script = Script(name, text)
    for number, line in enumerate(_LINE_END.split(text), start=1):
        found = split_words(line)
        if found:
            words = Words(name, number, found)
            if _TIME.fullmatch(words.peek()):
                _timed(script, words, line.partition("#")[0].strip())
            else:
                _header(script, words)
            words.finish()
    if not script.hosts:
        raise ScriptError(f"{name}:1:1: no line `host ADDRESS MAC`")
    if script.acting is not None and not script.queriers:
        raise ScriptError(f"{name}:1:1: no line `querier ADDRESS MAC` for the querier that acts")
    return script


# Header


def _header(script: Script, words: Words) -> None:
    if script.actions or script.expectations:
        words.fail(f"{words.peek()!r} is not a time", hint="header lines come before all others")
    if not words.peek()[0].isalpha():
        words.fail(f"{words.peek()!r} is not a time", hint="times: 5.0, +0.2, +0.008..1.036")
    verb = words.choice("header line", "host", "querier", "set", "sysctl")
    if verb == "sysctl":
        script.sysctls.append((words.line, _sysctl(script, words)))
    elif verb == "set":
        _set(script, words)
    else:
        _station(script, words, verb)


def _station(script: Script, words: Words, verb: str) -> None:
    is_host = verb == "host"
    known, others = script.hosts, script.queriers
    if not is_host:
        known, others = others, known
    address = words.read("address", _own_address if is_host else notation.parse_address)
    if is_host and any(address) and not _fits(script.mtu, address):
        words.refuse(_NO_ROOM)
    if is_host and any(station.address == address for station in known):
        words.refuse("the host has this address already")
    mac = words.read("MAC", _own_mac)
    if is_host and known and known[0].mac != mac:
        words.refuse("a host has one MAC")
    if any(station.mac == mac for station in others):
        words.refuse("host and querier have the same MAC and could not be told apart")
    known.append(Station(address, mac, _PREFIXES[family_of(address).ip_version]))


def _own_address(word: str) -> Address:
    address = notation.parse_address(word)
    if is_multicast(address) or address == _LOOPBACK:
        raise ValueError(f"no host has the address {word} on a link")
    return address


def _fits(mtu: int, address: Address) -> bool:
    return family_of(address) is IGMP or mtu >= IPV6_LEAST_MTU


def _own_mac(word: str) -> bytes:
    mac = parse_mac(word)
    if mac[0] & 1 or not any(mac):
        raise ValueError(f"no interface can have the MAC {word}")
    return mac


def _set(script: Script, words: Words) -> None:
    names = "hz profile mtu seed interface start tolerance phase jiffies querier"
    name = words.choice("setting", *names.split())
    match name:
        case "hz":
            script.hz = words.number("hz", 10, 10_000)
        case "profile":
            script.profile = words.choice("profile", *PROFILE_NAMES)
        case "mtu":
            script.mtu = words.number("mtu", 68, 65535)
            addresses = [station.address for station in script.hosts if any(station.address)]
            if not all(_fits(script.mtu, address) for address in addresses):
                words.refuse(_NO_ROOM)
        case "seed":
            script.seed = words.number("seed", 0, 1 << 62)
        case "interface":
            if script.sysctls:
                words.refuse("`set interface` stands before the first sysctl line")
            script.interface = words.read("interface", _interface)
        case "start":
            script.is_warm = words.choice("start", "warm", "cold") == "warm"
        case "tolerance":
            script.tolerance_ns = words.read("tolerance", notation.parse_duration)
        case "phase":
            script.phase = float(words.read("phase", _fraction))
        case "querier":
            words.choice("querier", "acting")
            script.acting = _variables(words)
        case _:
            script.jiffies = words.number("jiffies", 0, 1 << 62)


def _variables(words: Words) -> Variables:
    """Read what a querier announces: `interval T`, `max-response T`, `robustness N`."""
    found = Variables()
    while not words.is_done:
        match words.choice("option", "interval", "max-response", "robustness"):
            case "interval":
                interval_ns = words.read("interval", notation.parse_duration)
                found = replace(found, interval_ns=interval_ns)
            case "max-response":
                response_ns = words.read("max-response", notation.parse_duration)
                found = replace(found, response_ns=response_ns)
            case _:
                found = replace(found, robustness=words.number("robustness", 1, 7))
    try:
        for family in (IGMP, MLD):
            QuerierSettings(family, family.current_version, found)
    except UsageError as error:
        words.refuse(error.message)
    return found


def _interface(word: str) -> str:
    if not _INTERFACE.fullmatch(word) or word in _NO_INTERFACES:
        raise ValueError(
            f"{word!r} cannot be the name: 1 to 15 letters, digits, +, - and _; not "
            + ", ".join(_NO_INTERFACES)
        )
    return word


def _fraction(word: str) -> float:
    try:
        value = float(word)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1:
        raise ValueError(f"phase {word!r} is not a part of a tick from 0 to below 1")
    return value


# Lines with a time


def _duration(words: Words, seconds: str) -> int:
    if len(seconds.partition(".")[0].lstrip("0")) > _MOST_DIGITS:
        words.position = 0
        words.fail("the time is too long: 1000000000 s or more")
    return int(Decimal(seconds) * SECOND)


def _timed(script: Script, words: Words, text: str) -> None:
    match = _TIME.fullmatch(words.next("time"))
    if match is None:
        words.fail("not a time")
    begin_ns = _duration(words, match[2])
    if words.take("expect"):
        if not match[1] or match[3] is None:
            words.position = 0
            words.fail("an expectation has a range after the action before it: +0.008..1.036")
        until_ns = _duration(words, match[3])
        if until_ns < begin_ns:
            words.position = 0
            words.fail("the range ends before it begins")
        _expect(script, words, text, begin_ns, until_ns)
        return
    if match[3] is not None:
        words.position = 0
        words.fail("an action has one time; only expectations have a range")
    before_ns = script.actions[-1].time_ns if script.actions else 0
    time_ns = before_ns + begin_ns if match[1] else begin_ns
    if time_ns < before_ns:
        words.position = 0
        words.fail("the time lies before that of the action before it")
    verb = words.next("action")
    if verb not in _ACTIONS:
        words.position -= 1
        words.fail(f"{verb!r} is no action", hint="actions: expect " + " ".join(_ACTIONS))
    column = words.column
    act = _ACTIONS[verb](script, words, verb)
    script.actions.append(Action(words.line, text, time_ns, act, column))


def _expect(script: Script, words: Words, text: str, begin_ns: int, until_ns: int) -> None:
    message: Report | LegacyReport | Leave | None = None
    family = None
    if words.take("none"):
        if not words.is_done:
            family = IGMP if words.choice("family", "igmp", "mld") == "igmp" else MLD
    elif words.take("leave"):
        group = words.read("group", notation.parse_group)
        message = Leave(2 if family_of(group) is IGMP else 1, group)
    elif words.take("report"):
        version = words.number("version", 1, 2)
        message = LegacyReport(version, words.read("group", notation.parse_group))
    else:
        records = [words.read("record", notation.parse_record)]
        while not words.is_done:
            records.append(words.read("record", notation.parse_record))
        if len({len(record.group) for record in records}) > 1:
            words.fail("one message holds records of one family")
        message = Report(tuple(records))
    last = len(script.actions) - 1
    script.expectations.append(
        Expectation(words.line, text, last, begin_ns, until_ns, message, family)
    )


def _socket_act(script: Script, words: Words, verb: str) -> Act:
    if verb == "close":
        name = words.next("socket")
        return SocketAct(verb, socket="" if name == "main" else name)
    group = words.read("group", notation.parse_group)
    _check_family(script, words, group)
    sources: tuple[bytes, ...] = ()
    mode = None
    if verb == "filter":
        mode = FilterMode[words.choice("mode", "include", "exclude").upper()]
        sources = words.read("sources in braces", _braced)
    elif verb in ("block", "unblock", "drop") and words.peek() != "from":
        words.fail("`from SOURCE` is missing")
    elif verb != "leave" and words.take("from"):
        sources = words.read("sources", _listed)
    if any(len(source) != len(group) for source in sources):
        words.position -= 1
        words.fail("the sources are of another family than the group")
    socket = ""
    if words.take("socket"):
        name = words.next("socket")
        socket = "" if name == "main" else name
    return SocketAct(verb, group, sources, mode, socket)


def _listed(word: str) -> tuple[bytes, ...]:
    return tuple(notation.parse_address(part) for part in word.split(","))


def _braced(word: str) -> tuple[bytes, ...]:
    if not (word.startswith("{") and word.endswith("}")):
        raise ValueError("sources stand in braces: {S,S}")
    return _listed(word[1:-1]) if word[1:-1].strip() else ()


def _check_family(script: Script, words: Words, address: bytes) -> None:
    family = family_of(address)
    if not any(family_of(station.address) is family for station in script.hosts):
        words.position -= 1
        hint = f"`host {'0.0.0.0' if family is IGMP else '::'} MAC` is a host without address"
        words.fail(f"no host line has an IPv{family.ip_version} address", hint)


def _sysctl(script: Script, words: Words) -> SysctlAct:
    name = words.next("sysctl")
    column = words.column
    value = words.next("value")
    try:
        parse_setting(name, value, script.interface)
    except UsageError as error:
        words.position -= 2
        words.fail(error.message, error.hint)
    return SysctlAct(name, value, column)


def _device_act(script: Script, words: Words, verb: str) -> Act:
    match verb:
        case "sysctl":
            return _sysctl(script, words)
        case "mtu":
            return DeviceAct(verb, number=words.number("mtu", 68, 65535))
        case "link" | "carrier":
            return DeviceAct(f"{verb} {words.choice('state', 'up', 'down')}")
        case "forwarding":
            return DeviceAct(f"{verb} {words.choice('state', 'on', 'off')}")
        case _:
            what = words.choice("change", "add", "del")
            if verb == "address" and what == "add":
                address, prefix = words.read("address", _with_prefix)
            else:
                address, prefix = words.read("address", notation.parse_address), 0
            _check_family(script, words, address)
            return DeviceAct(f"{verb} {what}", address, prefix)


def _with_prefix(word: str) -> tuple[bytes, int]:
    head, slash, tail = word.partition("/")
    address = notation.parse_address(head)
    if not slash:
        return address, 8 * len(address)
    if not tail.isdecimal() or int(tail) > 8 * len(address):
        raise ValueError(f"{tail!r} is not the length of a prefix")
    return address, int(tail)


def _data(script: Script, words: Words, verb: str) -> Act:  # noqa: ARG001 (a row of the table)
    group = words.read("group", notation.parse_group)
    if not words.take("from"):
        words.fail("`from SOURCE` is missing")
    source = words.read("source", notation.parse_address)
    ttl = words.number("ttl", 0, 255) if words.take("ttl") else 8
    return DataAct(source, group, ttl)


def _query(script: Script, words: Words, verb: str) -> Act:  # noqa: ARG001
    return script_messages.query(script, words)


def _report(script: Script, words: Words, verb: str) -> Act:  # noqa: ARG001
    return script_messages.report(script, words)


_ACTIONS: dict[str, Callable[[Script, Words, str], Act]] = {
    **dict.fromkeys(("join", "leave", "block", "unblock", "drop", "filter", "close"), _socket_act),
    **dict.fromkeys(
        ("sysctl", "address", "link", "carrier", "forwarding", "proxy", "mtu"), _device_act
    ),
    "query": _query,
    "report": _report,
    "data": _data,
}
