"""`mldkit macfilter`: what a receive filter does with a frame, and the proof that it is so."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from mldkit.cli import macfilter_check, macfilter_path
from mldkit.cli.arguments import add_format, mac, whole_number
from mldkit.cli.help_width import HelpFormatter
from mldkit.errors import UsageError
from mldkit.macfilter.devices import EXACT, find_device
from mldkit.macfilter.receive_filter import ReceiveFilter
from mldkit.macfilter.subject import FilterSubject
from mldkit.model.addresses import group_mac, mac_text, parse_mac, text
from mldkit.model.notation import parse_group_spec
from mldkit.render.macfilter import SCHEMA, frame_json, frame_lines
from mldkit.render.registers import register_lines, registers_json
from mldkit.render.terminal import note, print_json

if TYPE_CHECKING:
    from mldkit.macfilter.devices import Device

_MOST_COLLISIONS = 65536

EXAMPLES = """\
examples:
  mldkit macfilter explain 239.1.2.3
  mldkit macfilter explain 239.99.2.3 --nic e1000e --joined 239.1.2.3
  mldkit macfilter explain ff15::4321:1234 --nic 8139cp --joined ff15::1+33
  mldkit macfilter explain 33:33:43:21:12:34 --nic igb --collide 5
  mldkit macfilter explain 239.99.2.3 --nic e1000e --joined 239.1.2.3 --registers
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verbs below `macfilter`."""
    jobs = parser.add_subparsers(dest="job", metavar="JOB", required=True, title="jobs")
    explain = jobs.add_parser(
        "explain",
        help="tell whether a frame passes a device's filter, and why",
        description="Tell whether a frame passes a device's filter, and why; with -i, where on "
        "its way through this machine it ends. Needs no root, which sees more of the way.",
        epilog=EXAMPLES + macfilter_path.EXAMPLES,
        formatter_class=HelpFormatter,
    )
    _configure_explain(explain)
    check = jobs.add_parser(
        "check",
        help="send marked frames and compare what arrives with the prediction",
        description="Send marked frames and compare what arrives with the prediction.",
        epilog=macfilter_check.EXAMPLES,
        formatter_class=HelpFormatter,
    )
    macfilter_check.configure(check)


def _configure_explain(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "subjects", metavar="GROUP|MAC", nargs="*", type=_subjects, help="what a frame is sent to"
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
    parser.add_argument(
        "--registers",
        action="store_true",
        help="also print what the driver of --nic writes into its registers",
    )
    macfilter_path.configure(parser)
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    """Do the job that was named."""
    return macfilter_check.run(args) if args.job == "check" else _explain(args)


def _subjects(value: str) -> tuple[FilterSubject, ...]:
    """Type of `GROUP[+COUNT]` or a MAC."""
    if value.count(":") == 5 or value.count("-") == 5:
        try:
            return (FilterSubject(value, parse_mac(value), None),)
        except ValueError:
            pass  # an IPv6 group may have five colons too
    try:
        spec = parse_group_spec(value)
    except UsageError as error:
        hint = f" ({error.hint}, or a MAC address)" if error.hint else ", nor a MAC address"
        raise argparse.ArgumentTypeError(error.message + hint) from error
    single = len(spec.groups) == 1
    return tuple(
        FilterSubject(value if single else text(group), group_mac(group), group)
        for group in spec.groups
    )


def _explain(args: argparse.Namespace) -> int:
    subjects = [subject for given in args.subjects for subject in given]
    if not subjects:
        swallowed = "--joined takes every group behind it: name the frame first, then --joined"
        raise UsageError(
            "the following arguments are required: GROUP|MAC",
            hint=swallowed if args.joined else "see mldkit macfilter explain --help",
        )
    if args.registers and (args.nic is None or args.interface is not None):
        raise UsageError("--registers tells what a driver writes: name it with --nic")
    if args.interface is not None:
        return macfilter_path.run(args, subjects)
    macfilter_path.refuse_without_interface(args)
    device = EXACT if args.nic is None else find_device(args.nic)
    joined = [subject for given in args.joined for subject in given]
    receive_filter = _filter(args, device, joined)
    frames = [frame_json(subject, receive_filter, args.collide) for subject in subjects]
    registers = registers_json(receive_filter) if args.registers else None
    _note_what_was_assumed(args, receive_filter, joined)
    whole = {
        "kernels": device.kernels or None,
        "fill": (receive_filter.fill_text() if joined else "") or None,
        "strangers": receive_filter.strangers(),
    }
    _print(args, device, list(zip(subjects, frames, strict=True)), registers, whole)
    return 0


def _note_what_was_assumed(
    args: argparse.Namespace, receive_filter: ReceiveFilter, joined: list[FilterSubject]
) -> None:
    device = receive_filter.device
    if args.nic is None:
        note(args, "no --nic: an exact list without limits, which few devices have")
    if not joined and not args.promisc and not args.allmulti:
        note(args, "nothing is joined: name with --joined what the device was given")
    if joined and receive_filter.fill_text():
        note(args, f"{device.id}: {receive_filter.fill_text()}")
    if device.kernels:
        note(args, f"{device.id}: this row is true of {device.kernels}")
    for subject in joined:
        if not subject.is_loaded:
            note(args, f"{subject.given} is never given to a device: its scope is below 2")


def _print(
    args: argparse.Namespace,
    device: Device,
    entries: list[tuple[FilterSubject, dict[str, Any]]],
    registers: dict[str, Any] | None,
    whole: dict[str, Any],
) -> None:
    more = {} if registers is None else {"registers": registers}
    if args.format == "json":
        frames = [frame for _, frame in entries]
        print_json({"schema": SCHEMA, "nic": device.id, **whole, "frames": frames, **more})
    elif args.format == "ndjson":
        for _, frame in entries:
            print_json({"nic": device.id, **frame})
        if more:
            print_json({"nic": device.id, **more})
    else:
        for subject, frame in entries:
            print("\n".join(frame_lines(subject, frame, device)))
        if registers is not None:
            print("\n".join(register_lines(device, registers)))


def _filter(args: argparse.Namespace, device: Device, joined: list[FilterSubject]) -> ReceiveFilter:
    for address in args.unicast:
        if address[0] & 1:
            raise UsageError(f"--unicast {mac_text(address)}: this is a group address")
    loaded = [subject for subject in joined if subject.is_loaded]
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
