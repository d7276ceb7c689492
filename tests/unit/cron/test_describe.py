"""What `describe` says."""

from __future__ import annotations

import pytest
from hypothesis import given

from cronfleet.cron.describe import describe
from cronfleet.cron.parser import parse
from tests.unit.cron import oracle


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("30 2 * * 1-5", "at 02:30 on weekdays"),
        ("0 0 * * *", "at 00:00 every day"),
        ("0 9,12,15 * * *", "at 09:00, 12:00 and 15:00 every day"),
        ("15,45 30 9 * * *", "at 09:30:15 and 09:30:45 every day"),
        ("* * * * *", "every minute"),
        ("*/5 * * * *", "every 5 minutes"),
        ("0-59/5 * * * *", "every 5 minutes"),
        ("0 * * * *", "every hour"),
        ("0 */2 * * *", "every 2 hours"),
        ("0 9-17 * * *", "every hour from 09:00 to 17:00"),
        ("0 1,2,3,5,7,9,11 * * *", "at 01:00, 02:00, 03:00, 05:00, 07:00, 09:00 and 11:00"),
        ("15 * * * *", "at minute 15 of every hour"),
        ("15 */2 * * *", "at minute 15 of hours 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20 and 22"),
        ("*/7 3 * * *", "at minutes 0, 7, 14, 21, 28, 35, 42, 49 and 56 of hour 3"),
        ("*/15 9-17 * * 0,6", "every 15 minutes of hours 9 to 17 on weekends"),
        ("* 2 * * *", "every minute of hour 2"),
        ("* * * * * *", "every second"),
        ("*/10 * * * * *", "every 10 seconds"),
        ("*/10 5 * * * *", "every 10 seconds of minute 5 of every hour"),
        ("30 * * * * *", "at second 30 of every minute"),
        ("30 * 4,5 * * *", "at second 30 of every minute of hours 4 and 5"),
    ],
)
def test_times(expression: str, text: str) -> None:
    assert describe(parse(expression)) == text


@pytest.mark.parametrize(
    ("days", "text"),
    [
        ("1 * *", "on day 1 of the month"),
        ("1,15-20,L * *", "on days 1 and 15 to 20 and the last day of the month"),
        ("L-3 * *", "on the last day but 3 of the month"),
        ("15W * ?", "on the weekday nearest to day 15 of the month"),
        ("LW * *", "on the last weekday of the month"),
        ("* * SUN,MON,WED", "on Mondays, Wednesdays and Sundays"),
        ("* * MON#2,5L", "on the second Monday of the month and the last Friday of the month"),
        ("13 * FRI", "on day 13 of the month and also on Fridays"),
        ("*/16 * FRI", "on days 1 and 17 of the month, but only on Fridays"),
        ("1-31 * MON", "every day"),
        ("1 1,2,12 *", "on day 1 of the month in January, February and December"),
        ("* 3-5 *", "every day in March to May"),
        ("* FEB *", "every day in February"),
    ],
)
def test_days(days: str, text: str) -> None:
    assert describe(parse(f"0 12 {days}")) == f"at 12:00 {text}"


def test_years() -> None:
    assert describe(parse("0 0 0 1 7 * 2027")) == "at 00:00 on day 1 of the month in July of 2027"
    assert describe(parse("0 0 0 * * * 2027-2030")) == "at 00:00 every day in 2027 to 2030"


@given(oracle.sketches(oracle.parts(0, 59)))
def test_it_has_words_for_everything(sketch: oracle.Sketch) -> None:
    text = describe(parse(sketch.text))
    assert text.split()[0] in {"at", "every"}
    assert "  " not in text
    assert text == describe(parse(sketch.text))
