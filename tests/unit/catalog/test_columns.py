"""The rule for the columns of `changes`: names are only ever appended, always as string."""

from hypothesis import given
from hypothesis import strategies as st

from catalog_lambda.columns import NOT_A_COLUMN, TOO_LONG, Plan, appended, plan

NAMES = st.lists(st.text("abAB_1 é", max_size=4), max_size=8)


def test_new_names_are_added_in_the_order_they_are_wanted() -> None:
    """Declared columns and partition keys are known already; the rest is appended."""
    assert plan(["change_id", "pk"], ["dt"], ["zeta", "pk", "alpha", "dt"]) == Plan(("zeta", "alpha"), 2)


def test_names_are_compared_without_case() -> None:
    """Hive and Athena know no case, so `PK` beside `pk` would be one column declared twice."""
    assert plan(["Pk"], [], ["pk"]) == Plan((), 1)
    assert plan(["pk"], ["DT"], ["PK", "dt"]) == Plan((), 2)


def test_an_empty_list_parameter_adds_nothing() -> None:
    """CloudFormation hands an empty CommaDelimitedList over as one empty text."""
    assert plan(["pk"], [], [""]) == Plan()


def test_a_name_glue_cannot_take_is_refused_with_its_reason() -> None:
    """255 characters is Glue's limit; a row's keys are lower-case letters, digits and underscores."""
    long, longest = "a" * 256, "a" * 255
    decided = plan([], [], [long, longest, "Title", "a.b", "ok"])
    assert decided.added == (longest, "ok")
    assert decided.refused == {long: TOO_LONG, "Title": NOT_A_COLUMN, "a.b": NOT_A_COLUMN}


def test_appending_leaves_the_declared_columns_untouched() -> None:
    """Types, comments and parameters of what is declared stay as they are."""
    declared: list[dict[str, object]] = [{"Name": "pk", "Type": "bigint", "Comment": "key"}]
    assert appended(declared, ["n"]) == [
        {"Name": "pk", "Type": "bigint", "Comment": "key"},
        {"Name": "n", "Type": "string"},
    ]


@given(NAMES, NAMES, NAMES)
def test_a_second_run_adds_nothing(declared: list[str], partitions: list[str], wanted: list[str]) -> None:
    """Whatever is declared and wanted, doing it twice is doing it once."""
    first = plan(declared, partitions, wanted)
    assert plan([*declared, *first.added], partitions, wanted).added == ()


@given(NAMES, NAMES, NAMES)
def test_every_wanted_name_is_added_known_or_refused(
    declared: list[str], partitions: list[str], wanted: list[str]
) -> None:
    """No name is lost without a word."""
    decided = plan(declared, partitions, wanted)
    taken = {name.lower() for name in (*declared, *partitions)}
    for name in filter(None, wanted):
        assert name.lower() in taken or name in decided.added or name in decided.refused
