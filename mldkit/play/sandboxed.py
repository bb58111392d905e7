"""Targets `kernel` and `responder`: scripts in network namespaces that are made and removed.

Needs no root where user namespaces are allowed. Everything lives in a sandbox, so nothing is left
however this process ends. Several scripts are played at the same time, each on a link of its own.
"""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

from mldkit.errors import LinkError
from mldkit.link.namespace import Sandbox
from mldkit.link.own_command import module_command
from mldkit.model.addresses import mac_text
from mldkit.play import results
from mldkit.play.real_time import tolerance_of
from mldkit.play.simulation import simulate
from mldkit.protocol.script import SysctlAct
from mldkit.protocol.script_words import ScriptError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mldkit.play.performance import Performance
    from mldkit.protocol.script import Script

TARGETS = ("kernel", "responder")
_QUERIER_MAC = bytes.fromhex("0200000000fe")
"""Of the querier's end where the script has no querier; nothing is sent from it then."""
_QUERIER_INDEX = 100
_HOST_INDEX = 12
_LARGEST_MTU = 65535
_INITIAL_ONLY = "net.ipv6.mld_"


def perform(
    scripts: Sequence[Script], target: str, *, seed: int | None = None
) -> list[Performance]:
    """Play scripts on `kernel` or `responder`, at the same time; return their performances.

    Raises ScriptError for a line that this kernel would refuse, before anything is sent, and
    LinkError where this machine does not give us namespaces.
    """
    for script in scripts:
        if target == "kernel":
            refuse_initial_settings(script)
        simulate(script, seed=0)
    order = {
        "target": target,
        "scripts": [
            {
                "name": script.name,
                "text": script.text,
                "profile": script.profile,
                "seed": seed,
            }
            for script in scripts
        ],
    }
    with Sandbox() as sandbox:
        sandbox.ip("".join(map(_link, range(len(scripts)), scripts)))
        child = sandbox.spawn(module_command("mldkit.play.worker"))
        try:
            return _read(scripts, *child.communicate(json.dumps(order)))
        except KeyboardInterrupt:
            try:
                return _read(scripts, sandbox.stop(child, signal.SIGINT), "")
            except LinkError:
                # Nothing had begun yet.
                raise KeyboardInterrupt from None


def _read(scripts: Sequence[Script], output: str, complaints: str) -> list[Performance]:
    lines = output.splitlines()
    if len(lines) != len(scripts):
        complaint = complaints.strip().rpartition("\n")[2] or "no result"
        raise LinkError(f"the scripts could not be played: {complaint}")
    try:
        return [
            results.from_text(line, script, tolerance_of(script))
            for line, script in zip(lines, scripts, strict=True)
        ]
    except json.JSONDecodeError as error:
        raise LinkError("the scripts could not be played: a result was cut off") from error


def refuse_initial_settings(script: Script) -> None:
    """Raise ScriptError at the first sysctl that a network namespace of its own does not have."""
    settings = [(line, setting) for line, setting in script.sysctls]
    settings += [
        (action.line, action.act) for action in script.actions if isinstance(action.act, SysctlAct)
    ]
    for line, setting in settings:
        if setting.name.startswith(_INITIAL_ONLY):
            raise ScriptError(
                f"{script.name}:{line}:{setting.column}: {setting.name} exists only in the "
                "initial network namespace",
                hint="`query ... robustness N` tells the host another robustness",
            )


def _link(number: int, script: Script) -> str:
    querier = script.queriers[0].mac if script.queriers else _QUERIER_MAC
    # Different numbers: where an end has the number of its peer the kernel takes it for a plain
    # device and tells that it is up as much as a second later (net/core/link_watch.c).
    return (
        f"netns add host{number}\n"
        f"link add querier{number} index {_QUERIER_INDEX + number} address {mac_text(querier)} "
        f"mtu {_LARGEST_MTU} type veth peer name {script.interface} index {_HOST_INDEX} "
        f"address {mac_text(script.hosts[0].mac)} mtu {_LARGEST_MTU} netns host{number}\n"
    )
