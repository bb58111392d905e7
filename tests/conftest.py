"""Fixtures that need more than Python: network namespaces and the project's shared material.

Namespaces that a test makes carry the number of the test process in their name and are removed
when the test ends, however it ends; those of tests that were killed go before the next ones begin::

    link.near eth1 02:..:01 10.9.0.1/24  ------ veth ------  10.9.0.2/24 02:..:02 eth1 link.far

Types for annotations: `from tests.conftest import Link, Namespace` under TYPE_CHECKING.
"""

from __future__ import annotations

import ctypes
import importlib.metadata
import itertools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

from tests.material import SHARED

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

ROOT = Path(__file__).resolve().parents[1]
INTERFACE = "eth1"
_CLONE_NEWNET = 0x40000000
_NOBODY = 65534
_DEPENDENCIES = ("scapy", "netns", "rich", "pygments", "markdown-it-py", "mdurl")
_serial = itertools.count()
_LEFT_OUT = pytest.StashKey[int]()


def pytest_configure() -> None:
    """Let neither the terminal nor the shell of who runs the tests change what commands do."""
    # The tools of the documentation are found; an mldkit that is installed comes before the source.
    sys.path.append(str(ROOT))
    for name in ("COLUMNS", "LINES"):
        os.environ.pop(name, None)
    # A shell lets what it runs in the background ignore Ctrl-C, and so would every command.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # How long an example takes says something about the machine only.
    hypothesis.settings.register_profile(
        "any machine",
        hypothesis.settings.default,
        deadline=None,
        suppress_health_check=[hypothesis.HealthCheck.too_slow],
    )
    hypothesis.settings.load_profile("any machine")


def pytest_report_header() -> str:
    """Say whether the material is there that several projects share."""
    return f"shared material: {SHARED if SHARED.is_dir() else 'not here, as in any clone'}"


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print what was left out, and what tests have measured.

    A test that runs beside others has no terminal of its own.
    """
    if left_out := config.stash.get(_LEFT_OUT, 0):
        terminalreporter.section("left out")
        terminalreporter.write_line(f"{SHARED} is not here, and these tests need it: {left_out}")
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, ()):
            for name, value in getattr(report, "user_properties", ()):
                if name == "table":
                    terminalreporter.section(report.nodeid)
                    terminalreporter.write(str(value))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--require-netns",
        action="store_true",
        help="a test that needs network namespaces fails where it would skip",
    )


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> Generator[None]:
    for item in items:
        if "shared" in getattr(item, "fixturenames", ()):
            item.add_marker("shared")
    yield  # what the command line does not ask for is left out here
    if not SHARED.is_dir():
        _leave_out_shared(config, items)
    wanted = [item for item in items if item.get_closest_marker("netns")]
    if wanted and not os.geteuid():
        remove_leftovers()
    if not wanted or config.getoption("--require-netns"):
        return
    reason = _why_no_namespaces()
    if reason is not None:
        for item in wanted:
            item.add_marker(pytest.mark.skip(reason=reason))


def _leave_out_shared(config: pytest.Config, items: list[pytest.Item]) -> None:
    left_out = [item for item in items if item.get_closest_marker("shared")]
    items[:] = [item for item in items if not item.get_closest_marker("shared")]
    config.hook.pytest_deselected(items=left_out)
    config.stash[_LEFT_OUT] = len(left_out)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Send the count of a worker to the process that prints."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["left_out"] = session.config.stash.get(_LEFT_OUT, 0)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take the count of a worker (pytest-xdist); each of them has collected all tests."""
    node.config.stash[_LEFT_OUT] = getattr(node, "workeroutput", {}).get("left_out", 0)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    required = item.config.getoption("--require-netns") and item.get_closest_marker("netns")
    if required and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"skipped under --require-netns: {call.excinfo}"
    return report


