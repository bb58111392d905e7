"""`mldkit querier`: be the querier of a link, for labs and for links that lack one."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mldkit.cli import background
from mldkit.cli.arguments import add_format, add_interface, address, duration, whole_number
from mldkit.cli.interrupt import INTERRUPTED, end_in_order
from mldkit.cli.rights import add_user, settle
from mldkit.cli.version_options import add_versions, versions_given
from mldkit.errors import LinkError, MldkitError, UsageError
from mldkit.model.addresses import is_multicast, text
from mldkit.model.units import SECOND
from mldkit.origin import families_for, find_origin
from mldkit.protocol.querier_settings import LARGEST_ROBUSTNESS, QuerierSettings
from mldkit.protocol.query_fields import Rounding
from mldkit.protocol.variables import Variables
from mldkit.render.effects import rounding_text, source_warning
from mldkit.render.message_text import duration_text
from mldkit.render.progress import waiting
from mldkit.render.terminal import detail, note

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from mldkit.cli.background import Ready
    from mldkit.model.addresses import Address
    from mldkit.model.family import Family
    from mldkit.origin import Origin
    from mldkit.querier import Standing

EPILOG = """\
examples:
  sudo mldkit querier -i eth0                        both families, until Ctrl-C
  sudo mldkit querier -i eth0 -6 --interval 20s --max-response 2s --for 5m
  sudo mldkit querier -i eth0 --version igmp2        hosts fall back to IGMPv2
  sudo mldkit querier -i eth0 --standby              take over when the querier goes
  mldkit lab exec r1 -- mldkit querier -i eth1 --background

It first listens without sending anything (--listen). A querier with a lower address that is heard
then keeps it from starting; one that is heard later wins the election, and this one is silent
until that has gone. General Queries are rare, 125 s apart by default, so a short silence proves
little: --listen 125s is sure. Messages of this machine itself are not heard.

events: query querier other version address join change leave expire end

exit codes: 0 done, 2 wrong usage, 3 no permission, no such interface, or a
querier with a lower address, 130 interrupted
"""

LISTEN_NS = 2 * SECOND


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `querier`."""
    parser.epilog = EPILOG
    add_interface(parser)
    add_versions(parser)
    parser.add_argument(
        "--interval",
        type=duration,
        metavar="TIME",
        default=125 * SECOND,
        help="query interval (default: 125s)",
    )
    parser.add_argument(
        "--max-response",
        type=duration,
        metavar="TIME",
        default=10 * SECOND,
        help="time that hosts have to answer, less than --interval (default: 10s)",
    )
    parser.add_argument(
        "--robustness",
        type=whole_number(1, LARGEST_ROBUSTNESS),
        default=2,
        metavar="N",
        help="how often a query is sent at the start and after a leave, and how many may be lost"
        " (Robustness Variable; default: 2)",
    )
    parser.add_argument(
        "--last-member-interval",
        type=duration,
        metavar="TIME",
        default=SECOND,
        help="time between the queries after a leave, in which hosts have to answer (default: 1s)",
    )
    parser.add_argument("--source", type=address, metavar="ADDR", help="source address")
    parser.add_argument(
        "--listen",
        dest="listen_ns",
        type=duration,
        metavar="T",
        default=LISTEN_NS,
        help="listen so long before anything is sent (default: 2s)",
    )
    parser.add_argument(
        "--standby",
        action="store_true",
        help="stay where a lower querier is heard, silent until it has gone",
    )
    parser.add_argument(
        "--for",
        dest="hold_ns",
        type=duration,
        metavar="T",
        help="end so long after the first query (default: run until interrupted)",
    )
    parser.add_argument(
        "--background", action="store_true", help="inside a lab: until the lab is stopped"
    )
    parser.add_argument("-w", dest="write", metavar="FILE", help="write what is seen as pcapng")
    add_user(parser)
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    """Announce, listen, be the querier, sum up; return 130 when a signal ended it."""
    if args.write == "-":
        raise UsageError("argument -w: standard output carries the events", hint="name a file")
    if args.background and not background.is_possible():
        raise UsageError(
            "argument --background: it works inside a lab only",
            hint="leave it away and end the command with &",
        )
    setup = _Setup.of(args)
    if args.background:
        return background.run(lambda announce: _serve(args, setup, announce))
    return _serve(args, setup, lambda: None)


@dataclass(frozen=True, slots=True)
class _Setup:
    """From which addresses it is going to ask, and how."""

    origin: Origin
    addresses: dict[Address, QuerierSettings]

    @classmethod
    def of(cls, args: argparse.Namespace) -> _Setup:
        """Return what the arguments ask for; wrong ones are said before the interface is used."""
        settings = {
            family: _settings(args, family, version)
            for family, version in _chosen_versions(args).items()
        }
        origin = find_origin(args.interface, tuple(settings), args.source)
        mtu = origin.interface.mtu
        addresses = {
            source: replace(settings[family], mtu=mtu) for family, source in origin.sources.items()
        }
        return cls(origin, addresses)


