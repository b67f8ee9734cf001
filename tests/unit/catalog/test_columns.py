"""The rule for the columns of `changes`: names are only appended, always as string."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog_lambda.columns import (
    ICEBERG_NAMES,
    ICEBERGS_OWN,
    NOT_A_COLUMN,
    TOO_LONG,
    Names,
    Plan,
    appended,
    family,
    in_turn,
    objection,
    plan,
)
from catalog_lambda.forgotten import Act, Forgotten
from transform_lambda.names import ICEBERG_COLUMNS

NAMES = st.lists(st.text("abAB_1 é", max_size=4), max_size=8)
ALL = 1_000


def of(*names: str) -> Names:
    """Names that the stack requests."""
    return Names(named=names)


def found(*names: str) -> Names:
    """Names that the crawler found."""
    return Names(found=names)


def without(*names: str) -> Forgotten:
    """The record of these names."""
    return Forgotten((Act(names, "then", "somebody"),))


def test_new_names_are_added_in_the_given_order() -> None:
    """Declared columns and partition keys exist already; the other names are appended."""
    decided = plan(["change_id", "pk"], ["dt"], found("zeta", "pk", "alpha", "dt"), most=ALL)
    assert decided == Plan(("zeta", "alpha"), 2)


def test_returning_columns_come_before_new_ones() -> None:
    """They keep their order. Then come the stack's names, then the crawler's, each name once."""
    names = Names(earlier=["old", "both"], named=["both", "named"], found=["old", "named", "new"])
    assert plan([], [], names, most=ALL).added == ("old", "both", "named", "new")


def test_names_are_compared_without_case() -> None:
    """Hive and Athena ignore case, so `PK` beside `pk` would declare one column twice."""
    assert plan(["Pk"], [], found("pk"), most=ALL) == Plan((), 1)
    assert plan(["pk"], ["DT"], found("PK", "dt"), most=ALL) == Plan((), 2)


def test_an_empty_list_parameter_adds_nothing() -> None:
    """CloudFormation sends an empty CommaDelimitedList as one empty text."""
    assert plan(["pk"], [], of(""), most=ALL) == Plan()


def test_a_name_that_glue_does_not_accept_is_refused_with_a_reason() -> None:
    """255 characters is Glue's limit; a row's keys are lower-case letters, digits and underscores."""
    long, longest = "a" * 256, "a" * 255
    decided = plan([], [], found(long, longest, "Title", "a.b", "ok"), most=ALL)
    assert decided.added == (longest, "ok")
    assert decided.refused == {long: TOO_LONG, "Title": NOT_A_COLUMN, "a.b": NOT_A_COLUMN}


@pytest.mark.parametrize(
    "name", ["__typename", "_x5546__x54c1_", "attribute_dt", "attribute__deleted", "1", "_"]
)
def test_every_name_the_row_code_writes_can_be_a_column(name: str) -> None:
    """Also names that begin with `_`, and columns of attributes with a reserved name."""
    assert objection(name) is None


@pytest.mark.parametrize("name", sorted(ICEBERG_NAMES))
def test_icebergs_own_names_are_refused_from_every_source(name: str) -> None:
    """Rows of an older version have them. An earlier column with such a name does not return or count."""
    assert plan([], [], found(name), most=ALL) == Plan(refused={name: ICEBERGS_OWN})
    assert plan([], [], of(name), most=ALL) == Plan(refused={name: ICEBERGS_OWN})
    assert plan([], [], Names(earlier=[name]), most=ALL) == Plan()


def test_icebergs_names_are_the_same_as_in_the_row_code() -> None:
    """The two zips do not share a module, so each has the list."""
    assert set(ICEBERG_COLUMNS) == ICEBERG_NAMES


def test_appending_leaves_the_declared_columns_untouched() -> None:
    """Types, comments and parameters of declared columns do not change."""
    declared: list[dict[str, object]] = [{"Name": "pk", "Type": "bigint", "Comment": "key"}]
    assert appended(declared, ["n"]) == [
        {"Name": "pk", "Type": "bigint", "Comment": "key"},
        {"Name": "n", "Type": "string"},
    ]


def test_a_flood_is_declared_in_parts_and_single_attributes_come_first() -> None:
    """Each run declares the next part, until no name waits. The crawler's order is kept within a part."""
    crawled = [f"junk_{number:04}" for number in range(1_000)] + ["status", "prices__a", "prices__b"]
    declared: list[str] = []
    waiting = []
    while (decided := plan(declared, [], found(*crawled), most=300)).added:
        assert [*decided.added] == [name for name in crawled if name in decided.added]
        declared += decided.added
        waiting.append(decided.waiting)
        assert {"status", "prices__a", "prices__b"} <= set(declared)
    assert waiting == [703, 403, 103, 0]
    assert set(declared) == set(crawled)


