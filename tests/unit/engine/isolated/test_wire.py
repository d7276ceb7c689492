from __future__ import annotations

import dataclasses
import json
import threading
from datetime import UTC, datetime
from logging import getLogger
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cronfleet import RunContext
from cronfleet.context import LogAdapter
from cronfleet.engine.isolated.wire import (
    MOST_CHARACTERS,
    MOST_KINDS,
    Failure,
    Lines,
    context_of,
    encode,
    failure_of,
    to_enter,
)

MESSAGES = st.lists(st.dictionaries(st.text(), st.integers() | st.text()))


@given(messages=MESSAGES, size=st.integers(1, 40))
def test_messages_arrive_whole_however_they_are_cut(
    messages: list[dict[str, Any]], size: int
) -> None:
    data = b"".join(map(encode, messages))
    lines = Lines()
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    assert [each for piece in pieces for each in lines.take(piece)] == messages


@pytest.mark.parametrize(
    "noise", [b"", b"{", b"[1]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"is": ', b"x" * 500]
)
def test_noise_is_passed_over_and_what_follows_it_is_heard(noise: bytes) -> None:
    lines = Lines()
    assert list(lines.take(noise + b"\n" + encode({"is": "ready"}))) == [{"is": "ready"}]


def test_a_line_without_an_end_is_not_held_in_memory() -> None:
    lines = Lines(most_bytes=100)
    for _ in range(1_000):
        assert list(lines.take(b"x" * 50)) == []
        assert len(lines._rest) <= 100
    assert list(lines.take(b"\n" + encode({"is": "ready"}))) == [{"is": "ready"}]


@given(message=st.dictionaries(st.sampled_from(["said", "trace", "kinds"]), st.from_type(object)))
def test_whatever_a_failure_is_told_to_be_it_is_texts_of_a_bounded_length(
    message: dict[str, Any],
) -> None:
    failure = failure_of(message)
    assert all(type(each) is str for each in (failure.said, failure.trace, *failure.kinds))


def test_a_failure_is_cut() -> None:
    failure = failure_of({"said": "x" * 99_999, "trace": "a\0b", "kinds": ["k"] * 999})
    assert len(failure.said) == MOST_CHARACTERS
    assert failure.trace == "a\N{REPLACEMENT CHARACTER}b"
    assert len(failure.kinds) == MOST_KINDS
    assert failure_of({}) == Failure("", "", [])


def test_a_run_crosses_over_with_all_that_it_has() -> None:
    about = {"job": "report", "run": "report@5", "attempt": 2, "token": 7}
    noon = datetime(2026, 3, 29, 12, tzinfo=UTC)
    here = RunContext(
        job="report",
        kind="tick",
        fire_time=noon,
        args={"to": ["anna", {"n": 1.5}, None]},
        attempt=2,
        shard=3,
        shards=16,
        token=7,
        run_id="report@5",
        deadline=None,
        lost=threading.Event(),
        log=LogAdapter(getLogger("cronfleet.run"), about),
    )
    there = context_of(json.loads(encode(to_enter(here, noon))))
    assert there.deadline == noon
    assert there.log.extra == about
    for each in dataclasses.fields(RunContext):
        if each.name not in {"lost", "draining", "log", "deadline"}:
            assert getattr(there, each.name) == getattr(here, each.name)
    assert not there.lost.is_set()
    assert not there.draining.is_set()
    assert context_of(json.loads(encode(to_enter(here, None)))).deadline is None
