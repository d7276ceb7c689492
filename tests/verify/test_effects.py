"""The log of effects: what is in it was done, whoever else writes and whatever happens after."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from cronfleet_verify import EffectLog


@dataclass(frozen=True)
class Run:
    run_id: str = "report@1800000000000"
    attempt: int = 2
    token: int = 77


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_run_that_succeeds_began_and_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRONFLEET_FLEET", "north")
    log = EffectLog(tmp_path / "log", instance="anna")
    with log.of(Run()):
        log.did(Run(), key="mail to 7")
    began, did, ended = lines(tmp_path / "log")
    assert isinstance(began["at"], int)
    assert {name: value for name, value in began.items() if name != "at"} == {
        "effect": "began",
        "fleet": "north",
        "run": "report@1800000000000",
        "attempt": 2,
        "token": 77,
        "instance": "anna",
    }
    assert (did["effect"], did["key"]) == ("did", "mail to 7")
    assert (ended["effect"], ended["outcome"]) == ("ended", "succeeded")


@pytest.mark.parametrize(
    ("error", "outcome"), [(ValueError, "failed"), (asyncio.CancelledError, "cancelled")]
)
def test_what_a_handler_raises_is_its_outcome_and_goes_on(
    tmp_path: Path, error: type[BaseException], outcome: str
) -> None:
    with pytest.raises(error), EffectLog(tmp_path / "log").of(Run()):
        raise error
    assert [line.get("outcome") for line in lines(tmp_path / "log")] == [None, outcome]


WRITER = """
import sys
from types import SimpleNamespace
from cronfleet_verify import EffectLog
log = EffectLog(sys.argv[1])
for number in range(100):
    log.did(SimpleNamespace(run_id=f"{sys.argv[2]}@{number}", attempt=1, token=1), key="x" * 3000)
"""


def test_the_lines_of_many_processes_stay_whole(tmp_path: Path) -> None:
    path = tmp_path / "log"
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), name]) for name in "abcd"]
    assert [writer.wait(timeout=50) for writer in writers] == [0] * 4
    assert {line["run"] for line in lines(path)} == {f"{n}@{k}" for n in "abcd" for k in range(100)}


def test_a_disk_that_takes_no_whole_line_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = os.write

    def write(file: int, data: bytes) -> int:
        return whole(file, data[:5])

    monkeypatch.setattr(os, "write", write)
    with pytest.raises(OSError, match="No space left"):
        EffectLog(tmp_path / "log").did(Run())