def test_the_names_of_a_part_do_not_depend_on_the_order_of_the_crawl() -> None:
    """Glue does not promise an order for the columns of a crawler's table."""
    crawled = ["b2", "b1", "b3", "a", "c__x", "c__y"]
    for order in (crawled, crawled[::-1], sorted(crawled)):
        assert set(plan([], [], found(*order), most=4).added) == {"a", "b1", "c__x", "c__y"}
        assert set(in_turn(order)) == set(crawled)


def test_returning_names_and_the_stacks_names_are_not_limited() -> None:
    """They do not use up the limit for new names either."""
    names = Names(
        earlier=[f"old{n}" for n in range(50)], named=[f"named{n}" for n in range(50)], found=["x", "y", "z"]
    )
    decided = plan([], [], names, most=2)
    assert (len(decided.added), decided.waiting) == (102, 1)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("prices__sku1", "prices"),
        ("prices__eu__sku1", "prices"),
        ("junk_17", "junk_"),
        ("year", "year"),
        ("__typename", "__typename"),
        ("_x5546_", "_x"),
        ("2024", ""),
    ],
)
def test_a_family_is_the_common_start_of_names_made_from_data(name: str, expected: str) -> None:
    """The map's name, or the part before the number."""
    assert family(name) == expected


@pytest.mark.parametrize(
    "names", [Names(earlier=["junk_1", "kept"]), of("junk_1", "kept"), found("junk_1", "kept")]
)
@pytest.mark.parametrize("pattern", ["junk_1", "junk_*"])
def test_a_forgotten_name_never_comes_back(names: Names, pattern: str) -> None:
    """Not from the table's versions, ItemColumns or a crawl. It does not count as refused or waiting."""
    assert plan([], [], names, most=ALL, forgotten=without(pattern)) == Plan(("kept",), forgotten=1)


def test_only_a_pattern_matches_longer_names() -> None:
    """Forgetting `status` leaves `status_code`; forgetting `status*` does not."""
    names = found("status", "status_code")
    assert plan([], [], names, most=ALL, forgotten=without("status")).added == ("status_code",)
    assert plan([], [], names, most=ALL, forgotten=without("status*")).added == ()


def test_a_name_that_cannot_be_a_column_can_be_forgotten() -> None:
    """Otherwise a foreign file would set off the alarm after every crawl."""
    assert plan([], [], found("Odd Name"), most=ALL, forgotten=without("odd name")).refused == {}


@given(NAMES, NAMES, NAMES)
def test_a_second_run_adds_nothing(declared: list[str], partitions: list[str], wanted: list[str]) -> None:
    """The second run has nothing to do, for any declared and wanted names."""
    first = plan(declared, partitions, found(*wanted), most=ALL)
    assert plan([*declared, *first.added], partitions, found(*wanted), most=ALL).added == ()


@given(NAMES, NAMES, NAMES, st.integers(0, 3), NAMES)
def test_every_wanted_name_is_added_known_refused_forgotten_or_waits(
    declared: list[str], partitions: list[str], wanted: list[str], most: int, gone: list[str]
) -> None:
    """Every name is accounted for."""
    record = without(*(name.lower() for name in gone))
    decided = plan(declared, partitions, found(*wanted), most=most, forgotten=record)
    taken = {name.lower() for name in (*declared, *partitions)}
    left = {name for name in wanted if name and name not in decided.added and name not in decided.refused}
    waiting = {name for name in left if name.lower() not in taken and name not in record}
    assert decided.waiting == len(waiting)
    assert len(decided.added) <= most
    assert decided.forgotten == len({name.lower() for name in left if name in record})
