"""`mldkit respond`: emulate hosts that are members of groups."""

from __future__ import annotations

import secrets
from contextlib import ExitStack
from typing import TYPE_CHECKING

from mldkit.cli.arguments import (
    add_format,
    add_interface,
    address,
    duration,
    group_spec,
    mac,
    whole_number,
)
from mldkit.cli.interrupt import end_when_told, exit_code
from mldkit.cli.rights import add_user, settle
from mldkit.errors import MldkitError, UsageError
from mldkit.model.addresses import (
    is_link_local,
    is_multicast,
    is_reportable,
    is_unspecified,
    text,
)
from mldkit.model.family import IGMP, MLD, family_of
from mldkit.model.words import named
from mldkit.origin import families_for
from mldkit.render.streams import end_without_reader
from mldkit.render.terminal import note

if TYPE_CHECKING:
    import argparse

    from mldkit.link.device import PacketSocket
    from mldkit.model.addresses import Address
    from mldkit.model.family import Family
    from mldkit.protocol.settings import Setting
    from mldkit.render.respond import RespondOutput
    from mldkit.responder.population import PopulationPlan
    from mldkit.responder.responder import Responder

EPILOG = """\
examples:
  sudo mldkit respond -i eth0 239.1.2.3 ff15::4321:1234
  sudo mldkit respond -i eth0 10.0.0.1@232.1.1.1 --explain
  sudo mldkit respond -i eth0 239.1.1.1+20 --hosts 1000 --distinct-groups
  sudo mldkit respond -i eth0 ff15::1 --leave-after 30s --profile rfc -w hosts.pcapng

Hosts are switched on one after the other, announce their groups as Linux does, and
answer queries at the moments that its timers would choose. They send membership
messages only: no ARP, no neighbour discovery. MLD reports come from :: until the
time of duplicate address detection is over, 1 to 2 s; --warm leaves that out.
Where other work makes thousands of hosts late, run it first: chrt -f 10 mldkit ...

In bulk they send 2,000 messages a second in the long run, 20,000 in a burst: beyond
that, hosts are switched on and leave one after the other, and other messages are not
sent, as if they were lost. Those that are sent keep their exact moments. --flood
lifts the limit.

Beside the own stack of this machine two hosts would answer for one: an interface
whose groups the kernel reports is refused.

exit codes: 0 done or ended by SIGTERM, 2 wrong usage, 3 no such interface, no
permission, the own stack answers too, or the interface went, 130 interrupted
"""

_MOST_HOSTS = 200_000
_WORTH_SAYING = 5_000
"""So many hosts take a second to make."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `respond`."""
    parser.epilog = EPILOG
    add_interface(parser)
    parser.add_argument(
        "groups",
        metavar="GROUP",
        nargs="+",
        type=group_spec,
        help="[SOURCE{,SOURCE}@]GROUP[+COUNT]; without a source: from any",
    )
    parser.add_argument("-4", dest="ipv4", action="store_true", help="IGMP only")
    parser.add_argument("-6", dest="ipv6", action="store_true", help="MLD only")
    _add_hosts(parser)
    parser.add_argument(
        "--leave-after",
        metavar="T",
        type=duration,
        help="leave the groups after this time, and end when that is told (or see --for)",
    )
    parser.add_argument(
        "--for",
        dest="duration_ns",
        metavar="T",
        type=duration,
        help="end after this time without leaving (default: answer until interrupted)",
    )
    parser.add_argument(
        "--seed", type=whole_number(0, 1 << 62), metavar="N", help="fix every random delay"
    )
    parser.add_argument(
        "--explain", action="store_true", help="say why each timer was set and each message sent"
    )
    parser.add_argument(
        "--flood",
        action="store_true",
        help="no limit to what the hosts send together: thousands of hosts, or a stranger who asks"
        " without end, can overload the switches of the link",
    )
    parser.add_argument("-w", dest="write", metavar="FILE", help="write what is seen as pcapng")
    add_user(parser)
    add_format(parser)


def _add_hosts(parser: argparse.ArgumentParser) -> None:
    """Add what says who the hosts are."""
    parser.add_argument(
        "--hosts",
        metavar="N",
        type=whole_number(1, _MOST_HOSTS),
        default=1,
        help="so many hosts, each with its own MAC, addresses and delays (default: 1)",
    )
    parser.add_argument(
        "--distinct-groups",
        action="store_true",
        help="no two hosts share a group: each has those that follow the ones of the host before",
    )
    parser.add_argument(
        "--profile",
        choices=("linux", "rfc"),
        default="linux",
        help="behave like the kernel or like the RFCs (default: linux)",
    )
    parser.add_argument(
        "--hz",
        metavar="N",
        type=whole_number(1, 1_000_000),
        default=250,
        help="ticks a second of the kernel that is emulated (default: 250)",
    )
    parser.add_argument(
        "--sysctl",
        dest="sysctls",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="a setting of the hosts, such as net.ipv4.conf.all.rp_filter=1",
    )
    parser.add_argument(
        "--mac", type=mac, metavar="MAC", help="of the first host; the others count up from it"
    )
    parser.add_argument(
        "--address",
        dest="addresses",
        type=address,
        metavar="ADDR",
        action="append",
        default=[],
        help="IPv4 or link-local address of the first host; the others count up from it "
        "(default: 169.254.1.1, and the address that follows from the MAC)",
    )
    parser.add_argument(
        "--warm",
        action="store_true",
        help="the hosts have been there for a while: nothing is announced, addresses are valid",
    )


