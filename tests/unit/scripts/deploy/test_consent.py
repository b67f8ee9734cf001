"""deploy: when it asks, when it refuses, and that it leaves nothing behind."""

from __future__ import annotations

import io
import json
import os
import signal
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from scripts import deploy, remove
from scripts.build.zips import Package
from scripts.core.artifacts import ArtifactBucket
from scripts.core.deployment import apply as steps
from scripts.stacks import TEMPLATES
from tests.unit.scripts.conftest import Ran
from tests.unit.scripts.deploy.account import PRODUCER, TEMPLATE, Account, fake_build
from tests.unit.scripts.edge import Terminal, refused


def test_a_dry_run_changes_nothing(consumer: Callable[..., Ran], aws: dict[str, Account]) -> None:
    """The change set is created, shown and deleted with the empty stack; no bucket, no upload."""
    done = consumer("--dry-run", "--output", "json", yes=False)
    assert done.code == 0, done.err
    assert aws["consumer"].calls == ["create_change_set", "delete_change_set", "delete_stack"]
    assert set(aws["consumer"].s3.names()) == {"head_bucket"}
    assert json.loads(done.out)["changes"] == [
        {"action": "Add", "resource": "Bucket", "type": "AWS::S3::Bucket", "replacement": ""}
    ]


@pytest.mark.parametrize("size", [0, 51_200], ids=["small", "large"])
@pytest.mark.parametrize("deployed", ["not", "the same", "another"])
@pytest.mark.parametrize("interrupted", [False, True])
def test_a_dry_run_leaves_stacks_change_sets_and_objects_unchanged(
    *,
    consumer: Callable[..., Ran],
    aws: dict[str, Account],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    size: int,
    deployed: str,
    interrupted: bool,
) -> None:
    """For a new, an unchanged and a changed stack, with a small and a large template, also after Ctrl-C."""
    account = aws["consumer"]
    account.s3.owner = "222222222222"
    if deployed != "not":
        (tmp_path / "consumer.yaml").write_text(TEMPLATE + "#" * size)
        assert consumer().code == 0
    if deployed == "another":
        path = tmp_path / "catalog.zip"
        path.write_bytes(b"next")
        fake_build(monkeypatch, "CatalogArtifactKey", lambda *_: Package(path.name, path, 4, 4, "abc"))
    (tmp_path / "consumer.yaml").write_text(
        TEMPLATE + "#" * size + ("# next" if deployed == "another" else "")
    )

    def state() -> Any:
        return deepcopy((account.stacks, {k: v for k, v in account.s3.versions.items() if v}))

    account.change_sets.clear()
    before = state()
    if interrupted:

        def interrupt(*_: Any, **__: Any) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(steps, "show_changes", interrupt)
    assert consumer("--dry-run").code == (130 if interrupted else 0)
    assert state() == before
    assert account.calls.count("create_change_set") == (1 if deployed == "not" else 2)
    assert not any(account.change_sets.values())


@pytest.mark.parametrize(
    ("stdin", "changed", "goes_on"),
    [
        (Terminal("y\n"), "Add", True),
        (Terminal("n\n"), "Add", False),
        (Terminal("\n"), "Add", False),
        (Terminal(""), "Add", False),
        (io.StringIO(""), "Add", True),
        (io.StringIO("y\n"), "Remove", False),
        (io.StringIO("y\n"), "True", False),
        (io.StringIO("y\n"), "Conditional", False),
        (io.StringIO(""), "False", True),
        (Terminal("y\n"), "Remove", True),
    ],
    ids=["yes", "no", "enter", "closed", "nobody", "loss", "replaced", "perhaps", "changed", "yes-loss"],
)
def test_a_plan_is_applied_only_if_it_is_confirmed(
    *,
    consumer: Callable[..., Ran],
    aws: dict[str, Account],
    monkeypatch: pytest.MonkeyPatch,
    stdin: io.StringIO,
    changed: str,
    goes_on: bool,
) -> None:
    """At a terminal the command asks. Without one, it applies only a plan that loses nothing."""
    monkeypatch.setattr("sys.stdin", stdin)
    change = aws["consumer"].changes[0]
    change |= (
        {"Action": changed} if changed in ("Add", "Remove") else {"Action": "Modify", "Replacement": changed}
    )
    done = consumer(yes=False)
    assert (done.code == 0) == goes_on
    assert ("execute_change_set" in aws["consumer"].calls) == goes_on
    if not goes_on:
        assert "not confirmed" in done.err
        assert "the stack was not changed" in done.err.lower()
        assert (done.code, "--yes" in done.err.partition("\nnext: ")[2]) == (1, True)
        assert aws["consumer"].calls == ["create_change_set", "delete_change_set", "delete_stack"]
        assert consumer().code == 0, "with --yes it is applied"


