"""The views' SQL, and the files their types come from."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lake.reading import Lake
from scripts.core.athena import MAX_STATEMENT_BYTES, Workgroup
from scripts.core.console import CommandError, nearest
from scripts.core.proposed_types import propose_types
from scripts.core.road_switch import kept_switch, read_switch
from scripts.core.view_columns import (
    NAME_CHARACTERS,
    OWN,
    chosen,
    shown_names,
    split_patterns,
)
from scripts.core.view_size import check_size, readable
from scripts.core.views import View, cast, definitions, read_types, view_name
from tests.unit.scripts.edge import refused
from transform_lambda.names import RESERVED_NAMES


def test_a_view_has_the_tables_columns_in_their_order_and_types() -> None:
    """Fixed columns first, then the items', quoted; one named like a fixed column gets an ending."""
    columns = ["total", "order", "valid_from"]
    current, gaps, history = definitions("shop", "it's", columns, {"total": "decimal(38, 2)"})
    assert (current.name, gaps.name, history.name) == ("current_shop", "gaps_shop", "history_shop")
    for view in (current, history):
        lines = view.select.splitlines()
        shown = [line.strip(",") for line in lines if '"' in line and not line.startswith((" ", "WHERE"))]
        assert shown == [
            'try_cast("total" AS decimal(38, 2)) AS "total"',
            '"order"',
            '"valid_from" AS "valid_from_of_item"',
        ]
    for view in (current, gaps, history):
        assert "change_table = 'it''s'" in view.select
        assert view.statement == f"CREATE OR REPLACE VIEW {view.name} AS\n{view.select}"
        assert "$" not in view.statement


def test_a_views_name_needs_no_quotes() -> None:
    """What Athena reads only in quotes becomes `_`."""
    assert view_name("Orders.Prod-2") == "orders_prod_2"


@pytest.mark.parametrize(
    "kind", ["money", "decimal(39, 2)", "decimal(2, 3)", "timestamp with time zone", "BIGINT"]
)
def test_a_type_that_a_view_cannot_have_is_refused_with_the_valid_types(kind: str) -> None:
    """Athena would refuse the view, or Trino the cast, after half of the work."""
    with pytest.raises(CommandError, match="a view cannot have the type") as refused:
        cast(kind, "x", "here")
    assert "decimal(38, 2)" in refused.value.next_step


def test_a_type_file_may_only_name_columns_of_the_table(tmp_path: Path) -> None:
    """`column: type` a line, every name as it stands; an unknown column names those near it."""
    path = tmp_path / "orders.yaml"
    path.write_text("total: decimal(38, 2)\npaid: boolean\n")
    assert read_types(path, ["paid", "total"]) == {"total": "decimal(38, 2)", "paid": "boolean"}
    path.write_text("")
    assert read_types(path, ["paid"]) == {}
    path.write_text("no: boolean\n2024: bigint\n")
    assert read_types(path, ["no", "2024"]) == {"no": "boolean", "2024": "bigint"}
    path.write_text("totl: bigint")
    with pytest.raises(CommandError, match="no column totl") as refused:
        read_types(path, ["paid", "total"])
    assert "total" in refused.value.next_step


@pytest.mark.parametrize(("text", "why"), [("- a", "is not a list of columns"), ("a: [", "is not YAML")])
def test_a_file_that_is_not_a_type_file_is_refused(tmp_path: Path, text: str, why: str) -> None:
    """It says what one looks like."""
    path = tmp_path / "orders.yaml"
    path.write_text(text)
    with pytest.raises(CommandError, match=why) as refused:
        read_types(path, ["a"])
    assert "column: type" in refused.value.next_step


# Names


NAMES = st.builds(
    lambda prefix, bare, endings: prefix + bare + "_of_item" * endings,
    st.sampled_from(("", "attribute_", "attribute_attribute_")),
    st.sampled_from((*sorted(OWN), "dt", "_deleted", "_file", "change_before", "change_table", "total")),
    st.integers(0, 32),
)


@given(st.lists(NAMES.filter(lambda name: len(name) <= NAME_CHARACTERS), unique=True, max_size=40))
def test_no_two_columns_of_a_view_have_one_name(names: list[str]) -> None:
    """Whatever the attributes are called: the view's own columns, one with endings, one with the prefix."""
    columns = [name for name in names if name not in RESERVED_NAMES]
    for own in ({"change_key", "change_before", *OWN}, {"change_key", *OWN}):
        shown = shown_names(columns, own)
        assert len({*own, *shown}) == len(own) + len(columns)
        assert all(len(name) <= NAME_CHARACTERS for name in shown)