def run(args: argparse.Namespace) -> int:
    """Answer until the time is over; return 130 when Ctrl-C ended it."""
    if args.write == "-":
        raise UsageError("argument -w: standard output carries the answers", hint="name a file")
    plan = _plan(args)
    from mldkit.link.device import PacketSocket
    from mldkit.responder.own_stack import check_alone

    end_when_told()
    end_without_reader()
    check_alone(args.interface, plan.families)
    with ExitStack() as stack:
        device = stack.enter_context(
            PacketSocket(args.interface, promiscuous=True, hears_itself=args.write is not None)
        )
        for line in device.notes:
            note(args, f"note: {line}")
        silent = [g for spec in args.groups for g in spec.groups if not is_reportable(g)]
        if silent:
            note(args, f"note: no host ever reports {named(silent)}")
        return _respond(args, plan, device, stack)


def _respond(
    args: argparse.Namespace, plan: PopulationPlan, device: PacketSocket, stack: ExitStack
) -> int:
    from mldkit.render.respond import RespondOutput

    output = RespondOutput(args, plan)
    responder = _make(args, plan, device, output, stack)
    failure: MldkitError | None = None
    code = 0
    try:
        output.started(responder)
        responder.run(args.duration_ns, args.leave_after)
    except KeyboardInterrupt as interrupt:
        code = exit_code(interrupt)
    except BrokenPipeError:
        pass  # nobody reads what they say: it ends
    except MldkitError as error:
        failure = device.ended_by(error)
    output.finish(responder, responder.end())
    if failure is not None:
        raise failure
    return code


def _make(
    args: argparse.Namespace,
    plan: PopulationPlan,
    device: PacketSocket,
    output: RespondOutput,
    stack: ExitStack,
) -> Responder:
    """Return the responder, with its hosts switched on if they are warm."""
    from mldkit.link.rate_limit import RateLimit
    from mldkit.responder.population import populate
    from mldkit.responder.responder import AT_ONCE, PER_SECOND, Responder
    from mldkit.wire.split import split_report

    responder: Responder | None = None

    def observe(host: int, event: object) -> None:
        if responder is not None:
            responder.explain(host, event)  # type: ignore[arg-type]

    interface = device.interface
    if plan.count >= _WORTH_SAYING:
        note(args, f"note: making {plan.count:,} hosts")
    population = populate(
        plan, interface.mac, interface.mtu, split_report, observe if args.explain else None
    )
    on_frame = settle(args, stack)
    responder = Responder(
        device,
        population,
        tell=output.tell,
        tells_answers=output.tells_answers,
        can_tell=output.has_room,
        on_frame=on_frame,
        limit=None if args.flood else RateLimit(PER_SECOND, AT_ONCE),
    )
    stack.callback(responder.close)
    if args.warm:
        responder.settle()
    return responder


def _plan(args: argparse.Namespace) -> PopulationPlan:
    from mldkit.responder.population import PopulationPlan

    for known in args.addresses:
        _check_address(known)
    if len({family_of(known) for known in args.addresses}) < len(args.addresses):
        raise UsageError("argument --address: two addresses of one family")
    if args.mac is not None and args.mac[0] & 1:
        raise UsageError("argument --mac: a host has no multicast MAC")
    families = {family_of(spec.groups[0]) for spec in args.groups}
    chosen = families_for({}, ipv4=args.ipv4, ipv6=args.ipv6)
    if args.ipv4 or args.ipv6:
        for spec in args.groups:
            if family_of(spec.groups[0]) not in chosen:
                option = "-4" if args.ipv4 else "-6"
                group = text(spec.groups[0])
                raise UsageError(f"argument GROUP {group} and {option}: IPv4 and IPv6 are mixed")
        families = set(chosen)
    for known in args.addresses:
        if family_of(known) not in families:
            version = family_of(known).ip_version
            raise UsageError(
                f"argument --address: {text(known)} is of no use, as no IPv{version} group is named"
            )
    return PopulationPlan(
        tuple(args.groups),
        tuple(family for family in (IGMP, MLD) if family in families),
        secrets.randbits(32) if args.seed is None else args.seed,
        args.hosts,
        args.profile,
        args.hz,
        args.mac,
        tuple(args.addresses),
        args.distinct_groups,
        tuple(_setting(args, given, families) for given in args.sysctls),
    )


def _setting(args: argparse.Namespace, given: str, families: set[Family]) -> Setting:
    """Return a sysctl of the hosts; raise `UsageError` where it plays no part for them."""
    from mldkit.protocol.settings import parse_setting

    name, _, value = given.partition("=")
    try:
        setting = parse_setting(name.strip(), value.strip(), args.interface)
    except UsageError as error:
        raise UsageError(f"argument --sysctl: {error.message}", hint=error.hint) from error
    if setting.family not in families:
        version = setting.family.ip_version
        raise UsageError(f"argument --sysctl: {name} is of no use without an IPv{version} group")
    return setting


def _check_address(given: Address) -> None:
    if is_multicast(given) or is_unspecified(given):
        raise UsageError(f"argument --address: {text(given)} is no address of a host")
    if len(given) == 16 and not is_link_local(given):
        raise UsageError(
            f"argument --address: {text(given)} is not link-local, and MLD comes from fe80::/10"
        )
