"""`doctor` says what is so: as root, as an ordinary user, and where nothing is allowed."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mldkit.cli.main import main
from mldkit.link.machine import SETTINGS, MachineCheck, Status, core_works, packages

if TYPE_CHECKING:
    from tests.conftest import Link, Ordinary

CORE = ("scapy", "netns", "rich")


def checks_of(output: str) -> dict[str, dict[str, Any]]:
    document = json.loads(output)
    assert document["schema"] == "mldkit.doctor/1"
    return {check["name"]: check for check in document["checks"]}


def test_facts_are_those_of_this_machine(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["doctor", "--json"])

    output = capsys.readouterr().out
    checks = checks_of(output)
    assert (code == 0) == json.loads(output)["core_works"]
    assert checks["python"]["seen"] == platform.python_version()
    assert checks["kernel"]["seen"] == platform.release()
    for setting in SETTINGS:
        path = Path("/proc/sys", setting.name)
        if path.exists():
            seen = checks[setting.name.replace("/", ".")]["seen"]
            assert seen.split()[0] == path.read_text().strip()


def test_the_tick_is_that_of_the_kernels_configuration(
    capsys: pytest.CaptureFixture[str],
) -> None:
    config = Path(f"/boot/config-{platform.release()}")
    # Another witness, where root may read it: jiffies against nanoseconds in the timer list.
    main(["doctor", "--json"])
    seen = int(checks_of(capsys.readouterr().out)["HZ"]["seen"].split()[0])

    if config.exists():
        assert f"CONFIG_HZ={seen}\n" in config.read_text()
    elif os.geteuid() == 0 and Path("/proc/timer_list").exists():
        assert abs(measured_hz() - seen) < seen * 0.1
    else:
        pytest.skip("no second witness for HZ on this machine")


def measured_hz() -> float:
    samples = []
    for _ in range(2):
        text = Path("/proc/timer_list").read_text()
        now = re.search(r"now at (\d+) nsecs", text)
        jiffies = re.search(r"jiffies: (\d+)", text)
        assert now is not None
        assert jiffies is not None
        samples.append((int(now[1]), int(jiffies[1])))
        until = samples[0][0] + 1_000_000_000
        while len(samples) == 1 and not newer_than(until):
            pass
    (start_ns, start), (end_ns, end) = samples
    return (end - start) * 1e9 / (end_ns - start_ns)


def newer_than(until_ns: int) -> bool:
    now = re.search(r"now at (\d+) nsecs", Path("/proc/timer_list").read_text())
    assert now is not None
    return int(now[1]) > until_ns


def test_the_doctor_never_loads_scapy_or_rich() -> None:
    code = (
        "import sys; from mldkit.cli.main import main; main(['doctor', '--json']); "
        "print({'scapy', 'rich', 'netns'} & set(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "set()\n"


@pytest.mark.parametrize(
    ("good", "works"),
    [
        ((*CORE, "packet sockets"), True),
        ((*CORE, "sandbox", "packet sockets in a sandbox", "veth"), True),
        ((*CORE, "sandbox", "packet sockets in a sandbox"), False),
        (CORE, False),
        (("scapy", "rich", "packet sockets"), False),
    ],
)
def test_the_core_is_the_packages_and_packet_sockets_somewhere(
    good: tuple[str, ...], works: bool
) -> None:
    assert core_works([MachineCheck(name, Status.OK, "") for name in good]) == works


@pytest.mark.parametrize(
    ("good", "verdict"),
    [
        ((*CORE, "packet sockets", "sandbox", "packet sockets in a sandbox", "veth"),
         "the core works: try mldkit demo"),
        ((*CORE, "packet sockets"), "the core works"),
        (CORE, "the core does not work here"),
    ],
)  # fmt: skip
def test_the_demonstration_is_named_where_it_can_run(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    good: tuple[str, ...],
    verdict: str,
) -> None:
    found = [MachineCheck(name, Status.OK, "") for name in good]
    monkeypatch.setattr("mldkit.cli.doctor.checks", lambda: iter(found))

    main(["doctor"])

    assert capsys.readouterr().out.splitlines()[-1] == verdict


@pytest.mark.parametrize(
    ("version", "status", "seen"),
    [
        ("2.7.0", Status.MISSING, "2.7.0, 2.8 is needed at least"),
        ("2.8", Status.OK, "2.8"),
        ("2.10rc1", Status.OK, "2.10rc1"),
    ],
)
def test_a_package_that_is_too_old_is_missing(
    monkeypatch: pytest.MonkeyPatch, version: str, status: Status, seen: str
) -> None:
    monkeypatch.setattr(importlib.metadata, "version", lambda _: version)
    monkeypatch.setattr(importlib.metadata, "requires", lambda _: ["scapy>=2.8", "rich>=1"])

    scapy = next(check for check in packages() if check.name == "scapy")

    assert (scapy.status, scapy.seen) == (status, seen)


@pytest.mark.netns
def test_root_can_do_everything_that_ip_can_do(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["doctor", "--json"]) == 0

    checks = checks_of(capsys.readouterr().out)
    for name in ("packet sockets", "sandbox", "packet sockets in a sandbox", "veth", "iproute2"):
        assert checks[name]["status"] == "ok", checks[name]
    version = subprocess.run(["ip", "-V"], capture_output=True, text=True, check=True).stdout
    assert checks["iproute2"]["seen"] in version


@pytest.mark.netns
def test_settings_that_change_the_answers_are_pointed_out(link: Link) -> None:
    link.far.sysctl("net.ipv4.igmp_qrv", 5)
    link.far.sysctl("net.ipv4.conf.eth1.force_igmp_version", 2)

    checks = checks_of(link.far.mldkit("doctor", "--json").stdout)

    assert checks["net.ipv4.igmp_qrv"]["status"] == "changed"
    assert checks["net.ipv4.igmp_qrv"]["advice"] == "sysctl -w net.ipv4.igmp_qrv=2"
    assert checks["force_igmp_version"]["seen"] == "eth1: 2"
    # Exists in the initial namespace only, so nothing can be said from here.
    assert checks["net.ipv6.mld_qrv"]["status"] == "unknown"


@pytest.mark.netns
def test_an_ordinary_user_gets_the_core_in_a_sandbox(ordinary: Ordinary) -> None:
    done = ordinary.run(ordinary.python, "-m", "mldkit", "doctor", "--json")

    checks = checks_of(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert checks["packet sockets"]["status"] == "missing"
    assert "sudo" in checks["packet sockets"]["advice"]
    assert checks["sandbox"]["seen"] == "namespaces can be made in a user namespace"
    assert checks["veth"]["status"] == "ok"


@pytest.mark.netns
def test_where_nothing_is_allowed_the_doctor_says_so(ordinary: Ordinary) -> None:
    done = ordinary.run(
        "unshare", "--user", "--map-root-user", "sh", "-c",
        "echo 0 > /proc/sys/user/max_user_namespaces && "
        'exec setpriv --bounding-set=-all --inh-caps=-all "$@"',
        "sh", ordinary.python, "-m", "mldkit", "doctor",
    )  # fmt: skip

    assert done.returncode == 3
    assert "sysctl -w user.max_user_namespaces=10000" in done.stdout
    assert done.stdout.endswith("the core does not work here\n")


@pytest.mark.parametrize(
    ("environment", "status", "seen"),
    [({}, ("ok", "missing"), ""), ({"MLDKIT_PURE": "1"}, ("changed",), "off: MLDKIT_PURE is set")],
)
def test_the_compiled_core_is_told_of(
    environment: dict[str, str], status: tuple[str, ...], seen: str
) -> None:
    command = [sys.executable, "-m", "mldkit", "doctor", "--json"]
    kept = {name: value for name, value in os.environ.items() if name != "MLDKIT_PURE"}
    printed = subprocess.run(
        command, env=kept | environment, capture_output=True, text=True, check=False
    )
    check = checks_of(printed.stdout)["compiled core"]
    assert check["status"] in status
    assert check["seen"].startswith(seen)
    assert check["status"] == "ok" or check["advice"]
