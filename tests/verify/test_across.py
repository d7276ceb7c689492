"""What is wrong between two jobs, or between a log and a gap: a history of one job cannot show it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verify.auditing import (
    MINUTE,
    NOON,
    Object,
    audit,
    began,
    broken,
    export,
    job,
    run,
    write,
)

OTHER = f"mails@{NOON + MINUTE}"


@pytest.mark.parametrize(
    ("lines", "rule"),
    [
        ([began(0), began(1, run=OTHER, token=1000)], "token"),
        (
            [
                began(0, effect="did", key="mail 1"),
                began(1, effect="did", key="mail 1", run=OTHER),
            ],
            "twice",
        ),
    ],
)
def test_what_two_jobs_must_not_share_is_found(
    tmp_path: Path, lines: list[Object], rule: str
) -> None:
    assert broken(audit(write(tmp_path / "log", lines))) == {rule: 1}


def test_a_start_that_the_log_alone_knows_contradicts_a_gap(tmp_path: Path) -> None:
    at = NOON + MINUTE
    fields: Object = {"first": at, "last": at, "count": 1, "reason": "misfire", "generation": 1}
    gap: Object = {"line": "gap", "job": "report", "at": at + 10, **fields}
    history = export(NOON + 10 * MINUTE, gap, run(0), job(NOON + 10 * MINUTE, 2))
    verdict = audit(write(tmp_path / "a", history), write(tmp_path / "log", [began(0), began(1)]))
    assert broken(verdict) == {"contradiction": 1, "unrecorded": 1}
