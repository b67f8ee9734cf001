"""The declared table on rows that the function writes, read by Trino and the sandbox with equal results."""

import datetime as dt
import gzip
import json
from decimal import Decimal

import pytest

from glue.tables import METADATA_COLUMNS
from tests.sandbox.lake import AthenaError, Lake
from tests.sandbox.rows import item_lines
from tests.trino.both import Both
from tests.trino.client import Client, TrinoError

DAY, NEXT_DAY = "2026-11-19", "2026-11-20"

# Numbers as DynamoDB returns them: no leading or trailing zeros, up to 38 digits, 1E-130 to 9.99E+125.
NUMBERS = [
    "0",
    "-1",
    "42",
    "1.5",
    "-0.25",
    "999999999999999",
    "12345678.5",
    "1234567890123456",
    "12345678901234567890123456789012345678",
    "-99999999999999999999999999999999999999",
    "0.000001",
    "1E-7",
    "0.12345678901234567890123456789012345678",
    "1E-130",
    "9.9999999999999999999999999999999999999E+125",
]

RESPELT = {"0.0000001": "1E-7", "-0.00000025": "-2.5E-7"}


@pytest.fixture(scope="module")
def attributes(lake: Lake) -> Lake:
    """A table `attributes` with one object of items whose attributes cover every type."""
    items = [{"pk": {"S": f"n-{text}"}, "n": {"N": text}, "ns": {"NS": [text]}} for text in NUMBERS]
    items += [{"pk": {"S": f"r-{text}"}, "n": {"N": text}} for text in RESPELT]
    items += [
        {
            "pk": {"S": "nested"},
            "deep": {"M": {"list": {"L": [{"M": {"A": {"N": NUMBERS[8]}, "é": {"NULL": True}}}]}}},
        },
        {"pk": {"S": "empty"}, "m": {"M": {}}, "l": {"L": []}, "s": {"S": ""}},
        {"pk": {"S": "null"}, "s": {"NULL": True}},
        {"pk": {"S": "missing"}},
        {"pk": {"S": "types"}, "flag": {"BOOL": False}, "b": {"B": "AAEC"}, "ss": {"SS": ["b", "a"]}},
        {"pk": {"S": "text"}, "s": {"S": 'quote " back \\ line\n tab\t null\u0000 </b> 漢字 😀'}},
    ]
    root = lake.declare(
        "attributes", ["pk", "n", "ns", "deep__list", "m", "l", "s", "flag", "b", "ss"], first_day=DAY
    )
    lake.put(item_lines(*items), DAY, root=root)
    return lake


def test_every_column_is_text_in_both_engines(both: Both, attributes: Lake) -> None:
    """Every column of `changes` is `string`, so no value can fail a query."""
    columns, _ = both.answer("SELECT * FROM attributes LIMIT 0")
    assert {kind for _, kind in columns} == {"varchar"}


@pytest.mark.parametrize("number", NUMBERS)
def test_numbers_keep_every_digit(both: Both, attributes: Lake, number: str) -> None:
    """A number is the text that DynamoDB sent, also with 38 digits, at the top level and inside a set."""
    ((text, members),) = both.ask(f"SELECT n, ns FROM attributes WHERE pk = 'n-{number}'")
    assert text == number
    assert members is not None
    (member,) = json.loads(members, parse_int=Decimal, parse_float=Decimal)
    assert Decimal(member) == Decimal(number)


@pytest.mark.parametrize(("sent", "read"), RESPELT.items())
def test_some_numbers_have_another_spelling(both: Both, attributes: Lake, sent: str, read: str) -> None:
    """An unquoted number is printed by BigDecimal: the same value in another spelling."""
    assert both.ask(f"SELECT n, CAST(n AS double) = {sent}e0 FROM attributes WHERE pk = 'r-{sent}'") == [
        [read, "true"]
    ]


def test_nested_values_read_as_their_json_text(both: Both, attributes: Lake) -> None:
    """An array's text is compact JSON. Names keep their case, and null stays null."""
    rows = both.ask("SELECT deep__list FROM attributes WHERE pk = 'nested'")
    assert rows == [['[{"A":"12345678901234567890123456789012345678","é":null}]']]


def test_empty_map_list_and_text_are_not_null(both: Both, attributes: Lake) -> None:
    """An empty value is different from a missing one."""
    assert both.ask("SELECT m, l, s FROM attributes WHERE pk = 'empty'") == [["{}", "[]", ""]]


