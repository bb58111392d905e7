"""A tap: an Ethernet device whose cable ends in this process.

What the kernel sends on it is read here, past a filter that can be programmed with
TUNSETTXFILTER; what is written here the kernel receives, unfiltered. The request
(linux/if_tun.h)::

    | flags 16 | count 16 | address 48 | address 48 | ...

The first eight addresses match exactly, the others must be group addresses and go through a hash
of 64 bits. A count of zero switches the filter off, whatever the flags say
(drivers/net/tun.c:update_filter).
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from typing import TYPE_CHECKING

from mldkit.errors import LinkError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Sequence

PATH = "/dev/net/tun"
_SET_INTERFACE = 0x400454CA
_SET_FILTER = 0x400454D1
_TAP_WITHOUT_HEADER = 0x0002 | 0x1000
_ALL_MULTICAST = 0x0001
_LARGEST_FRAME = 1 << 16


class Tap:
    """One tap device; it goes when this is closed or the process ends."""

    def __init__(self, name: str) -> None:
        """Make the device; raise `UnsupportedError` where the machine has no taps."""
        try:
            self._file = os.open(PATH, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError as error:
            raise UnsupportedError(f"tap: no {PATH} here", hint="modprobe tun") from error
        except PermissionError as error:
            raise UnsupportedError(
                f"tap: no permission for {PATH}", hint=f"sudo chmod 666 {PATH}, or run it with sudo"
            ) from error
        except OSError as error:
            raise UnsupportedError(f"tap: {PATH}: {error.strerror}", hint="modprobe tun") from error
        request = struct.pack("16sH22x", name.encode(), _TAP_WITHOUT_HEADER)
        try:
            fcntl.ioctl(self._file, _SET_INTERFACE, request)
        except OSError as error:
            self.close()
            raise UnsupportedError(f"tap: cannot make {name}: {error.strerror}") from error

    def fileno(self) -> int:
        """Return the descriptor that is readable when the kernel has sent a frame."""
        return self._file

    def close(self) -> None:
        """Remove the device."""
        os.close(self._file)

    def set_filter(self, addresses: Sequence[bytes], *, all_multicast: bool = False) -> int:
        """Program the filter and return how many addresses match exactly; none: filter off."""
        flags = _ALL_MULTICAST if all_multicast else 0
        request = bytearray(struct.pack("=HH", flags, len(addresses)) + b"".join(addresses))
        try:
            # A bytearray, because Python refuses to pass more than 1,024 octets of others.
            return int(fcntl.ioctl(self._file, _SET_FILTER, request))
        except OSError as error:
            raise UnsupportedError(f"tap: no TUNSETTXFILTER: {error.strerror}") from error

    def read(self) -> bytes | None:
        """Return the next frame that the kernel sent, None if there is none."""
        try:
            return os.read(self._file, _LARGEST_FRAME)
        except BlockingIOError:
            return None
        except OSError as error:
            if error.errno == errno.EIO:  # the device is down
                return None
            raise LinkError(f"tap: {error.strerror}") from error

    def write(self, frame: bytes) -> None:
        """Let the kernel receive a frame."""
        try:
            os.write(self._file, frame)
        except OSError as error:
            raise LinkError(f"tap: {error.strerror}") from error
