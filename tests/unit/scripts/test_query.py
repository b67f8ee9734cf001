"""query: what is asked of Athena, that the answer is exactly Athena's, and what is said of a failure."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import awswrangler as wr
import pytest

from scripts import query
from scripts.core import athena as core_athena
from scripts.core import connection
from scripts.core.answers import value
from scripts.core.athena import LAKE_TABLES, RECOVERY, Workgroup, next_step, quoted
from scripts.core.connection import Connection
from scripts.core.delivery_time import DELIVERY_TIME
from tests.unit.scripts.conftest import Ran
from tests.unit.scripts.edge import Pages, refused

ROOT = Path(__file__).parents[3]
TABLES = ROOT / "glue" / "tables"
COLUMNS = [("city", "varchar"), ("n", "bigint"), ("price", "decimal"), ("ratio", "double"), ("ok", "boolean")]
ROWS: list[list[str | None]] = [
    ["NaN", "1", "19.99", "0.5", "true"],
    ["", "9007199254740993", "3.1415926535897932384626433832795028842", "NaN", "false"],
    [None, None, None, None, None],
]


class Athena:
    """A workgroup with two named queries, and one finished query."""

    def __init__(self) -> None:
        self.meta = SimpleNamespace(region_name="eu-west-1")
        self.started: dict[str, Any] = {}
        self.stopped: list[str] = []
        self.columns, self.statement = COLUMNS, "DML"
        self.rows: Sequence[Sequence[str | None]] = ROWS
        self.output = "s3://results/"
        self.failure: Exception | None = None
        self.tables = ["changes", "crawled_data"]
        self.crawlers: list[dict[str, str]] = [{"Name": "c-1", "DatabaseName": "ddb_lake"}, {"Name": "other"}]
        self.scanned = 12345
        self.names: dict[str, str] = {}  # of the named queries that are not called as their number is
        self.statements: dict[str, str] = {}

    def get_work_group(self, WorkGroup: str) -> dict[str, Any]:
        """The lake's workgroup is the only one."""
        if WorkGroup != "ddb-lake":
            raise refused("InvalidRequestException", f"WorkGroup {WorkGroup} is not found")
        return {"WorkGroup": {"Configuration": {"ResultConfiguration": {"OutputLocation": self.output}}}}

    def list_work_groups(self) -> dict[str, Any]:
        """Their names."""
        return {"WorkGroups": [{"Name": "primary"}, {"Name": "ddb-lake"}]}

    def batch_get_named_query(self, NamedQueryIds: list[str]) -> dict[str, Any]:
        """At most 50 at once."""
        assert len(NamedQueryIds) <= 50
        return {
            "NamedQueries": [
                {
                    "NamedQueryId": f"id-of-{i}",
                    "Name": self.names.get(i, i),
                    "QueryString": self.statements.get(i, f"SELECT '{i}'"),
                    "Database": "own",
                }
                for i in NamedQueryIds
            ]
        }

    def get_tables(self, **_: Any) -> dict[str, Any]:
        """Glue's."""
        return {"TableList": [{"Name": name} for name in self.tables]}

    def stop_query_execution(self, QueryExecutionId: str) -> None:
        """Stopped."""
        self.stopped.append(QueryExecutionId)

    def get_paginator(self, name: str) -> Pages:
        """Named queries, 60 of them; results, the header first and two rows a page."""
        if name == "list_named_queries":
            return Pages(
                lambda **_: [{"NamedQueryIds": [f"q{n}" for n in range(60)]}, {"NamedQueryIds": ["last"]}]
            )

        if name == "get_crawlers":
            return Pages(lambda **_: [{"Crawlers": self.crawlers}])

        def results(**_: Any) -> list[dict[str, Any]]:
            header: list[Sequence[str | None]] = (
                [[name for name, _ in self.columns]] if self.statement == "DML" else []
            )
            rows = [
                {"Data": [{} if c is None else {"VarCharValue": c} for c in row]}
                for row in [*header, *self.rows]
            ]
            info = {"ColumnInfo": [{"Name": name, "Type": kind} for name, kind in self.columns]}
            pages = [rows[start : start + 2] for start in range(0, len(rows), 2)] or [[]]
            return [{"ResultSet": {"Rows": page, "ResultSetMetadata": info}} for page in pages]

        return Pages(results)


