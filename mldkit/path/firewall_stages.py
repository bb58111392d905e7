"""The two stages at which rules of the firewall meet the frame: before routing, and at INPUT."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.macfilter.receive_filter import Passage
from mldkit.model.protocol_numbers import UDP
from mldkit.model.words import counted
from mldkit.path.firewall import DROP, Ruleset
from mldkit.path.packet_match import Packet
from mldkit.path.stage import Counter, Stage, StageResult

if TYPE_CHECKING:
    from mldkit.path.firewall import Outcome
    from mldkit.path.frame import PathFrame
    from mldkit.path.reading import Reading

_LIST = "nft -a list ruleset"
_SHOWN = 3
_AT_INGRESS = ("netdev", "inet")


def before_routing(reading: Reading, ruleset: Ruleset, frame: PathFrame) -> StageResult:
    """Judge the rules that a frame meets before this host looks who it is for."""
    if frame.group is None:
        return StageResult(Stage.NETFILTER, None, "a MAC alone is no packet")
    at_card = _packet(frame, reading.card.name)
    outcomes = [ruleset.judge(at_card, "ingress", _AT_INGRESS, reading.card.name)]
    if reading.bridge is not None:
        # br_netfilter apart: rules of IP on bridged frames are the exception today.
        at_port = _packet(frame, reading.named.name)
        outcomes += [ruleset.judge(at_port, hook, ("bridge",)) for hook in ("prerouting", "input")]
    at_host = _packet(frame, reading.host.name)
    if len(frame.group) == 4 or not reading.is_ipv6_off:
        outcomes.append(ruleset.judge(at_host, "prerouting"))
    return _result(reading, Stage.NETFILTER, outcomes, frame)


def at_input(reading: Reading, ruleset: Ruleset, frame: PathFrame) -> StageResult:
    """Judge the rules for what is for this host."""
    if frame.group is None:
        return StageResult(Stage.NETFILTER_INPUT, None, "a MAC alone is no packet")
    packet = _packet(frame, reading.host.name)
    return _result(reading, Stage.NETFILTER_INPUT, [ruleset.judge(packet, "input")], frame)


def _packet(frame: PathFrame, incoming: str) -> Packet:
    return Packet(frame.source, frame.group or b"", UDP, incoming=incoming, port=frame.port)


def _result(
    reading: Reading, stage: Stage, outcomes: list[Outcome], frame: PathFrame
) -> StageResult:
    dropping = [words for outcome in outcomes for words in outcome.dropping]
    first = next((outcome for outcome in outcomes if outcome.dropping), None)
    counter = None
    if first is not None and first.counted is not None:
        counter = Counter(f"packets counted in {first.chain}", first.counted)
    rules = sum(outcome.rules for outcome in outcomes)
    if any(outcome.possible == {DROP} for outcome in outcomes):
        return StageResult(
            stage,
            Passage.DROPPED,
            _shown(dropping),
            counter,
            _LIST,
            cure="take the rule away, or accept this group in front of it",
        )
    doubts = [reading.rules.unknown] if reading.rules.unknown else []
    legacy = reading.rules.legacy.get(frame.octets, "")
    if legacy:
        doubts.append(f"iptables, not evaluated: {_shown(legacy.splitlines())}")
    if any(DROP in outcome.possible for outcome in outcomes):
        doubts.append(_shown(dropping))
    if doubts:
        return StageResult(stage, Passage.UNKNOWN, "; ".join(doubts), counter, _LIST)
    if not rules:
        return StageResult(stage, Passage.PASSES, "no rules here")
    words = f"none of {counted(rules, 'rule')} that it meets here drops it"
    return StageResult(stage, Passage.PASSES, words, confirm=_LIST)


def _shown(words: list[str]) -> str:
    more = f"; and {len(words) - _SHOWN} more" if len(words) > _SHOWN else ""
    return "; ".join(words[:_SHOWN]) + more
