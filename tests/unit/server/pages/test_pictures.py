from __future__ import annotations

from datetime import date, timedelta
from xml.etree import ElementTree as ET

import pytest
from markupsafe import Markup

from cronfleet.server.pages.pictures.calendar import Day, calendar
from cronfleet.server.pages.pictures.dots import Dot, dots, middle_of
from cronfleet.server.pages.pictures.life import Stretch, life
from cronfleet.server.pages.pictures.svg import element
from cronfleet.server.pages.pictures.time_line import MOST_FIRES, axis, lane
from tests.unit.server.pages.fleets import NOON

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
SHAPES = {"svg", "g", "rect", "circle", "line", "text", "title"}
MISCHIEF = '"><script>alert(1)</script>&'


def drawn(markup: Markup) -> ET.Element:
    """The picture, which must be well-formed."""
    return ET.fromstring(markup)


def looks(picture: ET.Element, kind: str) -> list[ET.Element]:
    return [each for each in picture.iter() if kind in each.get("class", "").split()]


def titles(picture: ET.Element) -> list[str | None]:
    return [each.text for each in picture.iter("title")]


def test_an_element_escapes_all_that_it_shows() -> None:
    shown = drawn(element("text", MISCHIEF, class_=MISCHIEF))
    assert (shown.text, shown.get("class"), list(shown)) == (MISCHIEF, MISCHIEF, [])


@pytest.mark.parametrize(
    "picture",
    [
        lane(MISCHIEF, [NOON], NOON, HOUR),
        axis(HOUR),
        calendar([Day(date(2026, 3, 2), {"succeeded": 1})]),
        dots(MISCHIEF, [Dot(1, "failed", MISCHIEF)]),
        life([Stretch(MISCHIEF, HOUR, "failed")]),
    ],
    ids=["lane", "axis", "calendar", "dots", "life"],
)
def test_a_picture_has_words_and_no_styles_of_its_own(picture: Markup) -> None:
    shown = drawn(picture)
    assert (shown.get("role"), bool(shown.get("aria-label"))) == ("img", True)
    names = {name for each in shown.iter() for name in each.attrib}
    assert not names & {"style", "onload", "href"}
    assert {each.tag for each in shown.iter()} <= SHAPES


def test_a_fire_lies_where_its_time_is() -> None:
    shown = drawn(lane("report", [NOON, NOON + 15 * MINUTE, NOON + HOUR], NOON, HOUR))
    assert [each.get("cx") for each in looks(shown, "fire")] == ["0.00%", "25.00%", "100.00%"]
    assert shown.get("aria-label") == "report fires 3 times"


def test_more_fires_than_can_be_told_apart_are_a_band() -> None:
    fires = [NOON + 30 * MINUTE + number * MINUTE / 10 for number in range(MOST_FIRES + 1)]
    shown = drawn(lane("report", fires, NOON, HOUR))
    (band,) = looks(shown, "band")
    assert (band.get("x"), band.get("width"), looks(shown, "fire")) == ("50.00%", "50.00%", [])


def test_an_axis_tells_how_far_off_things_are() -> None:
    texts = [each.text for each in drawn(axis(HOUR)).iter("text")]
    assert texts == ["now", *(f"+{minutes} min" for minutes in (10, 20, 30, 40, 50, 60))]


def test_a_day_looks_like_the_worst_of_its_ticks() -> None:
    day = Day(date(2026, 3, 2), {"succeeded": 20, "missed": 2, "failed": 1})
    shown = drawn(calendar([day]))
    assert len(looks(shown, "cell")) == 1
    assert looks(shown, "cell")[0].get("class") == "cell failed"
    assert "✗ 1" in [each.text for each in shown.iter("text")]
    assert titles(shown) == ["Mon 2026-03-02: 20 succeeded, 2 missed, 1 failed"]


def test_a_day_of_which_nothing_is_known_is_no_success() -> None:
    shown = drawn(calendar([Day(date(2026, 3, 2), {})]))
    assert looks(shown, "cell")[0].get("class") == "cell none"
    assert titles(shown) == ["Mon 2026-03-02: nothing on record"]


def test_a_week_is_a_row_from_monday_on() -> None:
    sunday, monday = Day(date(2026, 3, 1), {}), Day(date(2026, 3, 2), {})
    cells = looks(drawn(calendar([sunday, monday])), "cell")
    (left, above), (right, below) = [(each.get("x", ""), each.get("y", "")) for each in cells]
    assert float(left[:-1]) > float(right[:-1])
    assert float(above) < float(below)


def test_no_days_are_no_picture() -> None:
    assert calendar([]) == ""


def test_a_longer_time_lies_higher_and_a_later_one_to_the_right() -> None:
    values = [Dot(0.002, "succeeded", "a"), Dot(90, "failed", "b")]
    first, second = looks(drawn(dots("How long", values)), "dot")
    assert float(first.get("cy", "")) > float(second.get("cy", ""))
    assert float(first.get("cx", "")[:-1]) < float(second.get("cx", "")[:-1])


@pytest.mark.parametrize("length", [0, 0.0001, 0.001, 1, 61, 1e9])
def test_every_length_has_a_place_in_the_picture(length: float) -> None:
    shown = drawn(dots("How long", [Dot(length, "succeeded", "")]))
    (dot,) = looks(shown, "dot")
    assert 0 <= float(dot.get("cy", "")) <= float(shown.get("height", ""))
    assert len(looks(shown, "grid")) >= 3


def test_the_middle_is_the_median() -> None:
    assert (middle_of([3, 1, 2]), middle_of([4, 1, 2, 3])) == (2, 2)


def test_a_life_is_as_wide_as_its_stretches_are_long() -> None:
    stretches = [Stretch("waited", HOUR, "waited"), Stretch("ran", 3 * HOUR, "succeeded")]
    shown = drawn(life(stretches))
    widths = [float(each.get("width", "")[:-1]) for each in looks(shown, "stretch")]
    assert widths == [pytest.approx(26), pytest.approx(74)]
    assert titles(shown) == ["waited for 1 h", "ran for 3 h"]


def test_the_shortest_stretch_can_be_seen_and_no_time_at_all_is_shared() -> None:
    def widths(*lengths: timedelta) -> list[str | None]:
        stretches = [Stretch("ran", length, "succeeded") for length in lengths]
        return [each.get("width") for each in looks(drawn(life(stretches)), "stretch")]

    assert widths(timedelta(milliseconds=1), 5 * HOUR)[0] == "2.00%"
    assert widths(timedelta(), timedelta()) == ["50.00%", "50.00%"]
