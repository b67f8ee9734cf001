"""`python -m scripts.views` on a lake with settled tables: the views' form, and which are behind."""

from __future__ import annotations

import gzip
import io
import json
import re
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from glue.tables import METADATA_COLUMNS
from sandbox.athena.errors import QueryError
from scripts import views
from scripts.core import connection, existing_views, refreshed_views
from scripts.core.athena import Result, Workgroup
from scripts.core.console import CommandError
from scripts.core.view_notes import current_form
from scripts.core.views import definitions
from settled import names
from settled.reopened import Marker
from settled.unsettled import Opening, read, sql_of, statement
from tests.settled.histories import DAY, SWITCHED_AT, TABLE, History, counterexample
from tests.settled.lake import COLUMNS, items, put_settled
from tests.sql.lake import Lake
from tests.unit.scripts.conftest import Ran, run_verb

__all__ = ["run_verb"]
Run = Callable[..., Ran]
CHANGES, ITEMS = names.CHANGES + TABLE, names.ITEMS + TABLE
METADATA_FILE = "settled/metadata.json"
OWNER = "222222222222"


class Account:
    """A lake in memory behind the command's clients. In Glue, its settled tables look like Iceberg tables."""

    def __init__(self) -> None:
        self.lake = Lake(COLUMNS)
        self.properties: dict[str, str] = {names.OWNER: "s3://lake/", names.SWITCHED: names.NO_SWITCH}
        self.parameters = {"table_type": "ICEBERG", "metadata_location": f"s3://lake/{METADATA_FILE}"}
        self.compressed = False
        self.statements: list[str] = []
        self.markers: dict[str, bytes] = {}
        self.meanwhile: Callable[[str], None] = lambda _: None  # called before a statement runs

    @property
    def tables(self) -> dict[str, dict[str, Any]]:
        """The tables of the database."""
        return self.lake.catalog.definitions["ddb_lake"]

    def put(self, history: History, *, settle: bool = True) -> None:
        """Deliver the rows of one history, and settle those that were."""
        self.lake.put(*(row.line() for row in history if row.raw), day=DAY, name="open.gz")
        self.path = self.lake.put(*(row.line() for row in history if not row.raw), day=DAY, name="settled.gz")
        if settle:
            self.settle(history)

    def settle(self, history: History) -> None:
        """The settled tables, and the view of the rest."""
        settled = [row for row in history if row.run]
        put_settled(self.lake, [row.line(dt=DAY) for row in settled], list(items(settled, None)))
        self.open((*METADATA_COLUMNS, *COLUMNS))

    def open(self, columns: tuple[str, ...]) -> None:
        """Create `unsettled_changes` with these columns."""
        self.lake.run(statement(Opening(DAY, ("2026-11-01",), (self.path,)), columns))

    def reopen(self, day: str) -> None:
        """A command that writes into an earlier day puts its marker and creates the view with the day."""
        marker = Marker(f"redrive-{day}", (day,))
        self.markers[marker.key] = marker.body()
        table = self.tables[names.UNSETTLED]
        opened = read(sql_of(table) or "")
        assert opened is not None
        columns = [column["Name"] for column in table["StorageDescriptor"]["Columns"]]
        self.lake.run(statement(opened.with_days([day]), columns[:-1]))

    def add_column(self, name: str, *tables: str) -> None:
        """A new attribute's column."""
        for table in tables:
            self.tables[table]["StorageDescriptor"]["Columns"].append({"Name": name, "Type": "string"})

    def sql(self, view: str) -> str:
        """The stored SQL of a view."""
        return sql_of(self.tables[view]) or ""

    # the clients

    def client(self, service: str) -> Any:
        """Glue, S3 and STS."""
        if service == "sts":
            return SimpleNamespace(get_caller_identity=lambda: {"Account": OWNER, "Arn": "arn:aws:sts::"})
        if service == "s3":
            listing = SimpleNamespace(paginate=self._listed)
            return SimpleNamespace(get_object=self._get_object, get_paginator=lambda _: listing)
        missing = type("EntityNotFoundException", (Exception,), {})
        return SimpleNamespace(
            get_paginator=lambda _: SimpleNamespace(paginate=self._pages),
            get_table=lambda DatabaseName, Name: {"Table": self._shown(Name)},  # noqa: ARG005  botocore's names
            exceptions=SimpleNamespace(EntityNotFoundException=missing),
        )

    def _pages(self, DatabaseName: str) -> Iterator[dict[str, Any]]:  # noqa: ARG002
        for name in list(self.tables):
            yield {"TableList": [self._shown(name)]}

    def _shown(self, name: str) -> dict[str, Any]:
        if name not in self.tables:
            from tests.unit.scripts.edge import refused  # noqa: PLC0415

            raise refused("EntityNotFoundException")
        more = {"Parameters": self.parameters} if name.startswith("settled_") else {}
        return {**self.tables[name], **more}

    def _listed(self, Bucket: str, Prefix: str, ExpectedBucketOwner: str) -> list[dict[str, Any]]:
        assert (Bucket, Prefix, ExpectedBucketOwner) == ("lake", names.REOPENED, OWNER)
        return [{"Contents": [{"Key": key} for key in self.markers]}]

    def _get_object(self, Bucket: str, Key: str, **owner: str) -> dict[str, Any]:
        if Key in self.markers:
            assert (Bucket, owner) == ("lake", {"ExpectedBucketOwner": OWNER})
            return {"Body": io.BytesIO(self.markers[Key])}
        assert (Bucket, Key) == ("lake", METADATA_FILE)
        body = json.dumps({"properties": self.properties}).encode()
        return {"Body": io.BytesIO(gzip.compress(body) if self.compressed else body)}

    def execute(self, sql: str) -> Result:
        """Athena."""
        self.statements.append(sql)
        self.meanwhile(sql)
        try:
            result = self.lake.run(sql)
        except QueryError as error:
            raise CommandError(str(error), "Correct it.") from error
        return Result(
            "id", [(column.name, column.type) for column in result.columns], result.rows or [], 0, 0
        )


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Account:
    """A lake with the counterexample, settled."""
    made = Account()
    session = SimpleNamespace(region_name="eu-west-1")
    monkeypatch.setattr(connection, "open_session", lambda *_: session)
    monkeypatch.setattr(connection, "open_client", lambda _, service, __: made.client(service))
    monkeypatch.setattr(Workgroup, "check", lambda _: None)
    monkeypatch.setattr(Workgroup, "execute", lambda _, sql, __: made.execute(sql))
    monkeypatch.setattr(Workgroup, "finish", lambda _, sql, __: made.execute(sql))
    monkeypatch.setattr(refreshed_views, "TYPES", tmp_path)
    monkeypatch.setattr(views, "TYPES", tmp_path)
    made.put(counterexample())
    return made


