"""The checker on what real fleets leave behind: instances killed in the middle of their work."""

from __future__ import annotations

import json
import secrets
import signal
from pathlib import Path
from typing import Any

import pytest

from cronfleet_verify.checking import Options, Verdict, check
from cronfleet_verify.reading import texts_of
from cronfleet_verify.report import as_text
from tests.chaos.looker import Looker
from tests.fleet.rig import Fleet, eventually
from tests.fleet.test_fleet import freeze_in_a_run
from tests.servers import Server

pytestmark = [pytest.mark.fleet, pytest.mark.timeout(120)]

TTL_MS = 2_000
JOBS = ("quick=0.05", "slow=1.4", "again!=3", "parts#3=0.5")


@pytest.fixture(params=["sqlite", "redis", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("CRONFLEET_FLEET", secrets.token_hex(4))
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/cronfleet.db"
    server: Server = request.getfixturevalue(f"{request.param}_server")
    return server.url


def export(store: str, path: Path) -> list[dict[str, Any]]:
    with Looker(store) as looker:
        looker.export(path)
    return [json.loads(line) for line in path.read_text().splitlines()]


def verdict(*paths: Path) -> Verdict:
    return check(((str(path), texts_of(str(path))) for path in paths), Options(ttl=TTL_MS))


def nothing_is_held(store: str, path: Path) -> bool:
    lines = export(store, path)
    held = {"claimed", "started", "pending"}
    return not any(line["line"] == "run" and line["state"] in held for line in lines)


def work_and_be_killed(store: str, log: Path) -> None:
    """Three instances, of which two are killed in the middle of a run and two are replaced."""
    with Fleet(store, TTL_MS, *JOBS) as fleet:
        fleet.start(3)
        for job in ("slow", "again"):
            (started,) = fleet.entered(job, 1, within_s=20)
            fleet.end(started.pid)
            fleet.start(1)
        fleet.next(lambda e: e.what == "ended" and e.job.startswith("parts/"), within_s=20)
        fleet.entered("quick", 2, within_s=20)
        # What the killed ones held is taken back by those that are left.
        eventually(lambda: '"attempt": 2' in log.read_text(), within_s=20)
        for pid in list(fleet.processes):
            fleet.end(pid, signal.SIGTERM)


def test_a_fleet_with_killed_instances_is_clean_and_a_changed_line_is_found(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, history = tmp_path / "effects.jsonl", tmp_path / "history.jsonl"
    monkeypatch.setenv("EFFECTS", str(log))
    work_and_be_killed(store, log)
    export(store, history)
    found = verdict(history, log)
    assert found.is_clean, as_text(found)
    assert found.unchecked == {}
    assert found.counts["fire times"] >= 5

    lines = log.read_text().splitlines(keepends=True)
    began = next(line for line in lines if '"began"' in line and "quick@" in line)
    log.write_text("".join([*lines, began]))
    assert set(verdict(history, log).findings.counts) == {"duplicate"}
    log.write_text("".join(lines))

    records = history.read_text().splitlines(keepends=True)
    run = json.loads(began)["run"]
    history.write_text("".join(line for line in records if f'"run":"{run}"' not in line))
    assert set(verdict(history, log).findings.counts) == {"gap", "unrecorded"}


def test_what_a_frozen_instance_does_late_is_all_that_is_found(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody can forbid that. No tick is started twice, and none is without a record."""
    log, history = tmp_path / "effects.jsonl", tmp_path / "history.jsonl"
    monkeypatch.setenv("EFFECTS", str(log))
    with Fleet(store, TTL_MS, "quick=0.05", "frozen!=1") as fleet:
        fleet.start(3)
        started = freeze_in_a_run(fleet, store)
        is_next = fleet.until(lambda e: e.fire_time == started.fire_time and e.attempt == 2, 20)
        assert next(is_next).what == "entered"
        fleet.send(started.pid, signal.SIGCONT)
        fleet.entered("quick", 3, within_s=20)
        for pid in list(fleet.processes):
            fleet.end(pid, signal.SIGTERM)
    export(store, history)
    found = verdict(history, log)
    assert set(found.findings.counts) <= {"stale"}, as_text(found)
    assert found.unchecked == {}
