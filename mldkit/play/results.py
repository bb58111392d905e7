"""A performance as one line of text, to get it out of the process that played it.

::

    {"began_ns": [..], "events": [[time, who, frame as hex]], "reasons": [[time, text]],
     "stalls": [[from, until]], "interrupted_ns": time or null}
    {"error": {"kind", "message", "hint"}}                           where it could not be played

Messages are decoded again and expectations judged again where the line is read.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from mldkit.errors import LinkError, MldkitError, UsageError
from mldkit.model.datagram import Decoded, Frame
from mldkit.play.performance import AccountLine, Performance, Played, ScriptStall, judge
from mldkit.protocol.script_words import ScriptError
from mldkit.wire.decode import decode

if TYPE_CHECKING:
    from mldkit.protocol.script import Script

_KINDS: dict[str, type[MldkitError]] = {
    kind.__name__: kind for kind in (ScriptError, UsageError, LinkError)
}


def to_text(performance: Performance) -> str:
    """Return what `from_text` reads."""
    return json.dumps(
        {
            "began_ns": performance.began_ns,
            "events": [
                [event.time_ns, event.who, event.decoded.frame.data.hex()]
                for event in performance.events
            ],
            "reasons": [[reason.time_ns, str(reason)] for reason in performance.reasons],
            "stalls": [[stall.from_ns, stall.until_ns] for stall in performance.stalls],
            "interrupted_ns": performance.interrupted_ns,
        }
    )


def failure(error: MldkitError) -> str:
    """Return the line that lets `from_text` raise `error`."""
    kind = next((name for name in _KINDS if isinstance(error, _KINDS[name])), "LinkError")
    return json.dumps({"error": {"kind": kind, "message": error.message, "hint": error.hint}})


def from_text(text: str, script: Script, tolerance_ns: int) -> Performance:
    """Return the performance of `script` that the line tells; raise the error that it tells."""
    told = json.loads(text)
    if "error" in told:
        error = told["error"]
        raise _KINDS[error["kind"]](error["message"], hint=error["hint"])
    performance = Performance(
        script, began_ns=told["began_ns"], interrupted_ns=told["interrupted_ns"]
    )
    for time_ns, who, octets in told["events"]:
        number = len(performance.events) + 1
        frame = Frame(bytes.fromhex(octets), time_ns, number, interface=script.interface)
        decoded = decode(frame)
        if isinstance(decoded, Decoded):
            performance.events.append(Played(time_ns, who, decoded))
    performance.reasons += [AccountLine(time_ns, text) for time_ns, text in told["reasons"]]
    performance.stalls += [ScriptStall(from_ns, until_ns) for from_ns, until_ns in told["stalls"]]
    performance.outcomes = judge(performance, tolerance_ns)
    return performance