def test_every_depth_of_an_ending_has_its_own_name() -> None:
    """Of valid_from, valid_from_of_item and so on each gets one ending more, the longest a number."""
    columns = ["valid_from" + "_of_item" * depth for depth in range(31)]
    shown = shown_names(columns, OWN)
    assert shown[:-1] == columns[1:]
    assert (len(set(shown)), len(shown[-1])) == (31, 247)
    assert shown_names(["valid_from"], OWN) == shown[:1]


def test_a_name_does_not_depend_on_other_columns() -> None:
    """An attribute that appears later never changes what a column of a view means."""
    assert shown_names(["valid_from", "valid_from_of_item"], OWN) == [
        *shown_names(["valid_from"], OWN),
        *shown_names(["valid_from_of_item"], OWN),
    ]


def test_a_reserved_name_is_shown_if_the_view_has_no_such_column() -> None:
    """`dt` and `_deleted` in both views; a metadata column only where the view leaves its own out."""
    columns = ["attribute_dt", "attribute__deleted", "attribute_change_before", "attribute_change_id"]
    current, _, history = definitions("orders", "orders", columns, {})
    kept = ["attribute_change_id"]
    assert [name for name, _ in current.columns] == ["dt", "_deleted", "change_before", *kept]
    assert [name for name, _ in history.columns] == ["dt", "_deleted", "attribute_change_before", *kept]
    assert '"attribute_dt" AS "dt"' in current.select
    # a column of that name, from before the name was reserved, stays what it was; other names are no prefix
    assert shown_names(["_deleted", "attribute__deleted"], OWN) == ["_deleted", "attribute__deleted"]
    assert shown_names(["attribute_total", "attribute_"], OWN) == ["attribute_total", "attribute_"]


# Which columns


def test_columns_are_chosen_by_name_and_by_pattern() -> None:
    """In the table's order; both options may be given again, and take several, separated by commas."""
    columns = ["pk", "scores__a", "total", "scores__b", "scores_of"]
    assert chosen(columns, [], []) == columns
    assert chosen(columns, ["total", "pk"], []) == ["pk", "total"]
    assert chosen(columns, ["scores__*", "pk"], ["*__b"]) == ["pk", "scores__a"]
    assert chosen(columns, [], ["scores__*"]) == ["pk", "total", "scores_of"]
    assert split_patterns(["a, b,", "c"]) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("only", "without", "message"),
    [
        (["totl"], [], "--columns: changes has no column totl for an attribute"),
        ([], ["score__*"], "--except: changes has no column score__* for an attribute"),
        (["total"], ["t*"], "no column is left"),
    ],
)
def test_a_choice_without_columns_is_refused(only: list[str], without: list[str], message: str) -> None:
    """A pattern that no column fits is a mistake, and a view of no column is too."""
    with pytest.raises(CommandError) as error:
        chosen(["pk", "total"], only, without)
    assert message in error.value.message


def test_a_message_never_lists_thousands_of_names() -> None:
    """Near ones, or the first twenty with how many there are more."""
    names = [f"column_{number:04}" for number in range(3_000)]
    assert nearest("xyz", names).endswith("column_0019 and 2,980 more")
    assert nearest("b", ["a"]) == "a"


# How large


def wide(number: int, length: int = 44) -> list[str]:
    """A key and the columns of a map that is keyed by data."""
    return ["pk", *(f"scores__{place:0{length - 8}}" for place in range(number - 1))]


def of_types(types: dict[str, str], name: str = "orders") -> Any:
    return lambda columns: definitions(name, name, columns, types)


def test_views_of_a_map_with_2410_keys_fit_athena_and_glue() -> None:
    """44 characters each, as a UUID below a map has: what their statement takes is their name, once."""
    columns = wide(2_411)
    check_size(of_types({})(columns), columns, of_types({}))


@pytest.mark.parametrize(
    ("kind", "number", "length"),
    [
        ("bigint", 2_411, 44),
        ("timestamp", 2_411, 44),
        ("varchar", 3_600, 44),
        ("varchar", 3_600, 255),
        ("timestamp", 3_600, 255),
    ],
)
def test_a_too_large_view_names_columns_to_leave_out(kind: str, number: int, length: int) -> None:
    """And without it they are taken."""
    columns = wide(number, length)
    again = of_types(dict.fromkeys(columns, kind))
    with pytest.raises(CommandError, match=rf"with {number:,} columns of items is too large") as error:
        check_size(again(columns), columns, again)
    assert f"Leave out {number - 1:,} of them with --except 'scores__*'" in error.value.next_step
    rest = chosen(columns, [], ["scores__*"])
    check_size(again(rest), rest, again)


