"""The parts that all verbs share: common options, the output object, and exit codes for exceptions.

Tables and progress for people go to stderr. stdout carries only the answer: its text, or with `--output json`
exactly one JSON document, also after a failure. All text passes `lake.terminal`, so that no control character
from outside reaches a terminal.
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

from lake.loading import EXIT_INTERRUPTED, loaded
from lake.terminal import json_text, visible
from scripts.put_items.ended_sandbox import explain_ended

if TYPE_CHECKING:
    from types import TracebackType

    from rich.console import Console
    from rich.table import Table

EXIT_FAILED, EXIT_USAGE = 1, 2
EXIT_SIGNALLED = 128  # plus the number of the signal: `scripts.core.interruption`

# ClientError codes that have the same meaning for every API call, and what to do about each.
NEXT_STEPS = {
    "ExpiredToken": "The credentials have expired: sign in again (`aws sso login --profile …`).",
    "ExpiredTokenException": "The credentials have expired: sign in again (`aws sso login --profile …`).",
    "InvalidClientTokenId": "AWS does not recognize these credentials: check the profile with "
    "`aws sts get-caller-identity --profile …`.",
    "UnrecognizedClientException": "AWS does not recognize these credentials: check the profile with "
    "`aws sts get-caller-identity --profile …`.",
    "SignatureDoesNotMatch": "The secret key does not match the access key: check the profile's credentials "
    "and this machine's clock.",
    "AccessDenied": "Use a profile that may make this call, or have the permission granted.",
    "AccessDeniedException": "Use a profile that may make this call, or have the permission granted.",
    "UnauthorizedOperation": "Use a profile that may make this call, or have the permission granted.",
    "Throttling": "AWS throttled the request. Run the command again; it continues where it stopped.",
    "ThrottlingException": "AWS throttled the request. Run the command again; it continues where it stopped.",
}

MOST_NAMES = 20  # in a message: a table may have thousands of columns
FIGURE = re.compile(r"[0-9,]+([.][0-9]+)?")  # a column of numbers is aligned to the right
NO_ENDPOINT = ("Invalid endpoint", "Invalid IPv6 URL")  # botocore's plain ValueError for a malformed URL
INTERRUPTED = "the command did not finish. Run it again."  # where a verb has nothing more exact


class CommandError(Exception):
    """The verb cannot continue.

    `message` states in one sentence what is wrong, `next_step` what to do. `details` are further fields for
    `--output json`.
    """

    def __init__(self, message: str, next_step: str, *, exit_code: int = EXIT_FAILED, **details: Any) -> None:
        super().__init__(message)
        self.message, self.next_step, self.exit_code, self.details = message, next_step, exit_code, details


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose errors point to the help."""

    def error(self, message: str) -> NoReturn:
        """Raise the error with a pointer to the help; the exit code is 2."""
        raise CommandError(message, f"See `{self.prog} --help`.", exit_code=EXIT_USAGE)


