"""Lines of the tracers: what they say, and lines that nobody should believe."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mldkit.trace.observation import Line
from mldkit.trace.text import Entered, Entry, Happened, Left, Lost, TraceText, octets
from tests.unit.trace.recorded import KERNELS, observations

GRAPH = """\
 ------------------------------------------
 0)   rcu_pre-18   =>   python-136  
 ------------------------------------------

  117.421677 |   0)   python-136   |               |  ipv6_sock_mc_join() {
  117.421967 |   0)   python-136   |   71.967 us   |    __hw_addr_add_ex();
  117.422196 |   0)   python-136   | + 28.032 us   |    e1000e_set_rx_mode [e1000e]();
  117.422290 |   0)   python-136   |               |    /* timer_start: timer=ff1410f341b110c8 function=delayed_work_timer_fn expires=4294921603 [timeout=2] bucket_expiry=4294921604 cpu=0 idx=4 flags=I */
  117.422314 |   0)   python-136   |   760.815 us  |  } /* ipv6_sock_mc_join */
"""  # noqa: E501, W291 (as the kernel wrote it)
STACKS = """\
          python-92      [000] ...1.    28.793857: __ipv6_dev_mc_inc <-__ipv6_sock_mc_join
          python-92      [000] ...1.    28.793865: <stack trace>
 => arch_ftrace_ops_list_func
 => ftrace_regs_call
 => __ipv6_dev_mc_inc
 => __ipv6_sock_mc_join
 => do_ipv6_setsockopt
          python-92      [000] ...1.    28.793949: __ipv6_dev_mc_inc: (__ipv6_dev_mc_inc+0x0/0x340) dev=0xffff88801fdb4000 group={0xff,0x15,0x0,0x0,0x0,0x0,0x0,0x0,0x0,0x0,0x0,0x0,0x0,0x0,0x0,0x77} comm="python"
          <idle>-0       [000] d.s2.    28.804469: workqueue_queue_work: work struct=ffff88801fdb88a8 function=mld_ifc_work workqueue= req_cpu=8192 cpu=0
"""  # noqa: E501 (as the kernel wrote it)


def entries(text: str) -> list[Entry]:
    reader = TraceText()
    found = [entry for line in text.splitlines() for entry in reader.feed(line)]
    return [*found, *reader.flush()]


def test_the_graph_tracer_nests() -> None:
    first, leaf, its_end, driver, driver_end, timer, last = entries(GRAPH)

    assert first == Entered(117_421_677_000, 0, 136, "python", False, "ipv6_sock_mc_join", None)
    assert isinstance(leaf, Entered)
    assert leaf.symbol == "__hw_addr_add_ex"
    assert isinstance(its_end, Left)
    assert its_end.symbol == "__hw_addr_add_ex"
    assert isinstance(driver, Entered)
    assert driver.symbol == "e1000e_set_rx_mode"
    assert isinstance(driver_end, Left)
    assert isinstance(timer, Happened)
    assert timer.name == "timer_start"
    assert timer.fields["timer"] == "ff1410f341b110c8"
    assert timer.fields["timeout"] == "2"
    assert isinstance(last, Left)
    assert last.symbol == "ipv6_sock_mc_join"


def test_a_stack_belongs_to_the_entry_before_it() -> None:
    entered, probe, queued = entries(STACKS)

    assert isinstance(entered, Entered)
    assert entered.stack == ("__ipv6_sock_mc_join", "do_ipv6_setsockopt")
    assert isinstance(probe, Happened)
    assert octets(probe.fields["group"]) == bytes.fromhex("ff15" + "00" * 13 + "77")
    assert probe.fields["comm"] == "python"
    assert isinstance(queued, Happened)
    assert queued.interrupts
    assert queued.fields["function"] == "mld_ifc_work"
    assert queued.fields["workqueue"] == ""


def test_lost_entries_are_counted() -> None:
    assert entries("CPU:1 [LOST 4711 EVENTS]") == [Lost(1, 4711)]


@pytest.mark.parametrize("kernel", KERNELS)
def test_every_line_of_three_kernels_is_understood(kernel: str) -> None:
    reader = TraceText()
    found = 0
    for observation in observations(kernel):
        if isinstance(observation, Line):
            found += len(list(reader.feed(observation.text)))
    assert reader.unread == 0
    assert found > 500


@pytest.mark.parametrize(
    "task",
    [
        "a-1 [000] d",
        "x) y-2 | ",
        "/* f(); */",
        ": dev_mc_add <-",
        "",
        "   ",
        "=> x",
        "\x1b[31m",
        "ü" * 16,
    ],
)
def test_a_process_may_be_called_anything(task: str) -> None:
    lines = (
        f"  117.421677 |   0)   {task[:7]}-136   |               |  dev_mc_add() {{\n"
        f"  117.421679 |   0)   {task[:7]}-136   |   1.0 us      |  }} /* dev_mc_add */\n"
        f"{task:>16}-92      [000] ...1.    28.793857: dev_mc_add <-igmp6_group_added\n"
        f"{task:>16}-92      [000] ...1.    28.793865: <stack trace>\n"
        " => dev_mc_add\n => igmp6_group_added\n"
        f'{task:>16}-92      [000] ...1.    28.79: x: (x+0x0/0x1) dev=0x1 comm="{task}" dev=0x2"\n'
    )
    times = {entry.time_ns for entry in entries(lines) if not isinstance(entry, Lost)}
    assert times <= {117_421_677_000, 117_421_679_000, 28_793_857_000, 28_790_000_000}


def test_a_process_cannot_forge_the_fields_of_a_probe() -> None:
    line = STACKS.splitlines()[-2].replace('"python"', '"x" dev=0x1 group={0xe0}"')
    (probe,) = entries(line)
    assert isinstance(probe, Happened)
    assert probe.fields["dev"] == "0xffff88801fdb4000"
    assert probe.fields["comm"] == 'x" dev=0x1 group={0xe0}'


@given(st.text(max_size=200))
def test_no_line_makes_it_raise(line: str) -> None:
    reader = TraceText()
    list(reader.feed(line))
    list(reader.feed(f" => {line}"))
    list(reader.flush())
    assert reader.unread <= 2
