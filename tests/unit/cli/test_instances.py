from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cronfleet import InstanceInfo, Scheduler
from tests.unit.cli.commands import Shell


async def nothing(_: Scheduler) -> None:
    pass


def test_nobody_at_work_is_said_in_words(shell: Shell) -> None:
    shell.work(nothing)
    assert shell("instances").out == "No instance is at work.\n"
    assert shell("instances", "--json").json == {"instances": []}


def test_one_that_is_silent_is_not_at_work(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)

    async def silent(_: Scheduler) -> list[InstanceInfo]:
        return [InstanceInfo("s", "host:7", "app", noon, noon, 3, "2026f", noon)]

    shell.work(nothing)
    monkeypatch.setattr(Scheduler, "instances", silent)
    header, row, last = shell("instances").out.splitlines()
    assert "SILENT SINCE" in header
    assert row.split().count("2026-03-01T12:00:00Z") == 3
    assert last == "No instance is at work."
    (told,) = shell("instances", "--json").json["instances"]
    assert told["silent_since"] == "2026-03-01T12:00:00Z"
