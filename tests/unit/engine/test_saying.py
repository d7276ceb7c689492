from __future__ import annotations

from cronfleet.engine.saying import said


def test_a_password_in_a_url_is_not_told_with_the_error() -> None:
    error = ConnectionError("no answer from postgresql://backup:geheim@db.internal/main")
    assert said(error) == "ConnectionError: no answer from postgresql://backup:***@db.internal/main"
