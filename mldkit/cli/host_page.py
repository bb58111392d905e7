"""Print docs/host-behaviour.md from the host profiles: `python -m mldkit.cli.host_page`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mldkit.protocol.profile import (
    LINUX_IGMP,
    LINUX_MLD,
    HostProfile,
    behaviour_fields,
    differs,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

HEAD = """\
# How a host behaves: the RFCs and Linux

Printed from `mldkit/protocol/profile.py`; change it there.

`mldkit play` has one host machine for both families. What differs between the RFCs and the kernel
is a field of its profile; `set profile rfc` in a script, or `--profile rfc`, takes the middle
column. Bold values are where Linux departs from the RFC. Scripts that show a departure are
`tests/play/deviation-*.play`: they hold for `linux` and fail for `rfc`.

The machine sends the frames of the kernel byte for byte and in the same order in the recordings of
`captures/` (`tests/unit/protocol/test_recordings.py`).

| field | what it means | RFC | Linux IGMP | Linux MLD | in the kernel | section |
| --- | --- | --- | --- | --- | --- | --- |
"""

WHEEL = """
## When a timer expires

Timers of Linux run on ticks of 1/HZ and are rounded up by the timer wheel
(`mldkit/protocol/timer.py`). A timer for tick X that is armed in tick `base` expires at
`(X // G + 1) * G`, with G = 8^n from the level n of the distance X - base: 0 below 63 ticks, 1
below 504, 2 below 4032, and so on. At 250 Hz an answer to a query with a maximum of 1 s comes 8 to
1036 ms after it, one with a maximum of 10 s up to 10264 ms after it.

`mldkit play --explain SCRIPT` prints for each timer the draw, the tick that was asked for and the
step of the wheel.
"""


MEASURED_HEAD = """
## Delays, measured

The delay of the answer to a General Query with a maximum of 1 s, gathered in one run: of this
kernel over many links at once, of the host machine in virtual time for the same moments of asking,
and of the machine in real time on one link. `p` is that of the test of Kolmogorov and Smirnov
against the kernel; the tests fail below 0.0001. `late` counts what came later than the wheel allows
and 8 ms for a busy machine. Every run of `tests/kernel/test_agreement.py` prints such a table;
`MLDKIT_KEEP_MEASURED=1` keeps it for this page.

"""
MEASURED = Path(__file__).parents[2] / "docs" / "measured" / "agreement.json"
"""What was measured last; only where the package lies in its repository."""


def page() -> str:
    """Return the whole page."""
    whole = HEAD + "".join(f"{row}\n" for row in _rows()) + WHEEL
    if MEASURED.exists():
        whole += MEASURED_HEAD + measured_table(json.loads(MEASURED.read_text()))
    return whole


def measured_table(measured: dict[str, Any]) -> str:
    """Return the table of a measurement of delays."""
    lines = [
        f"Kernel {measured['kernel']}, {measured['hz']} Hz, {measured['links']} links, "
        f"{measured['rounds']} rounds; at most {measured['latest_ms']} ms by the wheel; the "
        f"machine stood still for {measured['longest_stall_ms']} ms at most.",
        "",
        "| family | host | answers | least ms | mean ms | most ms | after 1 s | late | D | p |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    names = ("family", "host", "answers", "least_ms", "mean_ms", "most_ms", "after_maximum", "late")
    for row in measured["rows"]:
        cells = [row[name] for name in names] + [row.get("distance", ""), row.get("p", "")]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines) + "\n"


def _rows() -> Iterator[str]:
    for known in behaviour_fields():
        about = known.metadata
        cells = (
            f"`{known.name}`",
            about["means"],
            _text(known.default),
            _value(LINUX_IGMP, known.name),
            _value(LINUX_MLD, known.name),
            about["kernel"],
            about["rfc"],
        )
        yield "| " + " | ".join(cells) + " |"


def _value(profile: HostProfile, name: str) -> str:
    known = next(field for field in behaviour_fields() if field.name == name)
    value = _text(getattr(profile, name))
    return f"**{value}**" if differs(known, profile) else value


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


if __name__ == "__main__":
    print(page(), end="")
