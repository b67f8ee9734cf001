"""Which records a file holds, whatever its shape, and what is said of a file that is broken."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from scripts.put_items.errors import CommandError
from scripts.put_items.reading.source import check
from tests.unit.scripts.put_items.files import ITEMS, MODEL, SHAPES, items, source


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_one_file_in_every_shape_holds_the_same_items(name: str, packed: bool, tmp_path: Path) -> None:
    """Arrays, lines, DynamoDB JSON, every shape of AWS's tools and CSV are ways to write one thing."""
    text = SHAPES[name].encode()
    path = tmp_path / (f"{name}.gz" if packed else name)
    assert items(source(path, gzip.compress(text, mtime=0) if packed else text)) == ITEMS


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("a.json", '[{"pk":"a"}', "line 1: the array has no end"),
        ("a.json", '[{"pk":"a"} {"pk":"b"}]', "line 1: a comma is missing"),
        ("a.json", '[{"pk":"a"}]\n\n]', "line 3: there is text after the end of the array"),
        ("a.json", '[{"pk":"a"},\n{"pk":}]', "line 2: is not JSON"),
        ("a.json", '{"pk":"a"}\n{"pk":"b"', "line 2: is not JSON"),
        ("a.json", '{"pk":"a","pk":"b"}', "pk: is named twice"),
        ("a.json", '{"pk":NaN}', "NaN is not a JSON value"),
        ("a.json", '{"pk":-Infinity}', "-Infinity is not a JSON value"),
        ("a.json", "[" * 200_000, "has more than 32 levels, which is DynamoDB's limit"),
        ("a.json", '{"pk":' * 200_000, "has more than 32 levels, which is DynamoDB's limit"),
        ("a.json", "[1]", "line 1: a record is a number, not an object"),
        ("a.json", '"text"', "a record is text, not an object"),
        ("a.json", b"\xff\xfe{", "is UTF-16 text, not UTF-8"),
        ("a.json", b"\x1f\x8b\x08\x00broken", "is a damaged gzip file"),
        ("a.json", gzip.compress(b'{"pk":"a"}', mtime=0)[:-6], "is a damaged gzip file"),
        ("a.json", '{"T":[{"DeleteRequest":{"Key":{"pk":{"S":"a"}}}}]}', "the batch deletes items"),
        ("a.json", json.dumps(MODEL), "a model of NoSQL Workbench has the tables Shop, Empty"),
        ("a.json", '{"Items":[1]}', "an item is a number"),
        ("a.csv", "id,n\na,1\n", "there is no column pk, a key of table shop; the columns are id, n"),
        ("a.csv", "", "is empty"),
        ("a.csv", "\n" * 1000, "there is no column pk, a key of table shop; the columns are none"),
        ("a.txt", "pk,n\na,1\n", "is not JSON, and the name is not a CSV file's"),
        ("a.csv", '{"pk":"a"}\n', "has JSON, but its name ends like a CSV file's"),
        ("a.csv", '["pk"]', "has JSON, but its name ends like a CSV file's"),
        ("a.csv", "pk,n\na\n", "line 2: 1 cells, but 2 columns"),
        ("a.csv", 'pk,n\n"a,1\n', "is not CSV"),
        ("a.csv", "pk,n,n\na,1,1\n", "column n is in the header twice"),
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


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_a_table_chosen_from_a_file_without_tables_is_refused(tmp_path: Path, name: str) -> None:
    """Ignored in silence, --model-table would leave its user in the belief that it chose."""
    text = "pk\n1\n" if name == "a.csv" else json.dumps({"pk": "1"})
    with pytest.raises(CommandError) as refused:
        items(source(tmp_path / name, text, model_table="Shop"))
    assert refused.value.next_step == "Leave --model-table out."


def test_several_errors_are_in_one_message_without_values(tmp_path: Path) -> None:
    """Five mistakes name record and attribute; nothing of what the records hold is repeated."""
    secret = "canary-4711"
    lines = [json.dumps({"no": secret}), *(json.dumps({"pk": [secret]}) for _ in range(9))]
    with pytest.raises(CommandError) as refused:
        check(source(tmp_path / "a.jsonl", "\n".join(lines)))
    message = refused.value.message
    assert "record 1 (line 1): pk: is missing" in message
    assert "record 5 (line 5): pk: has type L" in message
    assert "record 6" not in message
    assert secret not in message
    assert "Nothing was written" in refused.value.next_step


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    """Nothing to put is a mistake, not a success."""
    with pytest.raises(CommandError, match="is empty"):
        check(source(tmp_path / "a.json", " \n "))
