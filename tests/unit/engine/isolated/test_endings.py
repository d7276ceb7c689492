"""However the process of a run ends, the run has one outcome, in words, and nothing is left."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
import threading
from pathlib import Path
from types import ModuleType

import pytest

from cronfleet import ProcessEndedError, Retry
from cronfleet.engine.known import Handler
from cronfleet.engine.runner import TOO_LATE, Ended
from cronfleet.model import Outcome
from tests.fleet.rig import eventually
from tests.unit.engine.isolated import handlers
from tests.unit.engine.isolated.rig import (
    ANNA,
    NOON_MS,
    Fifo,
    Sessions,
    claim,
    ended,
    is_alive,
    isolated,
    new_runner,
)

SUCCEEDED = Ended(Outcome.SUCCEEDED)
CHILDREN = Path("/proc/self/task")


@pytest.mark.parametrize("handler", [handlers.returns, handlers.awaits])
async def test_a_handler_that_returns_has_succeeded(handler: Handler) -> None:
    assert await ended(handler) == SUCCEEDED


async def test_it_is_given_its_run_in_a_process_that_is_not_ours(fifo: Fifo) -> None:
    job = isolated(handlers.tells_what_it_is_given, args={**fifo.args, "to": "anna"})
    assert await new_runner().run(job, claim(attempt=2), ANNA) == SUCCEEDED
    pid, *given = (await fifo.line()).split()
    assert int(pid) != os.getpid()
    noon = ["2026-03-29", "12:00:00+00:00"]
    assert given == ["report", "tick", *noon, "anna", "2", "7", f"report@{NOON_MS}", *2 * ["False"]]


@pytest.mark.parametrize(
    ("handler", "words"),
    [
        (handlers.raises, "OutOfPaperError: no paper\nin raises, "),
        (handlers.exits_the_interpreter, "SystemExit: 3"),
        (handlers.exits_at_once, "exited with status 3 before its handler had returned"),
        (handlers.exits_at_once, "it printed last: about to go"),
        (handlers.crashes, "its process was killed by SIGSEGV"),
        (handlers.crashes, "in crashes"),  # What the interpreter printed of it.
        (handlers.kills_its_group, "killed by SIGKILL, as the system does when memory runs out"),
        (handlers.kills_its_keeper, "nobody could tell how it ended"),
        (handlers.makes_a_coroutine, "write async def"),
        (handlers.prints_a_nul, "OutOfPaperError: a\N{REPLACEMENT CHARACTER}b"),
    ],
)
async def test_whatever_else_it_does_is_a_failure_that_says_what_happened(
    handler: Handler, words: str
) -> None:
    end = await ended(handler)
    assert (end.outcome, end.retry_in_ms) == (Outcome.FAILED, None)
    assert words in end.error


async def test_what_it_said_first_of_its_end_is_what_counts() -> None:
    assert await ended(handlers.says_again_how_it_ended) == SUCCEEDED


async def test_noise_in_its_channel_is_no_outcome() -> None:
    assert await ended(handlers.writes_into_every_descriptor) == SUCCEEDED


# --- retries


@pytest.mark.parametrize(
    ("on", "delay_ms"),
    [
        ((Exception,), 10_000),
        ((handlers.OutOfPaperError,), 10_000),
        ((OSError, ValueError), 10_000),
        ((ValueError, ProcessEndedError), None),
        ((), None),
    ],
)
async def test_a_failure_is_tried_again_if_the_retry_names_its_class_or_a_base_of_it(
    on: tuple[type[BaseException], ...], delay_ms: int | None
) -> None:
    end = await ended(handlers.raises, retry=Retry(jitter=0, on=on))
    assert (end.outcome, end.retry_in_ms) == (Outcome.FAILED, delay_ms)


@pytest.mark.parametrize(
    ("on", "delay_ms"),
    [((Exception,), 10_000), ((ProcessEndedError,), 10_000), ((OSError,), None)],
)
async def test_a_process_that_ended_is_a_failure_with_a_class_of_its_own(
    on: tuple[type[BaseException], ...], delay_ms: int | None
) -> None:
    end = await ended(handlers.exits_at_once, retry=Retry(jitter=0, on=on))
    assert end.retry_in_ms == delay_ms


async def test_the_end_of_an_interpreter_is_not_tried_again_unless_it_is_named() -> None:
    leaves = handlers.exits_the_interpreter
    assert (await ended(leaves, retry=Retry())).retry_in_ms is None
    named = Retry(on=(SystemExit,), jitter=0)
    assert (await ended(leaves, retry=named)).retry_in_ms == 10_000


# --- entering


async def test_a_handler_is_not_entered_once_the_session_has_run_out(fifo: Fifo) -> None:
    """It may run out while the process begins."""
    sessions = Sessions()
    sessions.held.clear()
    job = isolated(handlers.pauses, args=fifo.args)
    assert await new_runner(sessions=sessions).run(job, claim(), ANNA) == TOO_LATE
    assert fifo.read() == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("raise OSError('no disk')", "in a process of its own: OSError: no disk"),
        ("raise SystemExit", "in a process of its own: SystemExit"),
        ("", "has no 'report' once it is imported"),
        ("import cronfleet\ncronfleet.Scheduler('memory:').run()", 'under `if __name__ == "__ma'),
    ],
)
async def test_a_module_that_cannot_be_imported_there_is_a_failure_that_says_why(
    text: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = ModuleType("changed_since")
    exec("def report(run): ...", module.__dict__)
    (tmp_path / "changed_since.py").write_text(text)
    monkeypatch.setattr("sys.path", [str(tmp_path), *sys.path])
    end = await ended(module.report, retry=Retry(jitter=0, on=(BaseException,)))
    assert (end.outcome, end.retry_in_ms) == (Outcome.FAILED, 10_000)
    assert words in end.error


async def test_when_no_process_can_be_started_that_is_a_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("multiprocessing.spawn._python_exe", b"/nowhere/python")
    end = await ended(handlers.returns)
    assert end.outcome is Outcome.FAILED
    assert "no process could be started for it" in end.error


# --- what it starts


@pytest.mark.parametrize("handler", [handlers.forks_and_both_return, handlers.forks_and_both_go_on])
async def test_a_copy_that_it_forks_ends_with_its_handler_and_says_nothing(
    handler: Handler, fifo: Fifo
) -> None:
    assert await ended(handler, args=fifo.args) == SUCCEEDED
    (copy,) = await fifo.pids()
    assert not is_alive(copy)


async def test_what_is_left_without_a_keeper_is_ended_too(fifo: Fifo) -> None:
    end = await ended(handlers.forks_and_kills_its_keeper, args=fifo.args)
    assert end.outcome is Outcome.FAILED
    pids = await fifo.pids()
    eventually(lambda: not any(map(is_alive, pids)), within_s=10)


async def test_what_it_leaves_behind_is_ended_and_told(
    fifo: Fifo, caplog: pytest.LogCaptureFixture
) -> None:
    assert await ended(handlers.leaves_a_process_behind, args=fifo.args) == SUCCEEDED
    (left,) = await fifo.pids()
    assert not is_alive(left)
    assert "left processes behind, which were ended" in caplog.text


async def test_what_has_a_session_of_its_own_outlives_it(
    fifo: Fifo, caplog: pytest.LogCaptureFixture
) -> None:
    assert await ended(handlers.leaves_a_daemon, args=fifo.args) == SUCCEEDED
    (daemon,) = await fifo.pids()
    assert is_alive(daemon)
    os.kill(daemon, signal.SIGKILL)
    assert "left processes" not in caplog.text


async def test_a_thread_that_it_leaves_does_not_hold_its_run_open(
    caplog: pytest.LogCaptureFixture,
) -> None:
    runner = new_runner(grace_ms=100)
    assert await runner.run(isolated(handlers.leaves_a_thread), claim(), ANNA) == SUCCEEDED
    assert "goes on although its handler has ended" in caplog.text


@pytest.mark.skipif(not CHILDREN.is_dir(), reason="only Linux shows a process's children")
async def test_nothing_is_left_of_any_way_to_end() -> None:
    ways = [handlers.returns, handlers.raises, handlers.exits_at_once, handlers.crashes]
    gc.collect()  # What tests before this one left open is not of this one.
    descriptors, children = count_descriptors(), all_children()
    threads = set(threading.enumerate())
    for _ in range(2):
        await asyncio.gather(*(ended(way) for way in ways))
    assert count_descriptors() <= descriptors
    assert all_children() <= children
    for thread in set(threading.enumerate()) - threads:
        thread.join(5)
        assert not thread.is_alive()


def all_children() -> set[str]:
    return {pid for file in CHILDREN.glob("*/children") for pid in file.read_text().split()}


def count_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


# --- what it prints, logs and eats


async def test_what_it_prints_is_kept_in_bounds_and_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    assert await ended(handlers.prints, args={"megabytes": 50}) == SUCCEEDED
    (line,) = [each for each in caplog.records if "printed" in each.message]
    assert len(line.message) < 40_000
    assert "first\nxxx" in line.message
    assert "bytes dropped ...]\nxxx" in line.message
    assert line.message.endswith("xxx\nlast\n")
    assert line.__dict__["run"] == f"report@{NOON_MS}"


async def test_what_it_logs_is_logged_here_and_marked_with_its_run(
    caplog: pytest.LogCaptureFixture,
) -> None:
    await ended(handlers.logs)
    first, second = caplog.records
    assert (first.name, first.levelname, first.message) == (
        "cronfleet.run",
        "WARNING",
        "no paper in tray 2",
    )
    assert (second.name, second.levelname) == ("printer", "ERROR")
    assert second.message.startswith("jam\n")
    assert "OutOfPaperError: none" in second.message
    assert {line.__dict__["token"] for line in caplog.records} == {7}


@pytest.mark.skipif(not Path("/proc/self/oom_score_adj").exists(), reason="it is Linux's to refuse")
async def test_what_wants_more_memory_than_it_may_is_refused_it(fifo: Fifo) -> None:
    end = await ended(handlers.eats_memory, args=fifo.args, memory_limit_mb=300)
    assert end.outcome is Outcome.FAILED
    assert end.error.startswith("MemoryError")
    assert fifo.read() == []
