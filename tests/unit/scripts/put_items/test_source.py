"""Which records a file holds, whatever its shape, and what is said of a file that is broken."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.put_items import CommandError, JsonStream, RecordError, Source, Table, check

TABLE = Table("shop", "111111111111", "us-east-1", {"pk": "HASH"}, {"pk": "S"})
NUMBERED = Table(
    "films", "111111111111", "us-east-1", {"year": "HASH", "title": "RANGE"}, {"year": "N", "title": "S"}
)

ITEMS = [{"pk": {"S": "a"}, "n": {"N": "1.50"}}, {"pk": {"S": "b"}, "l": {"L": [{"S": "x"}]}}]
PLAIN = '[{"pk":"a","n":1.50},{"pk":"b","l":["x"]}]'
TYPED = [json.dumps(item) for item in ITEMS]
MODEL = {"ModelName": "m", "DataModel": [{"TableName": "Shop", "TableData": ITEMS}, {"TableName": "Empty"}]}

SHAPES = {
    "array.json": PLAIN,
    "spaced.json": "\ufeff\n [ " + PLAIN[1:-1].replace('},{"', '} ,\n\n {"') + " ] \n",
    "lines.jsonl": '{"pk":"a","n":1.50}\n{"pk":"b","l":["x"]}\n',
    "pretty.json": '{\n "pk": "a",\n "n": 1.50\n}\n{\n "pk": "b",\n "l": [\n "x"\n ]\n}',
    "typed-array.json": f"[{','.join(TYPED)}]",
    "typed-lines.json": "\n".join(TYPED),
    "export.json": "\n".join(f'{{"Item":{line}}}' for line in TYPED),
    "scan.json": json.dumps({"Items": ITEMS, "Count": 2, "ScannedCount": 2}),
    "batch.json": json.dumps({"Shop": [{"PutRequest": {"Item": item}} for item in ITEMS]}),
    "model.json": json.dumps(MODEL | {"DataModel": MODEL["DataModel"][:1]}),
    "cells.csv": 'pk,n:N,l:L\na,1.50,\nb,,"[""x""]"\n',
    "cells.tsv": 'pk\tn:N\tl:L\r\na\t1.50\t\r\nb\t\t"[""x""]"\r\n',
}


def source(path: Path, text: str | bytes, table: Table = TABLE, **options: Any) -> Source:
    """A source of a file with this content."""
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return Source(path, table, options.get("types", {}), options.get("model_table"))


def items(made: Source) -> list[Any]:
    """The items of a source, all of them good."""
    found = [item for _, item, _ in made.items()]
    assert not [item for item in found if isinstance(item, RecordError)]
    return found


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_one_file_in_every_shape_holds_the_same_items(name: str, packed: bool, tmp_path: Path) -> None:
    """Arrays, lines, DynamoDB JSON, exports, scans, batches, models and CSV are ways to write one thing."""
    text = SHAPES[name].encode()
    path = tmp_path / (f"{name}.gz" if packed else name)
    assert items(source(path, gzip.compress(text, mtime=0) if packed else text)) == ITEMS


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("a.json", '[{"pk":"a"}', "line 1: the array has no end"),
        ("a.json", '[{"pk":"a"} {"pk":"b"}]', "line 1: a comma is missing"),
        ("a.json", '[{"pk":"a"}]\n\n]', "line 3: something follows the end of the array"),
        ("a.json", '[{"pk":"a"},\n{"pk":}]', "line 2: is not JSON"),
        ("a.json", '{"pk":"a"}\n{"pk":"b"', "line 2: is not JSON"),
        ("a.json", '{"pk":"a","pk":"b"}', "pk: is named twice"),
        ("a.json", '{"pk":NaN}', "NaN is no JSON value"),
        ("a.json", '{"pk":-Infinity}', "-Infinity is no JSON value"),
        ("a.json", "[" * 200_000, "nested deeper than DynamoDB's 32 levels"),
        ("a.json", '{"pk":' * 200_000, "nested deeper than DynamoDB's 32 levels"),
        ("a.json", "[1]", "line 1: a record is a number, not an object"),
        ("a.json", '"text"', "a record is text, not an object"),
        ("a.json", b"\xff\xfe{", "is not UTF-8 text"),
        ("a.json", b"\x1f\x8b\x08\x00broken", "is a damaged GZIP file"),
        ("a.json", gzip.compress(b'{"pk":"a"}', mtime=0)[:-6], "is a damaged GZIP file"),
        ("a.json", '{"T":[{"DeleteRequest":{"Key":{"pk":{"S":"a"}}}}]}', "the batch deletes items"),
        ("a.json", json.dumps(MODEL), "the model holds the tables Shop, Empty"),
        ("a.json", '{"Items":[1]}', "an item is a number"),
        ("a.csv", "id,n\na,1\n", "there is no column pk, a key of table shop; the columns are id, n"),
        ("a.csv", "", "there is no column pk"),
        ("a.csv", "pk,n\na\n", "line 2: 1 cells under 2 columns"),
        ("a.csv", 'pk,n\n"a,1\n', "is not CSV"),
        ("a.csv", "pk,n,n\na,1,1\n", "column n stands twice"),
        ("a.csv", "pk,\na,1\n", "a column has no name"),
    ],
)
def test_a_broken_file_is_refused_with_its_place(
    name: str, text: str | bytes, why: str, tmp_path: Path
) -> None:
    """The message names the line; hostile depth, NaN and doubled names are refusals, not crashes."""
    with pytest.raises(CommandError) as refused:
        list(source(tmp_path / name, text).items())
    assert why in refused.value.message
    assert refused.value.next_step


def test_a_missing_key_column_names_the_column_that_was_perhaps_meant(tmp_path: Path) -> None:
    """`Title` for `title` is the usual mistake."""
    with pytest.raises(CommandError) as refused:
        list(source(tmp_path / "a.csv", "year,titel\n2013,Rush\n", NUMBERED).items())
    assert "no column title" in refused.value.message
    assert refused.value.next_step == "Rename the column titel to title."


def test_csv_types_come_from_option_header_and_key(tmp_path: Path) -> None:
    """--types, else the header's suffix, else the table's key, else text; an empty cell is no attribute."""
    text = 'year,title,seen:BOOL,rating,tags:SS,note:odd\n2013,Rush,TRUE,8.3,"[""a""]",\n'
    assert items(source(tmp_path / "a.csv", text, NUMBERED, types={"rating": "N"})) == [
        {
            "year": {"N": "2013"},
            "title": {"S": "Rush"},
            "seen": {"BOOL": True},
            "rating": {"N": "8.3"},
            "tags": {"SS": ["a"]},
        }
    ]


def test_a_csv_cell_of_another_type_is_a_mistake_of_its_record(tmp_path: Path) -> None:
    """One bad cell names its line and column; the lines around it are read on."""
    made = source(tmp_path / "a.csv", "pk,n:N,m:M\na,one,\nb,2,\nc,3,[1]\n")
    assert [(place, str(item)) for place, item, _ in made.items() if isinstance(item, RecordError)] == [
        ("line 2", "n.N: is no number that DynamoDB takes"),
        ("line 4", "m: must be a JSON object"),
    ]


def test_of_a_model_with_several_tables_one_is_chosen(tmp_path: Path) -> None:
    """By --model-table; by the table's own name when the model has it."""
    assert items(source(tmp_path / "a.json", json.dumps(MODEL), model_table="Shop")) == ITEMS
    named = {
        "DataModel": [{"TableName": "shop", "TableData": ITEMS[:1]}, {"TableName": "x", "TableData": ITEMS}]
    }
    assert items(source(tmp_path / "b.json", json.dumps(named))) == ITEMS[:1]


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_a_table_chosen_from_a_file_without_tables_is_refused(tmp_path: Path, name: str) -> None:
    """Ignored in silence, --model-table would leave its user in the belief that it chose."""
    text = "pk\n1\n" if name == "a.csv" else json.dumps({"pk": "1"})
    with pytest.raises(CommandError) as refused:
        items(source(tmp_path / name, text, model_table="Shop"))
    assert refused.value.next_step == "Leave --model-table out."


