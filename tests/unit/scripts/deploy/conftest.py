"""Two accounts and the stacks that the tests of deploy launch in them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from scripts import deploy
from scripts.build.zips import Package
from scripts.core import connection
from scripts.core.connection import Connection
from tests.unit.scripts.conftest import Ran
from tests.unit.scripts.deploy.account import PRODUCER, TEMPLATE, Account, fake_build, feed


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Account]:
    """Two profiles, consumer and producer; the zips are built of nothing."""
    accounts = {"consumer": Account(), "producer": Account("111111111111")}

    def session(profile: str | None, region: str | None) -> SimpleNamespace:
        return SimpleNamespace(region_name=region or "eu-west-1", profile=profile)

    def build(name: str) -> Package:
        path = tmp_path / name
        path.write_bytes(b"zip")
        return Package(name, path, 3, 3, "abc")

    monkeypatch.setattr(connection, "open_session", session)
    monkeypatch.setattr(
        connection, "open_client", lambda opened, service, _: accounts[opened.profile].client(service)
    )
    monkeypatch.setattr(
        Connection,
        "profile_setting",
        lambda self, name: accounts[self.session.profile].settings.get(name),
    )
    fake_build(monkeypatch, "CatalogArtifactKey", lambda *_: build("catalog.zip"))
    fake_build(monkeypatch, "TransformArtifactKey", lambda wanted, *_: build(wanted.zip_name))
    return accounts


@pytest.fixture
def producer(aws: dict[str, Account], tmp_path: Path, run_verb: Callable[..., Ran]) -> Callable[..., Ran]:
    """Deploy a producer template of a few lines, fed by the stack `other` of the consumer account."""
    path = tmp_path / "producer.yaml"
    path.write_text(PRODUCER)
    feed(aws["consumer"])

    def run(*arguments: str) -> Ran:
        given = ["producer", "--profile", "producer", "--template", str(path), "--yes"]
        return run_verb(deploy.main, *given, "--outputs-of", "other", *arguments)

    return run


@pytest.fixture
def consumer(aws: dict[str, Account], tmp_path: Path, run_verb: Callable[..., Ran]) -> Callable[..., Ran]:
    """Deploy a consumer template of a few lines."""
    path = tmp_path / "consumer.yaml"
    path.write_text(TEMPLATE)

    def run(*arguments: str, yes: bool = True) -> Ran:
        given = ["consumer", "--profile", "consumer", "--template", str(path), *(["--yes"] if yes else [])]
        if not any(argument.startswith("ProducerAccountId=") for argument in arguments):
            given += ["--parameter", "ProducerAccountId=111111111111"]
        return run_verb(deploy.main, *given, *arguments)

    return run