def parser(
    verb: str,
    description: str,
    *,
    epilog: str | None = None,
    outputs: Sequence[str] = ("text", "json"),
    calls_aws: bool = True,
) -> Parser:
    """A parser with the common options; those for an account only if the verb calls AWS."""
    result = Parser(
        prog=f"python -m scripts.{verb}",
        description=description,
        epilog=epilog,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    common = result.add_argument_group("common options")
    if calls_aws:
        _add_account(common)
    common.add_argument("--output", choices=outputs, default="text", help="json: one document on stdout")
    return result


def _add_account(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--profile", help="a profile of ~/.aws/config (default: the environment's)")
    group.add_argument("--region", help="the AWS Region (default: the profile's)")
    group.add_argument("--endpoint-url", metavar="URL", help="send all API calls to this URL instead of AWS")


def location_options(args: argparse.Namespace) -> str:
    """--profile and --region as they were given, for a command that a message shows."""
    return "".join(
        f" --{name} {shlex.quote(value)}" for name in ("profile", "region") if (value := getattr(args, name))
    )


def page(text: str) -> None:
    """Write text to stdout, where answers go."""
    sys.stdout.write(visible(text, keep="\n") + "\n")


def prompt(question: str) -> None:
    """Write a question to stderr; the user types the answer behind it."""
    sys.stderr.write(visible(question))
    sys.stderr.flush()


def confirm(yes: bool, word: str, purpose: str, otherwise: str, *, called: str | None = None) -> None:
    """Return if --yes is given or the user types the word. Raises CommandError otherwise.

    :param otherwise: what holds without a confirmation, such as `nothing was written`
    :param called: what the message calls the word (default: the word itself)
    """
    if yes:
        return
    if sys.stdin.isatty():
        prompt(f"type {word} to {purpose}: ")
        if sys.stdin.readline().strip() == word:
            return
    raise CommandError(
        f"not confirmed: {otherwise}", f"Run the command again and type {called or word}, or add --yes."
    )


def nearest(word: str, words: Iterable[str]) -> str:
    """The known words most similar to an unknown one, as text; the first twenty if none is similar."""
    known = sorted(words)
    near = difflib.get_close_matches(word, known, n=3, cutoff=0.5) or known[:MOST_NAMES]
    more = f" and {len(known) - MOST_NAMES:,} more" if len(near) == MOST_NAMES < len(known) else ""
    return ", ".join(near) + more


def _console(*, stderr: bool) -> Console:
    """A console as wide as the terminal; without a terminal, wide enough for an ARN."""
    from rich.console import Console  # noqa: PLC0415  loaded only when it is needed

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or os.environ.get("COLUMNS") else 160
    return Console(stderr=stderr, highlight=False, width=width)


class Output:
    """A verb's output: progress and tables on stderr, the answer on stdout.

    `interruption` completes the line that Ctrl-C prints: in which state things are, and what to run next.
    """

    def __init__(self, form: str = "text") -> None:
        self.form = form
        self.interruption = INTERRUPTED
        self._console: Console | None = None

    @property
    def console(self) -> Console:
        """rich's console on stderr, created at the first use."""
        if self._console is None:
            self._console = _console(stderr=True)
        return self._console

    @property
    def is_live(self) -> bool:
        """Whether stderr is a terminal that can redraw a table in place."""
        return self.console.is_terminal and not self.console.is_dumb_terminal

    def answer_console(self) -> Console:
        """rich's console on stdout, for an answer that is a table or a text with long lines."""
        return _console(stderr=False)

    def say(self, text: str, style: str | None = None) -> None:
        """Print one line of progress. It is never read as markup: names may contain brackets."""
        self.console.print(visible(text), style=style, markup=False, soft_wrap=True)

    def table(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Print a table for people, on stderr."""
        self.console.print(self._table(title, columns, list(rows)))

    def answer_table(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Print a table as the verb's answer, on stdout."""
        self.answer_console().print(self._table(title, columns, list(rows)))

    @staticmethod
    def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
        from rich import box  # noqa: PLC0415
        from rich.table import Table  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        result = Table(title=Text(visible(title)), title_justify="left", box=box.SIMPLE_HEAD)
        for number, column in enumerate(columns):
            figures = bool(rows) and all(FIGURE.fullmatch(row[number]) for row in rows)
            result.add_column(Text(visible(column)), overflow="fold", justify="right" if figures else "left")
        for row in rows:
            result.add_row(*(Text(visible(cell)) for cell in row))
        return result

    def pairs(self, title: str, rows: Iterable[tuple[str, str]]) -> None:
        """Print one name and value per line, never wrapped: people copy values that are commands."""
        listed = list(rows)
        if not listed:
            return
        self.say(title, "bold")
        width = max(len(name) for name, _ in listed)
        for name, value in listed:
            self.say(f"  {name:<{width}}  {value}")

    def answer(self, document: dict[str, Any], text: str | None = None) -> None:
        """Print the verb's one answer on stdout: the document as JSON, or the text."""
        if self.form == "json":
            sys.stdout.write(json_text(document) + "\n")
        elif text:
            page(text)

    def answer_list(self, document: dict[str, Any], name: str, entries: Iterable[dict[str, Any]]) -> None:
        """Print the verb's one JSON document, with a list that may be larger than the memory.

        `document` has at least one field; the list comes after its fields.
        """
        sys.stdout.write(json_text(document).removesuffix("\n}") + f',\n  "{name}": [')
        separator = ""
        for entry in entries:
            line = " ".join(part.strip() for part in json_text(entry).split("\n"))
            sys.stdout.write(f"{separator}\n    {line}")
            separator = ","
        sys.stdout.write("\n  ]\n}\n" if separator else "]\n}\n")

    def interrupted(self) -> None:
        """Print the one line that answers Ctrl-C."""
        start = "\n" if sys.stderr.isatty() else ""  # below the terminal's own ^C, or an open question
        sys.stderr.write(f"{start}interrupted: {visible(self.interruption)}\n")

    def fail(self, error: CommandError) -> None:
        """Print what is wrong and what to do next."""
        for name, text in (("error", error.message), ("next", error.next_step)):
            sys.stderr.write(f"{name}: {visible(text)}\n")
        if self.form == "json":
            self.answer({"error": {"message": error.message, "next": error.next_step, **error.details}})


def explained(error: Exception) -> CommandError | None:  # noqa: PLR0911  one answer per kind of error
    """The CommandError for an expected exception; None for a defect of this program."""
    from botocore import exceptions as aws  # noqa: PLC0415

    if isinstance(error, CommandError):
        return error
    if ended := explain_ended(error):
        return CommandError(*ended)
    if isinstance(error, aws.ClientError):
        code = error.response.get("Error", {}).get("Code", "?")
        message = error.response.get("Error", {}).get("Message", "")
        return CommandError(
            f"{error.operation_name} was refused: {code}: {message}",
            NEXT_STEPS.get(code, "Correct the cause that the message names, then run the command again."),
            code=code,
        )
    if isinstance(error, aws.ProfileNotFound):
        return CommandError(str(error), "List the existing profiles with `aws configure list-profiles`.")
    if isinstance(error, (aws.NoCredentialsError, aws.PartialCredentialsError, aws.CredentialRetrievalError)):
        return CommandError(
            str(error),
            "Sign in (`aws configure`, `aws sso login`), or choose a profile with credentials by --profile. "
            "In a sandbox, paste all its `export` lines into this terminal.",
        )
    if isinstance(error, (aws.SSOError, aws.UnauthorizedSSOTokenError, aws.TokenRetrievalError)):
        return CommandError(str(error), "Sign in: `aws sso login --profile …`.")
    if isinstance(error, aws.SSLError):
        return CommandError(
            str(error),
            "Check AWS_CA_BUNDLE and REQUESTS_CA_BUNDLE: they take precedence over the profile's ca_bundle.",
        )
    if isinstance(error, (aws.HTTPClientError, aws.ConnectionError)):
        return CommandError(
            str(error), "Check the network, --region and --endpoint-url, then run the command again."
        )
    if isinstance(error, aws.BotoCoreError):
        return CommandError(
            str(error), "Correct the cause that the message names, then run the command again."
        )
    if isinstance(error, OSError) and error.filename is not None:
        return CommandError(
            f"{error.filename}: {error.strerror or error}",
            "Check the path and its permissions, then run the command again.",
        )
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return CommandError(
            f"the output is incomplete: {error.strerror}",
            "Free some disk space, or redirect the output elsewhere, then run the command again.",
        )
    if isinstance(error, ValueError) and str(error).startswith(NO_ENDPOINT):
        return CommandError(
            str(error), "Write --endpoint-url, or the profile's endpoint_url, as https://HOST:PORT."
        )
    return None


def _requested_form(arguments: Sequence[str]) -> str:
    """The value of --output, read before argparse runs: an error in the options has the same form."""
    form = "text"
    for option, following in zip(arguments, [*arguments, ""][1:], strict=True):
        name, equals, value = option.partition("=")
        if name == "--output":
            form = value if equals else following
    return form


def _ready_stdout(form: str) -> None:
    """Make stdout accept every character: documents are UTF-8 in any locale, tables use escapes."""
    if sys.stdout is None:  # closed: `>&-`
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  open as long as the process runs
    if isinstance(sys.stdout, io.TextIOWrapper) and codecs.lookup(sys.stdout.encoding).name != "utf-8":
        if form == "text":
            sys.stdout.reconfigure(errors="backslashreplace")
        else:
            sys.stdout.reconfigure(encoding="utf-8")


def _leave_stdout() -> None:
    """Discard further output, so that stdout does not fail again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _show_defect(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print the traceback of a defect with escapes: its message may contain a value."""
    sys.stderr.write(visible("".join(traceback.format_exception(kind, error, trace)), keep="\n"))


def run(verb: Callable[[Sequence[str], Output], int], arguments: Sequence[str] | None = None) -> int:
    """Run a verb and return its exit code: 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    out = Output(_requested_form(given))
    _ready_stdout(out.form)
    try:
        loaded()
        code = verb(given, out)
        sys.stdout.flush()  # a write error is raised here, not at exit
        return code
    except KeyboardInterrupt:
        out.interrupted()
        return EXIT_INTERRUPTED
    except SystemExit as error:
        if isinstance(error.code, int) and error.code > EXIT_SIGNALLED:
            out.interrupted()
        raise
    except BrokenPipeError:
        _leave_stdout()  # the reader (`| head`) has gone: there is nothing left to print
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
