"""Wrong queries and wrong files: a message with the next step, and an unchanged catalog."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.launches import plan_launches
from sandbox.lifecycle import Sandbox
from scripts import query, views
from scripts.core import console
from tests.sandbox.lake import Lake
from tests.sandbox.rows import item_lines

pytestmark = [pytest.mark.sandbox, pytest.mark.xdist_group("bad_input")]  # one launch for all of them

DAY = "2026-11-19"
TABLE = "orders"  # as tests/sandbox/rows.py names it
COLUMNS = ("pk", "total", "at")
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def lake() -> Iterator[Lake]:
    """Lakes: `empty` has no object, `uncrawled` no column of an attribute, `filled` both, `wide` 701."""
    with Sandbox(speed=60) as sandbox:
        sandbox.launch(plan_launches("consumer"))
        lake = Lake(sandbox)
        item = {"pk": {"S": "a"}, "total": {"N": "19.90"}, "at": {"S": "2026-11-19T10:00:00Z"}}
        keyed = ("pk", *(f"map__{number:0240}" for number in range(700)))
        lakes = (("empty", COLUMNS), ("uncrawled", ()), ("filled", COLUMNS), ("wide", keyed))
        for database, columns in lakes:
            lake.create_database(database)
            root = lake.declare("changes", columns, first_day=DAY, database=database)
            if database != "empty":
                lake.put(item_lines(item), DAY, root=root)
        yield lake


@pytest.fixture
def run(lake: Lake, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """A verb as a user of the consumer account runs it: exit code, stdout, stderr."""
    environment = lake.sandbox.environment()
    for name in ("AWS_CA_BUNDLE", "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, environment[name])

    def command(verb: str, database: str, *arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        main = {"query": query.main, "views": views.main}[verb]
        code = console.run(main, [*arguments, "--profile", "consumer", "--database", database])
        output = capsys.readouterr()
        return code, output.out, output.err

    return command


def tables(lake: Lake, database: str) -> dict[str, str]:
    """Every table and view of a database, with its version."""
    found = lake.glue.get_tables(DatabaseName=database)["TableList"]
    return {table["Name"]: str(table.get("ViewOriginalText")) for table in found}


@pytest.mark.parametrize(
    ("database", "sql", "message", "next_"),
    [
        (
            "filled",
            "SELECT * FROM nowhere",
            "Table 'awsdatacatalog.filled.nowhere' does not exist",
            "has: changes",
        ),
        (
            "filled",
            "SELECT * FROM history_nobody",
            "history_nobody' does not exist",
            "scripts.views TABLE --name nobody",
        ),
        ("nobody", "SELECT * FROM changes", "Schema 'nobody' does not exist", "Correct --database"),
        (
            "filled",
            "SELECT colour FROM changes",
            "Column 'colour' cannot be resolved",
            "at the next crawl. Start the crawler: ",
        ),
        ("filled", "SELECT 1 FROM WHERE", "refused: line 1:", "Correct the SQL at the line"),
        ("filled", "SELECT total > 5 FROM changes", "TYPE_MISMATCH", "try_cast"),
    ],
)
def test_wrong_query_is_answered_with_the_next_step(
    run: Run, database: str, sql: str, message: str, next_: str
) -> None:
    """Exit code 1, Athena's reason with line and column, nothing on stdout."""
    code, out, err = run("query", database, sql)
    assert (code, out) == (1, "")
    [error, following] = err.strip().splitlines()
    assert error.startswith("error: the query ")
    assert message in error
    assert following.startswith("next: ")
    assert next_ in following


def test_query_changes_the_lake_only_with_allow_changes(lake: Lake, run: Run) -> None:
    """A statement that writes is rejected before it is sent to Athena, and runs with --allow-changes."""
    before = tables(lake, "filled")
    view = "CREATE VIEW seen AS SELECT change_id FROM changes"
    code, out, err = run("query", "filled", f"-- a view\n{view}")
    assert (code, out) == (2, "")
    assert "it begins with CREATE" in err
    assert tables(lake, "filled") == before
    assert run("query", "filled", f"-- a view\n{view}", "--allow-changes")[0] == 0
    assert tables(lake, "filled").keys() - before.keys() == {"seen"}
    assert run("query", "filled", "DROP VIEW seen", "--allow-changes")[0] == 0
    assert tables(lake, "filled") == before


