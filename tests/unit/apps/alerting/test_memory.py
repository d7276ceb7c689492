"""What is told again, and what is not."""

from __future__ import annotations

import json

from cronfleet.apps.alerting.conditions import Condition
from cronfleet.apps.alerting.memory import News, Over, news, read, told_now
from cronfleet.apps.alerting.message import Message
from tests.unit.apps.alerting.fleets import NOW

FAILED = Condition("report failed", "no ink")
LATE = Condition("report is late", "since noon")
MISSED = Condition("report was missed, 11:00", "one tick", is_event=True)


def test_a_condition_is_told_once() -> None:
    assert news({}, [FAILED, LATE]).begun == [FAILED, LATE]
    told = told_now({}, [FAILED], "12:00")
    assert news(told, [FAILED, LATE]).begun == [LATE]
    assert not news(told, [FAILED])


def test_a_condition_that_is_over_is_told_with_its_beginning() -> None:
    told = told_now({}, [FAILED, LATE], "12:00")
    later = told_now(told, [FAILED], "13:00")
    assert news(told, [FAILED]).over == [Over("report is late", "12:00")]
    assert later == {"report failed": "12:00"}
    assert news(later, []).over == [Over("report failed", "12:00")]


def test_what_has_happened_is_never_over() -> None:
    told = told_now({}, [MISSED], "12:00")
    assert not news(told, [MISSED])
    assert not news(told, [])
    assert told_now(told, [], "13:00") == {}


def test_each_channel_has_its_own_memory() -> None:
    args = {"told": {"mail": {"report failed": "12:00"}}}
    assert read(args, "mail") == {"report failed": "12:00"}
    assert read(args, "slack") == read({}, "mail") == {}


def message(*begun: Condition, over: tuple[Over, ...] = ()) -> Message:
    return Message("1", "default", NOW, News(begun, over))


def test_one_piece_of_news_is_the_subject_itself() -> None:
    assert message(FAILED).subject == "[cronfleet default] report failed"
    over = Over("report failed", "12:00")
    assert message(over=(over,)).subject == "[cronfleet default] over: report failed"
    assert message(FAILED, LATE, over=(over,)).subject == "[cronfleet default] 2 new, 1 over"


def test_people_and_programs_are_told_the_same() -> None:
    told = message(FAILED, MISSED, over=(Over("report is late", "11:00"),))
    assert told.text == (
        "report failed\nno ink\n\n"
        "report was missed, 11:00\none tick\n\n"
        "Over: report is late (it stood since 11:00)\n"
    )
    assert json.loads(told.document) == {
        "format": 1,
        "id": "1",
        "fleet": "default",
        "at": "2027-03-01T12:00:00Z",
        "begun": [
            {"title": "report failed", "said": "no ink", "is_event": False},
            {"title": "report was missed, 11:00", "said": "one tick", "is_event": True},
        ],
        "over": [{"title": "report is late", "since": "11:00"}],
    }
