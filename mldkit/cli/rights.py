"""Giving up rights once everything is open, and the option that says as whom to go on."""

from __future__ import annotations

import argparse
import importlib
import os
from typing import TYPE_CHECKING

from mldkit.errors import UsageError
from mldkit.link import rights
from mldkit.link.capture_writer import CaptureWriter, lasting
from mldkit.link.user import User, find_user, is_root_of_others
from mldkit.render import terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import ExitStack

    from mldkit.model.datagram import Frame


def user(value: str) -> User:
    """Type of an option that names a user: one that this process may become."""
    try:
        found = find_user(value)
    except UsageError as error:
        raise argparse.ArgumentTypeError(error.message) from error
    if found.uid != os.geteuid() and not is_root_of_others():
        raise argparse.ArgumentTypeError(f"{value!r}: only root can become another user")
    return found


def add_user(parser: argparse.ArgumentParser) -> None:
    """Add `--user`."""
    parser.add_argument(
        "--user",
        type=user,
        metavar="NAME",
        help="go on as this user once the sockets are open (default: as who started it); in any"
        " case without capabilities",
    )


def give_up(args: argparse.Namespace, *modules: str) -> None:
    """Give up every right, and become the user of `--user`.

    `modules` are those that are imported later on: they may lie where this process cannot read any
    more.
    """
    load(args, modules)
    rights.give_up(args.user)


def give_up_all_but_sight(args: argparse.Namespace) -> None:
    """Give up every right but to look into the processes of others."""
    load(args)
    rights.give_up(keeps=rights.SIGHT)


def settle(
    args: argparse.Namespace, stack: ExitStack, *modules: str
) -> Callable[[Frame], None] | None:
    """Do that when all else is open; return what writes a frame to the file of `-w`, if any.

    The file is opened before, as who started the command; with `--user` behind, as that user.
    """
    if args.user is None:
        write = _writer(args, stack)
        give_up(args, *modules)
    else:
        give_up(args, *modules)
        write = _writer(args, stack)
    return write


def load(args: argparse.Namespace, modules: Iterable[str] = ()) -> None:
    """Import what is needed later, when its files may be out of reach, or others after months."""
    terminal.load(for_people=args.format == "text")
    for name in ("mldkit.render.progress", "mldkit.cli.last_resort", *modules):
        importlib.import_module(name)


def _writer(args: argparse.Namespace, stack: ExitStack) -> Callable[[Frame], None] | None:
    if args.write is None:
        return None
    writer = stack.enter_context(CaptureWriter(args.write, in_own_folder=args.user is not None))
    return lasting(writer, lambda words: terminal.note(args, f"note: {words}"))
