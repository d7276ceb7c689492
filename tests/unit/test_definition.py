from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cronfleet.definition import (
    MOST_BYTES,
    decode,
    decode_schedule,
    digest,
    encode,
    schedule_digest,
)
from cronfleet.errors import InvalidJobError, StoreError
from cronfleet.model import History, JobDefinition, Misfire, OnLost, Overlap, Retry

JOB = JobDefinition("report", {"kind": "cron", "expression": "0 * * * *", "tz": "UTC"})

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)  # fmt: skip
definitions = st.builds(
    JobDefinition,
    name=st.just("report"),
    schedule=st.just(JOB.schedule),
    args=st.dictionaries(st.text(), json_values, max_size=4),
    on_lost=st.sampled_from(OnLost),
    overlap=st.sampled_from(Overlap),
    max_active=st.integers(1, 1000),
    misfire=st.sampled_from(Misfire),
    misfire_grace_ms=st.integers(1_000, 10**12),
    max_catch_up=st.integers(1, 1000),
    retry=st.none()
    | st.builds(
        Retry, st.integers(2, 9), st.integers(1), st.floats(1, 9), st.integers(1), st.floats(0, 0.9)
    ),
    timeout_ms=st.none() | st.integers(1),
    jitter_ms=st.integers(0),
    history=st.builds(History, st.integers(0), st.integers(0), st.integers(0)),
    shards=st.integers(1, 200),
)


@given(definitions)
def test_a_definition_is_read_as_it_was_written(definition: JobDefinition) -> None:
    assert decode(encode(definition)) == definition


@given(definitions)
def test_equal_definitions_have_one_text_whatever_the_order_of_their_args(
    definition: JobDefinition,
) -> None:
    turned = replace(definition, args=dict(reversed(list(definition.args.items()))))
    assert digest(encode(turned)) == digest(encode(definition))


def test_a_digest_is_32_hexadecimal_digits_and_changes_with_the_text() -> None:
    ours = digest(encode(JOB))
    assert len(ours) == 32
    assert int(ours, 16) >= 0
    assert ours != digest(encode(replace(JOB, max_active=2)))


def test_an_edit_that_keeps_the_schedule_keeps_its_digest() -> None:
    edited = replace(JOB, max_active=2, args={"to": "anna"})
    moved = replace(JOB, schedule={**JOB.schedule, "tz": "Europe/Berlin"})
    assert schedule_digest(edited) == schedule_digest(JOB) != schedule_digest(moved)


def _endless() -> list[Any]:
    endless: list[Any] = []
    endless.append(endless)
    return endless


@pytest.mark.parametrize(
    "value", [object(), {1, 2}, b"x", float("nan"), float("inf"), {(1, 2): 3}, _endless()]
)
def test_args_that_are_no_json_are_refused_by_the_name_of_their_job(value: object) -> None:
    with pytest.raises(InvalidJobError, match=r"job 'report': args must be plain JSON"):
        encode(replace(JOB, args={"to": value}))


def test_a_definition_over_64_kib_is_refused() -> None:
    room = MOST_BYTES - len(encode(replace(JOB, args={"to": ""})))
    assert len(encode(replace(JOB, args={"to": "x" * room}))) == MOST_BYTES
    with pytest.raises(InvalidJobError, match="pass a key, not the data"):
        encode(replace(JOB, args={"to": "x" * (room + 1)}))


def raw() -> dict[str, Any]:
    """Of a job added at run time, which alone has a handler's name."""
    return asdict(replace(JOB, retry=Retry(3, 1, 2.0, 3, 0.1), handler="tell"))


def test_fields_that_a_newer_version_wrote_are_passed_over() -> None:
    newer: dict[str, Any] = {**raw(), "weight": 4}
    newer["history"]["waiting"] = 7
    newer["retry"]["first_alert"] = 2
    assert decode(json.dumps(newer)) == decode(json.dumps(raw()))


NEEDED = raw().keys() - {"shards", "handler"}


def test_a_job_without_shards_has_the_definition_that_it_had_before_there_were_any() -> None:
    assert "shards" not in encode(JOB)
    assert decode(encode(JOB)).shards == 1
    assert decode(encode(replace(JOB, shards=4))).shards == 4


def _damaged() -> list[str]:
    fields = [field for field in raw() if field != "name"]
    return [
        *("", "null", "[]", "7", '"x"', "{", "[" * 100_000),
        *(json.dumps({**raw(), field: "?"}) for field in fields),
        *(json.dumps({**raw(), field: [1]}) for field in fields),
        *(json.dumps({name: raw()[name] for name in raw() if name != field}) for field in NEEDED),
        json.dumps({**raw(), "overlap": "of_a_newer_version"}),
        json.dumps({**raw(), "max_active": float("inf")}),
    ]


def test_a_definition_without_a_handler_is_as_it_was_before_there_were_any() -> None:
    assert "handler" not in json.loads(encode(JOB))
    assert decode(encode(replace(JOB, handler="tell"))).handler == "tell"


@pytest.mark.parametrize("damaged", _damaged())
def test_what_cannot_be_read_is_the_stores_error(damaged: str) -> None:
    with pytest.raises(StoreError, match="cannot be read"):
        decode(damaged)


def test_the_schedule_is_read_whatever_stands_beside_it() -> None:
    newer = json.dumps({**raw(), "overlap": "of_a_newer_version", "misfire": "some"})
    assert decode_schedule(newer) == JOB.schedule


@pytest.mark.parametrize("damaged", ["", "null", "[]", "{}", '{"schedule": 7}', "{"])
def test_without_a_schedule_it_is_the_stores_error(damaged: str) -> None:
    with pytest.raises(StoreError, match="cannot be read"):
        decode_schedule(damaged)