@pytest.fixture
def athena(monkeypatch: pytest.MonkeyPatch) -> Athena:
    """Athena's edge: the client, and awswrangler's start and wait."""
    made = Athena()
    session = SimpleNamespace(region_name="eu-west-1")
    monkeypatch.setattr(connection, "open_session", lambda *_: session)
    monkeypatch.setattr(connection, "open_client", lambda *_: made)

    def start(sql: str, **request: Any) -> str:
        made.started = {"sql": sql, **request}
        return "id-1"

    def wait(_: str, **__: Any) -> dict[str, Any]:
        if made.failure:
            raise made.failure
        statistics = {"DataScannedInBytes": made.scanned, "TotalExecutionTimeInMillis": 1500}
        return {"StatementType": made.statement, "Statistics": statistics}

    monkeypatch.setattr(wr.athena, "start_query_execution", start)
    monkeypatch.setattr(wr.athena, "wait_query", wait)
    return made


def test_json_distinguishes_null_empty_and_nan(athena: Athena, run_verb: Callable[..., Ran]) -> None:
    """Numbers that JSON readers keep are numbers; what they would round is Athena's text."""
    done = run_verb(query.main, "SELECT 1", "--output", "json")
    assert done.code == 0, done.err
    document = json.loads(done.out)
    assert document["rows"] == [
        {"city": "NaN", "n": 1, "price": 19.99, "ratio": 0.5, "ok": True},
        {
            "city": "",
            "n": "9007199254740993",
            "price": "3.1415926535897932384626433832795028842",
            "ratio": "NaN",
            "ok": False,
        },
        {"city": None, "n": None, "price": None, "ratio": None, "ok": None},
    ]
    assert document["columns"][0] == {"name": "city", "type": "varchar"}
    assert (document["bytes_scanned"], document["seconds"]) == (12345, 1.5)
    assert "12,345 bytes scanned, 1.5 s" in done.err


def test_csv_is_athenas_own(athena: Athena, run_verb: Callable[..., Ran]) -> None:
    """Every value quoted; null is nothing between two commas, and an empty text is "" ."""
    athena.columns, athena.rows = [("a", "varchar"), ("b", "varchar")], [['say "x",\ny', ""], [None, "1"]]
    assert run_verb(query.main, "SELECT 1", "--output", "csv").out == '"a","b"\n"say ""x"",\ny",""\n,"1"\n'


def test_a_table_is_short_and_harmless(athena: Athena, run_verb: Callable[..., Ran]) -> None:
    """100 rows and 60 characters a cell; control characters of the data never reach the terminal."""
    athena.columns = [("a", "varchar")]
    athena.rows = [["\x1b[2Jboo" + "x" * 100]] + [[f"row {n}"] for n in range(120)]
    done = run_verb(query.main, "SELECT 1")
    assert "\x1b" not in done.out
    assert "\\x1b[2Jboo" + "x" * 52 + "…" in done.out
    assert "row 98" in done.out
    assert "row 99" not in done.out
    assert "… and 21 rows more: --output csv has them all" in done.err


def test_a_result_with_many_columns_is_shown_as_records(athena: Athena, run_verb: Callable[..., Ran]) -> None:
    """A table of `SELECT *` would have no room for its values; ten records are shown."""
    athena.columns = [(f"column{n}", "varchar") for n in range(22)]
    athena.rows = [[f"value{n}" for n in range(22)]] * 11
    done = run_verb(query.main, "SELECT *")
    assert "column11  value11" in done.out
    assert "row 10" in done.out
    assert "… and 1 row more" in done.err


def test_the_first_row_of_show_tables_is_kept(athena: Athena, run_verb: Callable[..., Ran]) -> None:
    """SHOW and DESCRIBE answer without repeating their column names, even if a table is called so."""
    athena.statement, athena.columns, athena.rows = "UTILITY", [("tab_name", "string")], [["tab_name"]]
    done = run_verb(query.main, "SHOW TABLES", "--output", "json")
    assert json.loads(done.out)["rows"] == [{"tab_name": "tab_name"}]