@dataclass
class Namespace:
    """A network namespace with a name, and the processes that a test started in it."""

    name: str
    _children: list[subprocess.Popen[str]] = field(default_factory=list)

    def ip(self, command: str) -> str:
        """Run one `ip` command in the namespace and return what it printed."""
        return _output("ip", "-n", self.name, *command.split())

    def batch(self, commands: Iterable[str]) -> None:
        """Run many `ip` commands in the namespace, all by one program."""
        done = subprocess.run(
            ["ip", "-n", self.name, "-batch", "-"],
            input="\n".join(commands),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    def run(self, *argv: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Run a program in the namespace to its end."""
        return subprocess.run(
            ["ip", "netns", "exec", self.name, *argv],
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def spawn(self, *argv: str) -> subprocess.Popen[str]:
        """Start a program in the namespace; the fixture ends it at the latest."""
        child = subprocess.Popen(
            ["ip", "netns", "exec", self.name, *argv],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._children.append(child)
        return child

    def mldkit(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run an mldkit command in the namespace to its end."""
        return self.run(sys.executable, "-m", "mldkit", *arguments)

    def spawn_mldkit(self, *arguments: str) -> subprocess.Popen[str]:
        """Start an mldkit command in the namespace."""
        return self.spawn(sys.executable, "-m", "mldkit", *arguments)

    def read(self, path: str) -> str:
        """Return a file as a process of the namespace sees it, such as /proc/net/igmp."""
        return _output("ip", "netns", "exec", self.name, "cat", path)

    def sysctl(self, name: str, value: object) -> None:
        """Set a sysctl of the namespace."""
        _output("ip", "netns", "exec", self.name, "sysctl", "-qw", f"{name}={value}")

    def wait_for_ipv6(self, interface: str, seconds: float = 10) -> None:
        """Wait until an interface takes groups in: its multicast route is the last to appear."""
        until = time.monotonic() + seconds
        while "ff00::/8" not in self.ip(f"-6 route show table local dev {interface}"):
            assert time.monotonic() < until, f"{interface} of {self.name} did not come up"
            time.sleep(0.01)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Let this process live in the namespace; sockets opened here stay there."""
        libc = ctypes.CDLL(None, use_errno=True)
        home, target = Path("/proc/thread-self/ns/net"), Path("/run/netns", self.name)
        with home.open() as before, target.open() as inside:
            assert libc.setns(inside.fileno(), _CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
            try:
                yield
            finally:
                assert libc.setns(before.fileno(), _CLONE_NEWNET) == 0

    def remove(self) -> None:
        """End the processes and take the name away, which removes the interfaces too."""
        for child in self._children:
            child.kill()
            child.communicate()
        subprocess.run(["ip", "netns", "delete", self.name], check=False, capture_output=True)


@dataclass(frozen=True)
class Link:
    """Two namespaces and the veth pair between them; both ends are called `eth1`."""

    near: Namespace
    far: Namespace
    interface: str = INTERFACE


@pytest.fixture
def make_namespace() -> Iterator[Callable[[], Namespace]]:
    """Give a function that makes an empty namespace with its loopback up."""
    with _namespaces() as make:
        yield make


@pytest.fixture(scope="module")
def make_common_namespace() -> Iterator[Callable[[], Namespace]]:
    """Give the same for namespaces that all tests of a module look at."""
    with _namespaces() as make:
        yield make


def remove_leftovers() -> None:
    """Remove the namespaces of test processes that were killed, with what still runs in them."""
    for path in Path("/run/netns").glob("mldkit-*-*"):
        owner = path.name.split("-")[1]
        if not owner.isdecimal() or Path("/proc", owner).exists():
            continue
        listed = subprocess.run(
            ["ip", "netns", "pids", path.name], capture_output=True, text=True, check=False
        )
        for pid in map(int, listed.stdout.split()):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        subprocess.run(["ip", "netns", "delete", path.name], check=False, capture_output=True)


@contextmanager
def _namespaces() -> Iterator[Callable[[], Namespace]]:
    made: list[Namespace] = []

    def make() -> Namespace:
        namespace = Namespace(f"mldkit-{os.getpid()}-{next(_serial)}")
        _output("ip", "netns", "add", namespace.name)
        made.append(namespace)
        namespace.ip("link set lo up")
        return namespace

    try:
        yield make
    finally:
        for namespace in made:
            namespace.remove()


@pytest.fixture
def link(make_namespace: Callable[[], Namespace]) -> Link:
    """Two hosts on a wire, ready for both families, without duplicate address detection."""
    near, far = make_namespace(), make_namespace()
    # Different numbers: where an end has the number of its peer the kernel takes it for a plain
    # device and tells that it is up as much as a second later (net/core/link_watch.c).
    near.ip(
        f"link add {INTERFACE} index 11 type veth peer name {INTERFACE} index 12 netns {far.name}"
    )
    for number, namespace in enumerate((near, far), start=1):
        conf = f"net.ipv6.conf.{INTERFACE}"
        namespace.run(
            "sysctl", "-qw", f"{conf}.accept_dad=0", f"{conf}.router_solicitations=0"
        ).check_returncode()
        namespace.ip(f"link set {INTERFACE} address 02:00:00:00:00:{number:02x}")
        namespace.ip(f"address add 10.9.0.{number}/24 dev {INTERFACE}")
    for namespace in (near, far):
        namespace.ip(f"link set {INTERFACE} up")
    for namespace in (near, far):
        namespace.wait_for_ipv6(INTERFACE)
    return Link(near, far)


@pytest.fixture
def silent_link(make_namespace: Callable[[], Namespace]) -> Link:
    """A wire whose ends say nothing by themselves: every frame on it is one of the test."""
    near, far = make_namespace(), make_namespace()
    for namespace in (near, far):
        namespace.sysctl("net.ipv6.conf.default.disable_ipv6", 1)
    near.ip(
        f"link add {INTERFACE} index 11 type veth peer name {INTERFACE} index 12 netns {far.name}"
    )
    for number, namespace in enumerate((near, far), start=1):
        namespace.ip(f"link set {INTERFACE} address 02:00:00:00:00:{number:02x} up")
    return Link(near, far)


@dataclass(frozen=True)
class Ordinary:
    """An ordinary user and a Python environment with mldkit that this user can read."""

    python: Path

    def run(self, *argv: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a program as that user, to its end."""
        user = [f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups", "--inh-caps=-all"]
        return subprocess.run(
            ["setpriv", *user, *argv],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            cwd="/",
            env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"},
        )


@pytest.fixture(scope="session")
def ordinary() -> Iterator[Ordinary]:
    """An environment of the system's Python; root's own is out of the reach of other users."""
    if os.geteuid():
        pytest.skip("needs root to become another user")
    with tempfile.TemporaryDirectory(prefix="mldkit-ordinary-") as directory:
        environment = Path(directory, "venv")
        subprocess.run(["/usr/bin/python3", "-m", "venv", "--without-pip", environment], check=True)
        (site,) = environment.glob("lib/python3.*/site-packages")
        for name in _DEPENDENCIES:
            for file in importlib.metadata.files(name) or ():
                if file.parts[0] != ".." and file.suffix != ".pyc":
                    target = site / file
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(file.locate(), target)
        without = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "mldkit", site / "mldkit", ignore=without)
        subprocess.run(["chmod", "-R", "a+rX", directory], check=True)
        yield Ordinary(environment / "bin" / "python")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The material that several projects share; a test that asks for it is marked `shared`."""
    assert SHARED.is_dir()
    return SHARED


def _output(*argv: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(argv)}: {done.stderr}"
    return done.stdout


def _why_no_namespaces() -> str | None:
    """Return why namespaces cannot be made here, None when one was made."""
    name = f"mldkit-{os.getpid()}-trial"
    try:
        done = subprocess.run(
            ["ip", "netns", "add", name], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return "iproute2 is not installed"
    if done.returncode:
        return f"needs root or a user namespace: {done.stderr.strip().splitlines()[-1]}"
    subprocess.run(["ip", "netns", "delete", name], check=False)
    return None
