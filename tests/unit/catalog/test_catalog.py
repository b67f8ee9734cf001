"""How the catalog function changes a table."""

from itertools import pairwise
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.model import StructureShape

from catalog_lambda.catalog import ATTEMPTS, SETTABLE, Catalog, CatalogError, table_input
from catalog_lambda.columns import Names
from catalog_lambda.forgotten import PARAMETER, TABLE
from tests.unit.catalog.fakes import FakeGlue, error, table

OWNED = {"Parameters": {"UPDATED_BY_CRAWLER": "crawler"}}


def catalog(glue: Any) -> Catalog:
    """A catalog that does not wait."""
    return Catalog("lake", glue, pause=lambda _seconds: None)


def test_every_settable_field_of_the_table_survives_an_update() -> None:
    """UpdateTable replaces the definition: a field that is not sent is lost."""
    whole = table(
        "changes",
        ["change_id"],
        Description="d",
        Owner="o",
        Retention=3,
        TableType="EXTERNAL_TABLE",
        Parameters={"projection.enabled": "true"},
    )
    whole["StorageDescriptor"].update(Location="s3://b/data/", SerdeInfo={"Parameters": {"x": "y"}})
    glue = FakeGlue(whole)
    catalog(glue).declare("changes", Names(found=["n"]), 1_000)
    after = glue.tables["changes"]
    assert after["StorageDescriptor"].pop("Columns") == [
        {"Name": "change_id", "Type": "string"},
        {"Name": "n", "Type": "string"},
    ]
    whole["StorageDescriptor"].pop("Columns")
    assert {**after, "VersionId": "1"} == whole


