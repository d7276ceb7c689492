"""Log lines for programs."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from cronfleet.context import marks_of
from cronfleet.logs import JsonFormatter
from cronfleet.model import Claim, Kind
from cronfleet.run_id import RunId

RUN = RunId("report", 1_795_521_600_000)
CLAIM = Claim(RUN, Kind.TICK, 7, 2, "digest")
OF_RUN = {"job": "report", "tick": "2026-11-24T12:00:00.000Z", "run": str(RUN)}


def record(message: object, *arguments: object, **extra: object) -> logging.LogRecord:
    logger = logging.getLogger("cronfleet.test")
    made = logger.makeRecord(
        logger.name, logging.INFO, __file__, 1, message, arguments, None, extra=extra
    )
    made.created = 0.25
    return made


def line(written: logging.LogRecord, **options: Any) -> dict[str, Any]:
    text = JsonFormatter(**options).format(written)
    assert text.isascii()
    assert text.isprintable()
    found: dict[str, Any] = json.loads(text)
    return found


def test_each_line_says_when_how_bad_who_and_what() -> None:
    assert line(record("%d mails", 3)) == {
        "time": "1970-01-01T00:00:00.250Z",
        "level": "INFO",
        "logger": "cronfleet.test",
        "message": "3 mails",
    }


def test_one_about_an_attempt_says_which() -> None:
    found = line(record("sent", **marks_of(CLAIM)))
    assert list(found)[4:] == ["job", "tick", "run", "attempt", "token"]
    assert found.items() >= {**OF_RUN, "attempt": 2, "token": 7}.items()


def test_one_that_names_a_run_is_about_that() -> None:
    found = line(record("%s: taken back, now %s", RUN, "pending"))
    assert {name: found[name] for name in list(found)[4:]} == OF_RUN


@pytest.mark.parametrize("run", ["a run of another library", 5, None])
def test_what_others_call_a_run_is_none_of_ours(run: object) -> None:
    assert list(line(record("x", run=run, job="j", token="t"))) == [
        "time",
        "level",
        "logger",
        "message",
    ]


def test_nothing_begins_a_line_or_moves_the_cursor() -> None:
    said = "one\n\x1b[2Jtwo\x85\u2028\u202e\x9b31m"
    assert line(record("%s", said))["message"] == said


@pytest.mark.parametrize(
    "message",
    [
        "at redis://:hush-hush@host/0",
        "the password hush-hush is wrong",
        "quoted: hush%2Dhush is as it is, hush-hush is not",
    ],
)
def test_secrets_are_hidden(message: str) -> None:
    assert "hush-hush" not in line(record(message), secrets=["hush-hush"])["message"]


def test_a_traceback_is_a_field_of_its_own_without_secrets() -> None:
    with pytest.raises(ValueError, match="invalid literal") as raised:
        int("postgresql://user:hush-hush@host/name")
    written = record("failed")
    written.exc_info = (raised.type, raised.value, raised.tb)
    trace = line(written)["traceback"]
    assert trace.startswith("Traceback (most recent call last):\n")
    assert "postgresql://user:***@host/name" in trace
