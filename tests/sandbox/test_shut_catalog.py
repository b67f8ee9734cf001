"""A Data Catalog that denies the stack's roles during the launch, and allows them later."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from sandbox.launches import plan_launches
from sandbox.lifecycle import Sandbox
from sandbox.processes import REPOSITORY
from tests.sandbox.crawls import crawl, last_crawl, wait_for_column
from tests.sandbox.lake import Lake
from tests.sandbox.roles import refused_roles
from tests.sandbox.rows import item_lines

pytestmark = pytest.mark.sandbox

COLUMNS = "ItemColumns=title,info__rating"


def without(actions: dict[str, str], folder: Path) -> Path:
    """A copy of the shipped template that grants other actions instead of these."""
    text = (REPOSITORY / "templates" / "consumer.yaml").read_text(encoding="utf-8")
    for action, other in actions.items():
        assert f" {action}\n" in text
        text = text.replace(f" {action}\n", f" {other}\n")
    assert yaml.compose(text)
    (changed := folder / "shut.yaml").write_text(text, encoding="utf-8")
    return changed


def columns(lake: Lake) -> list[str]:
    """The columns of `changes`."""
    table = lake.glue.get_table(DatabaseName=lake.database, Name="changes")["Table"]
    return [column["Name"] for column in table["StorageDescriptor"]["Columns"]]


def test_denied_catalog_neither_fails_the_stack_nor_loses_item_columns(tmp_path: Path) -> None:
    """The stack is created without the columns; after the grants the next crawl declares them all.

    IAM denies here; on AWS it can be Lake Formation or a key, and Glue rejects the call in the same way.
    A crawler that may not read its security configuration fails, and its message states the reason.
    """
    shut = without(
        {
            "glue:GetTable": "glue:GetUserDefinedFunction",
            "glue:GetSecurityConfiguration": "glue:GetDevEndpoint",
        },
        tmp_path,
    )
    with Sandbox(speed=60) as sandbox:
        settings = {"consumer": [COLUMNS]}
        sandbox.launch(plan_launches("consumer", parameters=settings, templates={"consumer": shut}))
        lake, crawler = Lake(sandbox), sandbox.outputs["CrawlerName"]
        assert not {"title", "info__rating"} & set(columns(lake))
        refused = [line for line in refused_roles(sandbox) if "CatalogFunctionRole" in line]
        assert refused, "the function was refused nothing: this test shows nothing"
        lake.put(item_lines({"pk": {"S": "item-1"}, "found": {"S": "x"}}), "2026-11-20")
        failed = last_crawl(lake.glue, crawler)
        assert failed["Status"] == "FAILED"
        assert "GetSecurityConfiguration" in failed["ErrorMessage"]
        assert failed["LogGroup"] == sandbox.outputs["CrawlerLogGroupName"]

        sandbox.launch(plan_launches("consumer", parameters=settings))
        crawl(lake.glue, crawler)
        wait_for_column(lake.glue, lake.database, "found")
        assert {"title", "info__rating", "found", "pk"} <= set(columns(lake))


def test_later_grant_in_lake_formation_declares_columns_at_once(tmp_path: Path) -> None:
    """The update with the grant calls the function again, without a crawl."""
    shut = without({"glue:GetTable": "glue:GetUserDefinedFunction"}, tmp_path)
    with Sandbox(speed=60) as sandbox:
        settings = {"consumer": [COLUMNS]}
        sandbox.launch(plan_launches("consumer", parameters=settings, templates={"consumer": shut}))
        lake = Lake(sandbox)
        assert "title" not in columns(lake)
        granting = {"consumer": [COLUMNS, "LakeFormationGrants=true"]}
        sandbox.launch(plan_launches("consumer", parameters=granting))
        assert {"title", "info__rating"} <= set(columns(lake))
