"""What the rig notes of a fault: what it did, from the moment at which it did it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.chaos import stalls
from tests.chaos.faults.freezes import stands_still
from tests.chaos.network import Network
from tests.chaos.patience import comes_true
from tests.chaos.processes import Process, Program, Supervisor
from tests.chaos.proxy import CutAfter, Delay, Duplicate, Proxies, Way
from tests.chaos.rig import Places, Rig, Settings, now_ms
from tests.chaos.stalls import CUT, STILL, Stall
from tests.chaos.stores import OneFile

pytestmark = pytest.mark.fleet


@pytest.fixture
def rig(tmp_path: Path) -> Generator[Rig]:
    settings = Settings("sqlite", seed=1, seconds=1)
    (folder := tmp_path / "store").mkdir()
    store = OneFile(folder)
    yield Rig(settings, store, Supervisor(), Places(tmp_path, tmp_path))
    store.stop()


@pytest.fixture
def process(tmp_path: Path) -> Generator[Process]:
    sleeping = [sys.executable, "-c", "import time; time.sleep(60)"]
    process = Process("anna", Program(sleeping, tmp_path / "log"))
    yield process
    process.kill()


def noted(rig: Rig) -> list[Stall]:
    return stalls.read(rig.places.stalls)


def test_a_freeze_is_noted_from_when_it_struck_to_when_it_was_over(
    rig: Rig, process: Process
) -> None:
    assert not asyncio.run(stands_still(rig, process, 0))
    assert noted(rig) == []
    process.start()
    before, pid = now_ms(), process.pid
    assert asyncio.run(stands_still(rig, process, 0.1))
    (stall,) = noted(rig)
    assert (stall.instance, stall.kind) == (stalls.name_of(pid), STILL)
    assert before <= stall.since < stall.until <= now_ms()


def test_who_thaws_it_before_ends_the_stall(rig: Rig, process: Process) -> None:
    process.start()

    async def is_frozen() -> bool:
        return process.is_frozen

    async def thaw() -> int:
        await comes_true(is_frozen, 10)
        process.thaw()
        return now_ms()

    async def both() -> int:
        async with asyncio.TaskGroup() as at_once:
            at_once.create_task(stands_still(rig, process, 3_600))
            return await at_once.create_task(thaw())

    thawed_at = asyncio.run(both())
    (stall,) = noted(rig)
    assert stall.since <= thawed_at
    assert stall.until <= now_ms()


def test_a_fault_that_did_nothing_is_no_stall(rig: Rig, process: Process) -> None:
    process.start()
    with rig.stalled(process, CUT):
        pass
    assert noted(rig) == []


def test_a_stall_is_told_of_whoever_was_the_process_meanwhile(rig: Rig, process: Process) -> None:
    process.start()
    with rig.stalled(process, CUT) as stalling:
        stalling.since, first = now_ms(), process.pid
        process.kill()
        process.start()
    names = [stalls.name_of(pid) for pid in (first, process.pid)]
    assert [stall.instance for stall in noted(rig)] == names


def test_a_trouble_strikes_when_it_does_something_and_not_when_it_comes_into_force() -> None:
    async def silent() -> CutAfter:
        trouble = CutAfter(Way.UP, 1)
        with Proxies() as proxies:
            network = Network("redis://127.0.0.1:1", proxies)
            network.address(0)
            assert not await network.strike(0, trouble, 0)
        return trouble

    assert asyncio.run(silent()).struck_at == 0
    trouble, before = Delay(Way.UP, 0.5), now_ms()
    trouble.strike()
    first = trouble.struck_at
    trouble.strike()
    assert before <= first == trouble.struck_at
    assert (trouble.struck, trouble.lasts_ms) == (2, 500)


def test_what_is_asked_twice_keeps_nobody_from_the_store() -> None:
    assert not Duplicate("127.0.0.1", 1, 0).keeps_away
    assert CutAfter(Way.DOWN, 1).keeps_away
