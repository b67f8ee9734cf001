"""What every verb shares: common options, the output object, one place that turns exceptions into exit codes.

People get tables and progress on stderr; stdout carries the answer alone: its text, or with
`--output json` exactly one JSON document, on failure too. What is written passes `lake.terminal`, so that no
control character from outside reaches a terminal.
"""

from __future__ import annotations

import argparse
import codecs
import difflib
import errno
import io
import os
import re
import shlex
import sys
import traceback
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from lake.terminal import json_text, visible
from scripts.put_items.ended_sandbox import explain_ended

if TYPE_CHECKING:
    from types import TracebackType

    from rich.console import Console

EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130

# ClientError codes that mean the same whatever was being done, and what to do about each.
NEXT_STEPS = {
    "ExpiredToken": "The credentials have expired: sign in again (`aws sso login --profile …`).",
    "ExpiredTokenException": "The credentials have expired: sign in again (`aws sso login --profile …`).",
    "InvalidClientTokenId": "AWS does not know these credentials: check the profile with "
    "`aws sts get-caller-identity --profile …`.",
    "UnrecognizedClientException": "AWS does not know these credentials: check the profile with "
    "`aws sts get-caller-identity --profile …`.",
    "SignatureDoesNotMatch": "The secret key is not the access key's: check the profile's credentials and "
    "this machine's clock.",
    "AccessDenied": "Use a profile that may make this call, or have it granted.",
    "AccessDeniedException": "Use a profile that may make this call, or have it granted.",
    "UnauthorizedOperation": "Use a profile that may make this call, or have it granted.",
    "Throttling": "AWS asked for patience: run the command again, it takes up where it was.",
    "ThrottlingException": "AWS asked for patience: run the command again, it takes up where it was.",
}

MOST_NAMES = 20  # that a message lists: a table may have thousands of columns
FIGURE = re.compile(r"[0-9,]+([.][0-9]+)?")  # a column of these stands digit below digit
NO_ENDPOINT = ("Invalid endpoint", "Invalid IPv6 URL")  # what botocore's plain ValueError says of no URL


class CommandError(Exception):
    """A verb cannot go on.

    `message` is one sentence on what is wrong, `next_step` one on what to do. `details` are further
    fields for `--output json`.
    """

    def __init__(self, message: str, next_step: str, *, exit_code: int = EXIT_FAILED, **details: Any) -> None:
        super().__init__(message)
        self.message, self.next_step, self.exit_code, self.details = message, next_step, exit_code, details


class Parser(argparse.ArgumentParser):
    """argparse whose mistakes say where the help is."""

    def error(self, message: str) -> NoReturn:
        """Print the mistake and where help is; exit 2."""
        raise CommandError(message, f"See `{self.prog} --help`.", exit_code=EXIT_USAGE)