@pytest.fixture
def run(account: Account, run_verb: Run) -> Run:
    """Run the command on the lake."""
    return lambda *arguments: run_verb(views.main, *arguments)


def behind(run: Run) -> list[str]:
    """What `--check` names of the only set of views."""
    done = run("--check", "--output", "json")
    [found] = json.loads(done.out)["views"]
    assert done.code == (1 if found["behind"] else 0)
    reasons: list[str] = found["behind"]
    return reasons


def test_views_read_settled_tables_where_they_are(account: Account, run: Run) -> None:
    """`current` reads the items, the others the changes. The answer is the raw one, nothing is behind."""
    assert run(TABLE).code == 0
    assert ITEMS in account.sql("current_orders")
    for kind in ("history", "gaps"):
        assert CHANGES in account.sql(f"{kind}_orders")
    assert account.lake.ask("SELECT n FROM current_orders") == [["b>a"]]
    assert behind(run) == []
    assert not any("FROM changes WHERE" in sql for sql in account.statements), (
        "the command read every raw row"
    )


@pytest.mark.parametrize("compressed", [False, True])
def test_the_cut_is_read_from_the_tables_metadata(account: Account, run: Run, compressed: bool) -> None:
    """Items that observe another cut are not used, until the job has merged them with this one."""
    account.compressed = compressed
    assert run(TABLE, "--switched-at", "2026-11-20T10:00:01Z").code == 0
    assert ITEMS not in account.sql("current_orders")
    assert CHANGES in account.sql("current_orders")
    assert behind(run) == []
    account.properties[names.SWITCHED] = SWITCHED_AT
    assert behind(run) == ["current_orders does not read settled_items_…"]
    assert run("--all").code == 0
    assert ITEMS in account.sql("current_orders")
    assert account.sql("current_orders").count(SWITCHED_AT) == 2
    del account.properties[names.SWITCHED]  # the job removes it while it merges with another cut
    assert behind(run) == ["current_orders reads settled_items_…, which it can no longer use"]


