from __future__ import annotations

from cronfleet import Scheduler
from tests.unit.cli.commands import Shell


async def nothing(_: Scheduler) -> None:
    pass


def test_nobody_at_work_is_said_in_words(shell: Shell) -> None:
    shell.work(nothing)
    assert shell("instances").out == "No instance is at work.\n"
    assert shell("instances", "--json").json == {"instances": []}
