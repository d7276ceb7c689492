"""A program that works in a thread, and what its forks find. Each line it says is JSON.

python forking.py SCENARIO STORE
"""

from __future__ import annotations

import asyncio
import json
import os
import queue
import sys
import threading
from collections.abc import Callable, Coroutine
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from cronfleet import CronfleetError, RunContext, Scheduler, every

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.fleet.rig import eventually

SECOND = timedelta(seconds=1)


class Program:
    """A scheduler with one job a second, whose handler is a line in a pipe."""

    def __init__(self, store: str) -> None:
        self._reader, self._writer = os.pipe()
        self.scheduler = Scheduler(store, program="forking", session_ttl=timedelta(seconds=3))
        self.scheduler.add_job(self._work, every(SECOND), "work")

    def _work(self, run: RunContext) -> None:
        os.write(self._writer, f"{run.run_id} {os.getpid()}\n".encode())

    def runs(self, count: int) -> list[list[str]]:
        """The next runs, each with the process that has it."""
        text = b""
        while text.count(b"\n") < count:
            text += os.read(self._reader, 65_536)
        return [line.split() for line in text.decode().splitlines()]

    def ask(self, verb: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run(verb)

    @property
    def detail(self) -> str:
        return self.ask(self.scheduler.health()).detail


def say(what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def in_child(act: Callable[[], object]) -> Any:
    """What it answers in a process that is forked for it."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(writer, json.dumps(act()).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with open(reader, "rb") as said:  # noqa: PTH123 - a descriptor
        text = said.read()
    os.waitpid(pid, 0)
    return json.loads(text)


def open_here() -> dict[int, str]:
    """What this process has open: files and connections, by number."""
    found: dict[int, str] = {}
    for link in Path("/proc/self/fd").iterdir():
        try:
            found[int(link.name)] = str(link.readlink())
        except OSError:
            continue  # What listed the folder.
    return found


# --- scenarios


def looks(program: Program) -> object:
    """The child says what it is, and orders; the parent is not disturbed."""
    scheduler = program.scheduler
    scheduler.start()
    (before,) = program.ask(scheduler.instances())

    def child() -> object:
        threads = _threads()
        scheduler.stop()
        detail = program.detail
        instances = len(asyncio.run(_asked(scheduler)))
        return {"detail": detail, "threads": threads, "instances": instances}

    said = in_child(child)
    runs = program.runs(2)
    (after,) = program.ask(scheduler.instances())
    scheduler.stop()
    return {
        **said,
        "same session": before.id == after.id,
        "only the parent runs": {pid for _, pid in runs} == {str(os.getpid())},
    }


async def _asked(scheduler: Scheduler) -> list[object]:
    await scheduler.trigger("work", who="child")
    instances = await scheduler.instances()
    await scheduler.aclose()
    return list(instances)


def _threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name != "MainThread"]


def has_nothing(program: Program) -> object:
    """What the child has open of that which the parent's instance has."""
    before = set(open_here().values())
    with program.scheduler.lock("some", timeout=timedelta(seconds=5)):
        pass
    program.scheduler.start()
    program.runs(1)
    its_own = {
        name
        for name in open_here().values()
        if name not in before and not name.startswith("anon_inode:[pidfd")
    }
    # An epoll has no name of its own: the child must have none at all.
    shared = in_child(lambda: sorted(its_own & set(open_here().values())))
    program.scheduler.stop()
    return {"parent has": bool(its_own), "child has": shared}


def starts(program: Program) -> object:
    """Parent and children are three instances, and each tick is run once."""
    scheduler = program.scheduler
    scheduler.start()
    reader, writer = os.pipe()
    children: list[int] = []
    for _ in range(2):
        pid = os.fork()
        if pid == 0:
            os.close(writer)
            scheduler.start()
            os.read(reader, 1)  # Until the parent closes its end.
            scheduler.stop()
            os._exit(0)
        children.append(pid)
    eventually(lambda: len(program.ask(scheduler.instances())) == 3, within_s=30)
    runs = program.runs(5)
    os.close(writer)
    for pid in children:
        os.waitpid(pid, 0)
    (_,) = program.ask(scheduler.instances())
    scheduler.stop()
    ids = [run for run, _ in runs]
    return {"each once": len(ids) == len(set(ids))}


def many(program: Program) -> object:
    """Forked again and again in the middle of its work, by two threads."""
    scheduler = program.scheduler
    scheduler.start()

    def fork() -> None:
        for number in range(25):
            in_child(lambda: program.detail != "")
            program.ask(scheduler.trigger("work", key=f"{threading.get_ident()}-{number}"))

    forking = [threading.Thread(target=fork) for _ in range(2)]
    for thread in forking:
        thread.start()
    for thread in forking:
        thread.join()
    faults = program.ask(scheduler.store_check())
    ready = program.ask(scheduler.health()).ready
    scheduler.stop()
    return {"faults": len(faults), "ready": ready}


def pools(program: Program) -> object:
    """A handler that has its work done by processes, in the way that is Linux' habit."""
    answers: queue.SimpleQueue[list[int]] = queue.SimpleQueue()

    def with_a_pool(run: RunContext) -> None:
        with get_context("fork").Pool(2) as pool:
            answers.put(pool.map(abs, [-1, -2, -3]))

    program.scheduler.add_job(with_a_pool, every(SECOND), "with-a-pool")
    program.scheduler.start()
    said = [answers.get(), answers.get()]
    program.runs(2)
    ready = program.ask(program.scheduler.health()).ready
    program.scheduler.stop()
    return {"said": said, "ready": ready}


def before(program: Program) -> object:
    """Made here and started in two children only, as by `gunicorn --preload`."""

    def child() -> object:
        program.scheduler.start()
        runs = program.runs(1)
        program.scheduler.stop()
        return runs[0][1] == str(os.getpid())

    return {"ran there": in_child(child), "then there": in_child(child), "here": program.detail}


def twice(program: Program) -> object:
    """Of threads that start it at once one does, and the others are told."""
    told: list[str] = []

    def start() -> None:
        try:
            program.scheduler.start()
        except CronfleetError as error:
            told.append(str(error))

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    count = len(program.ask(program.scheduler.instances()))
    program.scheduler.stop()
    return {"told": len(told), "instances": count}


def ends(program: Program) -> object:
    """The program ends without having stopped it, in the middle of a handler."""
    entered = threading.Event()

    def slow(run: RunContext) -> None:
        entered.set()
        run.draining.wait()
        say("finished")

    program.scheduler.add_job(slow, every(SECOND), "slow")
    program.scheduler.start()
    entered.wait()
    return {"works": program.detail == ""}


SCENARIOS = {
    each.__name__: each for each in (looks, has_nothing, starts, many, pools, before, twice, ends)
}

if __name__ == "__main__":
    say(SCENARIOS[sys.argv[1]](Program(sys.argv[2])))