def test_json_keeps_columns_with_equal_names(athena: Athena, run_verb: Callable[..., Ran]) -> None:
    """`SELECT a, a` is legal SQL."""
    athena.columns, athena.rows = [("a", "varchar"), ("a", "varchar")], [["1", "2"]]
    assert json.loads(run_verb(query.main, "SELECT 1", "--output", "json").out)["rows"] == [
        {"a": "1", "a_2": "2"}
    ]


def test_the_workgroup_decides_where_results_go(athena: Athena, run_verb: Callable[..., Ran]) -> None:
    """No location and no CTAS of ours; parameters in order, texts quoted, literals as they are."""
    sql = "SELECT * FROM changes WHERE city = ? LIMIT ?"
    done = run_verb(query.main, sql, "--parameter", "l'Aquila", "--literal", "10", "--database", "d")
    assert done.code == 0
    started = athena.started
    assert (started["sql"], started["database"], started["workgroup"]) == (sql, "d", "ddb-lake")
    assert (started["params"], started["paramstyle"]) == (["'l''Aquila'", "10"], "qmark")
    assert not {"s3_output", "ctas_approach"} & set(started)


def test_a_named_query_is_found_beyond_the_first_page(athena: Athena, run_verb: Callable[..., Ran]) -> None:
    """It brings its own database; --database comes first."""
    assert run_verb(query.main, "--named", "last").code == 0
    assert (athena.started["sql"], athena.started["database"]) == ("SELECT 'last'", "own")
    run_verb(query.main, "--named", "last", "--database", "d")
    assert athena.started["database"] == "d"


def test_an_ambiguous_query_name_is_refused(athena: Athena, run_verb: Callable[..., Ran]) -> None:
    """Anybody who may make named queries may make one of a name that is there; an id says which is meant."""
    athena.names = {"q7": "last"}
    done = run_verb(query.main, "--named", "last")
    assert (done.code, athena.started) == (1, {})
    wrong, following = done.err.splitlines()
    assert "workgroup ddb-lake has 2 named queries last" in wrong
    assert "id-of-q7 (database own), id-of-last (database own)" in wrong
    assert "--named ID" in following

    assert run_verb(query.main, "--named", "id-of-last").code == 0
    assert athena.started["sql"] == "SELECT 'last'"


@pytest.mark.parametrize(
    "sql",
    [
        "DROP TABLE changes",
        "-- SELECT\ninsert into t values (1)",
        "EXPLAIN ANALYZE INSERT INTO t SELECT 1",
        "SELEC 1",
    ],
)
def test_a_statement_that_may_write_needs_allow_changes(
    *, athena: Athena, run_verb: Callable[..., Ran], tmp_path: Path, sql: str
) -> None:
    """Given, in a file, by name: nothing starts without --allow-changes, everything with it."""
    (path := tmp_path / "q.sql").write_text(sql)
    athena.statements = {"q1": sql}
    for given in ([sql], ["--file", str(path)], ["--named", "q1"]):
        done = run_verb(query.main, *given)
        assert (done.code, athena.started) == (2, {})
        assert done.err.startswith("error: this statement may change something: it begins with ")
        assert "--allow-changes" in done.err.splitlines()[1]
        assert run_verb(query.main, *given, "--allow-changes").code == 0
        assert athena.started["sql"] == sql
        athena.started = {}


def test_a_byte_order_mark_is_not_part_of_the_sql(
    athena: Athena, run_verb: Callable[..., Ran], tmp_path: Path
) -> None:
    """Editors write U+FEFF there."""
    (path := tmp_path / "q.sql").write_bytes(b"\xef\xbb\xbfSELECT 1")
    assert run_verb(query.main, "--file", str(path)).code == 0
    assert athena.started["sql"] == "SELECT 1"


