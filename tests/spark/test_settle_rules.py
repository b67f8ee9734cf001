"""Each statement of the settle job on a small case, and each of its clauses broken: the case must notice.

tests/spark/cases/README.md describes the cases.
"""

import csv
import re
from pathlib import Path
from string import Template
from typing import Any

import pytest

from tests.spark.settling import SettledLake

CASES = Path(__file__).with_name("cases")
SQL = Path(__file__).parents[2] / "glue" / "jobs" / "settle" / "sql"
RULES = sorted(path.name for path in CASES.iterdir() if path.is_dir())
_TYPES = {
    "settled_ties": "bigint",
    "stored_ties": "bigint",
    "settled_leans": "boolean",
    "stored_leans": "boolean",
}
_SEQUENCE = re.compile(r"[KS](\d)")

# A clause of a rule, and what it is broken to.
BROKEN = [
    ("touched", "max(fresh.change_time) >=", "max(fresh.change_time) >"),
    ("touched", "max(fresh.change_time) >=", "min(fresh.change_time) >="),
    ("touched", "first(stored.change_time) IS NULL", "false"),
    ("touched", "first(stored.settled_leans) AND", "false AND"),
    ("touched", " AND min(fresh.change_time) IS NOT NULL", ""),
    ("touched", "ON stored.change_table = fresh.change_table\n  AND", "ON"),
    ("touched", "LEFT JOIN", "JOIN"),
    ("known", "ON touched.change_table = stored.change_table\n  AND", "ON"),
    ("known", "FROM stored\nLEFT SEMI", "FROM stored\nLEFT ANTI"),
    ("known", "FROM fresh\nLEFT SEMI", "FROM fresh\nLEFT ANTI"),
    ("known", "UNION ALL", "UNION ALL SELECT ${columns} FROM fresh WHERE false UNION"),
    ("hard", "WHERE change_time <=> latest", "WHERE true"),
    ("hard", "PARTITION BY change_table, change_key", "PARTITION BY change_key"),
    (
        "hard",
        "    change_type,\n    change_before,\n    change_after,\n    IF",
        "    change_type,\n    change_before,\n    change_after,\n    change_id, IF",
    ),
    ("hard", "    IF(length(change_sequence) = 40, change_id, NULL)", "    NULL"),
    ("hard", "count(*) > 1", "true"),
    ("hard", "NOT bool_or(change_type = 'SNAPSHOT')", "true"),
    ("hard", "sort_array(collect_list(left_state)) = sort_array(collect_list(reached_state))", "true"),
    ("hard", "sort_array(collect_list(left_state)) = sort_array(collect_list(reached_state))", "false"),
    ("hard", "coalesce(change_before, '') AS left_state", "change_before AS left_state"),
    ("hard", "NOT bool_and(coalesce(length(sequence) = 40, false))", "false"),
    ("hard", "NOT bool_and(coalesce(length(sequence) = 40, false))", "true"),
    (
        "hard",
        "size(array_distinct(collect_list(IF(length(sequence) = 40, sequence, NULL))))\n      <",
        "0 <=",
    ),
    ("hard", "bool_and(change_type = 'SNAPSHOT' OR", "false AND bool_and(change_type = 'SNAPSHOT' OR"),
    ("hard", "bool_and(change_type = 'SNAPSHOT' OR coalesce", "bool_and(coalesce"),
    ("hard", "touched.stored_ties > 1", "touched.stored_ties > 2"),
    ("hard", "touched.stored_ties > 1", "true"),
    ("hard", "fresh.change_time <=> touched.stored_time AND", "true AND"),
    ("hard", "fresh.change_time < touched.stored_time AND touched.stored_leans", "false"),
    ("hard", "AND touched.stored_leans", ""),
    ("hard", "ON touched.change_table = fresh.change_table\n  AND", "ON"),
    ("rows", "WHERE change_time <=> `#latest`", "WHERE true"),
    ("rows", "change_time <=> `#latest`", "change_time = `#latest`"),
    (
        "rows",
        "LEFT SEMI JOIN hard\n  ON hard.change_table = history.change_table\n  AND",
        "LEFT SEMI JOIN hard ON",
    ),
    ("rows", "ON hard.change_table = known.change_table\n    AND", "ON"),
    ("rows", "LEFT ANTI", "LEFT SEMI"),
    ("rows", "PARTITION BY change_table, change_key", "PARTITION BY change_key"),
    (
        "newest",
        "        change_table,\n        change_key,\n        change_time,\n        change_type",
        "        change_key,\n        change_time,\n        change_type",
    ),
    ("newest", "        change_type,\n        change_before", "        change_before"),
    ("newest", "        change_before,\n        change_after,\n        IF", "        IF"),
    ("newest", "IF(length(change_sequence) = 40, change_id, NULL)\n      ORDER", "NULL\n      ORDER"),
    (
        "newest",
        "ORDER BY change_sequence ASC NULLS LAST, change_id ASC NULLS LAST, dt ASC",
        "ORDER BY change_sequence DESC NULLS LAST, change_id ASC NULLS LAST, dt ASC",
    ),
    (
        "newest",
        "ORDER BY change_sequence ASC NULLS LAST, change_id",
        "ORDER BY change_sequence ASC NULLS FIRST, change_id",
    ),
    ("newest", "change_id ASC NULLS LAST, dt ASC", "change_id DESC NULLS LAST, dt ASC"),
    ("newest", "dt ASC NULLS LAST\n", "dt DESC NULLS LAST\n"),
    ("newest", "WHERE `#delivery` = 1", "WHERE true"),
    (
        "newest",
        "count(*) OVER (PARTITION BY change_table, change_key, change_time)",
        "count(*) OVER (PARTITION BY change_table, change_key)",
    ),
    (
        "newest",
        "IF(change_type <> 'SNAPSHOT', coalesce(change_before, ''), NULL)",
        "coalesce(change_before, '')",
    ),
    ("newest", "    collect_list(coalesce(change_after, ''))\n", "    collect_list(change_after)\n"),
    ("newest", "bool_and(change_type = 'SNAPSHOT' OR coalesce(", "bool_and(coalesce("),
    (
        "newest",
        "bool_and(change_type = 'SNAPSHOT' OR coalesce(length(change_sequence) = 40, false))",
        "bool_or(length(change_sequence) = 40)",
    ),
    ("newest", "    > size(filter(`#states_left`", "    >= size(filter(`#states_left`"),
    (
        "newest",
        "ORDER BY change_time ASC NULLS LAST, change_sequence ASC NULLS LAST, change_id ASC NULLS LAST\n"
        "      ),",
        "ORDER BY change_time DESC NULLS LAST\n      ),",
    ),
    ("newest", "IF(`#ends`, coalesce(change_after, ''), NULL)) IGNORE NULLS", "NULL) IGNORE NULLS"),
    ("newest", "change_time DESC NULLS LAST,", "change_time ASC NULLS LAST,"),
    ("newest", "change_time DESC NULLS LAST,", "change_time DESC NULLS FIRST,"),
    (
        "newest",
        "        IF(`#in_sequence` AND length(change_sequence) = 40, change_sequence, NULL) "
        "DESC NULLS LAST,\n",
        "",
    ),
    ("newest", "IF(`#in_sequence` AND length", "IF(length"),
    ("newest", "        IF(`#ends`, 1, 0) DESC,\n", ""),
    ("newest", "        IF(coalesce(change_after, '') = `#state_held`, 1, 0) DESC,\n", ""),
    ("newest", "        change_sequence DESC NULLS LAST,\n", ""),
    ("newest", "        change_sequence DESC NULLS LAST,\n", "        change_sequence DESC NULLS FIRST,\n"),
    ("newest", "        change_id DESC NULLS LAST\n", "        change_id ASC NULLS LAST\n"),
    ("newest", "settled_ties > 1\n", "true\n"),
    ("newest", "sort_array(`#states_left`) = sort_array(`#states_reached`)", "true"),
    ("newest", "sort_array(`#states_left`) = sort_array(`#states_reached`)", "false"),
    ("newest", "AND size(`#sequences`) < settled_ties", ""),
    ("newest", "OR (`#in_sequence` AND size(array_distinct(`#sequences`)) < size(`#sequences`))", ""),
    ("newest", "FROM ranked\nWHERE `#age` = 1", "FROM ranked\nWHERE `#age` = 1 AND change_type <> 'REMOVE'"),
    ("buckets", "ON newest.change_table = stored.change_table\n  AND", "ON"),
    ("buckets", "LEFT ANTI JOIN", "LEFT SEMI JOIN"),
    ("buckets", "WHERE lake.system.bucket(${buckets}, stored.change_key) IN (${touched})", "WHERE false"),
    ("buckets", "SELECT ${columns}\nFROM newest\nUNION ALL\n", ""),
    ("roads", "change_type = 'SNAPSHOT'\n  OR", ""),
    ("roads", "change_sequence IS NULL\n  OR", ""),
    ("roads", "change_time >= '${switched_at}'", "change_time > '${switched_at}'"),
    ("roads", "(length(change_sequence) = 40) =", "(length(change_sequence) = 40) <>"),
]


