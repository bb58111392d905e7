"""The profiles and the page that is printed from them."""

from __future__ import annotations

import json
import re
from pathlib import Path

from docs.tools.host_page import page
from mldkit.protocol.profile import LINUX_IGMP, LINUX_MLD, RFC_IGMP, behaviour_fields, differs

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "host-behaviour.md"
PLAYS = ROOT / "tests" / "play"


def test_the_page_of_host_behaviour_is_the_profiles() -> None:
    measured = json.loads((ROOT / "docs" / "measured" / "agreement.json").read_text())

    assert PAGE.read_text() == page(measured)


def test_the_rfc_profile_departs_from_no_rfc_and_linux_from_something_in_each_family() -> None:
    assert not any(differs(known, RFC_IGMP) for known in behaviour_fields())
    for profile in (LINUX_IGMP, LINUX_MLD):
        assert sum(differs(known, profile) for known in behaviour_fields()) > 5


def test_every_field_names_the_kernel_function_and_a_section() -> None:
    for known in behaviour_fields():
        assert known.metadata["kernel"]
        assert known.metadata["rfc"] == "none" or "§" in known.metadata["rfc"]


def scripts_of(shown: str) -> list[str]:
    """Return the names that a field gives; a reason why there is none is no name."""
    return [] if ":" in shown else shown.split(", ")


def test_every_departure_has_a_script_or_says_why_not_and_every_script_a_field() -> None:
    named = set()
    for known in behaviour_fields():
        names = scripts_of(known.metadata["shown"])
        named.update(names)
        for name in names:
            assert list(PLAYS.glob(f"deviation-{name}-*.play")), name
        if not names:
            assert known.metadata["shown"].startswith(("no script: ", "as the RFC: "))
    stems = [path.stem.removeprefix("deviation-") for path in PLAYS.glob("deviation-*.play")]
    assert {stem.rpartition("-")[0] for stem in stems} == named


def test_the_page_names_scripts_that_exist() -> None:
    names = re.findall(r"`((?:[hvw]-\d\d|deviation)-[a-z0-9-]+-(?:igmp|mld))`", PAGE.read_text())

    assert len(names) > 8
    for name in names:
        assert (PLAYS / f"{name}.play").exists(), name
