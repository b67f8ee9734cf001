"""The column rule, and `change_names`, which lists the paths that a column's name does not show."""

import json
import sys
import unicodedata
from types import SimpleNamespace

import pytest

from tests.unit.transform.records import Json
from transform_lambda import names as module
from transform_lambda.flatten import RowSettings, flatten
from transform_lambda.names import MAX_COLUMN_CHARACTERS, column_name, joined
from transform_lambda.unicode14 import UNASSIGNED

# Names, and the same names in a column.
VECTORS = [
    ("pk", "pk"),
    ("CustomerId", "customerid"),
    ("State#Date", "state_date"),
    ("a.b", "a_b"),
    ("my-column", "my_column"),
    ("my/column", "my_column"),
    ("with space", "with_space"),
    ("tab\tand\x00", "tab_and_"),
    ("1st", "1st"),
    ("", ""),
    ("größe", "grosse"),
    ("Größe", "grosse"),
    ("Grüße", "grusse"),
    ("STRAẞE", "strasse"),
    ("Ærø", "aero"),
    ("œuvre", "oeuvre"),
    ("Łódź", "lodz"),
    ("Đồng", "dong"),
    ("İ", "i"),
    ("Ĳssel", "ijssel"),
    ("\u017f", "s"),  # long s
    ("ẵ", "a"),
    ("ǽ", "_x01fd_"),  # a letter with a mark whose letter is not ASCII
    ("ŉ", "_x0149_"),
    ("ﬁ", "_xfb01_"),
    ("\u212a", "k"),
    ("é", "e"),
    ("e\u0301", "e"),
    ("x\u0302\u0301", "x"),
    ("\u0301", "_x0301_"),
    ("1\u0301", "1_x0301_"),
    ("-\u0301", "__x0301_"),
    ("я\u0301", "_x044f__x0301_"),
    ("ß\u0301", "ss"),
    ("商品", "_x5546__x54c1_"),
    ("価格", "_x4fa1__x683c_"),
    ("が", "_x304c_"),
    ("か\u3099", "_x304c_"),
    ("ที", "_x0e17__x0e35_"),
    ("각", "_xac01_"),
    ("\u1100\u1161\u11a8", "_xac01_"),
    ("имя", "_x0438__x043c__x044f_"),
    ("😀", "_x1f600_"),
    ("naïve-Ключ", "naive__x041a__x043b__x044e__x0447_"),
]


@pytest.mark.parametrize(("name", "column"), VECTORS)
def test_name_in_a_column(name: str, column: str) -> None:
    """Lower case, letters without their marks, `_` for other ASCII, else the code point."""
    assert column_name(name) == column


def test_no_character_outside_ascii_is_a_bare_underscore() -> None:
    """Each becomes a letter or its code point, so that names in any script stay distinct."""
    for code in range(0x80, 0x2_0000):
        if 0xD800 <= code <= 0xDFFF:
            continue
        if unicodedata.normalize("NFC", chr(code)).isascii():  # for example U+037E, a semicolon
            continue
        column = column_name(chr(code))
        assert column.isascii()
        assert column.strip("_")
        assert column == column.lower()


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("__typename", "__typename"),
        ("_deleted", "attribute__deleted"),
        ("_Deleted", "attribute__deleted"),
        ("dt", "attribute_dt"),
        ("change_id", "attribute_change_id"),
        ("c" * MAX_COLUMN_CHARACTERS, "c" * MAX_COLUMN_CHARACTERS),
        ("c" * (MAX_COLUMN_CHARACTERS + 1), ""),
        ("商" * 36, "_x5546_" * 36),
        ("商" * 37, ""),
    ],
)
def test_column_at_the_top(name: str, column: str) -> None:
    """Reserved names get a prefix. A name that is too long for any table has no column."""
    assert joined("", name) == column


def test_unassigned_characters_are_those_of_unicode_14() -> None:
    """The table agrees with `unicodedata` of Python 3.11, character by character."""
    unassigned: set[int] = set()
    for part in UNASSIGNED.split():
        first, _, last = part.partition("-")
        unassigned |= set(range(int(first, 16), int(last or first, 16) + 1))
    known_later = 0
    for code in range(sys.maxunicode + 1):
        known = unicodedata.category(chr(code)) != "Cn"
        if known and code in unassigned:
            known_later += 1
        assert known or code in unassigned
    assert bool(known_later) is (unicodedata.unidata_version != "14.0.0")


