"""Java's DateTimeFormatter patterns as `!{timestamp:…}` uses them."""

import datetime as dt
import re
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.delivery.timestamps import PatternError, format_timestamp

# A Friday in the 47th week; hour 3 has one digit.
MOMENT = dt.datetime(2026, 11, 20, 3, 4, 5, tzinfo=dt.UTC)
TOKYO = ZoneInfo("Asia/Tokyo")
NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("yyyy-MM-dd", "2026-11-20"),
        ("yyyy/MM/dd/HH", "2026/11/20/03"),
        ("yyyy'-'MM'-'dd", "2026-11-20"),
        ("'year='yyyy'/month='MM", "year=2026/month=11"),
        ("yy", "26"),
        ("y.M.d H:m:s", "2026.11.20 3:4:5"),
        ("uuuu", "2026"),
        ("MMM MMMM MMMMM", "Nov November N"),
        ("LLL", "Nov"),
        ("E EEE EEEE EEEEE", "Fri Fri Friday F"),
        ("e", "6"),
        ("D DDD", "324 324"),
        ("Q QQQ QQQQ", "4 Q4 4th quarter"),
        ("w YYYY", "47 2026"),
        ("W F", "3 6"),
        ("h a", "3 AM"),
        ("KK kk", "03 03"),
        ("SSS", "000"),
        ("A", "11045000"),
        ("VV z X XXX Z O", "UTC UTC Z Z +0000 GMT"),
        ("x xxx", "+00 +00:00"),
        ("zzzz", "Coordinated Universal Time"),
        ("G GGGG", "AD Anno Domini"),
        ("''yyyy''", "'2026'"),
        ("'o''clock'", "o'clock"),
        ("yyyy[-MM]", "2026-11"),
        ("pppd", " 20"),
        ("!;=,.", "!;=,."),
        ("", ""),
    ],
)
def test_pattern_is_formatted_as_in_java(pattern: str, expected: str) -> None:
    """Letters, counts, quotes, optional sections and padding of java.time.format.DateTimeFormatter."""
    assert format_timestamp(pattern, MOMENT) == expected


@pytest.mark.parametrize(
    ("zone", "pattern", "expected"),
    [
        (TOKYO, "yyyy-MM-dd'T'HH VV XXX O", "2026-11-20T12 Asia/Tokyo +09:00 GMT+9"),
        (NEW_YORK, "yyyy-MM-dd'T'HH z x ZZZZ", "2026-11-19T22 EST -05 GMT-05:00"),
    ],
)
def test_time_zone_changes_the_day(zone: ZoneInfo, pattern: str, expected: str) -> None:
    """CustomTimeZone: the same time, another calendar day."""
    assert format_timestamp(pattern, MOMENT.astimezone(zone)) == expected


@pytest.mark.parametrize(
    "pattern",
    ["yyyy'", "b", "ddd", "MMMMMM", "V", "yyyy]", "{yyyy", "yyyy#", "pp", "OO", "aa"],
)
def test_pattern_that_java_rejects_is_rejected(pattern: str) -> None:
    """An open quote, an unknown letter, too many letters, reserved characters, padding before nothing."""
    with pytest.raises(PatternError):
        format_timestamp(pattern, MOMENT)


@given(st.datetimes(dt.datetime(1970, 1, 1), dt.datetime(2100, 1, 1), timezones=st.just(dt.UTC)))
def test_prefix_of_the_templates_is_the_iso_date(moment: dt.datetime) -> None:
    """`yyyy-MM-dd` is the day at every time."""
    assert format_timestamp("yyyy-MM-dd", moment) == moment.date().isoformat()


@given(st.datetimes(dt.datetime(1970, 1, 1), dt.datetime(2100, 1, 1), timezones=st.just(dt.UTC)))
def test_week_has_seven_days_of_one_week_year(moment: dt.datetime) -> None:
    """`YYYY-w` is constant from Sunday to Saturday."""
    sunday = moment - dt.timedelta(days=moment.isoweekday() % 7)
    weeks = {format_timestamp("YYYY-w", sunday + dt.timedelta(days=day)) for day in range(7)}
    assert len(weeks) == 1
    assert re.fullmatch(r"\d{4}-\d{1,2}", weeks.pop())