def test_too_large_views_without_a_map_name_the_options() -> None:
    """Nothing stands out, so the options are named."""
    columns = [f"c{number:0254}" for number in range(3_600)]
    with pytest.raises(CommandError) as error:
        check_size(of_types({})(columns), columns, of_types({}))
    assert "--columns" in error.value.next_step
    assert "--except" in error.value.next_step


def test_the_columns_to_leave_out_are_found_in_few_steps() -> None:
    """Each of thousands of maps has one column: rendering the views for each of them would take minutes."""
    asked = []

    def again(columns: Sequence[str]) -> list[View]:
        asked.append(len(columns))
        return definitions("orders", "orders", columns, {})

    columns = [f"m{number:0200}__a" for number in range(3_600)]
    with pytest.raises(CommandError, match="too large") as error:
        check_size(again(columns), columns, again)
    assert len(asked) <= 13
    assert len(error.value.next_step) < 3_000


@pytest.mark.parametrize("most", [262_144, 409_600])
def test_a_view_that_passes_is_within_both_limits(most: int) -> None:
    """Of the longest view that passes, statement and reading are counted, and the text in Glue as well."""
    kinds = dict.fromkeys(wide(4_000), "timestamp" if most == 262_144 else "varchar")
    low, high = 1, 4_000
    while high - low > 1:
        middle = (low + high) // 2
        columns = wide(middle)
        try:
            check_size(of_types(kinds)(columns), columns, of_types(kinds))
        except CommandError:
            high = middle
        else:
            low = middle
    views = of_types(kinds)(wide(low))
    assert all(len(view.statement.encode()) <= MAX_STATEMENT_BYTES for view in views)
    assert all(len(readable(view).encode()) <= MAX_STATEMENT_BYTES for view in views)
    assert all(len(base64.b64encode(json.dumps(view.select).encode())) < 409_600 for view in views)


def test_a_statement_above_athenas_limit_is_not_sent() -> None:
    """Whoever made it: 262,144 bytes, not characters."""
    connection: Any = SimpleNamespace()
    with pytest.raises(CommandError, match="the statement has 262,145 bytes; Athena accepts at most 262,144"):
        Workgroup(connection, "ddb-lake").execute("é" * 131_072 + "x", "ddb_lake")


def test_the_comparison_reads_a_lake_of_any_width() -> None:
    """Its statement does not grow with the columns."""
    asked: list[str] = []
    columns = tuple(f"c{number:0254}" for number in range(3_600))
    reader = Lake("ddb_lake", "changes", "ddb-lake", columns, athena=None)

    def query(sql: str) -> list[dict[str, str | None]]:
        asked.append(sql)
        return []

    object.__setattr__(reader, "query", query)  # frozen
    assert list(reader.changes("orders")) == []
    assert len(asked[0]) < 1_000


# Types that the data proposes


def counts(sql: str, columns: Sequence[str], fitting: dict[str, int], examples: dict[str, str]) -> list[Any]:
    """The rows of a count of two values each, of which some are whole numbers."""
    listed = sql.partition("UNNEST(ARRAY[")[2].partition("]")[0].split(", ")
    return [
        [str(place), "2", "0", str(fitting[name]), "0", "0", *[examples.get(name)] * 8, None, None]
        for place, name in enumerate((column.strip('"') for column in listed), start=1)
        if name in columns
    ]


def test_type_proposals_for_the_widest_table_fit_athena() -> None:
    """262,144 bytes at most; every column is counted once, whichever statement counts it."""
    columns = [f"c{number:0254}" for number in range(1_000)]
    asked: list[str] = []
    fitting = {column: 2 if int(column[1:]) % 2 else 0 for column in columns}

    def execute(sql: str, _database: str) -> SimpleNamespace:
        asked.append(sql)
        return SimpleNamespace(rows=counts(sql, columns, fitting, {}))

    workgroup: Any = SimpleNamespace(execute=execute)
    proposal = propose_types(workgroup, "ddb_lake", "t" * 255, columns)
    assert max(len(sql.encode()) for sql in asked) <= MAX_STATEMENT_BYTES
    # Trino takes 254 elements in an array; each statement reads the lake, so there are as few as can be
    assert [sql.count('"c0') for sql in asked] == [254, 254, 254, 238]
    assert proposal.types == dict.fromkeys(columns[1::2], "bigint")
    assert proposal.nearly == []