def test_items_are_not_read_while_their_cut_is_not_recorded(account: Account, run: Run) -> None:
    """Before the first merge, and while the job merges with another cut: without a cut in the views too."""
    del account.properties[names.SWITCHED]
    assert run(TABLE).code == 0
    assert ITEMS not in account.sql("current_orders")
    assert account.lake.ask("SELECT n FROM current_orders") == [["b>a"]]


def test_views_of_another_form_are_named(account: Account, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A release that changes a file of the views is seen, whatever layout Athena gives the stored SQL."""
    assert run(TABLE).code == 0
    view = account.tables["current_orders"]
    assert current_form() in account.sql("current_orders")
    monkeypatch.setattr(existing_views, "current_form", lambda: "another")
    assert behind(run) == ["the views have the form of another version"]
    assert account.tables["current_orders"] == view


def test_a_table_of_another_lake_is_refused(account: Account, run: Run) -> None:
    """By its owner; one that is not Iceberg has none."""
    account.properties[names.OWNER] = "s3://another/"
    done = run(TABLE)
    assert (done.code, f"{CHANGES} is not a settled table of this lake" in done.err) == (1, True)
    account.properties[names.OWNER] = "s3://lake/"
    account.parameters = {}
    assert run(TABLE).code == 1


def test_metadata_that_cannot_be_read_is_named(account: Account, run: Run) -> None:
    """With the next step."""
    account.properties = None  # type: ignore[assignment]
    done = run(TABLE)
    assert (done.code, f"the metadata of ddb_lake.{CHANGES} cannot be read" in done.err) == (1, True)


def test_views_follow_settled_tables_that_appear_and_go(account: Account, run: Run) -> None:
    """Each time `--check` names them, `--all` refreshes them, and the answer stays."""
    kept = {name: account.tables.pop(name) for name in (CHANGES, ITEMS, names.UNSETTLED)}
    assert run(TABLE).code == 0
    assert "settled" not in account.sql("current_orders")
    account.tables.update(kept)
    assert [reason.split()[0] for reason in behind(run)] == [
        "current_orders",
        "current_orders",
        "gaps_orders",
        "history_orders",
    ]
    assert run("--all").code == 0
    assert behind(run) == []
    assert account.lake.ask("SELECT n FROM current_orders") == [["b>a"]]
    del account.tables[CHANGES], account.tables[ITEMS]
    assert len(behind(run)) == 4
    assert run("--all").code == 0
    assert account.lake.ask("SELECT n FROM current_orders") == [["b>a"]]
    assert behind(run) == []


def test_views_go_back_to_raw_rows_and_stay_there(account: Account, run: Run) -> None:
    """With --raw, for one table or all; --all keeps it until --settled, and a table is named without it."""
    assert run(TABLE).code == 0
    unsettled = account.sql(names.UNSETTLED)
    for there, back in ((("--all", "--raw"), ("--all", "--settled")), ((TABLE, "--raw"), (TABLE,))):
        assert run(*there).code == 0
        for kind in ("current", "history", "gaps"):
            assert not re.search(r"settled_(changes|items)", account.sql(f"{kind}_orders"))
        assert account.lake.ask("SELECT n FROM current_orders") == [["b>a"]]
        assert behind(run) == []
        assert run("--all").code == 0
        assert ITEMS not in account.sql("current_orders")
        assert "up to date, raw rows as chosen" in run("--check").out
        assert run(*back).code == 0
        assert ITEMS in account.sql("current_orders")
        assert behind(run) == []
    assert account.sql(names.UNSETTLED) == unsettled


def test_raw_views_show_every_column(account: Account, run: Run) -> None:
    """Also those that the settled tables do not have, and a choice of columns stays."""
    account.add_column("colour", "changes")
    assert run(TABLE, "--except", "n").code == 0
    assert run("--all", "--raw").code == 0
    shown = [column["Name"] for column in account.tables["current_orders"]["StorageDescriptor"]["Columns"]]
    assert ("colour" in shown, "n" in shown) == (True, False)


def test_without_the_view_of_the_rest_the_views_read_raw_rows(account: Account, run: Run) -> None:
    """The first settle run creates it last: before, settled tables may lack rows."""
    del account.tables[names.UNSETTLED]
    assert run(TABLE).code == 0
    assert "settled" not in account.sql("current_orders")


def test_a_new_attribute_is_shown_once_it_is_settled(account: Account, run: Run) -> None:
    """Before, its values would vanish from the view when their rows are settled. The rows stay the same."""
    account.add_column("colour", "changes")
    done = run(TABLE)
    assert (done.code, "left out, because the settled tables do not have them: colour" in done.err) == (
        0,
        True,
    )
    assert behind(run) == []
    account.add_column("colour", CHANGES, ITEMS)
    assert behind(run) == ["1 column not shown: colour"]
    assert run("--all").code == 0
    assert behind(run) == []
    assert account.lake.ask("SELECT colour FROM current_orders") == [[None]]
    unsettled = account.sql(names.UNSETTLED)
    assert '"colour"' in unsettled
    assert "dt IN ('2026-11-01')" in unsettled
    assert account.path in unsettled


@pytest.mark.parametrize("statement", ["SELECT", f"CREATE OR REPLACE VIEW {names.UNSETTLED}"])
@pytest.mark.parametrize("arguments", [(TABLE,), ("--all",)])
def test_a_day_that_is_reopened_meanwhile_stays_in_the_view(
    account: Account, run: Run, statement: str, arguments: tuple[str, ...]
) -> None:
    """The command creates the view of the rest again, for a column; another command reopens a day.

    It does so after this one has read the tables, or while the statement that creates the view runs.
    """
    assert run(TABLE).code == 0
    account.add_column("colour", "changes", CHANGES, ITEMS)

    def reopen(sql: str) -> None:
        if sql.startswith(statement):
            account.meanwhile = lambda _: None
            account.reopen("2026-10-01")

    account.meanwhile = reopen
    assert run(*arguments).code == 0
    assert account.markers, "nothing was reopened"
    unsettled = account.sql(names.UNSETTLED)
    assert '"colour"' in unsettled
    assert read(unsettled) == Opening(DAY, ("2026-10-01", "2026-11-01"), (account.path,))


def test_the_view_of_the_rest_is_created_once_for_all_sets(account: Account, run: Run) -> None:
    """It has every column then."""
    assert run(TABLE).code == 0
    assert run(TABLE, "--name", "mine").code == 0
    account.add_column("colour", "changes", CHANGES, ITEMS)
    account.statements.clear()
    assert run("--all").code == 0
    created = [
        sql for sql in account.statements if sql.startswith(f"CREATE OR REPLACE VIEW {names.UNSETTLED}")
    ]
    assert len(created) == 1


def test_a_view_keeps_its_choices_types_and_cut(account: Account, run: Run, tmp_path: Any) -> None:
    """However it was chosen; a file of types decides where there is one."""
    account.add_column("m__a", "changes", CHANGES, ITEMS)
    types = tmp_path / "elsewhere.yaml"
    types.write_text("m__a: bigint\n")
    made = run(
        TABLE,
        "--name",
        "mine",
        "--types",
        str(types),
        "--except",
        "n,x*",
        "--switched-at",
        "2026-11-28T12:00:00Z",
    )
    assert made.code == 1, "x* matches nothing"
    made = run(
        TABLE,
        "--name",
        "mine",
        "--types",
        str(types),
        "--except",
        "n",
        "--switched-at",
        "2026-11-28T12:00:00Z",
    )
    assert made.code == 0, made.err
    account.add_column("m__b", "changes", CHANGES, ITEMS)
    account.add_column("nm", "changes", CHANGES, ITEMS)
    assert behind(run) == ["2 columns not shown: m__b, nm"]
    assert run("--all").code == 0
    shown = {
        column["Name"]: column["Type"]
        for column in account.tables["current_mine"]["StorageDescriptor"]["Columns"]
    }
    assert ("n" in shown, shown["m__a"], shown["m__b"]) == (False, "bigint", "string")
    assert "'2026-11-28T12:00:00.000000Z'" in account.sql("current_mine")
    (tmp_path / "mine.yaml").write_text("m__a: bigint\nm__b: double\n")
    assert behind(run) == ["1 column of another type: m__b"]


def test_a_view_of_an_earlier_version_is_named_and_keeps_its_columns(account: Account, run: Run) -> None:
    """It notes no choice: one that lacks an early column was created with a choice, so none is added."""
    for name in (CHANGES, ITEMS, names.UNSETTLED):
        del account.tables[name]
    for view in definitions("orders", TABLE, ["pk"], {}):  # `n` comes before
        account.lake.run(view.statement)
    assert behind(run) == ["the views have the form of another version"]
    assert run("--all").code == 0
    assert behind(run) == []
    assert account.lake.ask("SELECT pk FROM current_orders") == [["counterexample"]]
    assert '"n"' not in account.sql("current_orders")
    assert current_form() in account.sql("gaps_orders")


def test_views_of_others_are_left_alone(account: Account, run: Run) -> None:
    """A view that only looks like ours by its name."""
    sql = "CREATE VIEW current_mine AS SELECT pk FROM changes WHERE change_table = 'orders'"
    account.lake.run(sql)
    before = dict(account.tables["current_mine"])
    assert run("--all").code == 0
    assert account.tables["current_mine"] == before
    assert json.loads(run("--check", "--output", "json").out)["views"] == []


def test_a_set_that_fails_does_not_keep_the_others(account: Account, run: Run, tmp_path: Any) -> None:
    """It is named, and the exit code is 1."""
    assert run(TABLE, "--name", "a").code == 0
    assert run(TABLE, "--name", "b").code == 0
    (tmp_path / "a.yaml").write_text("nothing: bigint\n")
    (tmp_path / "b.yaml").write_text("n: bigint\n")
    done = run("--all", "--output", "json")
    first, second = json.loads(done.out)["views"]
    assert (done.code, first["failed"], second["refreshed"]) == (1, True, True)
    assert "has no column nothing" in first["behind"][0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "no table was named"),
        (("orders", "--all"), "--all and --check are for every view"),
        (("--check", "--columns", "pk"), "--columns with --all or --check"),
        (("--check", "--raw"), "--raw with --check"),
        (("--all", "--raw", "--settled"), "not allowed with argument --raw"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    run: Run, arguments: tuple[str, ...], message: str
) -> None:
    """Before any call."""
    done = run(*arguments)
    assert (done.code, message in done.err) == (2, True), done.err


def test_dry_run_of_all_changes_nothing(account: Account, run: Run) -> None:
    """It prints the statements."""
    assert run(TABLE).code == 0
    before = {name: dict(table) for name, table in account.tables.items()}
    done = run("--all", "--dry-run")
    assert (done.code, done.out.count("CREATE OR REPLACE VIEW")) == (0, 3)
    assert account.tables == before