def test_query_of_an_empty_lake_reports_that_nothing_was_read(run: Run) -> None:
    """No error, no rows, and the reason."""
    code, out, err = run("query", "empty", "SELECT change_id FROM changes", "--output", "csv")
    assert (code, out) == (0, '"change_id"\n')
    assert "nothing was read: no change has been delivered yet" in err
    assert "nothing was read" not in run("query", "filled", "SELECT change_id FROM changes")[2]


@pytest.mark.parametrize(
    ("database", "arguments", "message", "next_"),
    [
        ("empty", (TABLE,), "the lake is empty", "If an item was just written, wait."),
        ("empty", (TABLE, "--propose-types"), "the lake is empty", "write an item first"),
        ("uncrawled", (TABLE,), "uncrawled.changes has no column of an attribute yet", "Start the crawler"),
        ("uncrawled", ("order",), "the lake has no changes of table order", "orders"),
        ("filled", ("order",), "the lake has no changes of table order", "orders"),
        ("nobody", (TABLE,), "table nobody.changes does not exist", "Correct --database"),
        ("filled", (TABLE, "--workgroup", "other"), "there is no workgroup other", "--workgroup"),
        (
            "filled",
            (TABLE, "--types", "nowhere.yaml"),
            "there is no type file nowhere.yaml",
            "--propose-types",
        ),
        ("filled", (TABLE, "--name", "a" * 248), "is too long: Glue allows 255", "--name"),
        ("filled", (TABLE, "totl: bigint"), "changes has no column totl", "total"),
        ("filled", (TABLE, "total: money"), "a view cannot have the type money", "decimal(38, 2)"),
        ("filled", (TABLE, "total: ["), "is not YAML", "`column: type` per line"),
        ("filled", (TABLE, "total"), "is not a list of columns", "`column: type` per line"),
        ("filled", (TABLE, "--columns", "totl"), "has no column totl for an attribute", "total"),
        ("filled", (TABLE, "--except", "*"), "no column is left to show", "--columns"),
        ("filled", (TABLE, "--switched-at", "2026-11-28"), "is not a whole second", "2026-11-28T12:00:00Z"),
        ("wide", (TABLE,), "columns of items is too large", "Leave out 700 of them with --except 'map__*'"),
        ("wide", (TABLE, "--dry-run"), "columns of items is too large", "--except 'map__*'"),
    ],
)
def test_wrong_views_are_rejected_and_nothing_is_created(
    *,
    lake: Lake,
    run: Run,
    tmp_path: Path,
    database: str,
    arguments: tuple[str, ...],
    message: str,
    next_: str,
) -> None:
    """Exit code 1, a message, a next step; the catalog does not change."""
    before = tables(lake, database) if database != "nobody" else {}
    if len(arguments) == 2 and not arguments[1].startswith("--"):  # the text of a type file
        types = tmp_path / "orders.yaml"
        types.write_text(arguments[1])
        arguments = (TABLE, "--types", str(types))
    code, out, err = run("views", database, *arguments)
    assert (code, out) == (1, "")
    assert err.startswith("error: ")
    assert message in err
    assert next_ in err.partition("\nnext: ")[2]
    if database != "nobody":
        assert tables(lake, database) == before


def test_unreadable_views_replace_no_view(lake: Lake, run: Run, tmp_path: Path) -> None:
    """When one of three refreshed views cannot be read, all three stay unchanged."""
    lake.create_database("typed")
    root = lake.declare("changes", COLUMNS, first_day=DAY, database="typed")
    lake.put(item_lines({"pk": {"S": "a"}, "total": {"N": "1"}}), DAY, root=root)
    assert run("views", "typed", TABLE)[:2] == (0, "current_orders\ngaps_orders\nhistory_orders\n")
    table: Any = lake.glue.get_table(DatabaseName="typed", Name="changes")["Table"]
    kept = ("Name", "TableType", "Parameters", "PartitionKeys", "StorageDescriptor")
    changed: Any = {name: table[name] for name in kept}
    for column in changed["StorageDescriptor"]["Columns"]:
        if column["Name"] == "total":
            column["Type"] = "array<string>"  # as no stack declares it: it cannot be cast to a number
    lake.glue.update_table(DatabaseName="typed", TableInput=changed)
    before = tables(lake, "typed")
    types = tmp_path / "orders.yaml"
    types.write_text("total: bigint\n")
    code, out, err = run("views", "typed", TABLE, "--types", str(types))
    assert (code, out) == (1, "")
    assert "TYPE_MISMATCH" in err
    assert tables(lake, "typed") == before


