from __future__ import annotations

import asyncio
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from cronfleet.clock import ManualClock
from cronfleet.stores.sqlite import SqliteStore
from cronfleet.testing.samples import HOUR_MS, NOON, START, joined, report

RACER = Path(__file__).with_name("racer.py")
ROUNDS = 1_000
PROCESSES = 10


async def prepare(path: Path) -> None:
    store = SqliteStore(path, clock=ManualClock(START))
    await store.open()
    await joined(store, "starter", report("raced", first=NOON - ROUNDS * HOUR_MS, limit=0))
    await store.aclose()


@pytest.mark.fleet
@pytest.mark.timeout(300)
def test_fifty_claimers_in_ten_processes_over_a_thousand_rounds_make_a_thousand_claims(
    tmp_path: Path,
) -> None:
    path = tmp_path / "race.db"
    asyncio.run(prepare(path))
    command = [sys.executable, str(RACER), str(path), str(ROUNDS)]
    racers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(PROCESSES)
    ]
    wins = race(racers)
    grants = Counter(run for won in wins for run in won)
    assert [racer.returncode for racer in racers] == [0] * PROCESSES
    assert (len(grants), set(grants.values())) == (ROUNDS, {1})
    assert sum(bool(won) for won in wins) > 1, "one process had it all to itself"


def race(racers: list[subprocess.Popen[str]]) -> list[list[str]]:
    """Let all begin when all are ready; answers what each was granted."""
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    return [racer.communicate()[0].splitlines() for racer in racers]
