"""`mldkit macfilter`: what a receive filter does with a frame, and the proof that it is so."""

from __future__ import annotations

import argparse
import dataclasses
from typing import TYPE_CHECKING, Any

from mldkit.cli import macfilter_check
from mldkit.cli.arguments import add_format, mac, whole_number
from mldkit.errors import UsageError
from mldkit.macfilter.collide import colliding, groups_of, number_of_groups
from mldkit.macfilter.devices import EXACT, find_device
from mldkit.macfilter.receive_filter import Passage, ReceiveFilter
from mldkit.model.addresses import group_mac, mac_text, parse_mac, scope, text
from mldkit.model.notation import parse_group_spec
from mldkit.render.terminal import note, print_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mldkit.macfilter.devices import Device
    from mldkit.model.addresses import Address

SCHEMA = "mldkit.macfilter/1"
_MOST_COLLISIONS = 65536
_SHOWN = 4

EXAMPLES = """\
examples:
  mldkit macfilter explain 239.1.2.3
  mldkit macfilter explain 239.99.2.3 --nic e1000e --joined 239.1.2.3
  mldkit macfilter explain ff15::4321:1234 --nic 8139cp --joined ff15::1+33
  mldkit macfilter explain 33:33:43:21:12:34 --nic igb --collide 5
"""


