"""The profiles and the page that is printed from them."""

from __future__ import annotations

from pathlib import Path

from mldkit.cli.host_page import page
from mldkit.protocol.profile import LINUX_IGMP, LINUX_MLD, RFC_IGMP, behaviour_fields, differs

ROOT = Path(__file__).resolve().parents[3]


def test_the_page_of_host_behaviour_is_the_profiles() -> None:
    assert (ROOT / "docs" / "host-behaviour.md").read_text() == page()


def test_the_rfc_profile_departs_from_no_rfc_and_linux_from_something_in_each_family() -> None:
    assert not any(differs(known, RFC_IGMP) for known in behaviour_fields())
    for profile in (LINUX_IGMP, LINUX_MLD):
        assert sum(differs(known, profile) for known in behaviour_fields()) > 5


def test_every_field_names_the_kernel_function_and_a_section() -> None:
    for known in behaviour_fields():
        assert known.metadata["kernel"]
        assert known.metadata["rfc"] == "none" or "§" in known.metadata["rfc"]
