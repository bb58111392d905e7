"""The merged filter against the meaning of filters: an interface wants what any user wants."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from mldkit.groups.merge import merge
from mldkit.link.kernel_sockets import KernelFilter
from mldkit.link.kernel_tables import ListedSource
from mldkit.model.addresses import parse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mldkit.model.addresses import Address

GROUP = parse("239.1.2.3")
SOURCES = tuple(parse(f"10.0.0.{number}") for number in range(1, 5))
STRANGER = parse("10.9.9.9")


def user(*, is_exclude: bool, sources: Sequence[Address]) -> KernelFilter:
    return KernelFilter(11, GROUP, 1, "program", 3, is_exclude, tuple(sources))


def listed_by_the_kernel(users: Sequence[KernelFilter]) -> tuple[ListedSource, ...]:
    """Return what mcfilter shows: every source somebody names, with both counts."""
    found = []
    for source in SOURCES:
        naming = [each for each in users if source in each.sources]
        excludes = sum(each.is_exclude for each in naming)
        if naming:
            found.append(ListedSource(11, GROUP, source, len(naming) - excludes, excludes))
    return tuple(found)


def wants(one: KernelFilter, source: Address) -> bool:
    return (source not in one.sources) if one.is_exclude else (source in one.sources)


sources = st.lists(st.sampled_from(SOURCES), unique=True)
filters = st.one_of(
    st.builds(lambda s: user(is_exclude=True, sources=s), sources),
    # INCLUDE without a source is no membership: the kernel leaves the group.
    st.builds(lambda s: user(is_exclude=False, sources=s), sources.filter(bool)),
)
users_and_kernel = st.tuples(st.lists(filters, max_size=4), st.integers(0, 2)).filter(
    lambda both: len(both[0]) + both[1] > 0
)


@given(users_and_kernel)
def test_the_filter_of_all_users_wants_exactly_what_any_of_them_wants(
    both: tuple[list[KernelFilter], int],
) -> None:
    sockets, by_kernel = both
    merged = merge(len(sockets) + by_kernel, by_kernel=by_kernel, sockets=sockets, listed=None)

    assert merged.is_exclude is not None
    assert merged.sources is not None
    result = user(is_exclude=merged.is_exclude, sources=merged.sources)
    for source in (*SOURCES, STRANGER):
        anybody = bool(by_kernel) or any(wants(each, source) for each in sockets)
        assert wants(result, source) == anybody


@given(users_and_kernel, st.data())
def test_a_filter_told_from_a_part_of_the_users_is_the_true_one_or_unknown(
    both: tuple[list[KernelFilter], int], data: st.DataObject
) -> None:
    sockets, by_kernel = both
    count = len(sockets) + by_kernel
    seen = [each for each in sockets if data.draw(st.booleans())]
    listed = data.draw(st.sampled_from([None, listed_by_the_kernel(sockets)]))

    truth = merge(count, by_kernel=by_kernel, sockets=sockets, listed=None)
    told = merge(count, by_kernel=by_kernel, sockets=seen, listed=listed)

    assert told.is_exclude in (truth.is_exclude, None)
    if told.sources is not None:
        assert told.is_exclude is truth.is_exclude
        assert set(told.sources) == set(truth.sources or ())


def test_one_user_without_a_view_of_sockets_is_told_by_the_table() -> None:
    (only,) = listed_by_the_kernel([user(is_exclude=False, sources=SOURCES[:1])])
    (but,) = listed_by_the_kernel([user(is_exclude=True, sources=SOURCES[:1])])

    assert merge(1, by_kernel=0, sockets=[], listed=[only]) == (False, SOURCES[:1])
    assert merge(1, by_kernel=0, sockets=[], listed=[but]) == (True, SOURCES[:1])
    assert merge(1, by_kernel=0, sockets=[], listed=[]) == (True, ())
    assert merge(1, by_kernel=0, sockets=[], listed=None) == (None, None)


def test_two_users_of_whom_one_hides_leave_the_sources_open() -> None:
    (but,) = listed_by_the_kernel([user(is_exclude=True, sources=SOURCES[:1])])

    # The other one excludes nothing, or includes something: the table shows only one of the two.
    assert merge(2, by_kernel=0, sockets=[], listed=[but]) == (True, None)