def value(column: str, cell: str) -> Any:
    """A cell's value: NULL, a number, a boolean, a sequence of many digits, or text."""
    if not cell:
        return None
    if column in _TYPES:
        return int(cell) if _TYPES[column] == "bigint" else cell == "true"
    short = _SEQUENCE.fullmatch(cell) if column == "change_sequence" else None
    return f"{int(short[1]):0{129 if cell[0] == 'K' else 40}}" if short else cell


def table(path: Path) -> dict[str, Any]:
    """A table of a case: its columns with their types, and its rows."""
    with path.open(newline="") as file:
        head, *lines = csv.reader(file)
    columns = {name: _TYPES.get(name, "string") for name in head if name != "why"}
    rows = [
        [value(name, cell) for name, cell in zip(head, line, strict=True) if name != "why"] for line in lines
    ]
    return {"columns": columns, "rows": rows}


def ordered(rows: list[list[Any]]) -> list[str]:
    """Rows in an order of their own, whatever their NULLs."""
    return sorted(map(repr, rows))


def answer(lake: SettledLake, rule: str, text: str) -> list[str]:
    """The rows of a statement on its case."""
    tables = {path.stem: table(path) for path in sorted((CASES / rule).glob("*.csv"))}
    expected = tables.pop("expected")
    filling = {
        "columns": ", ".join(
            f"`{column}`" for column in expected["columns"] if rule != "newest" or column not in _TYPES
        ),
        "buckets": "1",
        "touched": "0",
        "rows": "changes",
        "switched_at": "2",
    }
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("--"))
    names = ", ".join(f"`{column}`" for column in expected["columns"])
    statement = Template(lines).substitute(filling)
    return ordered(lake.job.ask(f"SELECT {names} FROM ({statement})", tables))


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_on_its_case(settled_lake: SettledLake, rule: str) -> None:
    """The statement's rows are exactly the expected ones."""
    text = (SQL / f"{rule}.sql").read_text(encoding="utf-8")
    assert answer(settled_lake, rule, text) == ordered(table(CASES / rule / "expected.csv")["rows"])


def test_every_statement_has_a_case() -> None:
    """And every case has a statement."""
    assert sorted(path.stem for path in SQL.glob("*.sql")) == RULES
    assert {rule for rule, _, _ in BROKEN} == {*RULES}


@pytest.mark.parametrize(
    ("rule", "old", "new"), BROKEN, ids=[f"{rule}-{at}" for at, (rule, _, _) in enumerate(BROKEN)]
)
def test_a_broken_clause_is_noticed(settled_lake: SettledLake, rule: str, old: str, new: str) -> None:
    """The case of the rule has other rows then."""
    text = (SQL / f"{rule}.sql").read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{text.count(old)} times in {rule}.sql: correct this test"
    expected = ordered(table(CASES / rule / "expected.csv")["rows"])
    assert answer(settled_lake, rule, text.replace(old, new)) != expected
