"""Ctrl-C: one line about the state of things and the next step, exit code 130, no traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lake.loading import guard_loading, loaded
from scripts import forget_columns, query, remove, views
from scripts.__main__ import verbs
from scripts.core import connection, console
from scripts.core.athena import Workgroup
from scripts.core.console import Output
from scripts.core.deployment import apply as applying
from scripts.core.deployment import verify as verifying
from scripts.core.stack import Stack
from scripts.put_items import command as put_items
from scripts.put_items.reading.source import Source
from scripts.put_items.writing import Writer
from tests.unit.scripts.conftest import Ran
from tests.unit.scripts.deploy.account import Account
from tests.unit.scripts.deploy.conftest import aws, consumer
from tests.unit.scripts.put_items.fake_table import FakeTable
from tests.unit.scripts.put_items.files import TABLE
from tests.unit.scripts.test_forget_columns import lake
from tests.unit.scripts.test_query import Athena, athena
from tests.unit.scripts.test_remove import Removable

__all__ = ["athena", "aws", "consumer", "lake"]  # fixtures
ROOT = Path(console.__file__).parents[2]


def interrupt(*_: Any, **__: Any) -> Any:
    """Ctrl-C at this call."""
    raise KeyboardInterrupt


def line(done: Ran) -> str:
    """The last line of stderr, which has to be the only one about the interruption."""
    assert done.code == 130, done.err
    assert "Traceback" not in done.err
    assert done.err.count("interrupted") == 1
    return done.err.splitlines()[-1]


@pytest.mark.parametrize("where", ["_confirm", "_versions", "_change_set"])
def test_deploy_says_that_the_stack_was_not_changed(
    consumer: Callable[..., Ran], aws: dict[str, Account], monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """During the uploads, while the change set is created, and at the question."""
    monkeypatch.setattr(applying, where, interrupt)
    done = consumer(yes=False)
    assert line(done) == "interrupted: the stack was not changed. Run the command again."
    assert "execute_change_set" not in aws["consumer"].calls


def test_deploy_says_that_cloudformation_continues(
    consumer: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once a change set is executed, only the watching ends."""
    monkeypatch.setattr(Stack, "follow", interrupt)
    assert line(consumer()) == (
        "interrupted: CloudFormation continues to create stack ddb-lake-consumer. When it has ended, run the "
        "command again; see how far it is with `aws cloudformation describe-stack-events "
        "--stack-name ddb-lake-consumer --profile consumer`."
    )


