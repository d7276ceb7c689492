"""The checker's own evaluator, written from the page, beside cronfleet's: two opinions, one set."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from cronfleet.cron.zones import zone_names
from cronfleet.errors import InvalidScheduleError
from cronfleet.schedule import Schedule, at, cron, due_ms, every
from cronfleet_verify.definitions import from_export
from cronfleet_verify.expression import ExpressionError, read
from cronfleet_verify.fires import due
from tests.unit.cron import oracle

NAMES = sorted(zone_names())
DAY_MS = 86_400_000
CHANGING = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/St_Johns")
ODD = ("Pacific/Apia", "Africa/Monrovia", "Asia/Kathmandu", "Pacific/Kwajalein", "UTC")

DAYS = ["*", "*", "?", "L", "LW", "15W", "1W", "31w", "L-3", "L,3", "1-7", "*/2", "*/100,1-7", "H"]
WEEKDAYS = ["*", "*", "?", "MON", "fri-sun", "5L", "MON#2", "TUE#L", "0-7", "7", "SUN-TUE", "1/2"]
MONTHS = ["*", "*", "*", "JAN-MAR", "3,10", "*/2", "feb"]


def fields(low: int, high: int) -> st.SearchStrategy[str]:
    plain = oracle.parts(low, high).map(lambda part: part.text)
    return st.one_of(plain, st.sampled_from(["H", "H/7", "H(1-5)", "H(2-20)/3", "0"]))


@st.composite
def expressions(draw: st.DrawFn) -> str:
    words = [draw(fields(0, 59)), draw(fields(0, 23))]
    words += [draw(st.sampled_from(each)) for each in (DAYS, MONTHS, WEEKDAYS)]
    if draw(st.booleans()):
        words.insert(0, draw(fields(0, 59)))
        if draw(st.booleans()):
            words.append(draw(st.sampled_from(["*", "1999-2030", "2026/2"])))
    return " ".join(words)


def theirs(schedule: Schedule, after: int, until: int) -> list[int]:
    return schedule.between(after, until, 10**7)


def ours(schedule: Schedule, after: int, until: int) -> list[int]:
    definition = from_export({"name": "any", "schedule": schedule.to_definition()})
    assert definition is not None
    return list(definition.schedule.fires(after, until))


def registered(expression: str, tz: str) -> Schedule:
    try:
        return cron(expression, tz).for_job("report")
    except InvalidScheduleError as error:
        assume("never fires" not in error.hint)
        raise


@given(
    expressions(),
    st.one_of(st.sampled_from(CHANGING), st.sampled_from(ODD), st.sampled_from(NAMES)),
    st.integers(0, 4_102_444_800_000),
    st.integers(1, 40),
)
@example("30 2 * * *", "Pacific/Apia", 1_325_000_000_000, 9)  # A day that was left out.
@example("15 */2 * * *", "America/St_Johns", 1_289_088_000_000, 3)  # Changed at a minute past.
@example("*/7 * * * * *", "Africa/Monrovia", 63_500_000_000, 3)  # An offset of odd seconds.
def test_both_find_the_same_fire_times(expression: str, tz: str, after: int, days: int) -> None:
    schedule = registered(expression, tz)
    days = min(days, 2) if len(expression.split()) > 5 else days
    until = after + days * DAY_MS
    assert ours(schedule, after, until) == theirs(schedule, after, until)


@given(expressions(), st.sampled_from(CHANGING), st.integers(1990, 2037), st.data())
def test_both_agree_around_every_clock_change(
    expression: str, tz: str, year: int, data: st.DataObject
) -> None:
    schedule = registered(expression, tz)
    start = int(datetime(year, 1, 1, tzinfo=UTC).timestamp())
    zone = oracle.ZoneInfo(tz)
    change = data.draw(
        st.sampled_from(oracle.changes(zone, start, start + 366 * 86_400) or [start])
    )
    # From any second on, within the repeated time too.
    after = (change + data.draw(st.integers(-14_400, 14_400))) * 1000
    until = after + DAY_MS // 4
    assert ours(schedule, after, until) == theirs(schedule, after, until)


@given(
    st.integers(1000, 10**9),
    st.integers(0, 10**13),
    st.integers(0, 7_258_118_400_000),
    st.integers(0, 10**10),
)
def test_intervals_are_counted_from_the_same_anchor(
    interval: int, anchor: int, after: int, span: int
) -> None:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    counted_from = epoch + timedelta(milliseconds=anchor)
    schedule = every(timedelta(milliseconds=interval), counted_from)
    until = after + min(span, 1000 * interval)
    assert ours(schedule, after, until) == theirs(schedule, after, until)


def test_one_moment_is_one_fire_time() -> None:
    schedule = at(datetime(2027, 1, 1, tzinfo=UTC))
    (fire,) = theirs(schedule, 0, 2**52)
    assert ours(schedule, fire - 1, fire) == [fire]
    assert ours(schedule, fire, 2**52) == []


@given(st.text(st.sampled_from("abc-"), min_size=1), st.integers(0, 10**8), st.integers(0, 10**6))
def test_jitter_delays_a_tick_by_the_same_part(job: str, hour: int, jitter: int) -> None:
    schedule = every(timedelta(minutes=10))
    definition = from_export({"name": job, "schedule": schedule.to_definition()})
    assert definition is not None
    fire = hour * 600_000
    expected = due_ms(job, fire, schedule.next_after(fire), jitter)
    assert due(definition.schedule, job, fire, jitter) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "* * * *",
        "60 * * * *",
        "* 24 * * *",
        "5-1 * * * *",
        "*/0 * * * *",
        "H/0 * * * *",
        "* * W * *",
        "* * * FOO *",
        "* * * * 1#6",
        "* * * * *,",
        "@reboot",
        "\u0661 * * * *",
    ],
)
def test_what_is_no_expression_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        read(text, "any")


def test_an_h_needs_a_job() -> None:
    with pytest.raises(ExpressionError):
        read("H * * * *")