@pytest.mark.parametrize("error", [KeyboardInterrupt, refused("AccessDenied", operation="PutObject")])
def test_a_deployment_that_ends_early_leaves_no_change_set(
    consumer: Callable[..., Ran],
    aws: dict[str, Account],
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException | type[BaseException],
) -> None:
    """Ctrl-C at the question deletes change set and stack; a refused upload ends before there is one."""

    def interrupted(*_: Any, **__: Any) -> bool:
        raise error

    where, name = (steps, "_confirm") if error is KeyboardInterrupt else (ArtifactBucket, "put")
    monkeypatch.setattr(where, name, interrupted)
    assert consumer().code != 0
    made = ["create_change_set", "delete_change_set", "delete_stack"]
    assert aws["consumer"].calls == (made if error is KeyboardInterrupt else [])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_terminated_command_deletes_its_change_set(
    consumer: Callable[..., Ran],
    aws: dict[str, Account],
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
) -> None:
    """After `kill`, or when the terminal window is closed at the question."""
    monkeypatch.setattr(steps, "_confirm", lambda *_: os.kill(os.getpid(), number))
    with pytest.raises(SystemExit) as ended:
        consumer()
    assert ended.value.code == 128 + number
    assert aws["consumer"].calls == ["create_change_set", "delete_change_set", "delete_stack"]
    assert signal.getsignal(number) == signal.SIG_DFL


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("Resources: {}", "is not a ddb-lake stack: its template has no ddb-lake marker"),
        ({"Resources": {}, "Metadata": {"DdbLake": "x"}}, "is not a ddb-lake stack"),
        (PRODUCER, "is a ddb-lake producer stack, and this command would change it into a consumer stack"),
    ],
)
@pytest.mark.parametrize("status", ["CREATE_COMPLETE", "ROLLBACK_COMPLETE"])
def test_a_stack_of_somebody_else_is_not_touched(
    consumer: Callable[..., Ran],
    aws: dict[str, Account],
    template: str | dict[str, Any],
    said: str,
    status: str,
) -> None:
    """An update would delete all its resources. No message suggests to remove it."""
    aws["consumer"].stacks["ddb-lake-consumer"] = {"StackStatus": status, "StackId": "x"}
    aws["consumer"].templates["ddb-lake-consumer"] = template
    done = consumer()
    assert (done.code, said in done.err, aws["consumer"].calls) == (1, True, [])
    assert "account 222222222222, Region eu-west-1" in done.err
    assert "scripts.remove" not in done.err
    assert aws["consumer"].s3.names() == []


@pytest.mark.parametrize(
    ("description", "template", "goes_on"),
    [
        ("python -m scripts.deploy", "", True),
        ("", TEMPLATE, True),
        ("", "Resources: {}", False),
        (None, "", True),
    ],
    ids=["a run that was killed", "by hand, from our template", "somebody else's", "empty"],
)
def test_a_stack_in_review_is_ours_if_its_change_sets_are(
    consumer: Callable[..., Ran],
    aws: dict[str, Account],
    description: str | None,
    template: str,
    goes_on: bool,
) -> None:
    """A stack in REVIEW_IN_PROGRESS has no template. A killed run's change set blocks no deployment."""
    account = aws["consumer"]
    account.stacks["ddb-lake-consumer"] = {"StackStatus": "REVIEW_IN_PROGRESS", "StackId": "id"}
    if description is not None:
        waiting = {"ChangeSetName": "one", "Description": description, "StackId": "id"}
        account.change_sets["ddb-lake-consumer"] = [waiting]
        account.templates["one"] = template
    done = consumer()
    assert (done.code == 0) == goes_on
    assert ("execute_change_set" in account.calls) == goes_on
    assert ("is not a ddb-lake stack: it has a change set that deploy did not create" in done.err) != goes_on


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ("", "has no ddb-lake marker, so later commands would not recognise its stack"),
        ("Metadata: {DdbLake: {Kind: producer}}", "is the template of a producer stack"),
    ],
)
def test_a_template_without_the_marker_of_its_kind_is_refused(
    consumer: Callable[..., Ran], aws: dict[str, Account], tmp_path: Path, metadata: str, said: str
) -> None:
    """A changed copy of a template must keep the marker."""
    (tmp_path / "consumer.yaml").write_text(
        TEMPLATE.replace("Metadata: {DdbLake: {Kind: consumer}}", metadata)
    )
    done = consumer()
    assert (done.code, said in done.err, aws["consumer"].calls) == (1, True, [])


def test_the_readme_and_the_help_have_the_same_text_about_confirmation() -> None:
    """Word for word, whatever the line breaks."""
    readme = " ".join((TEMPLATES.parent / "README.md").read_text(encoding="utf-8").replace("`", "").split())
    for verb in (deploy, remove):
        said = " ".join(verb.CONFIRMATION.split())
        assert said in " ".join(verb.options().format_help().split())
        assert said in readme
