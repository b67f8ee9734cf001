"""What every verb shares: options, exit codes, where words go."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import exceptions as aws

from scripts.__main__ import verbs
from scripts.core import console
from scripts.core.connection import Connection
from scripts.core.console import CommandError, Output, explained
from scripts.core.server_clock import server_time
from scripts.put_items import explain
from tests.unit.scripts.conftest import Ran
from tests.unit.scripts.edge import refused

ROOT = Path(console.__file__).parents[2]
LAKE_VERBS = sorted(verbs())


def module(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m scripts…` as a user does, in a terminal 100 columns wide."""
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_python_m_scripts_lists_the_verbs_with_their_descriptions() -> None:
    """`python -m scripts` names every verb; one that does not exist is exit code 2."""
    assert {"cost", "deploy", "put_items", "query", "remove", "views"} <= set(verbs())
    assert all(verbs().values())
    listed = module("scripts")
    assert listed.returncode == 0
    for verb, what in verbs().items():
        assert f"{verb} " in listed.stdout
        assert what in listed.stdout
    assert module("scripts", "deply").returncode == 2


@pytest.mark.parametrize("verb", LAKE_VERBS)
def test_every_verb_has_help_and_the_common_options(verb: str) -> None:
    """Also put_items, which runs alone too. A verb that calls no AWS API has no option for an account."""
    done = module(f"scripts.{verb}", "--help")
    assert done.returncode == 0
    assert "--output {text," in done.stdout
    for option in ("--profile PROFILE", "--region REGION", "--endpoint-url URL"):
        assert (option in done.stdout) == (verb != "cost")
    assert "\ncommon options:\n" in done.stdout
    assert f"usage: python -m scripts.{verb}" in done.stdout