def test_every_member_of_table_input_is_kept_or_left_out_for_a_reason() -> None:
    """If a newer SDK has another member, somebody must decide about it."""
    glue = boto3.client("glue", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    shape = glue.meta.service_model.shape_for("TableInput")
    assert isinstance(shape, StructureShape)
    members = set(shape.members)
    assert members - set(SETTABLE) == {"FederatedTable", "ViewDefinition"}


def test_fields_that_only_get_table_returns_are_not_sent_back() -> None:
    """DatabaseName, CreateTime, VersionId and others are not members of TableInput."""
    answer = table("changes", ["a"], DatabaseName="lake", CreateTime=1, CreatedBy="someone", CatalogId="1")
    assert set(table_input(answer)) == {"Name", "StorageDescriptor", "PartitionKeys", "Parameters"}


def test_an_empty_owner_is_not_sent_back() -> None:
    """GetTable may return an empty text, which UpdateTable rejects."""
    assert "Owner" not in table_input(table("changes", ["a"], Owner="", Retention=0))
    assert table_input(table("changes", ["a"], Retention=0))["Retention"] == 0


def test_nothing_new_means_no_update() -> None:
    """A run without new names does not create a table version."""
    glue = FakeGlue(table("changes", ["a"]))
    assert catalog(glue).declare("changes", Names(found=["a", "dt"]), 1_000).added == ()
    assert glue.updates == 0


def test_a_concurrent_edit_is_kept_and_the_new_column_is_added_to_it() -> None:
    """The version check fails; the function reads the table and decides again."""
    glue = FakeGlue(table("changes", ["a"]))
    glue.racing = ["theirs"]
    assert catalog(glue).declare("changes", Names(found=["ours", "theirs"]), 1_000).added == ("ours",)
    assert glue.columns() == ["a", "theirs", "ours"]


def test_endless_concurrent_edits_end_with_a_clear_error() -> None:
    """The number of attempts is limited."""
    glue = FakeGlue(table("changes", ["a"]))
    glue.racing = [f"r{n}" for n in range(ATTEMPTS)]
    with pytest.raises(CatalogError, match="start the crawler"):
        catalog(glue).declare("changes", Names(found=["ours"]), 1_000)


def test_pauses_between_attempts_grow_and_are_random() -> None:
    """Two functions that collided once would collide again with equal pauses."""
    pauses: list[list[float]] = []
    for _ in range(2):
        glue = FakeGlue(table("changes", ["a"]))
        glue.racing = [f"r{n}" for n in range(ATTEMPTS - 1)]
        pauses.append([])
        assert Catalog("lake", glue, pause=pauses[-1].append).declare(
            "changes", Names(found=["ours"]), 1_000
        ).added == ("ours",)
    first, second = pauses
    assert len(first) == ATTEMPTS - 1
    assert first != second
    assert all(0 < earlier <= later for earlier, later in pairwise(first))
    assert sum(first) < 60  # the function has little time


def test_a_full_table_takes_the_columns_that_fit_and_the_rest_is_reported() -> None:
    """Glue rejects a definition that is too large completely, so fewer columns are tried."""
    glue = FakeGlue(table("changes", ["a"]), limit=6)
    outcome = catalog(glue).declare("changes", Names(found=[f"n{n}" for n in range(16)]), 1_000)
    assert (len(outcome.added), len(outcome.left_out), outcome.undeclared) == (4, 12, 12)
    assert len(glue.columns()) == 5


def test_a_table_without_room_is_not_changed() -> None:
    """Nothing is added, all names are reported, and no error is raised."""
    glue = FakeGlue(table("changes", ["a"]), limit=1)
    outcome = catalog(glue).declare("changes", Names(found=["n", "m"]), 1_000)
    assert (outcome.added, outcome.left_out) == ((), ("n", "m"))


def test_a_denied_update_is_raised() -> None:
    """A missing permission is not treated as a full table."""

    class Denying(FakeGlue):
        def update_table(self, *_: Any, **__: Any) -> None:
            raise error("AccessDeniedException")

    with pytest.raises(Exception, match="AccessDeniedException"):
        catalog(Denying(table("changes", ["a"]))).declare("changes", Names(found=["n"]), 1_000)


def test_a_table_that_cannot_be_read_is_not_reported_as_missing() -> None:
    """Launching the stack again would not help."""

    class Denying(FakeGlue):
        def get_table(self, *_: Any, **__: Any) -> dict[str, Any]:
            raise error("AccessDeniedException")

    with pytest.raises(ClientError, match="AccessDeniedException"):
        catalog(Denying(table("changes", ["a"]))).declare("changes", Names(found=["n"]), 1_000)


def test_a_missing_table_is_a_clear_error() -> None:
    """The message names the table and the next step."""
    with pytest.raises(CatalogError, match=r"lake\.changes: launch the consumer stack"):
        catalog(FakeGlue()).declare("changes", Names(found=["n"]), 1_000)


def test_only_tables_the_crawler_owns_are_read() -> None:
    """The prefix alone does not prove ownership; the crawler's mark does."""
    glue = FakeGlue(
        table("crawled_data", ["mine"], **OWNED),
        table("crawled_by_hand", ["not_mine"]),
        table("crawled_other", ["others"], Parameters={"UPDATED_BY_CRAWLER": "another"}),
        table("data", ["no_prefix"], **OWNED),
    )
    assert list(catalog(glue).crawled("crawled_", "crawler")) == ["mine"]


def record(*names: str) -> dict[str, Any]:
    """The table that contains the record."""
    listed = ", ".join(f'"{name}"' for name in names)
    text = f'[{{"names": [{listed}], "at": "then", "by": "somebody"}}]'
    return table(TABLE, [], Parameters={PARAMETER: text})


def test_undeclared_names_are_waiting_left_out_or_refused() -> None:
    """One name of each kind; a forgotten name does not count."""
    glue = FakeGlue(table("changes", ["a"]), record("gone"), limit=2)
    names = Names(found=["one", "two", "three", "Odd", "gone"])
    outcome = catalog(glue).declare("changes", names, 2)
    assert (outcome.added, len(outcome.left_out), outcome.plan.waiting) == (("one",), 1, 1)
    assert (outcome.plan.forgotten, outcome.undeclared) == (1, 3)


def test_a_table_whose_name_contains_that_of_the_record_is_ignored() -> None:
    """GetTables takes a pattern, and users may create tables in the database."""
    other = {**record("new"), "Name": f"my_{TABLE}"}
    glue = FakeGlue(table("changes", ["a"]), other, record("gone"))
    outcome = catalog(glue).declare("changes", Names(found=["new", "gone"]), 1_000)
    assert (outcome.added, outcome.plan.forgotten) == (("new",), 1)


def test_a_name_that_is_forgotten_while_the_function_runs_is_not_declared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is recorded after the first read and removed before the update, so the function reads again."""
    glue = FakeGlue(table("changes", ["a", "gone"]))
    update = glue.update_table

    def forgotten_meanwhile(**request: Any) -> None:
        if TABLE not in glue.tables:
            glue.tables[TABLE] = record("gone", "late")
            glue.replace("changes", ["a"])
        update(**request)

    monkeypatch.setattr(glue, "update_table", forgotten_meanwhile)
    outcome = catalog(glue).declare("changes", Names(earlier=["gone"], found=["late", "new"]), 1_000)
    assert (glue.columns(), outcome.plan.forgotten) == (["a", "new"], 2)


@pytest.mark.parametrize("text", ["not json", '{"names": []}', "[1]", '[{"names": 1, "at": "", "by": ""}]'])
def test_a_record_that_cannot_be_read_stops_the_function(text: str) -> None:
    """If it were treated as empty, all forgotten columns would come back."""
    glue = FakeGlue(table("changes", ["a"]), table(TABLE, [], Parameters={PARAMETER: text}))
    with pytest.raises(CatalogError, match="record of forgotten columns"):
        catalog(glue).declare("changes", Names(found=["n"]), 1_000)
    assert glue.columns() == ["a"]


def test_columns_of_all_earlier_versions_are_returned() -> None:
    """They restore columns that a stack update removed."""
    glue = FakeGlue(table("changes", ["a", "b"]))
    glue.replace("changes", ["a"])
    glue.replace("changes", ["a", "c"])
    assert set(catalog(glue).earlier("changes")) == {"a", "b"}
