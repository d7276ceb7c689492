"""However a command is made to end, nothing of it is left."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import sys

import pytest

from cronfleet.apps.job_file.command.running import CommandError, CommandHandler
from cronfleet.apps.job_file.values import CommandWork
from tests.apps.job_file.runs import Log, a_run, shell, work

STUBBORN = "import os, signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
FAMILY = f"""{STUBBORN}
ready, told = os.pipe()
for number in range(20):
    if os.fork() == 0:
        if number % 2:
            os.setsid()
        if number % 3 == 0 and os.fork():
            os._exit(0)
        print("pid", os.getpid(), flush=True)
        os.write(told, b"!")
        signal.pause()
for _ in range(20):
    os.read(ready, 1)
print("all", flush=True)
signal.pause()
"""
# Each is replaced by its child at once, so that whoever looks for one finds none.
HYDRA = f"""{STUBBORN}
print("heads", flush=True)
while True:
    if os.fork():
        os._exit(0)
"""


@pytest.fixture(autouse=True)
def short_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cronfleet.apps.job_file.command.keeping.GRACE_S", 0.1)


def python(code: str) -> CommandWork:
    return work(sys.executable, "-c", code)


async def cancelled(work: CommandWork, log: Log, when: str) -> str:
    """What is told of a command that is cancelled when it has said something."""
    running = asyncio.create_task(CommandHandler(work)(a_run(log)))
    await log.until(when)
    running.cancel()
    with pytest.raises(CommandError) as error:
        await running
    return str(error.value)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_told_to_end_it_may_end_by_itself(log: Log) -> None:
    work = shell("trap 'echo bye; exit 5' TERM; echo ready; while :; do sleep 0.01; done")
    said = await cancelled(work, log, "ready")
    assert said.startswith("told to end; it ended with exit status 5\nready\n")
    assert said.endswith("\nbye")


async def test_that_it_was_told_to_end_is_no_success_whatever_its_exit_status(log: Log) -> None:
    work = shell("trap 'exit 0' TERM; echo ready; while :; do sleep 0.01; done")
    assert "told to end; it ended with exit status 0" in await cancelled(work, log, "ready")


async def test_one_that_takes_no_notice_is_killed(log: Log) -> None:
    work = shell("trap '' TERM; echo ready; while :; do sleep 1; done")
    assert "told to end, and killed since" in await cancelled(work, log, "ready")


async def test_all_that_it_started_is_killed_with_it(log: Log) -> None:
    """Those that take no notice, left the group, or whose parent is gone."""
    family = python(FAMILY)
    running = asyncio.create_task(CommandHandler(family)(a_run(log)))
    await log.until("all")
    pids = [int(line.removeprefix("pid ")) for line in log.said if line.startswith("pid ")]
    assert [is_alive(pid) for pid in pids] == [True] * 20
    running.cancel()
    with pytest.raises(CommandError):
        await running
    assert not any(map(is_alive, pids))


async def test_one_that_multiplies_faster_than_it_can_be_looked_for_is_killed(log: Log) -> None:
    await cancelled(python(HYDRA), log, "heads")  # Returns only when no process is left.


async def test_what_it_left_behind_is_made_to_end_and_told(log: Log) -> None:
    """Or the next run would meet it. It holds the output open, which keeps nobody waiting."""
    await CommandHandler(shell("sleep 1000 & echo pid $!"))(a_run(log))
    pid = int(log.said[0].removeprefix("pid "))
    assert not is_alive(pid)
    assert "1 process that it left behind" in log.said[-1]


async def test_a_speaker_without_end_is_ended_in_time(log: Log) -> None:
    assert "told to end" in await cancelled(shell("yes"), log, "y")


async def test_it_dies_with_the_one_that_looks_after_it(log: Log) -> None:
    running = asyncio.create_task(
        CommandHandler(shell("echo pid $$ $PPID; exec sleep 1000"))(a_run(log))
    )
    _, command, keeper = (await log.until("pid")).split()
    gone = os.pidfd_open(int(command))
    os.kill(int(keeper), signal.SIGKILL)
    with pytest.raises(CommandError, match="the process that looked after it was killed"):
        await running
    assert select.select([gone], [], [], 30)[0] == [gone]
    os.close(gone)


async def test_a_hundred_at_once_keep_apart(log: Log) -> None:
    handlers = [CommandHandler(shell(f"echo {number}")) for number in range(100)]
    await asyncio.gather(*(handler(a_run(log)) for handler in handlers))
    assert sorted(map(int, log.said)) == list(range(100))
