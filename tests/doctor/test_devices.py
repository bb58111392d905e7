"""Who is on a link, and what shows it."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import pytest

from mldkit.model.addresses import mac_text, parse, parse_mac, text
from mldkit.model.datagram import Frame, LinkType
from mldkit.model.family import IGMP, MLD
from mldkit.model.messages import Leave, LegacyReport, RouterAdvertisement, RouterSolicitation
from mldkit.testing.stage import BEGIN_NS, Stage

if TYPE_CHECKING:
    from tests.doctor.conftest import Doctor, Told

SWITCH, VIRTUAL = parse_mac("02:00:00:00:88:01"), "00:00:5e:00:01:07"
PIM, HELLO, REGISTER = 103, bytes.fromhex("2000df35000100020069"), bytes.fromhex("2100defe00000000")


def device(told: Told, mac: bytes | str) -> dict[str, Any]:
    """Return the row of a device."""
    name = mac if isinstance(mac, str) else mac_text(mac)
    found: list[dict[str, Any]] = told.document["devices"]
    (one,) = [device for device in found if device["mac"] == name]
    return one


def mac_of(address: bytes) -> str:
    return mac_text(b"\2\0\0\0\0" + address[-1:])


def lan(stage: Stage, rounds: int = 2) -> None:
    for round_ in range(rounds):
        stage.query(125 * round_)
        stage.report(125 * round_ + 2, "IS_EX", 1)


def test_a_querier_and_a_host_are_shown_by_their_first_messages(
    stage: Stage, doctor: Doctor
) -> None:
    lan(stage)

    told = doctor(stage)

    assert device(told, mac_of(stage.router())) == {
        "interface": None,
        "vlan": [],
        "mac": mac_of(stage.router()),
        "addresses": [text(stage.router())],
        "roles": ["querier"],
        "capture": 0,
        "shown_by": [1],
    }
    assert device(told, mac_of(stage.host()))["roles"] == ["host"]
    assert device(told, mac_of(stage.host()))["shown_by"] == [2]
    assert len(told.document["devices"]) == 2
    assert f"{mac_of(stage.router())}  {text(stage.router())}" in told.text


def test_both_families_of_a_machine_are_one_device(doctor: Doctor) -> None:
    four, six = Stage(IGMP), Stage(MLD)
    lan(four)
    lan(six)

    told = doctor((four, six))

    found = device(told, mac_of(four.host()))
    assert found["addresses"] == [text(four.host()), text(six.host())]
    assert found["roles"] == ["host"]
    assert len(told.document["devices"]) == 2


def test_links_have_devices_of_their_own(doctor: Doctor) -> None:
    stages = Stage(MLD), Stage(MLD, vlan=(20,))
    for stage in stages:
        lan(stage)

    found = doctor(stages, interfaces=("eth0", "eth0")).document["devices"]

    assert [(one["interface"], one["vlan"]) for one in found] == [
        ("eth0", []), ("eth0", []), ("eth0", [20]), ("eth0", [20]),
    ]  # fmt: skip


def test_a_router_that_loses_the_election_is_there_and_no_querier(
    stage: Stage, doctor: Doctor
) -> None:
    lan(stage)
    stage.query(1, router=2)

    told = doctor(stage)

    loser = device(told, mac_of(stage.router(2)))
    assert loser["roles"] == []
    assert loser["addresses"] == [text(stage.router(2))]
    assert "never acted" in told.text


def test_hellos_make_a_pim_router_and_other_pim_does_not(stage: Stage, doctor: Doctor) -> None:
    lan(stage)
    to = parse("224.0.0.13" if stage.family is IGMP else "ff02::d")
    stage.packet(20, stage.router(1), to, PIM, HELLO)
    stage.packet(21, stage.router(2), to, PIM, REGISTER)

    told = doctor(stage)

    assert device(told, mac_of(stage.router(1)))["roles"] == ["querier", "pim-router"]
    assert device(told, mac_of(stage.router(1)))["shown_by"] == [1, 3]
    assert mac_of(stage.router(2)) not in told.text
    assert "PIM hellos, frame 3" in told.text


def test_advertisements_make_an_mrd_router_and_solicitations_do_not(
    stage: Stage, doctor: Doctor
) -> None:
    family = stage.family
    lan(stage)
    stage.send(10, stage.router(1), family.all_snoopers, RouterAdvertisement())
    stage.send(11, stage.router(2), family.all_routers, RouterSolicitation())

    told = doctor(stage)

    assert device(told, mac_of(stage.router(1)))["roles"] == ["querier", "mrd-router"]
    assert mac_of(stage.router(2)) not in {one["mac"] for one in told.document["devices"]}


def test_queries_without_an_address_come_from_a_switch(stage: Stage, doctor: Doctor) -> None:
    stage.query(0, source=stage.family.unspecified, link_source=SWITCH)
    stage.report(2, "IS_EX", 1)

    found = device(doctor(stage), SWITCH)

    # Hosts drop what MLD sends from ::, so nobody acts there (RFC 9777 §5.1.14).
    roles = ["querier", "snooping-switch"] if stage.family is IGMP else ["snooping-switch"]
    assert found["roles"] == roles
    assert found["addresses"] == []
    assert found["shown_by"] == [1]


def test_a_leave_for_no_group_comes_from_a_switch(stage: Stage, doctor: Doctor) -> None:
    lan(stage)
    leave = Leave(stage.family.current_version - 1, stage.family.unspecified)
    stage.send(20, stage.host(9), stage.family.all_routers, leave, link_source=SWITCH)

    assert "snooping-switch" in device(doctor(stage), SWITCH)["roles"]


def test_who_reports_in_place_of_the_hosts_is_a_switch_and_no_host(doctor: Doctor) -> None:
    stage = Stage(IGMP)
    lan(stage)
    for at in (3, 128):
        report = LegacyReport(2, stage.group(2))
        stage.send(at, bytes(4), stage.group(2), report, link_source=SWITCH)

    found = device(doctor(stage), SWITCH)

    assert found["roles"] == ["snooping-switch", "report-proxy"]
    assert found["addresses"] == []


def test_a_host_without_an_address_is_no_switch(doctor: Doctor) -> None:
    stage = Stage(IGMP)
    lan(stage)
    stage.report(30, "IS_EX", 2, source=bytes(4), link_source=SWITCH)

    found = device(doctor(stage), SWITCH)

    assert found["roles"] == ["host"]
    assert found["addresses"] == []


@pytest.mark.parametrize(
    ("mac", "is_virtual"),
    [
        ("00:00:5e:00:01:07", True), ("00:00:5e:00:02:07", True), ("00:00:5e:00:03:07", False),
        ("00:00:0c:07:ac:0a", True), ("00:00:0c:07:ad:0a", False),
        ("00:00:0c:9f:f1:23", True), ("00:00:0c:9f:e1:23", False),
        ("00:05:73:a0:0f:ff", True), ("00:05:73:a0:10:00", False), ("00:07:b4:00:01:02", True),
    ],
)  # fmt: skip
def test_the_mac_of_a_virtual_router_shows_it(
    stage: Stage, doctor: Doctor, mac: str, is_virtual: bool
) -> None:
    lan(stage)
    stage.report(5, "IS_EX", 2, host=2, link_source=parse_mac(mac))

    roles = device(doctor(stage), mac)["roles"]

    assert roles == (["virtual-router", "host"] if is_virtual else ["host"])


def test_advertisements_of_a_virtual_router_show_it(stage: Stage, doctor: Doctor) -> None:
    lan(stage)
    to = parse("224.0.0.18" if stage.family is IGMP else "ff02::12")
    stage.packet(5, stage.router(2), to, 112, bytes(8), mac=parse_mac(VIRTUAL))

    found = device(doctor(stage), VIRTUAL)

    assert found["roles"] == ["virtual-router"]
    assert found["addresses"] == [text(stage.router(2))]


def beacon(mac: bytes, kind: int = 0x80) -> bytes:
    return struct.pack("<BBHI", 0, 0, 8, 0) + bytes((kind, 0, 0, 0)) + b"\xff" * 6 + mac * 2


def test_beacons_show_an_access_point(doctor: Doctor) -> None:
    frames = [
        Frame(data + bytes(14), BEGIN_NS, number, LinkType.IEEE802_11_RADIOTAP)
        for number, data in enumerate((beacon(SWITCH), beacon(b"\2" * 6, 0x50)), 1)
    ]

    (found,) = doctor(frames).document["devices"]

    assert (found["mac"], found["roles"]) == (mac_text(SWITCH), ["access-point"])
    assert found["shown_by"] == [1]


def test_no_device_has_a_group_or_nothing_for_its_address(stage: Stage, doctor: Doctor) -> None:
    stage.query(0, link_source=bytes(6))
    stage.report(2, "IS_EX", 1, link_source=b"\x01\0\x5e\0\0\1")

    assert doctor(stage).document["devices"] == []


def test_who_asks_about_a_host_is_told_of_its_device(stage: Stage, doctor: Doctor) -> None:
    lan(stage)
    stage.report(5, "IS_EX", 2, host=2)

    by_host = doctor(stage, "--host", text(stage.host(2))).document["devices"]
    by_group = doctor(stage, "--group", text(stage.group(1))).document["devices"]

    assert [one["mac"] for one in by_host] == [mac_of(stage.host(2))]
    assert [one["mac"] for one in by_group] == [mac_of(stage.router()), mac_of(stage.host(1))]


def test_the_page_has_the_devices(
    stage: Stage,
    doctor: Doctor,
    tmp_path: Any,
) -> None:
    lan(stage)

    doctor(stage, "--html", str(tmp_path / "page.html"))

    page = (tmp_path / "page.html").read_text()
    assert "<h2>Devices</h2>" in page
    assert f'<td class="address">{mac_of(stage.router())}</td>' in page


def test_a_table_of_many_devices_begins_with_those_that_are_no_hosts(
    doctor: Doctor,
) -> None:
    stage = Stage(MLD)
    for host in range(60):
        stage.report(1 + host / 10, "IS_EX", 1, host=host)
    stage.query(30, router=200)

    told = doctor(stage)

    table = told.text.split("\ndevices\n")[1].splitlines()
    assert mac_of(stage.router(200)) in table[1]
    assert "11 more; --json has all, --host chooses" in table
    assert len(told.document["devices"]) == 61
