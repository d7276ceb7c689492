"""One trial: a contestant goes through a scenario on a store of its own, and is judged.

    python -m benchmarks.rivals.trial CONTESTANT SCENARIO FOLDER

It is a process of its own, since servers die with the thread that started them.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.rivals.cells import SECOND_MS, as_figures, count
from benchmarks.rivals.contestants import CONTESTANTS, OURS, Contestant
from benchmarks.rivals.environments import ROOT
from benchmarks.rivals.fleet import Fleet, Place
from benchmarks.rivals.reasons import reasons
from benchmarks.rivals.scenarios import SCENARIOS, TICKS, Scenario, Server, Stage
from benchmarks.rivals.stores import server
from cronfleet_verify.report import as_text
from tests.chaos.looker import Looker

FIRST_RUN_WITHIN_S = 60
SETTLED_S = 8


def main(name: str, scenario: str, folder: str) -> None:
    contestant, played, logs = CONTESTANTS[name], SCENARIOS[scenario], Path(folder).resolve()
    figures = run(contestant, played, logs)
    text = json.dumps({**figures, "source": source()}, indent=2)
    figures_of(logs, contestant, played).write_text(text + "\n")
    print(text)


def figures_of(folder: Path, contestant: Contestant, scenario: Scenario) -> Path:
    """Where a trial leaves what it came to."""
    return folder / f"{contestant.name}-{scenario.name}.figures.json"


def source() -> str:
    """Which state of ours took part, and of this rig."""
    words = ["git", "rev-parse", "HEAD:src", "HEAD:benchmarks/rivals"]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def run(contestant: Contestant, scenario: Scenario, folder: Path) -> dict[str, object]:
    """The figures of one cell; logs are left in the folder."""
    title = f"{contestant.name}-{scenario.name}"
    logs = folder / title
    shutil.rmtree(logs, ignore_errors=True)
    logs.mkdir(parents=True)
    effects = folder / f"{title}.jsonl"
    effects.unlink(missing_ok=True)
    with server(contestant.store) as store:
        place = Place(store.url, effects, logs)
        with Fleet(contestant, place, scenario.clocks_off_s) as fleet:
            first_ms, ended = _play(fleet, scenario, store)
            struck = fleet.struck
        why: dict[str, int] = {}
        if contestant in OURS:
            history = logs / "history.jsonl"
            with Looker(store.url) as looker:
                looker.export(history)
            why = reasons(history, effects, first_ms, TICKS)
        about = str(store).partition(",")[0]
    cell, verdict = count(effects, first_ms, TICKS)
    (logs / "verdict.txt").write_text(as_text(verdict))
    told = {"ended_and_restarted": ended, "struck": struck, "store": about, "reasons": why}
    return {**as_figures(cell), **told}


def _play(fleet: Fleet, scenario: Scenario, store: Server) -> tuple[int, int]:
    """Answers the fire time of the first tick that counts, and how many processes ended since."""
    fleet.await_first_run(FIRST_RUN_WITHIN_S)
    time.sleep(SETTLED_S)
    first_ms = (time.time_ns() // 1_000_000 // SECOND_MS + 2) * SECOND_MS
    begins_at = time.monotonic() + first_ms / 1000 - time.time()
    stage = Stage(fleet, store, begins_at)
    before = fleet.ended
    scenario.act(stage)
    stage.wait_until(TICKS - 1 + scenario.watched_s)
    return first_ms, fleet.ended - before


if __name__ == "__main__":
    main(*sys.argv[1:])
