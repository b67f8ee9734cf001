"""The columns of a CSV file: their names, their types, their cells."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.put_items.errors import CommandError, RecordError
from tests.unit.scripts.put_items.files import NUMBERED, items, source


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
