"""Run two AWS accounts on this machine, with an emulator, and commands in them."""

import argparse
import os
import shlex
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from lake.loading import loaded
from lake.terminal import answer, tell
from sandbox import accounts
from sandbox.errors import BROKEN, BrokenSandboxError, SandboxError
from sandbox.launches import DEFAULT, Launch, plan_launches
from sandbox.lifecycle import DEFAULT_PORT, Sandbox
from sandbox.processes import adopt_orphans, end_descendants, find_command
from scripts.stacks import STACKS

SERVE = (
    "Serve two empty accounts, `producer` and `consumer`, and a `stranger`, until Ctrl-C. The command prints "
    "the lines to paste into another terminal, where the commands of README.md then work as on AWS."
)
EXEC = (
    "Launch the stacks, run a command in the sandbox, then remove everything. The command has the profiles "
    "of the accounts, and TABLE_NAME, BUCKET_NAME, DATABASE_NAME and WORKGROUP_NAME."
)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    verbs = parser.add_subparsers(
        dest="verb", required=True, title="commands", metavar="COMMAND", help="`COMMAND --help` explains one"
    )

    serve = verbs.add_parser("serve", help="serve empty accounts until Ctrl-C", description=SERVE)
    serve.add_argument(
        "--port", type=int, default=DEFAULT_PORT, help="port on localhost (default: %(default)s)"
    )
    _add_speed(serve)

    run = verbs.add_parser(
        "exec",
        help="launch the stacks, run a command in the sandbox, then remove everything; the exit code is the "
        "command's, or 125 when a process of the sandbox died",
        description=EXEC,
    )
    run.add_argument("--port", type=int, default=0, help="port (default: a free one)")
    run.add_argument(
        "--with",
        dest="kinds",
        action="append",
        default=[],
        choices=tuple(STACKS),
        help=f"launch this stack; can be repeated. Default: {' and '.join(DEFAULT)}, which are also launched "
        "when only option stacks are named",
    )
    run.add_argument(
        "--single-account",
        dest="kinds",
        action="append_const",
        const="single-account",
        help="the same as --with single-account",
    )
    run.add_argument("--no-stacks", action="store_true", help="leave the accounts empty")
    for kind in STACKS:
        run.add_argument(
            f"--{kind}-parameter",
            action="append",
            metavar="K=V",
            help=f"template parameter of the {kind} stack; can be repeated",
        )
        run.add_argument(
            f"--{kind}-template",
            type=Path,
            metavar="FILE",
            help=f"launch this template instead of the shipped {kind} template",
        )
    _add_speed(run)
    run.add_argument("command", nargs="+", metavar="COMMAND", help="the command to run, after --")

    verbs.add_parser(
        "check",
        add_help=False,  # check parses its own arguments
        help="wait until all writes are delivered, then compare lake and table",
        description="Wait until all writes are delivered, then compare lake and table key by key.",
    )
    return parser


def _add_speed(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--speed",
        type=float,
        default=1.0,
        metavar="N",
        help="divide waiting times (buffer intervals, retries) by N; sizes stay (default: %(default)s)",
    )


def _serve(options: argparse.Namespace) -> int:
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, on_signal)
    with Sandbox(port=options.port, speed=options.speed) as sandbox:
        sandbox.start_delivery()
        more, exports = accounts.lines_to_paste(os.environ), sandbox.profiles.environment()
        why = " (variables of your shell would override the profiles)" if more else ""
        tell(f"paste these {len(more) + len(exports)} lines into the terminal of your commands{why}:")
        for line in more:
            tell(line)
        for name, value in exports.items():
            answer(f"export {name}={shlex.quote(value)}")
        tell(f"serving until Ctrl-C; logs: {sandbox.folder}")
        while not stop.wait(0.5):
            for child in sandbox.parts():
                child.require()
    tell("the sandbox has ended; its accounts and everything in them are gone")
    return 0


def _exec(options: argparse.Namespace) -> int:
    find_command(options.command[0])
    launches = [] if options.no_stacks else _planned(options)
    adopt_orphans()
    try:
        with Sandbox(port=options.port, speed=options.speed) as sandbox:
            sandbox.start_delivery()
            sandbox.launch(launches)
            return sandbox.run(options.command)
    finally:
        end_descendants()


def _settings(options: argparse.Namespace) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parameters and the templates from the options, by kind of stack."""

    def by_kind(setting: str) -> dict[str, Any]:
        values = {kind: getattr(options, f"{kind}_{setting}".replace("-", "_")) for kind in STACKS}
        return {kind: value for kind, value in values.items() if value}

    return by_kind("parameter"), by_kind("template")


def _planned(options: argparse.Namespace) -> list[Launch]:
    """The launches that the options request."""
    parameters, templates = _settings(options)
    return plan_launches(*options.kinds, parameters=parameters, templates=templates)


def _end(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns the command's exit code, 125 when a process of the sandbox ended, or 1 after another error.
    """
    parser = _parser()
    options, rest = parser.parse_known_args(arguments)
    if options.verb == "exec" and options.no_stacks and (options.kinds or any(_settings(options))):
        parser.error("--no-stacks launches no stack: remove it, or remove the options for stacks")
    if rest and options.verb != "check":  # check parses its own arguments
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if options.verb == "check":
        from sandbox.check import main as check  # noqa: PLC0415  slow imports that the other verbs do not need
    signal.signal(signal.SIGTERM, _end)
    try:
        loaded()
        if options.verb == "serve":
            return _serve(options)
        if options.verb == "exec":
            return _exec(options)
        return int(check(rest))
    except BrokenSandboxError as error:
        error.tell()
        return BROKEN
    except SandboxError as error:
        error.tell()
        return 1
    except KeyboardInterrupt:
        tell("interrupted")
        return 128 + signal.SIGINT


if __name__ == "__main__":
    sys.exit(main())