# The cut between two roads


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-11-28T12:00:00Z", "2026-11-28T12:00:00.000000Z"),
        ("2026-11-28T13:30:00+01:30", "2026-11-28T12:00:00.000000Z"),
        ("none", None),
    ],
)
def test_a_switch_is_a_whole_second_in_utc(text: str, time: str | None) -> None:
    """As change_time has it."""
    assert read_switch(text) == time


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-28",
        "2026-11-28T12:00:00",
        "2026-11-28T12:00:00.5Z",
        "2026-11-28T12:00:00.0000001Z",
        "2026-11-31T12:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "2026-11-28T12:00:00Z' OR TRUE --",
    ],
)
def test_a_switch_that_is_not_a_whole_second_is_refused(text: str) -> None:
    """Within a second the views would mix both roads, and without an offset nobody knows which one it is."""
    with pytest.raises(CommandError, match="is not a whole second"):
        read_switch(text)


def existing(*views: View, laid_out: bool = False) -> Any:
    """A workgroup over a Glue catalog with these views, as Athena keeps them."""

    def get_table(DatabaseName: str, Name: str) -> dict[str, Any]:
        sql = next((view.select for view in views if view.name == Name), None)
        if sql is None:
            raise refused("EntityNotFoundException")
        if laid_out:  # as Trino's formatter writes it again
            sql = " ".join(sql.split()).replace("change_time >= ", "(change_time  >=\n   ").upper().lower()
            sql = sql.replace("t12:00:00.000000z", "T12:00:00.000000Z")
        text = base64.b64encode(json.dumps({"originalSql": sql}).encode()).decode()
        return {"Table": {"ViewOriginalText": f"/* Presto View: {text} */"}}

    glue = SimpleNamespace(get_table=get_table)
    return SimpleNamespace(connection=SimpleNamespace(client=lambda _: glue))


CUT = "2026-11-28T12:00:00.000000Z"
NAMES_OF_VIEWS = ["current_orders", "gaps_orders", "history_orders"]


@pytest.mark.parametrize("laid_out", [False, True])
@pytest.mark.parametrize("cut", [None, CUT])
def test_refreshed_views_keep_their_switch(cut: str | None, laid_out: bool) -> None:
    """It is read from the views, so it is there on any machine, and however Athena laid the statement out."""
    views = definitions("orders", "orders", ["pk"], {}, cut)
    kept = kept_switch(existing(*views, laid_out=laid_out), "ddb_lake", NAMES_OF_VIEWS, "orders")
    assert kept == cut


def test_views_of_another_table_have_no_switch_for_this_one() -> None:
    """The name of the views was given to another table before; or nothing of that name is there."""
    views = definitions("orders", "other", ["pk"], {}, CUT)
    assert kept_switch(existing(*views), "ddb_lake", NAMES_OF_VIEWS, "orders") is None
    assert kept_switch(existing(), "ddb_lake", NAMES_OF_VIEWS, "orders") is None


def test_views_with_different_switches_are_refused() -> None:
    """One was made again with a cut, the others were not."""
    current, gaps, history = definitions("orders", "orders", ["pk"], {})
    made = definitions("orders", "orders", ["pk"], {}, CUT)[0]
    assert made.name == current.name
    with pytest.raises(CommandError, match="different switch times") as error:
        kept_switch(existing(made, gaps, history), "ddb_lake", NAMES_OF_VIEWS, "orders")
    assert "--switched-at" in error.value.next_step


def test_views_without_a_switch_have_no_condition_on_the_stream() -> None:
    """And with one every view asks the same."""
    whole = definitions("orders", "orders", ["pk"], {})
    cut = definitions("orders", "orders", ["pk"], {}, CUT)
    for one, other in zip(whole, cut, strict=True):
        assert ">= '" not in one.statement
        assert other.statement.count(f"(length(change_sequence) = 40) = (change_time >= '{CUT}')") == 1
        before, _, rest = other.statement.partition("\n    AND (\n      change_type = 'SNAPSHOT'")
        assert before + rest.partition("\n    )")[2] == one.statement