HARMLESS = [
    ("=1+1", "'=1+1"),
    ("+49 30", "'+49 30"),
    ("-1", "'-1"),
    ("@SUM(A1)", "'@SUM(A1)"),
    ("\t=1", "'\t=1"),
    ("\r=1", "'\r=1"),
    ("\n=1", "'\n=1"),
    ("\uff1d1", "'\uff1d1"),
    ("a=1", "a=1"),
    ("", ""),
    ("'=1", "'=1"),
]


def test_csv_for_spreadsheets_contains_no_formula(athena: Athena, run_verb: Callable[..., Ran]) -> None:
    """Texts get an apostrophe, names of columns too, numbers stay. Without the option, all is exact."""
    athena.columns = [("=a", "varchar"), ("n", "integer")]
    athena.rows = [[before, "-5"] for before, _ in HARMLESS] + [[None, None]]
    done = run_verb(query.main, "SELECT 1", "--output", "csv", "--safe-for-spreadsheets")
    assert list(csv.reader(io.StringIO(done.out, newline=""))) == [
        ["'=a", "n"],
        *([after, "-5"] for _, after in HARMLESS),
        ["", ""],
    ]
    exact = run_verb(query.main, "SELECT 1", "--output", "csv")
    assert list(csv.reader(io.StringIO(exact.out, newline="")))[1:-1] == [[one, "-5"] for one, _ in HARMLESS]


@pytest.mark.parametrize("form", ["text", "json"])
def test_safe_for_spreadsheets_requires_csv(athena: Athena, run_verb: Callable[..., Ran], form: str) -> None:
    """What would do nothing is a mistake."""
    done = run_verb(query.main, "SELECT 1", "--output", form, "--safe-for-spreadsheets")
    assert (done.code, athena.started, "Add --output csv" in done.err) == (2, {}, True)


def test_a_file_that_is_not_utf8_is_refused(
    athena: Athena, run_verb: Callable[..., Ran], tmp_path: Path
) -> None:
    """Before anything is asked, without a traceback."""
    path = tmp_path / "q.sql"
    path.write_bytes(b"SELECT '\xff'")
    done = run_verb(query.main, "--file", str(path))
    assert (done.code, athena.started) == (1, {})
    assert done.err.startswith(f"error: {path} is not UTF-8 text\nnext: ")


def test_a_files_sql_is_run(athena: Athena, run_verb: Callable[..., Ran], tmp_path: Path) -> None:
    """One statement a file."""
    path = tmp_path / "q.sql"
    path.write_text("SELECT 'é'\n")
    assert run_verb(query.main, "--file", str(path)).code == 0
    assert athena.started["sql"] == "SELECT 'é'\n"
    assert athena.started["database"] == "ddb_lake"


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        ([], 2, "SQL --named --file is required"),
        (["SELECT 1", "--named", "q1"], 2, "not allowed with argument"),
        (["  "], 2, "there is no SQL to run"),
        (["SELECT ?", "--parameter", "x" * 1023], 2, "a parameter has 1,025 characters"),
        (["--file", "nowhere.sql"], 1, "nowhere.sql: No such file"),
        (["SELECT 1", "--workgroup", "lake"], 1, "there is no workgroup lake in Region eu-west-1"),
        (["--named", "q61"], 1, "has no named query q61"),
    ],
)
def test_wrong_input_is_refused_before_a_query_starts(
    *, athena: Athena, run_verb: Callable[..., Ran], arguments: list[str], code: int, why: str
) -> None:
    """With the next step, which names what there is."""
    done = run_verb(query.main, *arguments)
    assert (done.code, why in done.err, athena.started) == (code, True, {})
    if "--workgroup" in arguments:
        assert "ddb-lake" in done.err.splitlines()[1]


def test_a_workgroup_without_result_location_is_refused(athena: Athena, run_verb: Callable[..., Ran]) -> None:
    """awswrangler would make a bucket for them."""
    athena.output = ""
    done = run_verb(query.main, "SELECT 1")
    assert (done.code, "has no location for query results" in done.err, athena.started) == (1, True, {})