def parser(
    verb: str, description: str, *, epilog: str | None = None, outputs: Sequence[str] = ("text", "json")
) -> Parser:
    """A parser with the options every verb has."""
    made = Parser(
        prog=f"python -m scripts.{verb}",
        description=description,
        epilog=epilog,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    common = made.add_argument_group("every verb")
    common.add_argument("--profile", help="the profile of ~/.aws/config to use (default: the environment's)")
    common.add_argument("--region", help="the Region to work in (default: the profile's)")
    common.add_argument("--endpoint-url", metavar="URL", help="send every call here instead of to AWS")
    common.add_argument("--output", choices=outputs, default="text", help="json: one document on stdout")
    return made


def location_options(args: argparse.Namespace) -> str:
    """The options that lead a further command to where this one worked: --profile and --region, as given."""
    return "".join(
        f" --{name} {shlex.quote(value)}" for name in ("profile", "region") if (value := getattr(args, name))
    )


def page(text: str) -> None:
    """Write text to stdout, the answer's place."""
    sys.stdout.write(visible(text, keep="\n") + "\n")


def prompt(question: str) -> None:
    """Write a question to stderr; the answer is typed behind it."""
    sys.stderr.write(visible(question))
    sys.stderr.flush()


def nearest(word: str, words: Iterable[str]) -> str:
    """The known words nearest to an unknown one, as text; when none is near all of them, at most twenty."""
    known = sorted(words)
    near = difflib.get_close_matches(word, known, n=3, cutoff=0.5) or known[:MOST_NAMES]
    more = f" and {len(known) - MOST_NAMES:,} more" if len(near) == MOST_NAMES < len(known) else ""
    return ", ".join(near) + more


def _console(*, stderr: bool) -> Console:
    """A console as wide as the terminal; where there is none, wide enough for an ARN."""
    from rich.console import Console  # noqa: PLC0415  loaded when something is shown

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or os.environ.get("COLUMNS") else 160
    return Console(stderr=stderr, highlight=False, width=width)


class Output:
    """Where a verb's words go: progress and tables to people on stderr, the answer on stdout."""

    def __init__(self, form: str = "text") -> None:
        self.form = form
        self._console: Console | None = None

    @property
    def console(self) -> Console:
        """rich's console on stderr, made when first needed."""
        if self._console is None:
            self._console = _console(stderr=True)
        return self._console

    def answer_console(self) -> Console:
        """rich's console on stdout, for an answer that is a table."""
        return _console(stderr=False)

    def say(self, text: str, style: str | None = None) -> None:
        """One line of progress, never markup: names may hold brackets."""
        self.console.print(visible(text), style=style, markup=False, soft_wrap=True)

    def table(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """A table for people, on stderr."""
        from rich import box  # noqa: PLC0415
        from rich.table import Table  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        made = Table(title=Text(visible(title)), title_justify="left", box=box.SIMPLE_HEAD)
        listed = list(rows)
        for number, column in enumerate(columns):
            figures = bool(listed) and all(FIGURE.fullmatch(row[number]) for row in listed)
            made.add_column(Text(visible(column)), overflow="fold", justify="right" if figures else "left")
        for row in listed:
            made.add_row(*(Text(visible(cell)) for cell in row))
        self.console.print(made)

    def pairs(self, title: str, rows: Iterable[tuple[str, str]]) -> None:
        """Names and values on a line each, never folded: a value may be a command that is copied."""
        listed = list(rows)
        if not listed:
            return
        self.say(title, "bold")
        width = max(len(name) for name, _ in listed)
        for name, value in listed:
            self.say(f"  {name:<{width}}  {value}")

    def answer(self, document: dict[str, Any], text: str | None = None) -> None:
        """The verb's one answer: the document as JSON, or the text, on stdout."""
        if self.form == "json":
            sys.stdout.write(json_text(document) + "\n")
        elif text:
            page(text)

    def fail(self, error: CommandError) -> None:
        """Say what is wrong and what to do next."""
        for name, text in (("error", error.message), ("next", error.next_step)):
            sys.stderr.write(f"{name}: {visible(text)}\n")
        if self.form == "json":
            self.answer({"error": {"message": error.message, "next": error.next_step, **error.details}})


def explained(error: Exception) -> CommandError | None:  # noqa: PLR0911  one answer a kind of error
    """The CommandError an exception amounts to, or None when it is a defect of ours."""
    from botocore import exceptions as aws  # noqa: PLC0415

    if isinstance(error, CommandError):
        return error
    if ended := explain_ended(error):
        return CommandError(*ended)
    if isinstance(error, aws.ClientError):
        code = error.response.get("Error", {}).get("Code", "?")
        said = error.response.get("Error", {}).get("Message", "")
        return CommandError(
            f"{error.operation_name} was refused: {code}: {said}",
            NEXT_STEPS.get(code, "Correct what the message names and run the command again."),
            code=code,
        )
    if isinstance(error, aws.ProfileNotFound):
        return CommandError(str(error), "See `aws configure list-profiles` for those there are.")
    if isinstance(error, (aws.NoCredentialsError, aws.PartialCredentialsError, aws.CredentialRetrievalError)):
        return CommandError(
            str(error), "Name a profile with --profile, or sign in (`aws configure`, `aws sso login`)."
        )
    if isinstance(error, (aws.SSOError, aws.UnauthorizedSSOTokenError, aws.TokenRetrievalError)):
        return CommandError(str(error), "Sign in: `aws sso login --profile …`.")
    if isinstance(error, aws.SSLError):
        return CommandError(
            str(error), "Check AWS_CA_BUNDLE and REQUESTS_CA_BUNDLE: they go before the profile's ca_bundle."
        )
    if isinstance(error, (aws.HTTPClientError, aws.ConnectionError)):
        return CommandError(
            str(error), "Check the network, --region and --endpoint-url, then run the command again."
        )
    if isinstance(error, aws.BotoCoreError):
        return CommandError(str(error), "Correct what the message names and run the command again.")
    if isinstance(error, OSError) and error.filename is not None:
        return CommandError(
            f"{error.filename}: {error.strerror or error}",
            "Check the path and its permissions, then run the command again.",
        )
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return CommandError(
            f"what was being written is not whole: {error.strerror}",
            "Make room, or send the answer elsewhere, then run the command again.",
        )
    if isinstance(error, ValueError) and str(error).startswith(NO_ENDPOINT):
        return CommandError(
            str(error), "Give --endpoint-url, or the profile's endpoint_url, as https://HOST:PORT."
        )
    return None


def _asked_form(given: Sequence[str]) -> str:
    """What --output says, read before argparse does: a wrong option is answered in the asked form too."""
    form = "text"
    for option, following in zip(given, [*given, ""][1:], strict=True):
        name, equals, value = option.partition("=")
        if name == "--output":
            form = value if equals else following
    return form


def _ready_stdout(form: str) -> None:
    """Have stdout take every character: documents are UTF-8 in any locale, tables escape what it lacks."""
    if sys.stdout is None:  # closed: `>&-`
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  for as long as the process
    if isinstance(sys.stdout, io.TextIOWrapper) and codecs.lookup(sys.stdout.encoding).name != "utf-8":
        if form == "text":
            sys.stdout.reconfigure(errors="backslashreplace")
        else:
            sys.stdout.reconfigure(encoding="utf-8")


def _leave_stdout() -> None:
    """Nothing more can be written, and stdout must not fail again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _show_defect(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """The traceback of a defect, whose message may repeat a value."""
    sys.stderr.write(visible("".join(traceback.format_exception(kind, error, trace)), keep="\n"))


def run(verb: Callable[[Sequence[str], Output], int], arguments: Sequence[str] | None = None) -> int:
    """Run a verb; its exit code: 0 done, 1 failed, 2 asked wrongly, 130 interrupted."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    out = Output(_asked_form(given))
    _ready_stdout(out.form)
    try:
        code = verb(given, out)
        sys.stdout.flush()  # what cannot be written fails here, not at exit
        return code
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        _leave_stdout()  # the reader (`| head`) has gone: nothing is left to say
        return EXIT_FAILED
    except Exception as error:
        known = explained(error)
        if known is None:
            sys.excepthook = _show_defect
            raise
        try:
            out.fail(known)
            sys.stdout.flush()
        except OSError:
            _leave_stdout()
        return known.exit_code
