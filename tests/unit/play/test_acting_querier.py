"""The querier of a script that acts by itself, in virtual time."""

from __future__ import annotations

from mldkit.model.messages import Query
from mldkit.play import simulate
from mldkit.protocol.script_parser import parse_script

SCRIPT = """\
host fe80::ff:fe00:2 02:00:00:00:00:02
host 10.9.0.2 02:00:00:00:00:02
querier 10.9.0.1 02:00:00:00:00:01
querier fe80::ff:fe00:1 02:00:00:00:00:01
set querier acting interval 40s max-response 2s robustness 3
1.0   join 239.1.1.1
90.0  leave 239.1.1.1
130.0 report 2 239.1.1.9 from-host 10.9.0.9
"""


def test_the_queries_are_those_of_the_rfc_with_what_the_script_says() -> None:
    performance = simulate(parse_script(SCRIPT), seed=3)

    general: list[float] = []
    specific: list[float] = []
    for event in performance.events:
        message = event.decoded.datagram.message
        if isinstance(message, Query) and event.decoded.family.ip_version == 4:
            assert event.who == "querier"
            assert message.robustness == 3
            (general if message.is_general else specific).append(event.time_ns / 1e9)
    # RV startup queries, QI / 4 apart, then one each QI (RFC 9776 §8.6, §8.7).
    assert general == [0, 10, 20, 60, 100]
    # LMQC = RV queries, 1 s apart, the first when the leave is told (RFC 9776 §8.8, §8.9).
    assert len(specific) == 3
    assert 90 < specific[0] < 90.1
    assert [round(after - specific[0], 6) for after in specific] == [0, 1, 2]
