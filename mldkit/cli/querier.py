"""`mldkit querier`: be the querier of a link, for labs and for links that lack one."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mldkit.cli import background
from mldkit.cli.arguments import add_format, add_interface, add_source, duration, whole_number
from mldkit.cli.interrupt import SignalInterrupt
from mldkit.cli.rights import add_user, settle
from mldkit.cli.version_options import add_versions, versions_given
from mldkit.errors import LinkError, MldkitError, UsageError
from mldkit.model.addresses import text
from mldkit.model.units import SECOND
from mldkit.origin import families_for, find_origin, given_sources, only_family
from mldkit.protocol.querier_settings import LARGEST_ROBUSTNESS, QuerierSettings
from mldkit.protocol.query_fields import Rounding
from mldkit.protocol.variables import Variables
from mldkit.render.effects import rounding_text, source_warning
from mldkit.render.message_text import duration_text
from mldkit.render.progress import waiting
from mldkit.render.streams import end_without_reader
from mldkit.render.terminal import detail, note

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping, Sequence

    from mldkit.cli.background import Ready
    from mldkit.model.addresses import Address
    from mldkit.model.family import Family
    from mldkit.origin import Origin
    from mldkit.querier import QuerierHeard, QuerierJobEvent

EPILOG = """\
examples:
  sudo mldkit querier -i eth0                        both families, until Ctrl-C
  sudo mldkit querier -i eth0 -6 --interval 20s --max-response 2s --for 5m
  sudo mldkit querier -i eth0 --version igmp2        hosts fall back to IGMPv2
  sudo mldkit querier -i eth0 --standby              take over when the querier goes
  mldkit lab exec r1 -- mldkit querier -i eth1 --background

It first listens without sending anything (--listen). Any querier that is heard then keeps it from
starting, whatever its address: a second one would silence it or make hosts answer twice.
--take-over begins all the same, and the election decides: the lower address queries. One that is
heard later is not asked for: it wins with a lower address, and this one is silent until that has
gone. General Queries are rare, 125 s apart by default, so a short silence proves little:
--listen 125s is sure. Messages of this machine itself are not heard.

events: query querier other version address join change leave expire left-out end

exit codes: 0 done or ended by SIGTERM, 2 wrong usage, 3 no permission, no such
interface, or a querier that is there already, 130 interrupted
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
    add_source(parser)
    _add_beginning_and_end(parser)
    parser.add_argument("-w", dest="write", metavar="FILE", help="write what is seen as pcapng")
    add_user(parser)
    add_format(parser)


def _add_beginning_and_end(parser: argparse.ArgumentParser) -> None:
    """Add what says whether it begins beside others, and when it ends."""
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
        help="stay where a lower querier is heard, silent until it has gone; where only higher ones"
        " are, begin and win",
    )
    parser.add_argument(
        "--take-over",
        action="store_true",
        help="begin where another querier is heard: one with a higher address falls silent, and"
        " beside a lower one this one does",
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


def run(args: argparse.Namespace) -> int:
    """Announce, listen, be the querier, sum up; return 130 when Ctrl-C ended it."""
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
    notes: tuple[str, ...] = ()
    """Families that are left out and why, one line each."""

    @classmethod
    def of(cls, args: argparse.Namespace) -> _Setup:
        """Return what the arguments ask for; wrong ones are said before the interface is used."""
        given = given_sources(args.sources)
        versions, left_out = _chosen_versions(args, given)
        settings = {
            family: _settings(args, family, version) for family, version in versions.items()
        }
        origin = find_origin(args.interface, tuple(settings), given)
        mtu = origin.interface.mtu
        addresses = {
            source: replace(settings[family], mtu=mtu) for family, source in origin.sources.items()
        }
        return cls(origin, addresses, (*left_out, *origin.notes))


def _chosen_versions(
    args: argparse.Namespace, given: Mapping[Family, Address]
) -> tuple[dict[Family, int], list[str]]:
    """Return the families, each with its version, and a line that names one that is left out."""
    families = families_for({}, sources=given, ipv4=args.ipv4, ipv6=args.ipv6)
    versions = versions_given(args.versions)
    is_chosen = bool(given) or args.ipv4 or args.ipv6
    if versions and not is_chosen:
        families = tuple(versions)
    elif not set(versions) <= set(families):
        raise UsageError("argument --version: it belongs to the other family")
    left_out: list[str] = []
    if not (args.ipv4 or args.ipv6):
        left_out = only_family(families, "--source" if given else "--version")
    chosen = {family: versions.get(family, family.current_version) for family in families}
    return chosen, left_out


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

    end_without_reader()
    signals = SignalInterrupt()

    def tell(event: QuerierJobEvent) -> None:
        # Somebody may read so slowly that it never ends: a signal cuts that, and nothing else.
        with signals.reading():
            output.tell(event)

    output = QuerierOutput(args)
    stays = args.standby or args.take_over
    failure: MldkitError | None = None
    heard: tuple[QuerierHeard, ...] = ()
    with signals.heard(), ExitStack() as stack:
        device = stack.enter_context(PacketSocket(args.interface))
        writer = settle(args, stack)
        job = stack.enter_context(QuerierJob(device, setup.addresses, tell, writer))
        output.job = job
        signals.stop = job.stop
        for line in _announcement(args, setup):
            note(args, f"note: {line}")
        for line in device.notes:
            detail(args, f"note: {line}")
        try:
            if not signals.came:
                with waiting(args, args.listen_ns, "listening"):
                    heard = job.listen(args.listen_ns, to_the_end=stays)
            if not signals.came and (stays or not heard):
                ready()
                job.run(args.hold_ns)
        except KeyboardInterrupt:
            pass  # twice, or while nobody took what it says
        except BrokenPipeError:
            pass  # nobody reads the events: it ends, and standard error has the sums
        except MldkitError as error:
            failure = device.ended_by(error)
        if heard and not stays and not signals.came:
            raise _refusal(args.interface, heard, setup)
        output.finish(job, job.end(), is_partial=bool(signals.came or failure))
    if failure is not None:
        raise failure
    return signals.exit_code


_RANKS = {
    "lower": "lower than {own}",
    "higher": "higher than {own}",
    "tie": "the same as {own}",
    "none": "a switch without an address",
}


def _refusal(interface: str, heard: Sequence[QuerierHeard], setup: _Setup) -> LinkError:
    """Return why it does not start: somebody queries already."""
    busy = {one.family for one in heard}
    free = [one.family for one in setup.addresses.values() if one.family not in busy]
    names = " and ".join(
        f"{text(one.address)} ({one.family!r}, {_RANKS[one.rank].format(own=text(one.own))})"
        for one in heard
    )
    ways = []
    if any(one.rank == "lower" for one in heard):
        ways.append("--standby waits until the lower one has gone")
    if any(one.rank != "lower" for one in heard):
        ways.append("--take-over begins all the same, and the election decides")
    if free:
        left_out = " and ".join(sorted(repr(family) for family in busy))
        ways.append(f"-{free[0].ip_version} asks in {free[0]!r} only, {left_out} is left out")
    return LinkError(f"{interface} has a querier already: {names}", hint="; ".join(ways))


def _announcement(args: argparse.Namespace, setup: _Setup) -> Iterator[str]:
    """Give what is going to be done and what that does to others, one line each."""
    yield from setup.notes
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