def test_characters_not_in_unicode_14_are_never_normalized(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A later Python would compose or reorder them and write different bytes."""
    seen = []

    def normalize(form: str, text: str) -> str:
        seen.append(text)
        return unicodedata.normalize("NFC", text) if form == "NFC" else text

    monkeypatch.setattr(module, "unicodedata", SimpleNamespace(normalize=normalize))
    # U+105D2 and U+0307 are composed to U+105C9 from Unicode 16 on.
    assert column_name("e\u0301\U000105d2\u0307e\u0301") == "e_x105d2__x0307_e"
    assert seen == ["e\u0301", "\u0307e\u0301"]


@pytest.mark.parametrize(
    ("item", "names"),
    [
        ({"pk": {"S": ""}, "CustomerId": {"S": ""}, "a_b": {"N": "1"}}, None),
        ({"a": {"M": {"B": {"M": {"c_": {"S": ""}}}}}}, None),
        ({"my-column": {"S": ""}}, {"my_column": ["my-column"]}),
        ({"my/column": {"S": ""}, "x": {"S": ""}}, {"my_column": ["my/column"]}),
        ({"\u212a": {"S": ""}}, {"k": ["\u212a"]}),
        ({"__typename": {"S": ""}}, {"__typename": ["__typename"]}),
        ({"a__b": {"S": ""}}, {"a__b": ["a__b"]}),
        ({"a_": {"M": {"b": {"S": ""}}}}, {"a___b": ["a_", "b"]}),
        ({"_deleted": {"S": ""}}, {"attribute__deleted": ["_deleted"]}),
        ({"attribute__deleted": {"S": ""}}, {"attribute__deleted": ["attribute__deleted"]}),
        ({"DT": {"S": ""}}, {"attribute_dt": ["DT"]}),
        (
            {"Größe": {"M": {"Länge": {"N": "1"}, "x": {"N": "1"}}}},
            {"grosse__lange": ["Größe", "Länge"], "grosse__x": ["Größe", "x"]},
        ),
        ({"a.b": {"M": {"c": {"S": ""}}}, "a_b": {"S": ""}}, {"a_b__c": ["a.b", "c"]}),
        ({"a-b": {"M": {}}, "l": {"L": [{"M": {"x-y": {"S": ""}}}]}}, {"a_b": ["a-b"]}),
        # A rescued attribute is not a column of this row.
        ({"a-b": {"S": ""}, "a_b": {"S": ""}}, None),
        ({"a-b": {"S": ""}, "a.b": {"S": ""}, "c-d": {"S": ""}}, {"c_d": ["c-d"]}),
    ],
)
def test_change_names_lists_the_columns_that_do_not_show_the_path(item: Json, names: Json | None) -> None:
    """It lists exactly the columns whose parts are not the path's names in ASCII lower case."""
    for _ in range(2):  # the second time uses remembered names
        found = flatten(item).names
        assert (found and json.loads(found)) == names


def test_a_name_can_be_a_map_in_one_item_and_text_in_another() -> None:
    """Although names are remembered, it is listed only in the item in which it has the column."""
    as_map, as_text = {"M": {"c": {"S": ""}}}, {"S": ""}
    for _ in range(2):
        assert flatten({"a-b": as_text}).names == '{"a_b":["a-b"]}'
        assert flatten({"a-b": as_map, "a_b": as_text}).names == '{"a_b__c":["a-b","c"]}'
        kept = RowSettings(keep_whole=frozenset({"a_b"}))
        assert flatten({"a-b": as_map}, kept).names == '{"a_b":["a-b"]}'
        assert flatten({"a-b": as_map}, RowSettings(max_depth=1)).names == '{"a_b":["a-b"]}'


def test_change_names_is_sorted_and_in_utf_8() -> None:
    """The same item always gives the same text."""
    item = {"ж": {"S": ""}, "b c": {"S": ""}, 'a"': {"S": ""}}
    assert flatten(item).names == '{"_x0436_":["ж"],"a_":["a\\""],"b_c":["b c"]}'
    assert flatten(dict(reversed(item.items()))).names == flatten(item).names
