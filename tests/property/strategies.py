"""Any item that DynamoDB can store, and the same item written differently."""

import base64
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from tests.unit.transform.records import Json

# DynamoDB texts are UTF-8: no lone surrogates.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
# Names that usually compete for columns.
rival_names = st.sampled_from(
    ["a", "A", "b", "dt", "Dt", "a__b", "A__b", "a.b", "a__", "_", "#", "change_id", "Change_Id"]
)


@st.composite
def number_texts(draw: st.DrawFn) -> str:
    """A number as DynamoDB writes it: up to 38 digits, 1E-130 to 9.99E+125."""
    digits = draw(st.integers(0, 10 ** draw(st.sampled_from([1, 3, 8, 15, 16, 17, 38])) - 1))
    exponent = draw(st.integers(-30, 20) | st.integers(-130, 125 - len(str(digits))))
    sign = draw(st.sampled_from(["", "-"])) if digits else ""
    value = Decimal(f"{sign}{digits}E{exponent}")
    return draw(
        st.sampled_from([f"{value:f}" if abs(exponent) < 40 else str(value), str(value), f"{value:E}"])
    )


binaries = st.binary(max_size=6).map(lambda value: base64.b64encode(value).decode())
scalars = st.one_of(
    texts.map(lambda value: {"S": value}),
    number_texts().map(lambda value: {"N": value}),
    binaries.map(lambda value: {"B": value}),
    st.booleans().map(lambda value: {"BOOL": value}),
    st.just({"NULL": True}),
    st.lists(texts, min_size=1, max_size=4, unique=True).map(lambda members: {"SS": members}),
    st.lists(number_texts(), min_size=1, max_size=4, unique_by=Decimal).map(lambda members: {"NS": members}),
    st.lists(binaries, min_size=1, max_size=4, unique=True).map(lambda members: {"BS": members}),
)


def values(of_names: st.SearchStrategy[str] = names, max_leaves: int = 12) -> st.SearchStrategy[Json]:
    """AttributeValues of any type, nested."""
    return st.recursive(
        scalars,
        lambda inner: st.one_of(
            st.lists(inner, max_size=4).map(lambda members: {"L": members}),
            st.dictionaries(of_names, inner, max_size=4).map(lambda members: {"M": members}),
        ),
        max_leaves=max_leaves,
    )


items = st.dictionaries(names, values(), max_size=8)
rival_items = st.dictionaries(rival_names, values(rival_names), max_size=8)


@st.composite
def rewritten(draw: st.DrawFn, value: Any) -> Any:
    """The same JSON with the members of every object and of every set in another order."""
    if isinstance(value, dict):
        members = draw(st.permutations(list(value.items())))
        return {
            name: draw(st.permutations(inner))
            if name in ("SS", "NS", "BS") and isinstance(inner, list)
            else draw(rewritten(inner))
            for name, inner in members
        }
    if isinstance(value, list):
        return [draw(rewritten(member)) for member in value]
    return value
