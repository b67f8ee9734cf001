"""The columns of a CSV file: their names, their types, their cells."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.put_items.errors import CommandError, RecordError
from tests.unit.scripts.put_items.files import NUMBERED, items, source


def test_a_missing_key_column_names_a_similar_column(tmp_path: Path) -> None:
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


def test_a_csv_cell_of_a_wrong_type_is_a_record_error(tmp_path: Path) -> None:
    """One bad cell names its line and column; the lines around it are read on."""
    made = source(tmp_path / "a.csv", "pk,n:N,m:M\na,one,\nb,2,\nc,3,[1]\n")
    assert [(place, str(item)) for place, item, _ in made.items() if isinstance(item, RecordError)] == [
        ("line 2", "n.N: is not a number"),
        ("line 4", "m: must be a JSON object"),
    ]


def test_the_json_in_a_cell_decides_its_type(tmp_path: Path) -> None:
    """Any JSON value, or DynamoDB JSON; an empty cell is no attribute, and `null` is NULL."""
    text = (
        'pk,doc:JSON\na,"[1,2.50]"\nb,"{""a"":1}"\nc,5\nd,"""text"""\ne,true\nf,null\ng,\n'
        'h,"{""SS"":[""x""]}"\ni,"[{""S"":""x""}]"\nj,"{""a"":{""N"":""1""}}"\n'
    )
    assert [item.get("doc") for item in items(source(tmp_path / "a.csv", text))] == [
        {"L": [{"N": "1"}, {"N": "2.50"}]},
        {"M": {"a": {"N": "1"}}},
        {"N": "5"},
        {"S": "text"},
        {"BOOL": True},
        {"NULL": True},
        None,
        {"SS": ["x"]},
        {"L": [{"S": "x"}]},
        {"M": {"a": {"N": "1"}}},
    ]


def test_cells_of_dynamodb_json_have_their_own_types(tmp_path: Path) -> None:
    """As the console of DynamoDB writes L and M; a tag around the whole is taken, too."""
    profile = '"{""city"":{""S"":""Oslo""},""age"":{""N"":""30""}}"'
    text = (
        f'"pk","profile:M","tags:L","s:SS"\n"1",{profile},"[{{""S"":""a""}},{{""B"":""AA==""}}]","[""x""]"\n'
    )
    text += '"2","{""M"":{""a"":{""S"":""x""}}}","{""L"":[]}","{""SS"":[""x""]}"\n'
    assert items(source(tmp_path / "a.csv", text)) == [
        {
            "pk": {"S": "1"},
            "profile": {"M": {"city": {"S": "Oslo"}, "age": {"N": "30"}}},
            "tags": {"L": [{"S": "a"}, {"B": b"\x00"}]},
            "s": {"SS": ["x"]},
        },
        {"pk": {"S": "2"}, "profile": {"M": {"a": {"S": "x"}}}, "tags": {"L": []}, "s": {"SS": ["x"]}},
    ]
    (item,) = items(source(tmp_path / "a.csv", f"pk,profile:M\n1,{profile}\n", plain=True))
    assert item["profile"]["M"]["city"] == {"M": {"S": {"S": "Oslo"}}}


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        ('{"a":{"S":"x"},"b":1}', 'm.a: looks like DynamoDB JSON ({"S": …}) within plain JSON'),
        ('{"S":"x"}', 'm: looks like DynamoDB JSON ({"S": …}) within plain JSON'),
        ('{"a":{"N":"x"}}', None),
        ("[1]", "m: must be a JSON object"),
        ('{"type":"Buffer","data":[1]}', "m: must be a JSON object"),
        ("{", "m: is not JSON"),
    ],
)
def test_a_cell_is_completely_dynamodb_json_or_not_at_all(cell: str, why: str | None, tmp_path: Path) -> None:
    """Half of it typed is refused, and so is what is not of the column's type."""
    quoted = cell.replace('"', '""')
    ((_, item, _),) = source(tmp_path / "a.csv", f'pk,m:M\na,"{quoted}"\n').items()
    assert (
        item == {"pk": {"S": "a"}, "m": {"M": {"a": {"M": {"N": {"S": "x"}}}}}}
        if why is None
        else why in str(item)
    )


def test_sets_and_buffers_in_cells_keep_their_type(tmp_path: Path) -> None:
    """What Node.js wrote into a cell."""
    cell = '[{"type":"Buffer","data":[1]},{"wrapperName":"Set","values":[1],"type":"Number"}]'
    text = "pk\tl:L\na\t" + cell + "\n"
    (item,) = items(source(tmp_path / "a.tsv", text, quoting=False))
    assert item["l"] == {"L": [{"B": b"\x01"}, {"NS": ["1"]}]}


def test_an_empty_cell_is_null_if_its_type_allows_null(tmp_path: Path) -> None:
    """+NULL after any type, in the header or in --types; elsewhere it is no attribute."""
    text = "pk,a:N+NULL,b:JSON+NULL,c,d\nx,,,,\ny,1,2,3,4\n"
    assert items(source(tmp_path / "a.csv", text, types={"c": "S+NULL"})) == [
        {"pk": {"S": "x"}, "a": {"NULL": True}, "b": {"NULL": True}, "c": {"NULL": True}},
        {"pk": {"S": "y"}, "a": {"N": "1"}, "b": {"N": "2"}, "c": {"S": "3"}, "d": {"S": "4"}},
    ]


@pytest.mark.parametrize(
    "suffix", ["NUM", "STRING", "VARCHAR(20)", "n", "int", "Boolean", "json", "N+NUL", "NS+"]
)
def test_an_unknown_type_in_the_header_is_refused(suffix: str, tmp_path: Path) -> None:
    """`total:NUM` would become an attribute of that name; a column really called so is named in --types."""
    with pytest.raises(CommandError) as refused:
        items(source(tmp_path / "a.csv", f"pk,total:{suffix}\na,1\n"))
    assert f"column total:{suffix} has an unknown type {suffix}" in refused.value.message
    assert "Types are S, N, B," in refused.value.next_step
    assert f"--types 'total:{suffix}=S'" in refused.value.next_step
    named = source(tmp_path / "a.csv", f"pk,total:{suffix}\na,1\n", types={f"total:{suffix}": "N"})
    assert items(named) == [{"pk": {"S": "a"}, f"total:{suffix}": {"N": "1"}}]


@pytest.mark.parametrize("name", ["note:draft", "xml:lang", "a:", ":b c", "time:12"])
def test_a_colon_in_a_name_does_not_start_a_type(name: str, tmp_path: Path) -> None:
    """The name is the file's."""
    assert items(source(tmp_path / "a.csv", f"pk,{name}\na,1\n")) == [{"pk": {"S": "a"}, name: {"S": "1"}}]


def test_text_columns_that_look_like_another_type_are_noted(tmp_path: Path) -> None:
    """Once, by name and type; not those with a type of their own, nor digits that are no numbers."""
    text = "pk;price;doc;seen;zip;phone;name;n:S;empty\na;1.50;[1];TRUE;0150;+47;x;1;\nb;-2;{};;9;1;1;2;\n"
    made = source(tmp_path / "a.csv", text)
    assert len(items(made)) == 2
    (note,) = made.notes
    assert "These look like another type: price:N, doc:JSON, seen:BOOL. " in note
    spaced = source(tmp_path / "a.csv", "pk, name\na,x\n")
    assert items(spaced) == [{"pk": {"S": "a"}, "name": {"S": "x"}}]
    assert list(spaced.notes) == ["white space around column names is removed: name"]