def test_deploy_says_that_the_code_was_not_checked(
    consumer: Callable[..., Ran], aws: dict[str, Account], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stack is complete by then."""
    aws["consumer"].resources = {"CatalogFunction": "lake-Catalog"}
    monkeypatch.setattr(verifying, "_check_function", interrupt)
    assert line(consumer()) == (
        "interrupted: stack ddb-lake-consumer is deployed, but its code was not checked. "
        "Run the command again to check it."
    )


@pytest.mark.parametrize(
    ("owner", "name", "said"),
    [
        (remove, "confirm", "nothing was deleted. Run the command again."),
        (
            Stack,
            "follow",
            "CloudFormation continues to delete stack lake. See how far it is: "
            "`aws cloudformation describe-stack-events --stack-name id --profile p`.",
        ),
    ],
)
def test_remove_says_whether_the_deletion_has_begun(
    *, run_verb: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, said: str
) -> None:
    """At the question, and while CloudFormation deletes; the wait before is in test_draining."""
    account = Removable()
    session = SimpleNamespace(region_name="eu-west-1")
    monkeypatch.setattr(connection, "open_session", lambda *_: session)
    monkeypatch.setattr(connection, "open_client", lambda *_: account)
    monkeypatch.setattr(owner, name, interrupt)
    done = run_verb(remove.main, "lake", "--yes", "--profile", "p")
    assert line(done) == f"interrupted: {said}"


def test_query_says_that_the_query_was_cancelled(athena: Athena, run_verb: Callable[..., Ran]) -> None:
    """Athena bills what a query scans, so it does not go on."""
    athena.failure = KeyboardInterrupt()  # type: ignore[assignment]
    done = run_verb(query.main, "SELECT 1")
    assert line(done) == (
        "interrupted: a query that had started was cancelled in Athena. Run the command again."
    )
    assert athena.stopped == ["id-1"]


@pytest.mark.parametrize(
    ("at", "said"),
    [
        (1, "no view was changed. Run the command again."),
        (4, "some of the views are refreshed, the others are as before. Run the command again."),
    ],
)
def test_views_says_which_views_are_refreshed(
    *, run_verb: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch, at: int, said: str
) -> None:
    """During the test that they can be read, and while they are created."""
    executed: list[str] = []

    def execute(_: Any, sql: str, __: str) -> None:
        executed.append(sql)
        if len(executed) == at:
            raise KeyboardInterrupt

    ready(monkeypatch, execute)
    assert line(run_verb(views.main, "orders")) == f"interrupted: {said}"


def ready(monkeypatch: pytest.MonkeyPatch, execute: Callable[..., None]) -> None:
    """A lake with one column, whose workgroup executes statements so."""
    monkeypatch.setattr(connection, "open_session", lambda *_: SimpleNamespace(region_name="eu-west-1"))
    monkeypatch.setattr(Workgroup, "check", lambda _: None)
    monkeypatch.setattr(Workgroup, "execute", execute)
    monkeypatch.setattr(views, "lake_tables", lambda *_: {})
    monkeypatch.setattr(views, "item_columns", lambda *_: ["pk"])
    monkeypatch.setattr(views, "check_source", lambda *_: False)
    monkeypatch.setattr(views, "kept_switch", lambda *_: None)


def test_views_are_listed_once(run_verb: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> None:
    """Their names are the answer; progress does not repeat them."""
    ready(monkeypatch, lambda *_: None)
    done = run_verb(views.main, "orders")
    assert done.out.splitlines() == ["current_orders", "gaps_orders", "history_orders"]
    assert done.err == "created or refreshed 3 views in database ddb_lake:\n"


def test_forget_columns_says_that_nothing_was_changed(
    lake: Any, run_verb: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the question."""
    account = SimpleNamespace(get_caller_identity=lambda: {"Account": "2", "Arn": "arn"})
    clients = {"glue": lake, "sts": account}
    monkeypatch.setattr(connection, "open_session", lambda *_: SimpleNamespace(region_name="eu-west-1"))
    monkeypatch.setattr(connection, "open_client", lambda _, service, __: clients[service])
    monkeypatch.setattr(forget_columns, "confirm", interrupt)
    done = run_verb(forget_columns.main, "--database", "lake", "status")
    assert line(done) == "interrupted: nothing was changed. Run the command again."


@pytest.mark.parametrize("code", [128 + signal.SIGTERM, 128 + signal.SIGHUP, 0, 2])
def test_a_terminated_command_prints_the_same_line(code: int, capsys: pytest.CaptureFixture[str]) -> None:
    """SIGHUP and SIGTERM end a verb with 128 and their number; the end of `--help` prints nothing."""

    def verb(_: Sequence[str], __: Output) -> int:
        raise SystemExit(code)

    with pytest.raises(SystemExit):
        console.run(verb, [])
    said = capsys.readouterr().err
    assert said == ("interrupted: the command did not finish. Run it again.\n" if code > 128 else "")


def test_put_items_says_how_many_items_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And that the command can be run again."""
    path = tmp_path / "a.jsonl"
    path.write_text('{"pk":"a","v":1}\n')
    monkeypatch.setattr(Writer, "put", interrupt)

    def main(*_: Any) -> dict[str, Any]:
        source = Source(path, TABLE, {}, None)
        return put_items.put_file(FakeTable(), TABLE, source, 2, dry_run=False)

    monkeypatch.setattr(put_items, "main", main)
    code = put_items.run(["shop"])
    assert line(Ran(code, *capsys.readouterr())).startswith(
        "interrupted: 0 of 1 items were written. It is safe"
    )


def test_put_items_always_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also before the first item, when there is no number to report."""
    monkeypatch.setattr(put_items, "main", interrupt)
    code = put_items.run(["shop"])
    assert line(Ran(code, *capsys.readouterr())) == "interrupted: the command did not finish. Run it again."


# A module on the path of every Python: the import of the module in HELD reports itself, then takes long.
HOLD = """
import os, sys, time

class Held:
    def find_spec(self, name, path=None, target=None):
        if name == os.environ["HELD"] and sys.argv[0] != "-c":
            os.write(1, b"loading")
            time.sleep(60)

sys.meta_path.insert(0, Held())
"""


@pytest.mark.parametrize(
    ("command", "held"),
    [
        *((f"scripts.{verb}", "argparse") for verb in verbs()),
        ("scripts", "scripts.core.console"),
        ("scripts.deploy", "requirements.preflight"),
        ("scripts.views", "scripts.core.athena"),
        ("sandbox serve", "sandbox.accounts"),
        ("sandbox exec -- true", "boto3"),
        ("sandbox check", "sandbox.check"),
        ("sandbox check", "numpy"),
        ("sandbox.demo", "rich.console"),
    ],
)
def test_ctrl_c_while_a_command_is_loaded_is_answered_in_one_line(
    tmp_path: Path, command: str, held: str
) -> None:
    """No traceback, and exit code 130, whatever is being imported."""
    (tmp_path / "sitecustomize.py").write_text(HOLD)
    with subprocess.Popen(
        [sys.executable, "-m", *command.split()],
        cwd=ROOT,
        env={**os.environ, "HELD": held, "PYTHONPATH": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        try:
            assert process.stdout.read(len("loading")) == "loading"
            process.send_signal(signal.SIGINT)
            said = process.communicate(timeout=30)[1]
        finally:
            process.kill()
    assert said == "interrupted: nothing was started. Run the command again.\n"
    assert process.returncode == 130


def test_ctrl_c_is_an_exception_again_once_a_command_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the modules that the package names are guarded; an ignored signal stays ignored."""
    before = signal.getsignal(signal.SIGINT)
    try:
        for module, handler, guarded in (
            ("scripts.cost", signal.default_int_handler, True),
            ("scriptsx", signal.default_int_handler, False),
            ("scripts.cost", signal.SIG_IGN, False),
        ):
            signal.signal(signal.SIGINT, handler)
            monkeypatch.setattr(sys, "argv", ["-m"])
            monkeypatch.setattr(sys, "orig_argv", ["python", "-m", module, "--help"])
            guard_loading("scripts", "scripts.")
            assert (signal.getsignal(signal.SIGINT) is not handler) == guarded
            loaded()
            assert signal.getsignal(signal.SIGINT) is handler
    finally:
        signal.signal(signal.SIGINT, before)
