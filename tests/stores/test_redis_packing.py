"""Definitions as the server keeps them: short, and exactly what was declared."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cronfleet.definition import encode
from cronfleet.model import JobDefinition
from cronfleet.stores.redis.packing import packed, unpacked

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
)


@given(VALUES)
def test_what_is_unpacked_is_what_was_packed(value: object) -> None:
    text = json.dumps(value, ensure_ascii=False)
    assert unpacked(packed(text)) == text


def test_a_common_definition_stays_a_field_that_the_server_packs_tightly() -> None:
    cron = {"kind": "cron", "expression": "*/15 8-17 * * MON-FRI", "tz": "Europe/Berlin"}
    every = {"kind": "every", "every_ms": 90_000, "anchor": 0}
    for schedule in (cron, every):
        assert len(packed(encode(JobDefinition("send-report-17", schedule)))) <= 64


def test_definitions_that_were_packed_long_ago_can_be_read() -> None:
    """The bytes that they were packed with are part of what is stored."""
    assert unpacked("Lk@nZ4~tXtQgn+_3-XIflxhJ") == '{"args":{},"name":"send-report"}'


@pytest.mark.parametrize("text", ['{"name":"send-report"}', "", "abc", "\x00"])
def test_what_was_not_packed_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"packed|base85"):
        unpacked(text)
