"""What `groups` can and cannot see of sockets, and that it says which of the two it is."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mldkit.groups.listing import take
from mldkit.model.addresses import parse, text
from tests.kernel.group_listing import details, held, joined, kinds, listing, made, rows

if TYPE_CHECKING:
    from mldkit.groups.row import GroupRow
    from tests.conftest import Link, Namespace, Ordinary

pytestmark = pytest.mark.netns

NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"]


def seen_by_nobody(namespace: Namespace, ordinary: Ordinary) -> dict[str, dict[str, Any]]:
    """Return the rows of eth1 that an ordinary user gets, by group."""
    command = ["groups", "--json", "-i", "eth1"]
    done = namespace.run("env", "-C", "/", *NOBODY, str(ordinary.python), "-m", "mldkit", *command)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert all(entry["holds"] for entry in document["invariants"])
    return {row["group"]: row for row in document["groups"]}


def taken(namespace: Namespace) -> dict[str, GroupRow]:
    with namespace.entered():
        return {text(row.group): row for row in take("eth1").rows}


def test_an_ordinary_user_sees_null_where_root_sees_processes(
    link: Link, ordinary: Ordinary
) -> None:
    joined(link.far, "239.1.2.3", "239.1.2.4", "224.0.0.251", lines=3)

    found = seen_by_nobody(link.far, ordinary)

    assert found.keys() == rows(link.far).keys()
    for group in ("239.1.2.3", "239.1.2.4", "224.0.0.251"):
        assert found[group]["processes"] is None
        assert kinds(found[group])[-1] == "unknown"
        assert found[group]["unexplained_users"] == 1
    # What the kernel joined by itself needs no right to be explained.
    assert found["ff02::1:ff00:2"]["processes"] == []
    assert kinds(found["ff02::1:ff00:2"]) == ["solicited-node"]
    assert kinds(found["224.0.0.251"]) == ["well-known", "unknown"]


def test_an_ordinary_user_sees_the_own_processes(link: Link, ordinary: Ordinary) -> None:
    child = link.far.spawn(
        "env", "-C", "/", *NOBODY, str(ordinary.python), "-m", "mldkit",
        "join", "-i", "eth1", "10.0.0.1@232.1.1.1",
    )  # fmt: skip
    assert child.stdout is not None
    assert "joined" in child.stdout.readline()

    row = seen_by_nobody(link.far, ordinary)["232.1.1.1"]

    (process,) = row["processes"]
    assert process["pid"] == child.pid
    assert process["sockets"][0]["sources"] == ["10.0.0.1"]


def test_in_the_own_namespace_nobody_sees_all(ordinary: Ordinary) -> None:
    python = ordinary.python
    done = ordinary.run(
        "unshare", "--user", "--map-root-user", "--net", "sh", "-c",
        f"ip link set lo up; {python} -m mldkit join -i lo 10.0.0.1@232.1.1.1 > /dev/null & "
        f"until grep -q 010101E8 /proc/self/net/igmp; do sleep 0.05; done; "
        f"{python} -m mldkit groups -i lo --json; kill $!",
    )  # fmt: skip
    if "unshare failed" in done.stderr:
        pytest.skip("user namespaces are not allowed here")

    (row,) = [row for row in json.loads(done.stdout)["groups"] if row["group"] == "232.1.1.1"]

    assert row["sources"] == ["10.0.0.1"]
    assert len(row["processes"]) == 1
    assert row["unexplained_users"] == 0


def test_filters_without_a_view_of_sockets_come_from_the_table_or_are_null(
    link: Link, ordinary: Ordinary
) -> None:
    joined(link.far, "10.0.0.1@232.1.1.1")
    joined(link.far, "239.1.2.3", "--block", "10.0.0.9")

    shown = seen_by_nobody(link.far, ordinary)
    assert (shown["232.1.1.1"]["filter_mode"], shown["232.1.1.1"]["sources"]) == (
        "INCLUDE",
        ["10.0.0.1"],
    )
    assert (shown["239.1.2.3"]["filter_mode"], shown["239.1.2.3"]["sources"]) == (
        "EXCLUDE",
        ["10.0.0.9"],
    )

    # The newest group has no sources now: the kernel's table is empty although filters exist.
    joined(link.far, "239.9.9.9")
    assert len(link.far.read("/proc/net/mcfilter").splitlines()) == 1
    hidden = seen_by_nobody(link.far, ordinary)
    for group in ("232.1.1.1", "239.1.2.3"):
        assert (hidden[group]["filter_mode"], hidden[group]["sources"]) == (None, None)
    assert (hidden["239.9.9.9"]["filter_mode"], hidden["239.9.9.9"]["sources"]) == ("EXCLUDE", [])
    # Asked one by one, the sockets still tell it to those who may ask.
    exact = rows(link.far)
    assert exact["232.1.1.1"]["sources"] == ["10.0.0.1"]
    assert exact["239.1.2.3"]["sources"] == ["10.0.0.9"]


def test_the_table_of_a_name_longer_than_six_letters_is_read_by_its_index(link: Link) -> None:
    for number in (1, 2):
        link.far.ip(f"link add lengthy{number} type veth peer name peer{number}")
        link.far.ip(f"link set lengthy{number} up")
        child = link.far.spawn_mldkit(
            "join", "-i", f"lengthy{number}", f"10.0.0.{number}@232.1.1.1"
        )
        assert child.stdout is not None
        assert "joined" in child.stdout.readline()
    assert link.far.read("/proc/net/mcfilter").count(" length ") == 2

    found = [rows(link.far, f"lengthy{number}")["232.1.1.1"]["sources"] for number in (1, 2)]

    assert found == [["10.0.0.1"], ["10.0.0.2"]]


def test_an_ipv6_socket_that_joined_an_ipv4_group_is_found(link: Link) -> None:
    child = held(link.far, """
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IP, 42, request(index, "239.1.1.7"))
""")  # fmt: skip

    row = rows(link.far)["239.1.1.7"]

    assert [p["pid"] for p in row["processes"]] == [child.pid]
    assert row["unexplained_users"] == 0


def test_who_wants_more_than_the_list_is_told_as_ip_d_link_tells_it(link: Link) -> None:
    held(link.far, """
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
s.setsockopt(263, 1, struct.pack("=iHH8s", index, 2, 0, bytes(8)))
""")  # fmt: skip
    # A veth has no list of unicast addresses, so a macvlan on it wants all frames.
    made(link.far, "link add mv0 link eth1 type macvlan mode bridge")
    link.far.ip("link set mv0 up")
    link.far.ip("link add br0 type bridge")
    link.far.ip("link add v0 type veth peer name v1")
    link.far.ip("link set v0 master br0")

    document = listing(link.far)

    theirs = {entry["ifname"]: entry for entry in json.loads(link.far.ip("-d -j link show"))}
    ours = {entry["interface"]: entry for entry in document["interfaces"]}
    assert ours.keys() == theirs.keys()
    for name, entry in theirs.items():
        assert ours[name]["up"] == ("UP" in entry["flags"])
        assert ours[name]["kind"] == entry.get("linkinfo", {}).get("info_kind")
        assert ours[name]["promiscuity"] == entry["promiscuity"]
        if "allmulti" in entry:  # iproute2 since 6.0
            assert ours[name]["allmulti"] == entry["allmulti"]
    assert (ours["eth1"]["promiscuity"], ours["eth1"]["allmulti"]) == (1, 1)
    assert (ours["v0"]["promiscuity"], ours["v0"]["allmulti"]) == (1, 1)
    # The flags that users see do not show what sockets and bridges asked for.
    assert not {"ALLMULTI", "PROMISC"} & set(theirs["eth1"]["flags"])


def test_raw_sockets_and_sockets_that_children_share_are_counted_once(link: Link) -> None:
    child = held(link.far, """