def test_several_mistakes_are_told_at_once_and_never_with_values(tmp_path: Path) -> None:
    """Five mistakes name record and attribute; nothing of what the records hold is repeated."""
    secret = "canary-4711"
    lines = [json.dumps({"no": secret}), *(json.dumps({"pk": [secret]}) for _ in range(9))]
    with pytest.raises(CommandError) as refused:
        check(source(tmp_path / "a.jsonl", "\n".join(lines)))
    message = refused.value.message
    assert "record 1 (line 1): pk: is missing" in message
    assert "record 5 (line 5): pk: is of type L" in message
    assert "record 6" not in message
    assert secret not in message
    assert "nothing was written" in refused.value.next_step


def test_an_empty_file_holds_no_items(tmp_path: Path) -> None:
    """Nothing to put is a mistake, not a success."""
    with pytest.raises(CommandError, match="holds no items"):
        check(source(tmp_path / "a.json", " \n "))


class Dripping(io.StringIO):
    """A file that gives a few characters at a time, however many are asked for."""

    def __init__(self, text: str, size: int) -> None:
        super().__init__(text)
        self._size = size

    def read(self, _: int | None = -1, /) -> str:
        """The next few characters."""
        return super().read(self._size)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-999, 999) | st.text('a"\\{}[],:1\n é', max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab\n", max_size=2), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.lists(VALUES, max_size=6), st.integers(1, 7), st.sampled_from([None, 1]), st.booleans())
def test_reading_in_pieces_reads_the_same(
    values: list[Any], size: int, indent: int | None, array: bool
) -> None:
    """Wherever the pieces of a file end, its values and their lines are those of the whole."""
    if array:
        text = json.dumps(values, indent=indent)
    else:
        values = [value for value in values if isinstance(value, dict)]
        text = "\n".join(json.dumps(value, indent=indent) for value in values)
    read = list(JsonStream(Dripping(text, size), "f"))
    assert [json.loads(json.dumps(value)) for value, _ in read] == [
        json.loads(json.dumps(v), parse_int=str) for v in values
    ]
    if indent is None:
        assert [line for _, line in read] == ([1] * len(values) if array else list(range(1, len(values) + 1)))