def _chosen_versions(args: argparse.Namespace) -> dict[Family, int]:
    if args.source is not None and is_multicast(args.source):
        raise UsageError(f"argument --source: {text(args.source)} is a group, nobody's address")
    given = {} if args.source is None else {"--source": args.source}
    families = families_for(given, ipv4=args.ipv4, ipv6=args.ipv6)
    versions = versions_given(args.versions)
    is_chosen = bool(given) or args.ipv4 or args.ipv6
    if versions and not is_chosen:
        families = tuple(versions)
    elif not set(versions) <= set(families):
        raise UsageError("argument --version: it belongs to the other family")
    return {family: versions.get(family, family.current_version) for family in families}


def _settings(args: argparse.Namespace, family: Family, version: int) -> QuerierSettings:
    """Return the settings; raises UsageError that names the argument."""
    variables = Variables(args.robustness, args.interval, args.max_response)
    unit_ns = family.response_unit_ns
    least = duration_text(unit_ns)
    for name in ("--max-response", "--last-member-interval"):
        if getattr(args, name[2:].replace("-", "_")) < unit_ns:
            raise UsageError(f"argument {name}: {family!r} carries {least} at least")
    try:
        return QuerierSettings(family, version, variables, args.last_member_interval)
    except UsageError as error:
        raise UsageError(f"argument --interval: {error.message}", hint=error.hint) from error


def _serve(args: argparse.Namespace, setup: _Setup, ready: Ready) -> int:
    from mldkit.link.device import PacketSocket
    from mldkit.querier import QuerierJob
    from mldkit.render.querier import QuerierOutput

    # `timeout`, labs and service managers end it so: what was learned is worth as much.
    end_in_order()
    output = QuerierOutput(args)
    code = 0
    failure: MldkitError | None = None
    lower: tuple[Standing, ...] = ()
    with ExitStack() as stack:
        device = stack.enter_context(PacketSocket(args.interface))
        writer = settle(args, stack)
        job = stack.enter_context(QuerierJob(device, setup.addresses, output.tell, writer))
        output.job = job
        for line in _announcement(args, setup):
            note(args, f"note: {line}")
        for line in device.notes:
            detail(args, f"note: {line}")
        try:
            with waiting(args, args.listen_ns, "listening"):
                lower = job.listen(args.listen_ns, to_the_end=args.standby)
            if args.standby or not lower:
                ready()
                job.run(args.hold_ns)
        except KeyboardInterrupt:
            code = INTERRUPTED
        except MldkitError as error:
            failure = device.ended_by(error)
        if lower and not args.standby:
            raise _refusal(args.interface, lower, setup)
        output.finish(job, is_partial=bool(code or failure))
    if failure is not None:
        raise failure
    return code


def _refusal(interface: str, lower: Sequence[Standing], setup: _Setup) -> LinkError:
    """Return why it does not start: somebody with a lower address queries already."""
    busy = {one.family for one in lower}
    free = [one.family for one in setup.addresses.values() if one.family not in busy]
    other = f"; -{free[0].ip_version} leaves that family alone" if free else ""
    heard = " and ".join(
        f"{text(one.elected or b'')} ({one.family!r}, lower than {text(one.own)})" for one in lower
    )
    return LinkError(
        f"{interface} has a querier already: {heard}",
        hint=f"--standby waits until it has gone{other}",
    )


def _announcement(args: argparse.Namespace, setup: _Setup) -> Iterator[str]:
    """Give what is going to be done and what that does to others, one line each."""
    yield from setup.origin.notes
    for source, settings in setup.addresses.items():
        yield _plan(settings, source)
        yield from _roundings(args, settings)
        warning = source_warning(source, settings.family)
        if warning is not None:
            yield warning
        if settings.version != settings.family.current_version:
            yield (
                f"hosts speak {settings.family!r}v{settings.version} from the first query on,"
                " and their answers name no sources"
            )
    silent = duration_text(max(one.announced.other_querier_ns for one in setup.addresses.values()))
    yield (
        f"hosts answer, snooping switches go by it and send multicast here; queriers with a higher"
        f" address fall silent until {silent} after the last query"
    )
    if args.listen_ns:
        yield f"nothing is sent for {duration_text(args.listen_ns)}, to hear who queries already"


def _plan(settings: QuerierSettings, source: Address) -> str:
    variables = settings.variables
    return (
        f"{settings.family!r}v{settings.version} from {text(source)}: a General Query every"
        f" {duration_text(variables.interval_ns)}, {duration_text(settings.response_ns)} to answer,"
        f" robustness {variables.robustness},"
        f" last-member interval {duration_text(settings.last_member_interval_ns)}"
    )


def _roundings(args: argparse.Namespace, settings: QuerierSettings) -> Iterator[str]:
    """Give the values that the fields of the queries cannot say exactly."""
    family, version = settings.family, settings.version
    general = settings.general_query(version)
    specific = settings.group_query(version, family.all_hosts, suppress=False)
    wanted = {
        "a response time": (args.max_response, general.max_response_ns),
        "an interval": (args.interval, general.interval_ns),
        "a last-member interval": (args.last_member_interval, specific.max_response_ns),
    }
    for name, (asked_ns, sent_ns) in wanted.items():
        has_field = sent_ns is not None and (version > 1 or family.ip_version == 6)
        if has_field and sent_ns not in (None, asked_ns):
            yield rounding_text(family, name, Rounding(asked_ns, sent_ns or 0))
    if (family.ip_version, version) == (4, 1) and args.max_response != settings.response_ns:
        yield "IGMPv1 carries no response time: hosts take 10 s"
