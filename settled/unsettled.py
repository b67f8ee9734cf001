"""The view `unsettled_changes`: the rows of `changes` that the settled tables may lack.

It has the open days: those that can still get objects, and those into which a verb writes (reopened.py). Of
these days, it leaves out objects that were settled some time ago. Days and objects are literals, so the
engine reads no byte of what it leaves out (on Trino 435; that Athena prunes by `$path` is [unverified]).
An object that is settled but not left out does no harm: the views drop copies of a change.
"""

import base64
import binascii
import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from .names import UNSETTLED

# Days before today that are open without a verb, at most and at least. Firehose names the day when a record
# arrives, and keeps trying for days while the lake refuses it (docs/reliability.md).
MOST_OPEN_DAYS = 8
LEAST_OPEN_DAYS = 1
# Bytes of the names that are left out. Athena accepts statements of 262,144 bytes (Athena user guide,
# "Service Quotas"); the column names need the rest.
MOST_NAME_BYTES = 120_000
_LITERAL = re.compile(r"'((?:[^']|'')*+)'?")  # also one that is not closed: so no start fails late
_FIRST_DAY = re.compile(r"\bdt\W*>=\s*'([0-9]{4}-[0-9]{2}-[0-9]{2})'")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_PREFIX, _SUFFIX = "/* Presto View: ", " */"  # around the definition of a view in Glue
_FOLDER = re.compile(r"/data/dt=([0-9]{4}-[0-9]{2}-[0-9]{2})/")


@dataclass(frozen=True)
class SettledObject:
    """A raw object whose rows are settled: its path, its day, its bytes."""

    path: str
    day: str
    size: int


@dataclass(frozen=True)
class Opening:
    """The rows of the view: days from `first_day`, the days `reopened`, without the objects `left_out`."""

    first_day: str
    reopened: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    def with_days(self, days: Iterable[str]) -> "Opening":
        """The same view with all rows of further days.

        It leaves out none of their objects: a command may write an object again that was settled before.
        """
        written = {*days}
        reopened = {*self.reopened, *(day for day in written if day < self.first_day)}
        left_out = (path for path in self.left_out if day_of(path) not in written)
        return Opening(self.first_day, tuple(sorted(reopened)), tuple(left_out))


def day_of(path: str) -> str | None:
    """The day of the folder of a raw object, from its path; None if it is not below a day."""
    found = _FOLDER.search(path)
    return found[1] if found else None


def opening(today: date, settled: Collection[SettledObject], reopened: Iterable[str] = ()) -> Opening:
    """The narrowest view whose text is not too long.

    :param today: the day, UTC
    :param settled: the objects of all days that may be left out
    :param reopened: days before the open ones of which the settled tables may lack rows
    """
    for back in range(MOST_OPEN_DAYS, LEAST_OPEN_DAYS - 1, -1):
        first = (today - timedelta(days=back)).isoformat()
        earlier = sorted({day for day in reopened if day < first})
        shown = sorted(
            (one for one in settled if one.day >= first or one.day in earlier),
            key=lambda one: (-one.size, one.path),
        )
        fitting, size = [], 0
        for one in shown:
            size += len(one.path.encode()) + 4
            if size > MOST_NAME_BYTES:
                break
            fitting.append(one.path)
        if size <= MOST_NAME_BYTES or back == LEAST_OPEN_DAYS:
            return Opening(first, tuple(earlier), tuple(sorted(fitting)))
    raise AssertionError  # the last round returns


def statement(opened: Opening, columns: Sequence[str]) -> str:
    """The statement that creates the view with these columns of `changes`, `dt` last."""
    names = ", ".join(f'"{column}"' for column in (*columns, "dt"))
    days = f"dt >= '{opened.first_day}'"
    if opened.reopened:
        days = f"({days} OR dt IN ({_texts(opened.reopened)}))"
    left_out = f'\n  AND "$path" NOT IN ({_texts(opened.left_out)})' if opened.left_out else ""
    return f"CREATE OR REPLACE VIEW {UNSETTLED} AS\nSELECT {names}\nFROM changes\nWHERE {days}{left_out}"


def read(sql: str) -> Opening | None:
    """The opening of the view in a text that `statement` returned, in whatever layout Athena stores it.

    None if it is another view. The view's only literals are days and the paths of objects.
    """
    first = _FIRST_DAY.search(sql)
    texts = [text.replace("''", "'") for text in _LITERAL.findall(sql)]
    days = [text for text in texts if _DAY.fullmatch(text)]
    paths = [text for text in texts if text.startswith("s3://")]
    if first is None or days[:1] != [first[1]] or len(days) + len(paths) != len(texts):
        return None
    return Opening(first[1], tuple(days[1:]), tuple(paths))


def _texts(values: Iterable[str]) -> str:
    return ", ".join("'" + value.replace("'", "''") + "'" for value in values)


def sql_of(table: Mapping[str, object]) -> str | None:
    """The SQL of a view in Glue (a `Table` of GetTable), as Athena stores it; None if it is no view."""
    text = str(table.get("ViewOriginalText") or "")
    if not (text.startswith(_PREFIX) and text.endswith(_SUFFIX)):
        return None
    try:
        return str(json.loads(base64.b64decode(text[len(_PREFIX) : -len(_SUFFIX)]))["originalSql"])
    except (binascii.Error, ValueError, KeyError, TypeError):
        return None
