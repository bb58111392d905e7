"""The filter of an interface for one group, merged from its users.

Every user (a socket, or the kernel itself, which wants any source) has a filter. The interface
wants what any of them wants (RFC 9776 §3.2, RFC 9777 §4.2)::

    all INCLUDE      INCLUDE, union of the sources
    any EXCLUDE      EXCLUDE, intersection of the excluded sources, without the included ones

If every user is known, the merged filter is computed so. Else the table of the kernel is asked,
which counts for each source how many users include and how many exclude it; it does not say how
many users exclude something, so the answer is given only where all possibilities agree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mldkit.link.kernel_sockets import KernelFilter
    from mldkit.link.kernel_tables import ListedSource
    from mldkit.model.addresses import Address


class Merged(NamedTuple):
    """The filter of an interface, as far as it is known."""

    is_exclude: bool | None
    sources: tuple[Address, ...] | None


def merge(
    users: int,
    *,
    by_kernel: int,
    sockets: Sequence[KernelFilter],
    listed: Sequence[ListedSource] | None,
) -> Merged:
    """Return the merged filter of a group with `users` users, `by_kernel` of them the kernel.

    `listed` are the sources of the kernel's table, None where that table cannot be trusted.
    """
    if by_kernel + len(sockets) >= users:
        return _of_all(by_kernel, sockets)
    return _of_some(users, by_kernel, sockets, listed)


def _of_all(by_kernel: int, sockets: Sequence[KernelFilter]) -> Merged:
    included = dict.fromkeys(s for each in sockets if not each.is_exclude for s in each.sources)
    excluding = [each.sources for each in sockets if each.is_exclude]
    if not excluding and not by_kernel:
        return Merged(is_exclude=False, sources=tuple(included))
    if by_kernel:
        return Merged(is_exclude=True, sources=())
    everywhere = [s for s in excluding[0] if all(s in other for other in excluding[1:])]
    return Merged(is_exclude=True, sources=tuple(s for s in everywhere if s not in included))


def _of_some(
    users: int,
    by_kernel: int,
    sockets: Sequence[KernelFilter],
    listed: Sequence[ListedSource] | None,
) -> Merged:
    excluding = by_kernel + sum(each.is_exclude for each in sockets)
    if by_kernel:
        return Merged(is_exclude=True, sources=())
    if listed is None:
        return Merged(is_exclude=True if excluding else None, sources=None)
    # Whoever includes, includes at least one source: without any nobody does.
    most_included = max((s.includes for s in listed), default=0)
    all_included = sum(s.includes for s in listed)
    most_excluded = max((s.excludes for s in listed), default=0)
    at_least = max(most_excluded, excluding, 1 if all_included < users else 0)
    at_most = users - most_included
    if not at_most:
        return Merged(is_exclude=False, sources=tuple(s.source for s in listed))
    if not at_least:
        return Merged(is_exclude=None, sources=None)
    possible = [s for s in listed if not s.includes and s.excludes >= at_least]
    if possible and at_least != at_most:
        return Merged(is_exclude=True, sources=None)
    return Merged(is_exclude=True, sources=tuple(s.source for s in possible))
