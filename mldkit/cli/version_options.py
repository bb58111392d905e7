"""The option `--version` of the verbs that send queries: one protocol version a family."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.errors import UsageError
from mldkit.model.family import IGMP, MLD, Family

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

_VERSIONS: dict[str, tuple[Family, int]] = {
    "igmp1": (IGMP, 1),
    "igmp2": (IGMP, 2),
    "igmp3": (IGMP, 3),
    "mld1": (MLD, 1),
    "mld2": (MLD, 2),
}


def add_versions(parser: argparse.ArgumentParser) -> None:
    """Add `-4`, `-6` and `--version`, which may be given once a family."""
    parser.add_argument("-4", dest="ipv4", action="store_true", help="IGMP only")
    parser.add_argument("-6", dest="ipv6", action="store_true", help="MLD only")
    parser.add_argument(
        "--version",
        dest="versions",
        action="append",
        choices=sorted(_VERSIONS),
        default=[],
        help="protocol version, one per family (default: igmp3 and mld2)",
    )


def versions_given(names: Iterable[str]) -> dict[Family, int]:
    """Return the version of each family that is named; raises UsageError for two of one."""
    versions: dict[Family, int] = {}
    for name in names:
        family, version = _VERSIONS[name]
        if versions.setdefault(family, version) != version:
            raise UsageError("argument --version: two versions of one family")
    return versions