def test_null_and_missing_read_as_null(both: Both, attributes: Lake) -> None:
    """A column shows NULL for an attribute that is null and for one the item does not have."""
    rows = both.ask("SELECT s FROM attributes WHERE pk IN ('null', 'missing')")
    assert rows == [[None], [None]]


def test_booleans_binaries_and_sets_read_as_text(both: Both, attributes: Lake) -> None:
    """`false`, base64 text and a JSON array."""
    rows = both.ask("SELECT flag, b, ss FROM attributes WHERE pk = 'types'")
    assert rows == [["false", "AAEC", '["a","b"]']]


def test_text_with_escapes_is_unchanged(both: Both, attributes: Lake) -> None:
    """Quotes, backslashes, control characters, other scripts and characters outside the BMP are unchanged."""
    rows = both.ask("SELECT s FROM attributes WHERE pk = 'text'")
    assert rows == [['quote " back \\ line\n tab\t null\u0000 </b> 漢字 😀']]


def test_change_key_finds_an_item(both: Both, attributes: Lake) -> None:
    """`change_key` is the key's canonical DynamoDB JSON."""
    rows = both.ask("""SELECT pk FROM attributes WHERE change_key = '{"pk":{"S":"nested"}}'""")
    assert rows == [["nested"]]


def test_json_functions_read_nested_text(both: Both, attributes: Lake) -> None:
    """SQL functions can parse nested text as JSON, and 38 digits are kept."""
    rows = both.ask("SELECT json_extract_scalar(deep__list, '$[0].A') FROM attributes WHERE pk = 'nested'")
    assert rows == [[NUMBERS[8]]]


@pytest.fixture(scope="module")
def objects(lake: Lake) -> Lake:
    """A table `objects` with every kind of object that a prefix can contain."""
    root = lake.declare("objects", ["pk"], first_day=DAY)
    lake.put(item_lines({"pk": {"S": "gzip"}}), DAY, "ddb-lake-1.gz", root)
    lake.put(item_lines({"pk": {"S": "plain"}}), DAY, "ddb-lake-2", root)
    lake.put(item_lines({"pk": {"S": "nested"}}), DAY, "more/ddb-lake-3.gz", root)
    lake.put(item_lines({"pk": {"S": "underscore"}}), DAY, "_ddb-lake-4.gz", root)
    lake.put(item_lines({"pk": {"S": "dot"}}), DAY, ".ddb-lake-5.gz", root)
    lake.put(item_lines({"pk": {"S": "underscored folder"}}), DAY, "_temporary/ddb-lake-6.gz", root)
    lake.put_bytes(f"{root}/dt={DAY}/ddb-lake-7", b"")
    lake.put_bytes(f"{root}/dt={DAY}/ddb-lake-8.gz", gzip.compress(b""))
    lake.put_bytes(f"{root}/dt={DAY}/", b"")
    lake.put_bytes(f"{root}/ddb-lake-9.gz", gzip.compress(b'{"pk":"outside of every day"}\n'))
    lake.put_bytes(f"{root}/dt={DAY}/ddb-lake-10.gz", gzip.compress(b'{"pk":"no newline at the end"}'))
    lake.put_bytes(
        f"{root}/dt={DAY}/ddb-lake-11.gz",
        gzip.compress(b'{"pk":"first member"}\n') + gzip.compress(b'{"pk":"second member"}\n'),
    )
    lake.put_bytes(f"{root}/dt={DAY}/ddb-lake-12.gz", gzip.compress(b'{"pk":"carriage return"}\r\n'))
    return lake


def test_the_name_decides_how_an_object_is_read(both: Both, objects: Lake) -> None:
    """`_` and `.` hide files and folders, `.gz` means GZIP, and empty objects and markers have no rows."""
    rows = both.ask("SELECT pk FROM objects", ordered=False)
    assert {pk for (pk,) in rows} == {
        "gzip",
        "plain",
        "nested",
        "no newline at the end",
        "first member",
        "second member",
        "carriage return",
    }


def test_lines_end_like_in_hadoop(both: Both, lake: Lake) -> None:
    """A line ends with `\\n`, `\\r\\n` or `\\r`. A byte order mark at the start of an object is skipped."""
    root = lake.declare("line_ends", ["pk"], first_day=DAY)
    mark = b"\xef\xbb\xbf"
    body = mark + b'{"pk":"first"}\r{"pk":"second"}\r\n' + mark + b'{"pk":"marked"}\n\r\r\n{"pk":"last"}'
    lake.put_bytes(f"{root}/dt={DAY}/ddb-lake-1.gz", gzip.compress(body))
    lake.put_bytes(f"{root}/dt={DAY}/ddb-lake-2.gz", gzip.compress(b'{"pk":"alone"}\r'))
    rows = both.ask("SELECT pk FROM line_ends ORDER BY pk")
    assert rows == [["alone"], ["first"], ["last"], ["second"], [None], [None], [None]]


