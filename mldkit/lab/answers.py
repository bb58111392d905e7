"""Whether an answer is the right one, in whatever notation it was given.

People copy what they see. A MAC stands in `/proc/net/dev_mcast` without colons, a group in
`/proc/net/igmp6` as 32 digits, a record in a capture with its group behind it; all of these are
the same answer as the one in the lab's `check.py`, and so are `two`, `2`, `2 s` and `2 frames`,
the octets `83 88` of a dump and 0x8388, a setting and the setting with its value.
"""

from __future__ import annotations

import ipaddress
import re

_NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_WORDS = {word: str(number) for number, word in enumerate(_NUMBERS)} | {
    "none": "0",
    "nobody": "0",
    "no one": "0",
    "neither": "0",
    "nothing": "0",
    "y": "yes",
    "n": "no",
}
_COUNTED = "frame|group|host|member|port|record|reference|router|socket|source|time|user"
_NUMBER = re.compile(rf"([0-9]+(?:[.,][0-9]+)?)\s*(?:s|sec|seconds?|(?:{_COUNTED})s?)?")
_HEXADECIMAL = re.compile(r"0x([0-9a-f]+)")
_MAC = re.compile(r"(?:[0-9a-f]{2}[:-]?){5}[0-9a-f]{2}|(?:[0-9a-f]{4}\.){2}[0-9a-f]{4}")
_LISTED_GROUP = re.compile(r"[0-9a-f]{32}")
# As `sysctl`, `ip -d link`, `bridge -d link` and `nstat` print it: a name, and behind it values.
_SETTING = re.compile(r"([a-z][a-z0-9./-]*_[a-z0-9_./-]*|[a-z0-9]{8,})[\s=:]+[0-9.]+( [0-9.]+)?")
# As `bridge mdb` and `ip route get` print it.
_PORT = re.compile(r"(?:.*\b)?(?:port|dev|interface) ([a-z0-9]+)\b(?! (?:port|dev)).*")
# As a program prints an error of the kernel: the name, and what people see.
_ERROR = re.compile(r"(e[a-z]+) \(.*\)")
# As `mldkit decode` prints a finding: severity, rule, what it says.
_RULE = re.compile(r"(?:(?:error|warning|info) )?([a-z]-[0-9]+)(?:[: ].*)?")
_YES_OR_NO = re.compile(r"(yes|no)\b[,;. ].*")
# A record as a capture prints it: the type, and behind it a group or sources.
_RECORD = re.compile(r"([a-z]+[_ -]?[a-z]+?)[\s({]+[^a-z]?[0-9a-f]*[:.{].*")


def is_right(given: str, *right: str) -> bool:
    """Return whether an answer is one of the right ones.

    A measured number may have more decimals than the right one: 4.5012 is 4.5, and 4.56 is not.
    """
    found = _plain(given)
    return any(
        found == _plain(text) or _rounds(found, text) or _has_digits(given, text) for text in right
    )


def _rounds(found: str, right: str) -> bool:
    whole, point, decimals = right.partition(".")
    if not (whole + decimals).isdecimal() or not point or not _NUMBER.fullmatch(found):
        return False
    return round(float(found), len(decimals)) == float(right)


def _has_digits(given: str, right: str) -> bool:
    """Return whether these are the digits of a hexadecimal number, as a dump shows its octets."""
    match = _HEXADECIMAL.fullmatch(right.lower())
    digits = re.sub(r"[\s:]", "", given.lower()).removeprefix("0x").removesuffix("h")
    return match is not None and digits == match[1]


def _plain(text: str) -> str:
    """Return an answer without what does not matter: case, blanks, notation."""
    text = " ".join(text.lower().split()).strip("\"'`").rstrip(".!")
    text = _WORDS.get(text, text)
    number, _, counted = text.partition(" ")
    if number in _NUMBERS:
        text = f"{_WORDS[number]} {counted}"
    if _MAC.fullmatch(text):
        return re.sub(r"[^0-9a-f]", "", text)
    for pattern in (_YES_OR_NO, _SETTING, _PORT, _ERROR, _RULE, _RECORD):
        match = pattern.fullmatch(text)
        if match:
            text = match[1]
    return _address(text) or _number(text) or re.sub(r"[\s_-]", "", text).replace("/", ".")


def _address(text: str) -> str | None:
    if _LISTED_GROUP.fullmatch(text):
        text = str(ipaddress.IPv6Address(bytes.fromhex(text)))
    try:
        # An interface or a prefix length behind it is no other address.
        return str(ipaddress.ip_address(re.split("[%/]", text)[0]))
    except ValueError:
        return None


def _number(text: str) -> str | None:
    match = _NUMBER.fullmatch(text)
    if match:
        return str(float(match[1].replace(",", ".")))
    try:
        return str(float(int(text, 16))) if text.startswith("0x") else None
    except ValueError:
        return None
