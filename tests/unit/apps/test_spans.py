from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cronfleet.apps.spans import size_of, span_of, span_text


@given(st.integers(min_value=0, max_value=10**12))
def test_a_span_that_is_written_is_read_again(milliseconds: int) -> None:
    span = timedelta(milliseconds=milliseconds)
    assert span_of(span_text(span)) == span


@pytest.mark.parametrize("text", ["", "5", "m", "5 m", "1.5h", "-5m", "5M", "٣s", "5m "])
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no span of time"):
        span_of(text)


@pytest.mark.parametrize(
    ("text", "size"), [("1KB", 1000), ("2 MiB", 2 * 2**20), ("3GB", 3 * 10**9)]
)
def test_a_size_is_read(text: str, size: int) -> None:
    assert size_of(text) == size


@pytest.mark.parametrize("text", ["", "5", "5M", "5mb", "MB", "1.5GB"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no size"):
        size_of(text)