def test_change_lines_shows_the_complete_line(both: Both, lake: Lake) -> None:
    """`change_lines` shows every kind of line. Byte 1 would end a line's text; our rows never have it."""
    root = lake.declare("texts", first_day=DAY, like="change_lines")
    lines = [
        b'{"a": 1, "b": [1,2]}',
        b"",
        b"a,b\tc;d|e",
        b"\\N",
        b'"\\"',
        b"\xff\xfe",
        b"left\x01out",
        "漢字 😀".encode(),
    ]
    lake.put(lines, DAY, root=root)
    rows = both.ask("SELECT line FROM texts ORDER BY line")
    assert rows == [
        [""],
        ['"\\"'],
        ["a,b\tc;d|e"],
        ["left"],
        ['{"a": 1, "b": [1,2]}'],
        ["漢字 😀"],
        ["\ufffd\ufffd"],
        [None],
    ]


def test_errors_are_found_by_type_and_day(both: Both, lake: Lake) -> None:
    """The types are listed and the days projected. A type that is not listed is not read."""
    root = lake.declare("failures", first_day=DAY, like="errors")
    for kind in ("processing-failed", "activePartitionExceeded", "splunk-failed"):
        lake.put([f'{{"ErrorCode":"{kind}"}}'], DAY, "ddb-lake-1", f"{root}/{kind}")
    rows = both.ask("SELECT error_type, dt, errorcode FROM failures ORDER BY error_type")
    assert rows == [[kind, DAY, kind] for kind in ("activePartitionExceeded", "processing-failed")]
    where = f"error_type = 'processing-failed' AND dt = '{DAY}'"
    assert both.ask(f"SELECT errorcode FROM failures WHERE {where}") == [["processing-failed"]]


def test_path_is_the_address_of_a_rows_object(both: Both, objects: Lake) -> None:
    """`"$path"` is the S3 address, so the object of a row can be found."""
    rows = both.ask("""SELECT "$path" FROM objects WHERE pk = 'nested'""")
    assert rows == [[f"s3://{objects.bucket}/tables/{objects.database}/objects/dt={DAY}/more/ddb-lake-3.gz"]]


MALFORMED = [
    (b"", None),
    (b"   ", None),
    (b"garbage", None),
    (b"null", None),
    (b'"text"', None),
    (b"{}", None),
    (b'{"pk":"cut', None),
    (b'{"pk":', None),
    (b'{"pk":"two"}{"pk":"objects"}', "two"),
    (b'{"pk":"x"} trailing', "x"),
    (b'{"PK":"upper"}', "upper"),
    (b'{"pk":"first","pk":"last"}', "last"),
    (b'{"pk":"\xff\xfe"}', "\ufffd\ufffd"),
    (b'{"pk":"\\ud800"}', "?"),
    (b'{"pk":NaN}', "NaN"),
    (b"{'pk':'single quotes'}", "single quotes"),
]


@pytest.fixture(scope="module")
def malformed(lake: Lake) -> Lake:
    """A table `malformed` with one object per line, each followed by a good line."""
    root = lake.declare("malformed", ["pk"], first_day=DAY)
    for number, (line, _) in enumerate(MALFORMED):
        lake.put([line, *item_lines({"pk": {"S": "neighbour"}})], DAY, f"{number}.gz", root)
    return lake


@pytest.mark.parametrize("number", range(len(MALFORMED)))
def test_a_malformed_line_does_not_affect_the_next_line(both: Both, malformed: Lake, number: int) -> None:
    """A foreign line is read as NULLs or as its values. It never fails the query or hides the next line."""
    rows = both.ask(f"""SELECT pk FROM malformed WHERE "$path" LIKE '%/{number}.gz'""")
    assert rows == [[MALFORMED[number][1]], ["neighbour"]]


