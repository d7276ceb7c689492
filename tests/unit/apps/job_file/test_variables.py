from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cronfleet.apps.job_file.variables import Variables, escaped, hidden, unfilled

VARIABLES = Variables({"A": "one", "B_2": "${A}"})


@pytest.mark.parametrize(
    ("written", "filled"),
    [
        ("${A}", "one"),
        ("<${A}${A}>", "<oneone>"),
        ("${B_2}", "${A}"),
        ("$${A}", "${A}"),
        ("$A $(A) $$ $", "$A $(A) $$ $"),
    ],
)
def test_a_place_is_filled_once_and_all_else_stays(written: str, filled: str) -> None:
    assert VARIABLES.filled(written) == filled


@given(st.text(alphabet="a$A{}"))
def test_what_is_escaped_is_filled_to_itself(text: str) -> None:
    assert VARIABLES.filled(escaped(text)) == text
    assert unfilled(escaped(text)) == text


def test_short_values_are_no_secrets() -> None:
    variables = Variables({"DEBUG": "1", "KEY": "hunter2"})
    variables.filled("${DEBUG}${KEY}")
    assert variables.secrets == {"hunter2"}


def test_what_a_job_was_not_given_is_not_hidden_for_it() -> None:
    variables = Variables({"KEY": "hunter2"})
    variables.filled_openly("${KEY}")
    assert variables.secrets == frozenset()


def test_a_secret_of_several_lines_is_hidden_line_by_line() -> None:
    assert "MIIEow" not in hidden("it is MIIEow", frozenset({"-----BEGIN-----\nMIIEow\n"}))
