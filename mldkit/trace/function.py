"""A function of the kernel on the way of a group, as a row.

A function that a compiler has changed has a suffix (`igmp6_join_group.part.0`), and one that it
has put into its callers cannot be seen at all. Which of these a kernel did is found out on that
kernel (`functions.found_in`), never written down. `callers` are those of the source that may end
with the call: the caller is gone from the stack then, and this is how it is put back.

What a report does for every group of an interface (add_grec) has no row: with thousands of groups
it would fill the buffer and tell nothing.

What a probe event takes from a function is written in the notation of kprobe_events. Only the
first members of structures are relied on, which are the same from Linux 5.10 to 6.18.
"""

from __future__ import annotations

from dataclasses import dataclass

ACTS = ("join", "leave", "address", "proxy", "link", "query", "report", "filter")
"""What an act can be; the words of `--of`."""

DEVICE = "dev=$arg1:x64"
FIRST_OF = "dev=+0($arg1):x64"
"""Of struct inet6_dev or in_device, which begin with their device."""
BUFFER = "dev=+16($arg1):x64"
"""Of struct sk_buff: the device follows the two pointers of its list."""
NOTIFIED = "dev=+0($arg3):x64"
"""Of struct netdev_notifier_info, the third argument of a notifier."""
ENTRY6 = "dev=+0(+16($arg1)):x64 group=+0($arg1):x8[16]"
"""Of struct ifmcaddr6: the address, then struct inet6_dev."""
ENTRY4 = "dev=+0(+0($arg1)):x64 group=+8($arg1):x8[4]"
"""Of struct ip_mc_list: struct in_device, then the address."""
GROUP6 = "group=+0($arg2):x8[16]"
GROUP4 = "number=$arg2:x32"
"""An address as a number in network order."""
MAC = "mac=+0($arg2):x8[6]"
SELF = "self=$arg1:x64"
"""The work item or timer that runs."""


@dataclass(frozen=True, slots=True)
class Function:
    """One function of the kernel."""

    name: str
    family: str
    """`IPv6`, `IPv4`, `device`, or `driver`."""
    file: str
    role: str
    act: str = ""
    """What it is as the outermost one that was seen, of `ACTS`; empty: nothing by itself."""
    callers: tuple[str, ...] = ()
    interrupts: bool = False
    """It runs when a frame or a timer interrupts something that it has nothing to do with."""
    arguments: str = ""
    kernels: str = ""
    """Kernels that have it, where they are not all."""
