"""A short bad day of a fleet on each store, and whether its judge would see what must not be."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.chaos.campaign import run
from tests.chaos.faults import FAULTS
from tests.chaos.judging import Judgement, judge
from tests.chaos.rig import Settings
from tests.chaos.schedule import drawn
from tests.chaos.stores import STORES
from tests.chaos.verdict import ChaosVerdict, as_text
from tests.conftest import in_use_as

pytestmark = [pytest.mark.fleet, pytest.mark.timeout(400)]

TTL_MS = 2_000
SECONDS = 12
"""Each kind of fault strikes once at least, in the midst of the others: a store without memory or
disk makes no ticks for some seconds, nor does one whose clock was set by 8 s and set right, and
where all of this came within 6 s there was hardly a moment left to be at work in."""
LOAD = 0.4
"""Other tests run at the same time."""


class Lived(NamedTuple):
    verdict: ChaosVerdict
    kept: Path


@pytest.fixture(scope="module")
def live(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Lived]:
    """A fleet's short life on a store, lived once."""
    lives: dict[str, Lived] = {}

    def lived(store: str) -> Lived:
        if store not in lives:
            kept = tmp_path_factory.mktemp("chaos") / store
            settings = Settings(
                store, seed=1, seconds=SECONDS, instances=3, ttl_ms=TTL_MS, load=LOAD
            )
            lives[store] = Lived(in_use_as(pytestconfig, lambda: run(settings, kept, print)), kept)
        return lives[store]

    return lived


def judged(kept: Path) -> Judgement:
    exports = sorted(kept.glob("history-*.jsonl"))
    return judge(exports, kept / "effects.jsonl", kept / "stalls.jsonl", ttl_ms=TTL_MS)


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("store", STORES)
def test_under_every_kind_of_fault_no_tick_is_started_twice_and_none_is_without_an_outcome(
    store: str, live: Callable[[str], Lived]
) -> None:
    verdict, _ = live(store)
    assert verdict.is_clean, as_text(verdict)
    assert not verdict.never_struck, as_text(verdict)
    assert verdict.judgement.ticks > 100, as_text(verdict)


def test_a_life_without_ticks_is_not_clean(live: Callable[[str], Lived]) -> None:
    verdict, _ = live("sqlite")
    judgement = verdict.judgement
    for empty in (replace(judgement, ticks=0), replace(judgement, counts={})):
        assert not replace(verdict, judgement=empty).is_clean


def test_the_figures_of_a_life_say_how_late_so_many_in_a_hundred_were(
    live: Callable[[str], Lived],
) -> None:
    verdict, _ = live("sqlite")
    judgement = replace(verdict.judgement, lateness_ms=range(100, 0, -1))
    figures = replace(verdict, judgement=judgement).figures
    assert (figures["late_ms_p50"], figures["late_ms_p99"]) == (50, 99)


# --- the judge


@pytest.fixture
def record(live: Callable[[str], Lived], tmp_path: Path) -> Path:
    """What a clean life left behind, to be changed."""
    return Path(shutil.copytree(live("sqlite").kept, tmp_path / "record"))


def a_start(record: Path, job: str) -> dict[str, Any]:
    """Of a tick that is on record: the last ones may be gaps by now, or lost."""
    export = max(record.glob("history-*.jsonl"))
    succeeded = {
        line["run"]
        for line in lines_of(export)
        if line["line"] == "run" and line["state"] == "succeeded" and line["kind"] == "tick"
    }
    effects = lines_of(record / "effects.jsonl")
    return next(
        line
        for line in effects
        if line["effect"] == "began" and line["run"].startswith(job) and line["run"] in succeeded
    )


def test_a_start_that_was_made_twice_is_found(live: Callable[[str], Lived], record: Path) -> None:
    with (record / "effects.jsonl").open("a") as log:
        log.write(json.dumps(a_start(record, "quick-0")) + "\n")
    judgement = judged(record)
    assert judgement.found["duplicate"] == 1
    assert not replace(live("sqlite").verdict, judgement=judgement).is_clean


def test_a_start_that_was_a_little_early_is_found(record: Path) -> None:
    """By the log alone: handlers and store have one clock here."""
    began = a_start(record, "quick-0")
    early = began | {"at": int(began["run"].rpartition("@")[2]) - 300}
    log = record / "effects.jsonl"
    log.write_text(log.read_text().replace(json.dumps(began), json.dumps(early)))
    assert judged(record).found == {"early": 1}


def test_a_record_that_is_missing_is_found(live: Callable[[str], Lived], record: Path) -> None:
    run_id = a_start(record, "quick-0")["run"]
    for export in record.glob("history-*.jsonl"):
        lines = export.read_text().splitlines(keepends=True)
        export.write_text("".join(line for line in lines if f'"run":"{run_id}"' not in line))
    judgement = judged(record)
    assert (judgement.found["gap"], judgement.found["unrecorded"]) == (1, 1)
    assert not replace(live("sqlite").verdict, judgement=judgement).is_clean


def test_a_run_that_nobody_ended_in_the_calm_is_found(record: Path) -> None:
    export = max(record.glob("history-*.jsonl"))
    text = export.read_text()
    export.write_text(text.replace('"state":"succeeded"', '"state":"pending"', 1))
    assert judged(record).found["held"] == 1


LATE = (
    {"effect": "began", "attempt": 1, "token": 1, "instance": "here:1", "at": 1_000},
    {"effect": "began", "attempt": 2, "token": 2, "instance": "here:2", "at": 9_000},
    {"effect": "did", "attempt": 1, "token": 1, "instance": "here:1", "at": 9_500},
)


def judged_late(folder: Path, stalls: str) -> Judgement:
    effects, stood = folder / "effects.jsonl", folder / "stalls.jsonl"
    effects.write_text("".join(json.dumps({"run": "job@1000", **line}) + "\n" for line in LATE))
    stood.write_text(stalls)
    return judge([], effects, stood, ttl_ms=TTL_MS)


def test_a_late_effect_is_excused_only_where_its_instance_had_stood_still(tmp_path: Path) -> None:
    stood_still = judged_late(tmp_path, '["here:1", 2000, 9400]\n')
    assert (stood_still.late_effects, stood_still.found.get("stale")) == (1, None)
    of_another, before, after = (
        '["here:2", 2000, 9400]',
        '["here:1", 0, 1000]',
        '["here:1", 9001, 9600]',
    )
    for stalls in ("", f"{of_another}\n{before}\n{after}\n"):
        at_work = judged_late(tmp_path, stalls)
        assert (at_work.late_effects, at_work.found["stale"]) == (0, 1)


# --- the schedule


def test_the_same_seed_draws_the_same_faults_and_another_seed_others() -> None:
    faults = FAULTS.values()
    assert drawn(1, 60, faults) == drawn(1, 60, faults)
    assert drawn(1, 60, faults) != drawn(2, 60, faults)


def test_each_kind_is_in_every_schedule_however_short() -> None:
    assert {event.fault for event in drawn(3, 5, FAULTS.values())} == set(FAULTS)


def test_a_kind_that_is_left_out_leaves_the_others_where_they_were() -> None:
    without = [fault for name, fault in FAULTS.items() if name != "kill"]
    left = [event for event in drawn(1, 60, FAULTS.values()) if event.fault != "kill"]
    assert drawn(1, 60, without) == left