@pytest.mark.parametrize(
    ("reason", "next_"),
    [
        (
            "TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.d.x' does not exist",
            "ddb_lake has: changes, crawled_data",
        ),
        (
            "TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.ddb_lake.errors' does not exist",
            "docs/operations/recover-a-dropped-table.md",
        ),
        (
            "INVALID_VIEW: Failed analyzing stored view 'awsdatacatalog.ddb_lake.current_shop': line 3:8: "
            "Table 'awsdatacatalog.ddb_lake.errors' does not exist",
            "docs/operations/recover-a-dropped-table.md",
        ),
        ("Schema d not found\nline", "Correct --database"),
        (
            "TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.ddb_lake.gaps_shop' does not exist",
            "python -m scripts.views TABLE --name shop",
        ),
        ("SCHEMA_NOT_FOUND: line 1:15: Schema 'x' does not exist", "Correct --database"),
        ("COLUMN_NOT_FOUND: line 1:8: Column 'x' cannot be resolved", "SHOW COLUMNS IN changes"),
        ("TYPE_MISMATCH: line 1:8: Cannot apply operator: varchar < integer", "try_cast"),
        ("INVALID_PARAMETER_USAGE: Incorrect number of parameters: expected 1 but found 0", "for every `?`"),
        ("SYNTAX_ERROR: line 1:1: mismatched input 'SELEC'", "Correct the SQL"),
        ("Access denied when writing output", "may read the lake's bucket"),
        ("HIVE_CURSOR_ERROR: odd", "Correct the cause in the message"),
    ],
)
def test_a_failed_query_has_athenas_reason_and_a_next_step(
    *, athena: Athena, run_verb: Callable[..., Ran], reason: str, next_: str
) -> None:
    """Exit code 1 and the query's id for whoever looks it up."""
    athena.failure = wr.exceptions.QueryFailed(reason)
    done = run_verb(query.main, "SELECT 1", "--output", "json")
    assert done.code == 1
    error = json.loads(done.out)["error"]
    assert error["message"] == f"the query failed: {reason}"
    assert next_ in error["next"]
    assert error["query"] == "id-1"


@pytest.mark.parametrize(
    ("sql", "scanned", "says_so"),
    [
        ("SELECT * FROM changes", 0, True),
        ("-- newest\nWITH a AS (SELECT * FROM ddb_lake.changes) SELECT 1 FROM a", 0, True),
        ("select n from current_orders", 0, True),
        ("SELECT * FROM changes", 1, False),
        ("SELECT 1", 0, False),
        ("SHOW COLUMNS FROM changes", 0, False),
        ("SELECT * FROM information_schema.tables", 0, False),
    ],
)
def test_a_query_that_read_nothing_explains_why(
    *, athena: Athena, run_verb: Callable[..., Ran], sql: str, scanned: int, says_so: bool
) -> None:
    """An empty lake answers like one whose condition fits nothing: no rows, no error."""
    athena.scanned = scanned
    done = run_verb(query.main, sql)
    assert (done.code, "nothing was read" in done.err) == (0, says_so)
    assert (DELIVERY_TIME in done.err) == says_so


def test_a_missing_column_leads_to_the_crawl_command(athena: Athena) -> None:
    """With the options in use; without one known crawler, the stack's output is named."""
    asked = Connection("consumer", "eu-west-1", None)
    reason = "COLUMN_NOT_FOUND: line 1:8: Column 'x' cannot be resolved"
    command = "`aws glue start-crawler --name c-1 --profile consumer --region eu-west-1`"
    assert command in next_step(reason, "ddb_lake", asked)
    assert "output CrawlNowCommand" in next_step(reason, "elsewhere", asked)


def test_an_empty_database_is_reported(athena: Athena) -> None:
    """No table to suggest."""
    athena.tables = []
    reason = "TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.d.x' does not exist"
    assert "database d is empty or does not exist" in next_step(reason, "d", Connection(None, None, None))