def test_change_type_distinguishes_our_rows_from_foreign_ones(both: Both, lake: Lake) -> None:
    """A JSON array fills columns by position, even `change_id`. No foreign line has our change types."""
    root = lake.declare("foreign_lines", ["pk"], first_day=DAY)
    ours = item_lines({"pk": {"S": "ours"}})
    lake.put(
        [b"", b"{}", b"garbage", b'["id","INSERTED","2026"]', *ours, b'{"change_id":"x"}'], DAY, root=root
    )
    condition = "change_type IN ('INSERT', 'MODIFY', 'REMOVE', 'SNAPSHOT')"
    assert both.ask(f"SELECT pk FROM foreign_lines WHERE {condition}") == [["ours"]]
    assert both.ask(f"SELECT change_type FROM foreign_lines WHERE {condition}") == [["INSERT"]]


@pytest.fixture(scope="module")
def days(lake: Lake) -> Lake:
    """A table `days` with a readable day, and one whose object no engine can read."""
    root = lake.declare("days", ["pk"], first_day="2026-11-01")
    lake.put(item_lines({"pk": {"S": "old"}}), DAY, root=root)
    lake.put_bytes(f"{root}/dt={NEXT_DAY}/ddb-lake-1.gz", gzip.compress(b'{"pk":"half"}\n' * 1000)[:40])
    lake.put(item_lines({"pk": {"S": "new"}}), NEXT_DAY, "ddb-lake-2.gz", root)
    lake.put(item_lines({"pk": {"S": "before the range"}}), "2026-10-31", root=root)
    return lake


def test_a_cut_off_object_fails_the_query_that_reads_it(trino: Client, days: Lake) -> None:
    """A cut-off object is not treated as empty: both engines report that they could not read it."""
    with pytest.raises(TrinoError):
        trino.execute("SELECT pk FROM days", days.database)
    with pytest.raises(AthenaError):
        days.query("SELECT pk FROM days")


@pytest.mark.parametrize(
    "condition",
    [
        f"dt = '{DAY}'",
        f"dt < '{NEXT_DAY}'",
        f"dt BETWEEN '2026-11-01' AND '{DAY}'",
        f"dt IN ('2026-11-03', '{DAY}')",
        f"dt >= '{DAY}' AND dt < '{NEXT_DAY}'",
        f"date(dt) = DATE '{DAY}'",
        "dt LIKE '2026-11-1%'",
    ],
)
def test_a_condition_on_the_day_prunes_other_days(both: Both, days: Lake, condition: str) -> None:
    """Projection prunes: the unreadable object of the next day is not opened."""
    assert both.ask(f"SELECT pk FROM days WHERE {condition}") == [["old"]]


def test_a_condition_on_the_path_prunes_other_objects(both: Both, days: Lake) -> None:
    """`"$path"` prunes too, even with an unreadable object on the same day."""
    path = f"s3://{days.bucket}/tables/{days.database}/days/dt={NEXT_DAY}/ddb-lake-2.gz"
    assert both.ask(f"""SELECT pk FROM days WHERE dt = '{NEXT_DAY}' AND "$path" = '{path}'""") == [["new"]]


def test_the_declared_table_has_yesterday_today_and_tomorrow(both: Both, lake: Lake) -> None:
    """`changes` as the stack declares it: a new day needs no action, and clock differences do not matter."""
    today = dt.datetime.now(dt.UTC).date()
    days = [str(today + dt.timedelta(days=offset)) for offset in (-1, 0, 1)]
    for day in days:
        lake.put(item_lines({"pk": {"S": day}}), day)
    rows = both.ask(f"SELECT dt, change_key FROM changes WHERE dt >= '{days[0]}' ORDER BY dt")
    assert rows == [[day, f'{{"pk":{{"S":"{day}"}}}}'] for day in days]


def test_wide_and_long_rows_are_read_completely(both: Both, lake: Lake) -> None:
    """A thousand attributes, and a row of a megabyte."""
    names = [f"attribute_{number:04}" for number in range(1000)]
    root = lake.declare("wide", ["pk", *names], first_day=DAY)
    wide = {"pk": {"S": "wide"}, **{name: {"N": str(number)} for number, name in enumerate(names)}}
    lake.put(
        item_lines(wide, {"pk": {"S": "long"}, "attribute_0000": {"S": "x" * 1_000_000}}), DAY, root=root
    )
    first = len([*METADATA_COLUMNS, "pk"])
    assert both.ask("SELECT * FROM wide WHERE pk = 'wide'")[0][first:-1] == [str(n) for n in range(1000)]
    assert both.ask("SELECT length(attribute_0000) FROM wide WHERE pk = 'long'") == [["1000000"]]