s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, 58)
s.setsockopt(socket.IPPROTO_IPV6, 46, request(index, "ff3e::7", "2001:db8::7"))
t = socket.socket(socket.AF_INET, socket.SOCK_RAW, 2)
t.setsockopt(socket.IPPROTO_IP, 42, request(index, "239.1.1.8"))
u = socket.fromfd(t.fileno(), socket.AF_INET, socket.SOCK_RAW)
if not os.fork():
    import ctypes, signal, time
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    time.sleep(60)
""")  # fmt: skip

    found = rows(link.far)

    assert [s["sources"] for s in found["ff3e::7"]["processes"][0]["sockets"]] == [["2001:db8::7"]]
    (process,) = found["239.1.1.8"]["processes"]
    assert process["pid"] == child.pid
    assert len(process["sockets"]) == 1
    assert found["239.1.1.8"]["unexplained_users"] == 0


def test_a_socket_is_found_though_its_process_has_moved_to_another_namespace(link: Link) -> None:
    child = held(link.far, f"""
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IP, 42, request(index, "239.1.1.9"))
away = os.open("/run/netns/{link.near.name}", os.O_RDONLY)
assert ctypes.CDLL(None).setns(away, 0x40000000) == 0
o = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
o.setsockopt(socket.IPPROTO_IP, 42, request(socket.if_nametoindex("eth1"), "239.1.1.9"))
""")  # fmt: skip

    here, there = rows(link.far)["239.1.1.9"], rows(link.near)["239.1.1.9"]

    assert (
        Path(f"/proc/{child.pid}/ns/net").stat().st_ino
        == Path("/run/netns", link.near.name).stat().st_ino
    )
    for row in (here, there):
        assert [p["pid"] for p in row["processes"]] == [child.pid]
        assert len(row["processes"][0]["sockets"]) == 1
    assert here["processes"][0]["sockets"] != there["processes"][0]["sockets"]


def test_more_sources_than_the_first_question_has_room_for(link: Link) -> None:
    link.far.sysctl("net.ipv4.igmp_max_msf", 200)
    sources = [f"10.0.{n // 250}.{n % 250 + 1}" for n in range(150)]
    block = [word for source in sources for word in ("--block", source)]
    joined(link.far, "239.1.2.3", *block)

    row = rows(link.far)["239.1.2.3"]

    assert row["filter_mode"] == "EXCLUDE"
    assert row["sources"] == sources
    assert f"all but {sources[0]}, " in details(row)


def test_nothing_is_kept_of_the_process_that_is_looked_at(link: Link) -> None:
    child = joined(link.far, "239.1.2.3", "--receive", "--port", "5000")
    theirs = sorted(path.readlink() for path in Path(f"/proc/{child.pid}/fd").iterdir())
    ours = len(list(Path("/proc/self/fd").iterdir()))

    row = taken(link.far)["239.1.2.3"]

    assert row.processes is not None
    assert [process.pid for process in row.processes] == [child.pid]
    assert sorted(path.readlink() for path in Path(f"/proc/{child.pid}/fd").iterdir()) == theirs
    assert len(list(Path("/proc/self/fd").iterdir())) == ours
    # Had a duplicate stayed open, the group would stay joined.
    child.kill()
    child.wait()
    assert "239.1.2.3" not in taken(link.far)


@pytest.mark.parametrize("group", ["239.1.2.3", "ff15::1"])
def test_a_pending_answer_shows_its_timer(link: Link, group: str) -> None:
    joined(link.far, group)
    asked = link.near.mldkit(
        "query", "-i", "eth1", group, "--max-response", "25s", "--wait", "0.1s"
    )
    assert asked.returncode in (0, 1), asked.stderr

    row = rows(link.far)[group]
    if row["timer_s"] is None:
        # The answer was drawn early and is out; then nothing is pending in the table either.
        table = link.far.read("/proc/net/igmp6" if ":" in group else "/proc/net/igmp")
        packed = parse(group)
        key = packed.hex() if ":" in group else f"{int.from_bytes(packed, sys.byteorder):08X}"
        (line,) = [line for line in table.splitlines() if key in line]
        assert (" 00000004 0" in line) or (" 0:00000000" in line)
    else:
        assert 0 <= row["timer_s"] <= 25.5
        assert "timer running" in row["flags"]