@pytest.mark.parametrize("verb", LAKE_VERBS)
def test_help_and_wrong_options_load_no_slow_package(verb: str) -> None:
    """The slow packages are imported by the work that needs them, not by the command line."""
    code = (
        "import runpy, sys\n"
        f"sys.argv = ['x', '--no-such-option']\n"
        "try:\n"
        f"    runpy.run_module('scripts.{verb}', run_name='__main__')\n"
        "except SystemExit as end:\n"
        "    slow = {'boto3', 'awswrangler', 'pandas', 'rich'} & set(sys.modules)\n"
        "    sys.exit(f'{end.code} {sorted(slow)}')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] == "2 []"


@pytest.mark.parametrize("verb", ["deploy", "put_items.command", "remove"])
def test_deploy_put_items_and_remove_do_not_load_pandas(verb: str) -> None:
    """Import time is every deployment's and every put's: awswrangler and pandas stay out of it."""
    code = f"import sys, scripts.{verb}; sys.exit(bool({{'awswrangler', 'pandas'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def raising(error: BaseException) -> Callable[[Sequence[str], Output], int]:
    """A verb that ends so."""

    def verb(_: Sequence[str], __: Output) -> int:
        raise error

    return verb


NO_FILE = FileNotFoundError(2, "No such file or directory", "items.json")


@pytest.mark.parametrize(
    ("error", "message", "next_step"),
    [
        (CommandError("it broke", "Mend it."), "it broke", "Mend it."),
        (
            refused("AccessDenied", "no s3:PutObject", "PutObject"),
            "PutObject was refused: AccessDenied",
            "granted",
        ),
        (refused("ExpiredToken"), "ExpiredToken", "sign in again"),
        (refused("InvalidClientTokenId"), "InvalidClientTokenId", "get-caller-identity"),
        (refused("Novelty", "odd"), "Novelty: odd", "Correct the cause that the message names"),
        (aws.ProfileNotFound(profile="nobody"), "nobody", "list-profiles"),
        (aws.NoCredentialsError(), "Unable to locate credentials", "--profile"),
        (aws.EndpointConnectionError(endpoint_url="https://x"), "https://x", "--endpoint-url"),
        (
            aws.SSLError(endpoint_url="https://x", error=Exception("self-signed")),
            "self-signed",
            "AWS_CA_BUNDLE",
        ),
        (aws.NoRegionError(), "region", "Correct the cause that the message names"),
        (NO_FILE, "items.json: No such file", "Check the path"),
        (
            PermissionError(13, "Permission denied", "items.json"),
            "items.json: Permission denied",
            "permissions",
        ),
    ],
)
@pytest.mark.parametrize("form", ["text", "json"])
def test_an_error_has_a_message_and_a_next_step(
    *, error: Exception, message: str, next_step: str, form: str, run_verb: Callable[..., Ran]
) -> None:
    """On stderr always; with --output json as the one document on stdout, too."""
    done = run_verb(raising(error), "--output", form)
    assert done.code == 1
    first, second = done.err.splitlines()
    assert message in first.removeprefix("error: ")
    assert next_step in second.removeprefix("next: ")
    if form == "json":
        assert json.loads(done.out)["error"]["next"] == second.removeprefix("next: ")
    else:
        assert done.out == ""


@pytest.mark.parametrize("url", ["localhost", "http://", "http://[::1"])
@pytest.mark.parametrize("explain", [explained, explain.explained])
def test_a_malformed_url_is_reported_without_a_traceback(
    explain: Callable[[Exception], Any], url: str
) -> None:
    """botocore raises a plain ValueError for it, in the option and in the profile alike."""
    with pytest.raises(ValueError, match="Invalid") as raised:
        boto3.Session(region_name="us-east-1").client("sts", endpoint_url=url)
    assert "--endpoint-url" in explain(raised.value).next_step


def test_a_defect_keeps_its_traceback() -> None:
    """What nobody foresaw keeps its traceback."""
    assert explained(ZeroDivisionError()) is None
    assert explained(ValueError("odd")) is None
    assert explain.explained(ValueError("odd")) is None
    with pytest.raises(ZeroDivisionError):
        console.run(raising(ZeroDivisionError()), [])
    assert explain.explained(ZeroDivisionError()) is None


def test_an_interrupt_is_exit_code_130(run_verb: Callable[..., Ran]) -> None:
    """As shells have it for SIGINT."""
    assert run_verb(raising(KeyboardInterrupt())).code == 130


def test_a_verb_runs_without_arguments(run_verb: Callable[..., Ran]) -> None:
    """No option at all is no mistake of its own."""
    assert run_verb(lambda given, _: len(given)).code == 0


def test_an_error_in_the_options_has_the_requested_form(run_verb: Callable[..., Ran]) -> None:
    """A wrong option is answered in JSON when JSON was asked for, in either spelling."""
    for spelling in (["--output", "json"], ["--output=json"]):
        done = run_verb(lambda given, _: console.parser("x", "y").parse_args(given) and 0, *spelling, "--odd")
        assert done.code == 2
        assert json.loads(done.out)["error"]["next"] == "See `python -m scripts.x --help`."


def test_a_setting_of_ours_is_read_from_the_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside AWS's own, in the file that AWS_CONFIG_FILE names."""
    config = tmp_path / "config"
    config.write_text("[profile a]\nregion=eu-west-1\nddb_lake_arch=host\n[profile b]\nregion=eu-west-1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    assert Connection("a", None, None).profile_setting("ddb_lake_arch") == "host"
    assert Connection("b", None, None).profile_setting("ddb_lake_arch") is None


@pytest.mark.parametrize(
    ("profile", "why"), [(None, "no credentials were found"), ("a", "profile a has no credentials")]
)
def test_missing_credentials_name_the_profile_that_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, profile: str | None, why: str
) -> None:
    """`--profile` is not suggested to someone who used it."""
    (tmp_path / "config").write_text("[profile a]\nregion = eu-west-1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(CommandError, match=why) as missing:
        Connection(profile, "eu-west-1", None).client("sts")
    assert ("Name a profile" in missing.value.next_step) == (profile is None)


def test_a_region_is_required(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By option or profile; nothing is guessed."""
    config = tmp_path / "config"
    config.write_text("[profile a]\noutput=json\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    with pytest.raises(CommandError, match="no Region is set"):
        Connection("a", None, None)
    assert Connection("a", "us-west-2", None).region == "us-west-2"


def test_tables_and_progress_never_reach_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    """stdout carries the answer alone; brackets in names are no markup."""
    out = Output("json")
    out.say("[red] goes on")
    out.table("title", ("a", "b"), [("[bold]x", "y")])
    out.answer({"a": 1})
    said = capsys.readouterr()
    assert json.loads(said.out) == {"a": 1}
    assert "[red] goes on" in said.err
    assert "[bold]x" in said.err


def test_a_closed_pipe_ends_a_verb_without_a_traceback() -> None:
    """`… | head` closes the pipe; no traceback follows."""
    code = (
        "from scripts.core import console\n"
        "import sys\n"
        "def verb(given, out):\n"
        "    for _ in range(100000):\n"
        "        console.page('x' * 100)\n"
        "    return 0\n"
        "sys.exit(console.run(verb, []))\n"
    )
    writer = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    assert writer.stderr is not None
    writer.stdout.readline()
    writer.stdout.close()
    assert writer.stderr.read() == ""
    writer.stderr.close()
    assert writer.wait(timeout=60) == 1


def test_confirmation_is_the_word_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another word, an empty line or no terminal confirms nothing; the error names the word."""
    for typed, terminal in (("repaired\n", True), ("\n", True), ("repair\n", False)):
        answer = io.StringIO(typed)
        monkeypatch.setattr(answer, "isatty", lambda terminal=terminal: terminal)
        monkeypatch.setattr(sys, "stdin", answer)
        with pytest.raises(CommandError, match="not confirmed: nothing was written") as error:
            console.confirm(False, "repair", "write rows", "nothing was written")
        assert "type repair, or add --yes" in error.value.next_step
    answer = io.StringIO("repair\n")
    monkeypatch.setattr(answer, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", answer)
    console.confirm(False, "repair", "write rows", "nothing was written")
    console.confirm(True, "repair", "write rows", "nothing was written")


@pytest.mark.parametrize("headers", [{}, {"date": "yesterday"}])
def test_response_without_a_date_is_refused(headers: dict[str, str]) -> None:
    """Without the service's clock, the time of a read would be a guess."""
    with pytest.raises(CommandError, match="no Date header"):
        server_time({"ResponseMetadata": {"HTTPHeaders": headers}})
