"""Errors that are somebody's fault on this side of the wire.

::

    MldkitError                 message + hint
    |- UsageError(ValueError)   our caller asked for something that makes no sense      exit 2
    |  `- BuildError            ... that no message can carry (QRV 9, a unicast group)   exit 2
    |- LinkError(OSError)       no such interface, no permission, interface down        exit 3
    |- CaptureError             not a capture, nothing in it can be read                exit 3
    |- LabError                 a lab that cannot be read, or is in the wrong state      exit 3
    `- UnsupportedError         this machine lacks a feature that was asked for         exit 4

What others send badly is never an exception: it is `Malformed` and findings (exit 1).
"""

from __future__ import annotations


class MldkitError(Exception):
    """Something a person can act on: one line what is wrong, one line what to do."""

    exit_code = 3

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(MldkitError, ValueError):
    """An argument has a value that makes no sense; the message names the argument."""

    exit_code = 2


class BuildError(UsageError):
    """A message was asked for that its format cannot carry."""


class LinkError(MldkitError, OSError):
    """The interface, the socket or the permission is missing."""


class CaptureError(MldkitError):
    """A capture cannot be read at all."""


class LabError(MldkitError):
    """A lab's files make no sense, or it does not run, or runs already."""


class UnsupportedError(MldkitError):
    """This kernel or machine lacks a feature; the work was skipped."""

    exit_code = 4
