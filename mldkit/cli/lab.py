"""`mldkit lab`: small networks with a lesson, checked by the kernel."""

from __future__ import annotations

import argparse
import functools
import os
import secrets
import shutil
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from mldkit.cli.arguments import add_format, whole_number
from mldkit.cli.interrupt import end_in_order
from mldkit.errors import LabError, UsageError
from mldkit.render.terminal import line_printer, note

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mldkit.lab.lab import Lab

_LARGEST_SEED = 9999
EXAMPLES = """\
examples:
  mldkit lab list
  mldkit lab start join          build the network of the lab `join`
  mldkit lab show join           read its lesson
  mldkit lab shell h1            a shell on its node h1 (end it with: exit)
  mldkit lab exec h1 -- mldkit join -i eth1 ff15::4321:1234 --background
  mldkit lab capture             what was on the wire so far
  mldkit lab answer leave TO_IN
  mldkit lab check
  mldkit lab stop
"""
_VERBS = {
    "list": "list the labs",
    "show": "print the lesson of a lab",
    "start": "build the network of a lab and leave it running",
    "check": "tell what holds, what was expected, what was seen and where",
    "answer": "answer a question of the lesson",
    "hint": "print the next hint",
    "solution": "print the solution, or carry it out",
    "shell": "open a shell on a node",
    "exec": "run one command on a node",
    "status": "list the labs that run, with nodes and captures",
    "capture": "decode what a link has carried so far",
    "reset": "stop a lab and start it again",
    "stop": "end a lab and remove all of it",
}
_WITH_LAB = ("show", "start", "check", "hint", "solution", "status", "capture", "reset", "stop")
_NODE_VERBS = ("answer", "shell", "exec")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verbs of `lab`."""
    parser.epilog = EXAMPLES
    verbs = parser.add_subparsers(dest="lab_verb", metavar="VERB", title="verbs", required=True)
    made = {name: verbs.add_parser(name, help=summary) for name, summary in _VERBS.items()}
    for name in _WITH_LAB:
        made[name].add_argument(
            "lab",
            metavar="LAB",
            nargs=None if name == "start" else "?",
            help="id, number or folder name (default: the lab that runs)",
        )
    for name in _NODE_VERBS:
        made[name].add_argument("--lab", metavar="LAB", help="where more than one lab runs")
    for name in ("list", "check", "status"):
        add_format(made[name])
    for name in ("shell", "exec"):
        made[name].add_argument("node", metavar="NODE", help="node of the lab, such as h1")
    made["exec"].add_argument(
        "command", metavar="-- CMD", nargs=argparse.REMAINDER, help="program and arguments"
    )
    made["answer"].add_argument(
        "pairs", metavar="QUESTION VALUE", nargs="+", help="ids of questions with your answers"
    )
    made["start"].add_argument(
        "--dry-run", action="store_true", help="print the commands, build nothing"
    )
    made["start"].add_argument(
        "--seed",
        metavar="N",
        type=whole_number(0, _LARGEST_SEED),
        help="what is broken, in a lab that can be broken in several ways (default: chance)",
    )
    made["solution"].add_argument("--run", action="store_true", help="carry it out in the lab")
    made["stop"].add_argument(
        "--all", action="store_true", help="every lab, and whatever a crash left"
    )
    capture = made["capture"]
    capture.add_argument("--link", metavar="LINK", help="one link (default: each in turn)")
    capture.add_argument("--follow", action="store_true", help="go on until interrupted")
    capture.add_argument(
        "--data", action="store_true", help="UDP datagrams to groups instead of messages"
    )
    capture.add_argument("--path", action="store_true", help="print the names of the files")


def run(args: argparse.Namespace) -> int:
    """Carry out one verb of `lab`."""
    return _RUN[args.lab_verb](args)


def _list(args: argparse.Namespace) -> int:
    from mldkit.lab import catalogue, state
    from mldkit.render import lab as render

    alive: set[str] = set()
    try:
        alive = {entry.lab for entry in state.running()}
    except LabError as error:
        # What there is does not depend on whether it could be started.
        note(args, f"note: {error.message}")
    render.print_list(args, catalogue.entries(), alive)
    return 0


def _show(args: argparse.Namespace) -> int:
    from mldkit.lab import catalogue
    from mldkit.render import lesson

    entry = catalogue.find(args.lab) if args.lab else _running(args).entry
    print(lesson.folded(entry.readme, lesson.terminal_columns()), end="")
    return 0


def _start(args: argparse.Namespace) -> int:
    from mldkit.lab import catalogue, commands, lab

    entry = catalogue.find(args.lab)
    seed = secrets.randbelow(_LARGEST_SEED + 1) if args.seed is None else args.seed
    if args.dry_run:
        print("\n".join(commands.build(entry.topology(), seed).lines))
        return 0
    end_in_order()
    started = lab.start(entry, seed)
    print(f"{entry.id}: {started.topology.title}")
    print(f"nodes {' '.join(started.state.nodes)}, links {' '.join(started.state.links)}")
    note(args, f"mldkit lab show {entry.id} | less: the lesson; mldkit lab shell NODE: go there")
    return 0


def _check(args: argparse.Namespace) -> int:
    from mldkit.lab import checks
    from mldkit.render import lab as render
    from mldkit.render import progress

    lab = _running(args)
    loaded = checks.load(lab.entry.folder)
    results = checks.run(lab, loaded, functools.partial(progress.waiting, args))
    code = render.print_results(args, lab.entry.id, results)
    _tell_ended_captures(args, lab)
    return code


def _answer(args: argparse.Namespace) -> int:
    from mldkit.lab import progress

    words = args.pairs
    if len(words) % 2:
        raise UsageError(
            f"QUESTION {words[-1]!r}: no VALUE for it", hint="mldkit lab answer QUESTION VALUE"
        )
    progress.answer(_running(args), dict(zip(words[::2], words[1::2], strict=True)))
    note(args, "stored; mldkit lab check tells whether it is right")
    return 0


def _hint(args: argparse.Namespace) -> int:
    from mldkit.lab import progress

    lab = _running(args)
    number, hint = progress.next_hint(lab)
    line_printer()(f"hint {number} of {len(lab.topology.hints)}: {hint}")
    return 0


def _solution(args: argparse.Namespace) -> int:
    from mldkit.lab import catalogue, solution

    if not args.run:
        entry = catalogue.find(args.lab) if args.lab else _running(args).entry
        print(solution.read(entry), end="")
        return 0
    end_in_order()
    return solution.carry_out(_running(args))


def _shell(args: argparse.Namespace) -> int:
    lab = _running(args)
    bash = shutil.which("bash")
    prompt = f"PS1={lab.entry.id}:{args.node}# "
    shell = [bash, "--norc", "--noprofile"] if bash else ["sh"]
    if sys.stdin.isatty():
        # Without a terminal it reads commands from a pipe, and would complain of that.
        shell.append("-i")
    if args.node in lab.state.nodes:
        note(args, f"a shell on {args.node}; leave it with: exit")
    return _call(args, lab, ["env", prompt, *shell])


def _exec(args: argparse.Namespace) -> int:
    command = args.command
    if command[:1] == ["--lab"] and len(command) > 1:
        # All words behind NODE are the command; this one is ours where it stands first.
        args.lab, command = command[1], command[2:]
    command = command[1:] if command[:1] == ["--"] else command
    if not command:
        raise UsageError("no command", hint="mldkit lab exec NODE -- CMD")
    return _call(args, _running(args), command)


def _call(args: argparse.Namespace, lab: Lab, command: list[str]) -> int:
    from mldkit.lab import state

    code = lab.call(args.node, command)
    if state.is_ending(lab.state.pid) and not state.is_inside(lab.entry.id):
        note(args, f"{lab.entry.id}: this lab was stopped")
    return code


def _status(args: argparse.Namespace) -> int:
    from mldkit.lab import state
    from mldkit.render import lab as render

    wanted = _running(args).entry.id if args.lab else None
    states = [entry for entry in state.running() if wanted in (None, entry.lab)]
    render.print_status(args, states)
    return 0


def _capture(args: argparse.Namespace) -> int:
    from mldkit.lab import datagrams
    from mldkit.lab.evidence import frames
    from mldkit.link.own_command import mldkit_command
    from mldkit.render import lab as render

    lab = _running(args)
    links = [args.link] if args.link else list(lab.state.links)
    paths = [lab.capture(link) for link in links]
    if args.path:
        print("\n".join(map(str, paths)))
        return 0
    if args.follow and args.data:
        raise UsageError("--follow shows messages only", hint="leave --data away")
    if args.follow:
        if len(links) > 1:
            raise UsageError("--follow needs --link", hint=f"links: {' '.join(links)}")
        return _follow(paths[0])
    code = 0
    for link, path in zip(links, paths, strict=True):
        if len(links) > 1:
            print(f"link {link}:")
        if args.data:
            render.print_flows(datagrams.flows(datagrams.datagrams(frames(lab, link))))
            continue
        sys.stdout.flush()
        command = mldkit_command("-q", "decode", str(path))
        code = max(code, subprocess.run(command, check=False).returncode)  # noqa: S603
    _tell_ended_captures(args, lab)
    return code


def _tell_ended_captures(args: argparse.Namespace, lab: Lab) -> None:
    from mldkit.lab import captures

    for link, reason in captures.ended(lab.entry.id, lab.state.links).items():
        note(args, f"note: the capture of {link} has ended: {reason}; mldkit lab reset starts anew")


def _follow(path: Path) -> int:
    """Decode what a capture has and gets, until the lab ends or somebody interrupts us."""
    from mldkit.lab.captures import growing
    from mldkit.link.own_command import mldkit_command

    end_in_order()
    # What decodes lives as long as we feed it, however we end.
    reader, writer = os.pipe()
    with subprocess.Popen(mldkit_command("decode", "-"), stdin=reader) as child:  # noqa: S603
        os.close(reader)
        with open(writer, "wb", buffering=0) as feed, suppress(BrokenPipeError):  # noqa: PTH123
            for octets in growing(path):
                feed.write(octets)
        return child.wait()


def _reset(args: argparse.Namespace) -> int:
    from mldkit.lab import catalogue, lab, state

    end_in_order()
    entry = catalogue.find(args.lab) if args.lab else _running(args).entry
    entry.topology()  # a file that is broken is no reason to end what runs
    before = state.read(entry.id)
    lab.stop(entry.id)
    lab.start(entry, before.seed if before else 0)
    print(f"{entry.id}: as at the start")
    return 0


def _stop(args: argparse.Namespace) -> int:
    from mldkit.lab import catalogue, lab, state

    if args.all:
        names: tuple[str, ...] = state.known()
        if not names:
            note(args, "no lab runs, and nothing is left of one")
    elif args.lab:
        names = (catalogue.find(args.lab).id,)
    else:
        names = (_running(args).entry.id,)
    for name in names:
        was_alive = lab.stop(name)
        print(f"{name}: {'stopped' if was_alive else 'was not running'}")
    return 0


def _running(args: argparse.Namespace) -> Lab:
    from mldkit.lab.lab import Lab

    return Lab.running(args.lab)


_RUN: dict[str, Callable[[argparse.Namespace], int]] = {
    "list": _list,
    "show": _show,
    "start": _start,
    "check": _check,
    "answer": _answer,
    "hint": _hint,
    "solution": _solution,
    "shell": _shell,
    "exec": _exec,
    "status": _status,
    "capture": _capture,
    "reset": _reset,
    "stop": _stop,
}