def test_proposed_types_are_followed_by_the_next_step(run: Run) -> None:
    """Only the file's text is on stdout, the next step on stderr; the command accepts the text as a file."""
    code, out, err = run("views", "filled", TABLE, "--propose-types")
    assert (code, out) == (0, "total: decimal(38, 4)\nat: timestamp\n")
    assert err.startswith("next: ")
    assert "save them as athena/views/types/orders.yaml" in err


def test_columns_of_mostly_one_type_are_listed(lake: Lake, run: Run) -> None:
    """With the other values: on stderr without control characters, in JSON exactly."""
    lake.create_database("nearly")
    root = lake.declare("changes", COLUMNS, first_day=DAY, database="nearly")
    totals = ("1", "2", "3", "n/a", "\x1b[2J" * 20)
    lake.put(item_lines(*({"pk": {"S": total}, "total": {"S": total}} for total in totals)), DAY, root=root)
    code, out, err = run("views", "nearly", TABLE, "--propose-types")
    assert (code, out) == (0, "")
    assert r'total stays text: 2 of 5 values are not bigint, for example "\x1b[2J\x1b[2J' in err
    assert '…" and "n/a"' in err
    assert "\x1b" not in err
    code, out, _ = run("views", "nearly", TABLE, "--propose-types", "--output", "json")
    [_, nearly] = json.loads(out)["nearly"]
    assert nearly | {"examples": []} == {
        "column": "total",
        "type": "bigint",
        "values": 5,
        "not_of_type": 2,
        "examples": [],
    }
    assert nearly["examples"] == [("\x1b[2J" * 20)[:40] + "…", "n/a"]


def test_cut_stays_until_another_one_is_set(lake: Lake, run: Run) -> None:
    """Views that are created again, with other columns for example, keep it; `none` removes it."""
    cut, other = "2026-11-28T12:00:00Z", "2026-11-29T12:00:00Z"

    def cuts(*arguments: str) -> tuple[str | None, bool]:
        code, out, err = run("views", "filled", TABLE, "--name", "cut", "--output", "json", *arguments)
        assert code == 0, err
        kept: str | None = json.loads(out)["switched_at"]
        return kept, "the views keep the switch" in err

    assert cuts() == (None, False)
    assert cuts("--switched-at", cut) == (f"{cut[:-1]}.000000Z", False)
    assert cuts("--columns", "pk") == (f"{cut[:-1]}.000000Z", True)
    assert cuts("--switched-at", other) == (f"{other[:-1]}.000000Z", False)
    assert cuts("--switched-at", "none") == (None, False)
    assert cuts() == (None, False)


def test_views_show_the_chosen_columns(lake: Lake, run: Run) -> None:
    """Also of a table that is too wide for one statement."""
    assert run("views", "wide", TABLE, "--except", "map__*")[:2] == (
        0,
        "current_orders\ngaps_orders\nhistory_orders\n",
    )
    code, out, err = run("views", "wide", TABLE, "--columns", "pk,map__*11", "--output", "json")
    assert code == 0, err
    assert len(json.loads(out)["columns"]) == 8
    table = lake.glue.get_table(DatabaseName="wide", Name="current_orders")["Table"]
    assert sum(column["Name"].startswith("map__") for column in table["StorageDescriptor"]["Columns"]) == 7


def test_sql_of_the_views_is_one_document_with_output_json(lake: Lake, run: Run) -> None:
    """Also with --dry-run, and the catalog does not change."""
    before = tables(lake, "filled")
    code, out, _ = run("views", "filled", TABLE, "--dry-run", "--output", "json")
    statements = json.loads(out)["statements"]
    assert (code, sorted(statements)) == (0, ["current_orders", "gaps_orders", "history_orders"])
    assert all(sql.startswith(f"CREATE OR REPLACE VIEW {name} AS") for name, sql in statements.items())
    assert tables(lake, "filled") == before
