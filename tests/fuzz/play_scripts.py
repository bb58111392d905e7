"""Target `play`: the script of somebody else, read and played in virtual time.

A text is a script or `ScriptError` with its line and column. A script that is played is refused or
gives frames that the decoder reads, and the same ones each time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.model.units import SECOND
from mldkit.play.simulation import simulate
from mldkit.protocol.script_parser import parse_script
from mldkit.protocol.script_words import ScriptError
from tests.fuzz import corpus
from tests.fuzz.target import Target, hold, same

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mldkit.protocol.script import Script

_LONGEST_NS = 600 * SECOND
_MOST_SEEDS_OCTETS = 2500


def one_input(data: bytes) -> int:
    """Hold the invariant against a text; return 1 for a script that was played, else 0."""
    text = data.decode(errors="replace")
    script = _script(text)
    if script is None or script.end_ns > _LONGEST_NS:
        return 0
    first = _played(script)
    again = _script(text)
    hold(again is not None, "a script is one each time")
    if again is not None:
        same(first, _played(again), "a script gives the same frames each time")
    return 1


def _script(text: str) -> Script | None:
    try:
        return parse_script(text)
    except ScriptError as error:
        hold(error.message.startswith("script:"), "an error has a place")
        hold(len(error.message) < 600 and "\n" not in error.message, "an error is one line")
        return None


def _played(script: Script) -> list[tuple[int, bytes]] | str:
    try:
        performance = simulate(script, seed=1)
    except ScriptError as error:
        return error.message
    played = [each for each in performance.events if each.who == "host"]
    for each in played:
        hold(each.decoded.malformed is None, "what a host sends is sound")
    return [(each.time_ns, each.decoded.frame.data) for each in played]


def seeds() -> Iterator[bytes]:
    """Give the scripts that hold this kernel against the host machine."""
    for path in sorted((corpus.ROOT / "tests" / "play").glob("*.play")):
        octets = path.read_bytes()
        if len(octets) <= _MOST_SEEDS_OCTETS:
            yield octets


TARGET = Target(
    "play",
    one_input,
    seeds,
    tuple(
        word.encode()
        for word in (
            *("host ", "querier ", "set ", "sysctl ", "expect ", "none ", "query ", "report "),
            *("join ", "leave ", "block ", "unblock ", "filter ", "link ", "address ", "data "),
            *("up", "down", "del ", "add ", "proxy ", "mtu ", "carrier ", "INCLUDE", "EXCLUDE"),
            *(
                "0.5 ",
                "+0.2 ",
                "+0.008..1.036 ",
                "..",
                "seed 5",
                "hz 1000",
                "phase 0.5",
                "profile ",
            ),
            *(
                "IS_EX(",
                "TO_IN(",
                "ALLOW(",
                ",{",
                "})",
                "ff05::1",
                "fe80::1",
                "239.1.1.1",
                "10.9.0.1",
            ),
            *(
                "version=2",
                "max-response=10s",
                "qrv=7",
                "interval=125s",
                "sources=",
                "group=",
                "\n",
            ),
            *("net.ipv4.igmp_qrv=3", "tolerance ", "acts ", "rfc ", "linux ", "#", "x" * 900),
        )
    ),
    "scripts",
)