def test_a_dropped_table_leads_to_its_recovery(athena: Athena) -> None:
    """Where the database has another of the lake's tables; elsewhere it is the database that is wrong."""
    assert {path.stem for path in TABLES.glob("*.yaml")} == LAKE_TABLES
    reason = "TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.d.changes' does not exist"
    athena.tables = ["change_lines", "current_shop"]
    said = next_step(reason, "d", Connection(None, None, None))
    assert said.endswith(f"the commands of {RECOVERY}.")
    assert (ROOT / RECOVERY).is_file()
    athena.tables = ["sales"]
    assert "Correct the table's name or --database; d has: sales" in next_step(
        reason, "d", Connection(None, None, None)
    )


def test_an_interrupt_stops_the_query(athena: Athena, run_verb: Callable[..., Ran]) -> None:
    """What nobody waits for is not paid for."""
    athena.failure = KeyboardInterrupt()  # type: ignore[assignment]
    assert run_verb(query.main, "SELECT 1").code == 130
    assert athena.stopped == ["id-1"]


def test_a_cancelled_query_names_the_scan_limit(athena: Athena, run_verb: Callable[..., Ran]) -> None:
    """The workgroup's limit cancels."""
    athena.failure = wr.exceptions.QueryCancelled("Bytes scanned limit was exceeded")
    done = run_verb(query.main, "SELECT 1")
    assert (done.code, "a condition on `dt`" in done.err) == (1, True)


@pytest.mark.parametrize(
    ("text", "kind", "made"),
    [
        ("1", "varchar", "1"),
        ("-5", "integer", -5),
        ("9007199254740992", "bigint", 2**53),
        ("9007199254740993", "bigint", "9007199254740993"),
        ("1.0E10", "double", 10**10),
        ("0.1", "real", 0.1),
        ("1.7976931348623157E308", "double", 1.7976931348623157e308),
        ("Infinity", "double", "Infinity"),
        ("0.1234567890123456", "decimal", "0.1234567890123456"),
        ("2026-11-20", "date", "2026-11-20"),
        ("[1, 2]", "array", "[1, 2]"),
    ],
)
def test_a_number_is_a_json_number_only_when_every_reader_keeps_it(
    text: str, kind: str, made: object
) -> None:
    """RFC 7493: 15 digits, integers to 2**53; a double is what it prints."""
    assert value(text, kind) == made
    assert type(value(text, kind)) is type(made)


def test_a_quoted_text_is_one_literal() -> None:
    """A quote in it is doubled, so that it ends nothing."""
    assert quoted("it's; DROP") == "'it''s; DROP'"


def test_a_result_is_streamed_from_its_object(monkeypatch: pytest.MonkeyPatch) -> None:
    """Quotes, commas, lines and other scripts in a cell; the line of column names is left out."""
    text = '"k","n"\n"{""pk"":{""S"":""a,\nü""}}","1"\n"b",\n'.encode()

    class S3:
        def head_object(self, **request: str) -> dict[str, Any]:
            assert request == {"Bucket": "b", "Key": "results/q.csv"}
            return {"ETag": "e", "ContentLength": len(text)}

        def get_object(self, Range: str, **_: str) -> dict[str, Any]:
            assert Range == f"bytes=0-{len(text) - 1}"
            return {"Body": io.BytesIO(text)}

    connection = cast("Connection", type("Fake", (), {"client": lambda *_: S3()})())
    workgroup = Workgroup(connection, "w")
    finished = {"QueryExecutionId": "q", "ResultConfiguration": {"OutputLocation": "s3://b/results/q.csv"}}
    monkeypatch.setattr(workgroup, "_finished", lambda *_: finished)
    rows = list(workgroup.stream("SELECT 1", "d"))
    assert rows == [['{"pk":{"S":"a,\nü"}}', "1"], ["b", ""]]


def test_a_managed_result_is_read_in_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no object that one may read."""
    workgroup = Workgroup(cast("Connection", None), "w")
    monkeypatch.setattr(workgroup, "_finished", lambda *_: {"QueryExecutionId": "q"})
    monkeypatch.setattr(Workgroup, "athena", None)
    monkeypatch.setattr(core_athena, "fetch", lambda *_, **__: ([("k", "varchar")], [["a"], [None]]))
    assert list(workgroup.stream("SELECT 1", "d")) == [["a"], [""]]
