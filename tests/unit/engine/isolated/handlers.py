"""Handlers that do in a process of their own what no handler should. Imported there by name.

`args["fifo"]` is where a handler tells the test what it has come to.
"""

# ruff: noqa: T201 - what they print is what is tested

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

from cronfleet import RunContext


class OutOfPaperError(OSError):
    """Of this module: other processes know its name alone."""


def tell(run: RunContext, *words: object) -> None:
    with Path(run.args["fifo"]).open("a") as fifo:
        fifo.write(" ".join(map(str, words)) + "\n")


def returns(run: RunContext) -> str:
    return "done"


async def awaits(run: RunContext) -> None:
    await asyncio.sleep(0)


def tells_what_it_is_given(run: RunContext) -> None:
    given = (run.job, run.kind, run.fire_time, run.args["to"], run.attempt, run.token, run.run_id)
    tell(run, os.getpid(), *given, run.deadline is not None, run.lost.is_set())


def tells_its_process(run: RunContext) -> None:
    tell(run, os.getpid())


def raises(run: RunContext) -> None:
    raise OutOfPaperError("no paper")


def exits_the_interpreter(run: RunContext) -> None:
    sys.exit(3)


def exits_at_once(run: RunContext) -> None:
    print("about to go")
    os._exit(3)


def crashes(run: RunContext) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def kills_its_group(run: RunContext) -> None:
    os.killpg(0, signal.SIGKILL)


def kills_its_keeper(run: RunContext) -> None:
    os.kill(os.getppid(), signal.SIGKILL)
    signal.pause()


def forks_and_kills_its_keeper(run: RunContext) -> None:
    keeper, copy = os.getppid(), os.fork()
    if copy:
        tell(run, os.getpid(), copy)
        os.kill(keeper, signal.SIGKILL)
    signal.pause()


def stops_its_keeper(run: RunContext) -> None:
    tell(run, os.getpid())
    os.kill(os.getppid(), signal.SIGSTOP)
    swallows_all()


def swallows_all() -> None:
    while True:
        try:
            threading.Event().wait()
        except BaseException:  # noqa: BLE001 - the fault that is tested
            print("not I")


def forks_and_both_return(run: RunContext) -> None:
    pid = os.fork()
    if pid:
        tell(run, pid)


async def forks_and_both_go_on(run: RunContext) -> None:
    pid = os.fork()
    if pid:
        tell(run, pid)
    await asyncio.sleep(0)


def leaves_a_process_behind(run: RunContext) -> None:
    tell(run, subprocess.Popen(["sleep", "60"]).pid)


def leaves_a_daemon(run: RunContext) -> None:
    tell(run, subprocess.Popen(["sleep", "60"], start_new_session=True).pid)


def eats_memory(run: RunContext) -> None:
    eaten = [bytearray(64 << 20) for _ in range(80)]  # 5 GB
    tell(run, len(eaten))


def prints(run: RunContext) -> None:
    print("first")
    for _ in range(run.args["megabytes"]):
        print("x" * (1 << 20))
    print("last")


def writes_into_every_descriptor(run: RunContext) -> None:
    _write_everywhere(b'\n{"is": "ended"\n[1]\n"ended"\n' + b"x" * 300_000 + b"\n\xff\n")


def _write_everywhere(data: bytes) -> None:
    for number in range(3, 64):
        with suppress(OSError):
            os.write(number, data)


def says_again_how_it_ended(run: RunContext) -> None:
    """As nobody does who is not at odds with us."""
    _lie(run)
    raise OutOfPaperError("no paper")


def closes_every_descriptor(run: RunContext) -> None:
    os.closerange(3, 1_024)
    signal.pause()


def logs(run: RunContext) -> None:
    run.log.warning("no paper in %s", "tray 2")
    logging.getLogger("printer").error("jam", exc_info=OutOfPaperError("none"))


def pauses(run: RunContext) -> None:
    tell(run, os.getpid())
    try:
        threading.Event().wait()
    finally:
        tell(run, "tidied up")


async def pauses_in_a_loop(run: RunContext) -> None:
    tell(run, os.getpid())
    try:
        await asyncio.Event().wait()
    finally:
        tell(run, "tidied up")


def swallows(run: RunContext) -> None:
    helper = subprocess.Popen(
        [sys.executable, "-c", "import signal; signal.signal(15, signal.SIG_IGN); signal.pause()"]
    )
    tell(run, os.getpid(), helper.pid)
    swallows_all()


async def swallows_in_a_loop(run: RunContext) -> None:
    tell(run, os.getpid())
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            print("not I")


def holds_the_gil(run: RunContext) -> None:
    tell(run, os.getpid())
    sum(range(10**13))  # In C, and no signal is looked at.


def waits_until_it_is_lost(run: RunContext) -> None:
    tell(run, os.getpid())
    run.draining.wait()
    tell(run, "draining")
    run.lost.wait()
    tell(run, "lost")


def leaves_a_thread(run: RunContext) -> None:
    threading.Thread(target=threading.Event().wait).start()


def makes_a_coroutine(run: RunContext) -> object:
    return awaits(run)


def prints_a_nul(run: RunContext) -> None:
    sys.stdout.buffer.write(b"\0\xff\n")
    raise OutOfPaperError("a\0b \udcff")


def acts(run: RunContext) -> None:
    """Does one thing after the other."""
    for act in run.args["acts"]:
        ACTS[act](run)


def _stop_itself(run: RunContext) -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def _fork(run: RunContext) -> None:
    os.fork()


def _print(run: RunContext) -> None:
    print("x" * 100_000)


def _leave(run: RunContext) -> None:
    subprocess.Popen(["sleep", "60"])


def _lie(run: RunContext) -> None:
    _write_everywhere(b'\n{"is": "ended", "how": "returned"}\n')


ACTS = {
    "print": _print,
    "log": logs,
    "noise": writes_into_every_descriptor,
    "fork": _fork,
    "leave": _leave,
    "terminate": _stop_itself,
    "lie": _lie,
    "raise": raises,
    "exit": exits_the_interpreter,
    "exit at once": exits_at_once,
    "crash": crashes,
    "kill its group": kills_its_group,
    "kill its keeper": kills_its_keeper,
}


def logs_and_prints(run: RunContext) -> None:
    run.log.info("in a process of its own")
    run.log.debug("not asked for")
    print("printed by it")