@dataclasses.dataclass(frozen=True, slots=True)
class _Subject:
    """One thing to explain: a group, or a MAC address alone."""

    given: str
    mac: bytes
    group: Address | None


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verbs below `macfilter`."""
    jobs = parser.add_subparsers(dest="job", metavar="JOB", required=True, title="jobs")
    layout = argparse.RawDescriptionHelpFormatter
    explain = jobs.add_parser(
        "explain",
        help="tell whether a frame passes a device's filter, and why",
        description="Tell whether a frame passes a device's filter, and why. Needs no root.",
        epilog=EXAMPLES,
        formatter_class=layout,
    )
    _configure_explain(explain)
    check = jobs.add_parser(
        "check",
        help="send marked frames and compare what arrives with the prediction",
        description="Send marked frames and compare what arrives with the prediction.",
        epilog=macfilter_check.EXAMPLES,
        formatter_class=layout,
    )
    macfilter_check.configure(check)


def _configure_explain(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "subjects", metavar="GROUP|MAC", nargs="+", type=_subjects, help="what a frame is sent to"
    )
    parser.add_argument(
        "--nic", metavar="NIC", help="kernel driver, such as e1000e (default: an exact list)"
    )
    parser.add_argument(
        "--joined",
        metavar="GROUP",
        nargs="+",
        action="extend",
        default=[],
        type=_subjects,
        help="groups (or MACs) that the device was given, in this order",
    )
    parser.add_argument(
        "--unicast",
        metavar="MAC",
        nargs="+",
        default=[],
        type=mac,
        help="the interface's own address, then secondary ones",
    )
    parser.add_argument("--promisc", action="store_true", help="promiscuous mode is on")
    parser.add_argument("--allmulti", action="store_true", help="all multicast is switched on")
    parser.add_argument(
        "--collide",
        metavar="N",
        type=whole_number(1, _MOST_COLLISIONS),
        default=0,
        help="name N groups that the device cannot tell apart from it",
    )
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    """Do the job that was named."""
    return macfilter_check.run(args) if args.job == "check" else _explain(args)


def _subjects(value: str) -> tuple[_Subject, ...]:
    """Type of `GROUP[+COUNT]` or a MAC."""
    if value.count(":") == 5 or value.count("-") == 5:
        try:
            return (_Subject(value, parse_mac(value), None),)
        except ValueError:
            pass  # an IPv6 group may have five colons too
    try:
        spec = parse_group_spec(value)
    except UsageError as error:
        hint = f" ({error.hint}, or a MAC address)" if error.hint else ", nor a MAC address"
        raise argparse.ArgumentTypeError(error.message + hint) from error
    single = len(spec.groups) == 1
    return tuple(
        _Subject(value if single else text(group), group_mac(group), group) for group in spec.groups
    )


def _explain(args: argparse.Namespace) -> int:
    device = EXACT if args.nic is None else find_device(args.nic)
    joined = [subject for given in args.joined for subject in given]
    receive_filter = _filter(args, device, joined)
    subjects = [subject for given in args.subjects for subject in given]
    frames = [_frame(subject, receive_filter, args.collide) for subject in subjects]
    if args.nic is None:
        note(args, "no --nic: an exact list without limits, which few devices have")
    if not joined and not args.promisc and not args.allmulti:
        note(args, "nothing is joined: name with --joined what the device was given")
    for subject in joined:
        if not _is_loaded(subject):
            note(args, f"{subject.given} is never given to a device: its scope is below 2")
    if args.format == "json":
        print_json({"schema": SCHEMA, "nic": device.id, "frames": frames})
    else:
        for subject, frame in zip(subjects, frames, strict=True):
            if args.format == "ndjson":
                print_json({"nic": device.id, **frame})
            else:
                print("\n".join(_lines(subject, frame, device)))
    return 0


def _filter(args: argparse.Namespace, device: Device, joined: list[_Subject]) -> ReceiveFilter:
    for address in args.unicast:
        if address[0] & 1:
            raise UsageError(f"--unicast {mac_text(address)}: this is a group address")
    loaded = [subject for subject in joined if _is_loaded(subject)]
    names = {subject.mac: subject.given for subject in reversed(loaded)}
    return ReceiveFilter(
        device=device,
        multicast=tuple(dict.fromkeys(subject.mac for subject in loaded)),
        own=args.unicast[0] if args.unicast else None,
        unicast=tuple(args.unicast[1:]),
        promiscuous=args.promisc,
        all_multicast=args.allmulti,
        names=names,
    )


def _is_loaded(subject: _Subject) -> bool:
    """Return whether the kernel loads a group (net/ipv6/mcast.c:igmp6_group_added)."""
    return subject.group is None or len(subject.group) == 4 or scope(subject.group) >= 2


def _frame(subject: _Subject, receive_filter: ReceiveFilter, wanted: int) -> dict[str, Any]:
    verdict = receive_filter.accepts(subject.mac)
    sharing = groups_of(subject.mac)
    if subject.group is not None:
        sharing = (subject.group, *(group for group in sharing if group != subject.group))
    entry: dict[str, Any] = {
        "input": subject.given,
        "mac": mac_text(subject.mac),
        "groups": [text(group) for group in sharing],
        "verdict": str(verdict.outcome),
        "reason": verdict.reason,
        "bit": verdict.bit,
        "groups_in_all": number_of_groups(subject.mac),
        "after_the_filter": _after(subject, verdict.outcome),
    }
    if wanted:
        rule = receive_filter.device.rule
        hopeless = rule is not None and verdict.bit is None
        found = [] if hopeless else colliding(rule, subject.mac, subject.group, wanted)
        entry["collisions"] = [text(group) for group in found]
    return entry


def _after(subject: _Subject, outcome: Passage) -> str | None:
    """Return what the IP layer does with a frame for a group that hosts must not receive."""
    if subject.group is None or outcome is Passage.DROPPED:
        return None
    if len(subject.group) == 16 and scope(subject.group) < 2:
        return "dropped by the IPv6 layer: scope 0 and 1 never come from a link"
    return None


def _lines(subject: _Subject, frame: dict[str, Any], device: Device) -> Iterator[str]:
    """Yield what people read about one frame."""
    yield f"{subject.given}  {frame['mac']}" if subject.group else subject.given
    where = "an exact list" if device is EXACT else device.id
    yield f"  {where}: {frame['verdict']}, {frame['reason']}"
    if frame["after_the_filter"]:
        yield f"  then {frame['after_the_filter']}"
    if frame["bit"] is not None and device.rule is not None:
        yield f"  hash bit {device.rule.shown(frame['bit'])} of {device.rule.table_bits}"
    others = [
        group for group in frame["groups"] if subject.group is None or group != frame["groups"][0]
    ]
    if others:
        more = ", ..." if frame["groups_in_all"] > _SHOWN + 1 else ""
        count = frame["groups_in_all"]
        number = "2^88" if count > 32 else str(count)
        yield f"  same MAC: {', '.join(others[:_SHOWN])}{more} ({number} groups in all)"
    else:
        yield "  no group has this MAC"
    if frame.get("collisions"):
        what = "same bit" if device.rule is not None else "same MAC"
        yield f"  {what}: {', '.join(frame['collisions'])}"
